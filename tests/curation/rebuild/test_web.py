"""Sources on the web: fetched through the download stage, never asked again when gone for good, link rot kept."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import manifests
from curation.download import Settings
from curation.rebuild.published import read
from curation.rebuild.run import How, rebuild
from manifests.tombstones import Tombstones
from tests.curation.download.server import Site, serving
from tests.curation.rebuild.conftest import Made, how, without_media
from tests.curation.rebuild.material import Film, coded_again, manifest_of

WEB = Settings(
    allow_private=True, generic_only=True, rate=300, burst=20, back_off=0.05, timeout_seconds=2.0, min_free_bytes=0
)


@pytest.fixture
def site(made: Made, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A site with the films."""
    monkeypatch.setitem(os.environ, "no_proxy", "*")
    with serving(made.films) as server:
        yield server


def published(made: Made, site: Site, folder: Path, **paths: str) -> Path:
    """What was published of films on this site; name -> its path there."""
    films = [Film(made.films / f"{name}.mp4", site.url + path) for name, path in paths.items()]
    return without_media(manifest_of(folder / "dataset", films), folder / "bare")


def from_web() -> How:
    """A rebuild from the site, in this process."""
    return replace(how(), settings=WEB)


def test_what_the_site_still_has_is_identical_and_what_is_gone_says_why(made: Made, site: Site, tmp_path: Path) -> None:
    bare = published(made, site, tmp_path, a="/ok/1/a.mp4", b="/404/2/b.mp4", c="/forbidden-login/3/c.mp4")
    report = rebuild(str(bare), tmp_path / "again", from_web())
    assert report.counts == {"identical": 2, "equivalent": 0, "drifted": 0, "missing": 4}
    assert {clip.reason for clip in report.clips if clip.status == "missing"} == {"removed", "login"}


def test_what_is_gone_for_good_is_not_asked_again_and_link_rot_keeps_every_answer(
    made: Made, site: Site, tmp_path: Path
) -> None:
    bare = published(made, site, tmp_path, a="/ok/1/a.mp4", b="/404/2/b.mp4", c="/500/3/c.mp4")
    for _ in range(2):
        rebuild(str(bare), tmp_path / "again", replace(from_web(), settings=replace(WEB, attempts=1)))
    asked = [one.path for one in site.log]
    assert sum("/404/" in path for path in asked) == 1
    assert sum("/ok/" in path for path in asked) < 4  # fetched once: what is here is not fetched again
    assert sum("/500/" in path for path in asked) >= 2
    rows = pq.read_table(tmp_path / "again" / "link_rot.parquet").to_pylist()
    answers = [(row["url"].split("/")[3], row["outcome"], row["same"]) for row in rows]
    assert sorted(answers, key=str) == [
        ("404", "removed", None),
        ("500", "network", None),
        ("500", "network", None),
        ("ok", "ok", True),
    ]


def test_a_film_that_the_site_coded_again_is_equivalent_and_link_rot_says_that_its_bytes_are_others(
    made: Made, site: Site, tmp_path: Path
) -> None:
    bare = published(made, site, tmp_path, a="/ok/1/a.mp4")
    site.clips["a.mp4"] = coded_again(made.films / "a.mp4", tmp_path / "small.mp4").read_bytes()
    report = rebuild(str(bare), tmp_path / "again", from_web())
    assert [clip.status for clip in report.clips] == ["equivalent"] * 2
    (row,) = pq.read_table(tmp_path / "again" / "link_rot.parquet").to_pylist()
    assert row["same"] is False


def test_a_source_that_comes_back_changed_is_compared_anew(made: Made, site: Site, tmp_path: Path) -> None:
    bare = published(made, site, tmp_path, a="/ok/1/a.mp4")
    out = tmp_path / "again"
    assert rebuild(str(bare), out, from_web()).counts["identical"] == 2
    (file,) = (out / "fetched").glob("*.mp4")
    file.unlink()
    site.clips["a.mp4"] = site.clips["b.mp4"]
    report = rebuild(str(bare), out, from_web())
    assert report.counts["drifted"] == 2
    assert list((out / "clips").iterdir()) == []


def test_the_folder_of_an_earlier_fetch_serves_as_sources(made: Made, site: Site, tmp_path: Path) -> None:
    bare = published(made, site, tmp_path, a="/ok/1/a.mp4")
    rebuild(str(bare), tmp_path / "first", from_web())
    before = len(site.log)
    report = rebuild(str(bare), tmp_path / "second", how(tmp_path / "first" / "fetched"))
    assert report.counts["identical"] == 2
    assert len(site.log) == before


def test_what_was_taken_down_in_the_folder_is_not_asked_for_and_leaves_no_row(
    made: Made, site: Site, tmp_path: Path
) -> None:
    bare = published(made, site, tmp_path, a="/ok/1/a.mp4", b="/ok/2/b.mp4", c="/ok/3/c.mp4")
    out = tmp_path / "again"
    rebuild(str(bare), out, from_web())
    rows = {row["origin"].rsplit("/", 1)[-1]: row for row in manifests.open(out).table("sources").to_pylist()}
    stones = Tombstones.read(out)
    stones.add("url", rows["a.mp4"]["origin"], "asked for", "2026-11-29")
    stones.add("identity", "i_" + "2" * 16, "asked for", "2026-11-29")
    stones.write(out)
    shutil.rmtree(out / "fetched")
    before = len(site.log)
    report = rebuild(str(bare), out, from_web())
    assert len(report.clips) == 4
    assert report.complete
    assert "2 clips were taken down here" in report.notes[0]
    assert not [one for one in site.log[before:] if "a.mp4" in one.path]
    left = [path for path in out.rglob("*") if path.is_file() and path.name != "downloads.jsonl"]  # takedown's own
    urls = pq.read_table(out / "link_rot.parquet").column("url").to_pylist()
    assert not [url for url in urls if url.endswith("a.mp4")]
    gone = [clip["id"] for clip in read(str(bare)).clips_of()[rows["a.mp4"]["id"]]]
    for name in (rows["a.mp4"]["id"], *gone):
        assert not [path for path in left if name in path.name or name.encode() in path.read_bytes()]


def test_a_person_who_was_taken_down_is_not_made_again_though_the_source_is(made: Made, tmp_path: Path) -> None:
    person: dict[str, Any] = {"identity": "i_" + "2" * 16}
    films = [Film(made.films / "a.mp4", "/x/a.mp4", columns=person), Film(made.films / "b.mp4", "/x/b.mp4")]
    bare = without_media(manifest_of(tmp_path / "dataset", films), tmp_path / "bare")
    stones = Tombstones.read(tmp_path / "again")
    stones.add("identity", person["identity"], "asked for", "2026-11-29")
    stones.write(tmp_path / "again")
    report = rebuild(str(bare), tmp_path / "again", how(made.films))
    assert report.counts["identical"] == len(report.clips) == 2
    assert person["identity"] not in manifests.open(tmp_path / "again").table("clips").column("identity").to_pylist()


def test_a_clip_of_somebody_else_that_shows_who_was_taken_down_is_not_made_again(made: Made, tmp_path: Path) -> None:
    films = [Film(made.films / "a.mp4", "/x/a.mp4"), Film(made.films / "b.mp4", "/x/b.mp4")]
    root = manifest_of(tmp_path / "dataset", films)
    gone = manifests.open(root).clips["id"].iloc[0]
    stones = Tombstones.read(tmp_path / "again")
    stones.add("clip", gone, "asked for", "2026-11-29")
    stones.write(tmp_path / "again")
    report = rebuild(str(without_media(root, tmp_path / "bare")), tmp_path / "again", how(made.films))
    assert report.counts["identical"] == len(report.clips) == 3
    assert gone not in [clip.clip for clip in report.clips]
    assert gone not in manifests.open(tmp_path / "again").table("clips").column("id").to_pylist()


def test_what_was_taken_down_is_not_looked_at_under_another_address(made: Made, site: Site, tmp_path: Path) -> None:
    bare = published(made, site, tmp_path, a="/ok/1/a.mp4")
    stones = Tombstones.read(tmp_path / "again")
    stones.add("content", hashlib.sha256(site.clips["b.mp4"]).hexdigest(), "asked for", "2026-11-29")
    stones.write(tmp_path / "again")
    site.clips["a.mp4"] = site.clips["b.mp4"]
    report = rebuild(str(bare), tmp_path / "again", from_web())
    assert {(clip.status, clip.reason) for clip in report.clips} == {("missing", "taken-down")}
    assert not list((tmp_path / "again" / "fetched").glob("*.mp4"))
