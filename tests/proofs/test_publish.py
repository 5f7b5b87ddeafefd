"""Publishing proved: curated clips load and import back, no kill leaves half a data set, memory is bounded."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import manifests
from manifests.publish import publish, read_dh
from tests.curation.runs import moee
from tests.extent import FULL
from tests.manifests.publish.conftest import load
from tests.manifests.publish.material import Clip, Film, films, make
from tests.manifests.publish.test_target import add_film, ids, killed

pytestmark = pytest.mark.proof

__all__ = ["load"]

ROOT = Path(__file__).resolve().parents[2]
Load = Callable[..., Any]


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three portraits of the sample, their files named as in DH-FaceEmoVid, curated with that recipe."""
    folder = tmp_path_factory.mktemp("publish")
    raw = folder / "raw"
    raw.mkdir()
    render_sample(raw)
    ran = moee("curate", raw, "--out", folder / "dataset", "--recipe", "dh-faceemovid", "--workers", "2", "--json")
    assert ran.status == 0, ran.err
    return folder / "dataset"


def render_sample(folder: Path) -> None:
    """Three persons, one video of each."""
    if shutil.which("espeak-ng") is None:
        pytest.skip("the sample's speech needs espeak-ng: apt-get install espeak-ng")
    from curation.sample.render import render
    from curation.sample.scenes import Line, Scene, Shot

    says = {
        "001_happy_038.mp4": ("astronaut", "The boat left the harbour at nine in the morning."),
        "018_fear_51.mp4": ("group_3", "Please be careful because the ladder is not safe."),
        "020_sadly-fear_7.mp4": (
            "group_3",
            "Nobody waited for us. The train was late, and then the rain came down hard.",
        ),
    }
    scenes = [Scene(name, (Shot(who, "neutral", (Line(text),)),)) for name, (who, text) in says.items()]
    render(folder, scenes=tuple(scenes), workers=1)
    for other in (folder / "truth.parquet", folder / ".sample.json"):
        other.unlink(missing_ok=True)


@pytest.mark.parametrize("streaming", [False, True])
def test_curated_clips_load_with_the_pictures_and_the_sound_of_their_files(
    curated: Path, tmp_path: Path, load: Load, streaming: bool, table: Callable[[str], None]
) -> None:
    pytest.importorskip("torchcodec")
    import av

    began = time.perf_counter()
    done = publish(curated, tmp_path / "p")
    seconds, seen = time.perf_counter() - began, 0
    for rows in load(tmp_path / "p", streaming=streaming).values():
        for row in rows:
            with av.open(str(curated / row["file"])) as file:
                pictures = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
            with av.open(str(curated / row["file"])) as file:
                sound = np.concatenate([frame.to_ndarray() for frame in file.decode(audio=0)], axis=1)
            assert len(row["video"]) == len(pictures) == row["frames"]
            for number in (0, len(pictures) // 2, len(pictures) - 1):
                published = row["video"][number].numpy().transpose(1, 2, 0)
                assert np.abs(published.astype(int) - pictures[number].astype(int)).mean() < 1.0
            heard = row["audio"].get_all_samples()
            assert heard.data.shape == sound.shape and heard.sample_rate > 0
            np.testing.assert_allclose(heard.data.numpy(), sound, atol=1e-5)
            seen += 1
    assert seen == done.clips == len(manifests.open(curated).clips) == 3
    how = "streamed" if streaming else "plain"
    table(f"{how}: {seen} clips, {done.bytes / 1e6:.1f} MB in {done.files} files, published in {seconds:.1f} s")


def test_the_dh_form_goes_round_through_curation_without_losing_a_label(curated: Path, tmp_path: Path) -> None:
    wanted = {"001_happy_038.mp4", "018_fear_51.mp4", "020_sadly-fear_7.mp4"}
    publish(curated, tmp_path / "dh", form="dh-faceemovid-150")
    assert {path.name for path in (tmp_path / "dh" / "videos").rglob("*.mp4")} == wanted
    assert read_dh(tmp_path / "dh").clips.equals(kept(curated))
    ran = moee(
        "curate", tmp_path / "dh", "--out", tmp_path / "again", "--recipe", "dh-faceemovid", "--workers", "2", "--json"
    )
    assert ran.status == 0, ran.err
    given = [f"given_{name}" for name in ("identity", "emotion", "compound", "take", "text", "intensity", "view")]
    first, second = (kept(folder).select([*given, "frames"]).to_pylist() for folder in (curated, tmp_path / "again"))
    order = lambda row: (row["given_identity"], row["given_take"])  # noqa: E731
    assert sorted(first, key=order) == sorted(second, key=order) and len(first) == 3
    publish(tmp_path / "again", tmp_path / "dh2", form="dh-faceemovid-150")
    assert {path.name for path in (tmp_path / "dh2" / "videos").rglob("*.mp4")} == wanted


def kept(folder: Path) -> Any:
    import pyarrow.compute as pc

    clips = manifests.open(folder).table("clips")
    return clips.filter(pc.equal(clips["status"], "kept"))


STEPS = list(product(("rename", "replace", "write_text", "rmdir"), ("hub", "dh-faceemovid-150")))
SOME = {("rename", "hub"), ("rmdir", "dh-faceemovid-150")}  # of both forms, where not in full


@pytest.mark.parametrize(
    ("method", "form"), [pytest.param(*step, marks=() if step in SOME else pytest.mark.full) for step in STEPS]
)
def test_killed_before_any_step_the_folder_is_old_or_new_or_does_not_load(
    tmp_path: Path, load: Load, form: str, method: str, table: Callable[[str], None]
) -> None:
    manifest = make(tmp_path / "m", films())
    publish(manifest, tmp_path / "p", form=form)
    old = ids(tmp_path / "p", load)
    add_film(manifest)
    new = old | {row["id"] for row in kept(manifest).to_pylist() if row["frames"] == 7} if old else set()
    whole = 0
    for number in range(1, 40):
        if not killed(manifest, tmp_path / f"fresh{number}", form, method, number):
            break
        found = ids(tmp_path / f"fresh{number}", load)
        assert found in (None, new), f"{method} {number}: {found}"
        whole += found is not None
    steps = number - 1
    for number in range(1, 60):
        if not killed(manifest, tmp_path / "p", form, method, number):
            break
        assert ids(tmp_path / "p", load) in (None, old, new), f"{method} {number}"
    publish(manifest, tmp_path / "p", form=form)
    assert ids(tmp_path / "p", load) == new and len(new) == (6 if form == "hub" else 7)
    table(f"{form}: killed before each of {steps} calls of {method} into a new folder, {whole} of them whole already")


def test_killed_at_any_time_the_next_run_makes_the_folder_whole(tmp_path: Path, load: Load) -> None:
    columns = {"split": "train", "identity": "i_" + "1" * 16}
    clips = [Clip(6 * n, 6, padding=2_000_000, columns=columns) for n in range(40)]
    manifest = make(tmp_path / "m", [Film("a.mp4", clips)])
    command = [sys.executable, "-c", f"from manifests.publish import publish; publish({str(manifest)!r}, 'p')"]
    rng = np.random.default_rng(0)
    ends = set()
    for _ in range(12):
        run = subprocess.Popen(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)})
        time.sleep(float(rng.uniform(0.2, 3.0)))
        run.send_signal(signal.SIGKILL)
        ends.add(run.wait())
        found = ids(tmp_path / "p", load)
        assert found is None or len(found) == 40
    assert -signal.SIGKILL in ends
    publish(manifest, tmp_path / "p")
    assert len(ids(tmp_path / "p", load) or ()) == 40


def test_memory_does_not_grow_with_the_clips_neither_writing_nor_streaming(
    tmp_path: Path, table: Callable[[str], None]
) -> None:
    pytest.importorskip("datasets")
    peaks: dict[int, tuple[int, int]] = {}
    for count in (50, 250 if FULL else 150):
        clips = [
            Clip(6 * n, 6, padding=3_000_000, columns={"split": "train", "identity": "i_" + "1" * 16})
            for n in range(count)
        ]
        manifest = make(tmp_path / f"m{count}", [Film("a.mp4", clips)])
        target = tmp_path / f"p{count}"
        writing = peak(f"from manifests.publish import publish\npublish({str(manifest)!r}, {str(target)!r})")
        reading = peak(
            "import os; os.environ['HF_HUB_OFFLINE'] = '1'\nfrom datasets import load_dataset\n"
            f"rows = load_dataset({str(target)!r}, split='train', streaming=True)\n"
            "rows = rows.decode(False)\n"
            f"assert sum(len(row['video']['bytes']) > 3_000_000 for row in rows) == {count}"
        )
        peaks[count] = (writing, reading)
        table(f"{count} clips of 3 MB: writing peaks at {writing} MB, streaming at {reading} MB")
    for few, many in zip(peaks[50], peaks[max(peaks)], strict=True):
        assert many - few < 100, peaks


def peak(code: str) -> int:
    """The most memory that a process held, MB."""
    # not ru_maxrss: that begins with what the process held that started this one
    measured = f"{code}\nprint(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    done = subprocess.run([sys.executable, "-c", measured], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-2]) // 1024


def test_the_measure_of_memory_sees_what_is_held() -> None:
    assert peak("held = b'x' * 400_000_000") - peak("held = b''") > 300
