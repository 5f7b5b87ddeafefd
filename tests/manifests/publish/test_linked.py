"""`--media files`: the clips as files, byte for byte, and every column of them, as `load_dataset` reads them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest

import manifests
from manifests.errors import ManifestError
from manifests.publish import publish
from manifests.publish.linked import file_of


@pytest.fixture(scope="module")
def linked(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manifest in this form; not to be changed."""
    folder = tmp_path_factory.mktemp("linked") / "p"
    publish(manifest, folder, form="files")
    return folder


@pytest.mark.parametrize("streaming", [False, True])
def test_load_dataset_gives_every_clip_as_its_file_with_its_columns(
    manifest: Path, linked: Path, load: Callable[..., Any], streaming: bool
) -> None:
    import datasets

    table = manifests.open(manifest).table("clips")
    kept = table.filter(pc.and_(pc.equal(table["status"], "kept"), pc.is_valid(table["split"]))).to_pylist()
    wanted = {row["id"]: row for row in kept}
    seen = {}
    for split, rows in load(linked, streaming=streaming).items():
        for row in rows.cast_column("video", datasets.Video(decode=False)):
            video = row.pop("video")
            content = video["bytes"] or Path(video["path"]).read_bytes()
            assert content == (manifest / row["file"]).read_bytes() and wanted[row["id"]]["split"] == split
            seen[row["id"]] = row
    assert seen == {clip: {n: v for n, v in row.items() if n != "schema_version"} for clip, row in wanted.items()}


def test_no_folder_holds_many_files_and_the_same_input_gives_the_same_bytes(
    manifest: Path, linked: Path, tmp_path: Path
) -> None:
    folders = [file_of(f"c_{number:016x}").partition("/")[0] for number in range(20_000)]
    assert len(set(folders)) == 256 and max(map(folders.count, set(folders))) < 150
    publish(manifest, tmp_path / "again", form="files")
    files = [path.relative_to(linked) for path in linked.rglob("*") if path.is_file()]
    assert len(files) > 10
    for name in files:
        assert (linked / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name


def test_a_damaged_clip_is_named_and_nothing_is_published(own_manifest: Path, tmp_path: Path) -> None:
    first = next(path for path in sorted((own_manifest / "clips").iterdir()))
    content = bytearray(first.read_bytes())
    content[-1] ^= 1
    first.write_bytes(bytes(content))
    with pytest.raises(ManifestError, match=f"clip {first.stem} is damaged"):
        publish(own_manifest, tmp_path / "p", form="files")
    assert not (tmp_path / "p").exists()
