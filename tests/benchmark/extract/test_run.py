"""A whole extraction: what is decoded and what is not, what is kept, and what becomes of clips that do not fit."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from benchmark.errors import BenchmarkError
from benchmark.extract import Extraction, Pair, Settings, extract, registry, units
from benchmark.extract.extractor import Extractor, PairSight, Shown, Sight, Watch
from benchmark.extract.models import shared
from tests.benchmark.extract.made import FRAMES, SIZE, moving, settings


class Brightness(Extractor):
    """Mean of each frame, by a model that counts how often it was opened."""

    name = "brightness"
    opened = 0

    def made_by(self) -> dict[str, str]:
        return {"brightness": self.named("mean", "ab" * 32)}

    def weights(self) -> tuple[str, ...]:
        return ("mean@" + "ab" * 32,)

    def sight(self, watch: Watch) -> Sight:
        return _Brightness(watch)


class _Brightness:
    def __init__(self, watch: Watch) -> None:
        self.model = shared("mean", lambda: np.mean)
        self.watch = watch
        self.values: list[float] = []

    def see(self, frame: Shown) -> None:
        self.values.append(float(self.model(frame.rgb)))
        frame.faces = (len(self.values),)

    def finish(self) -> dict[str, np.ndarray]:
        self.watch.left["brightness"] = self.values
        return {"brightness": np.array(self.values)}


class Reader(Extractor):
    """Reads what `brightness` saw and left."""

    name = "reader"
    reads = ("brightness",)

    def made_by(self) -> dict[str, str]:
        return {"reader": self.named("reader")}

    def sight(self, watch: Watch) -> Sight:
        return _Reader(watch)


class _Reader:
    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.seen: list[int] = []

    def see(self, frame: Shown) -> None:
        self.seen += frame.faces

    def finish(self) -> dict[str, np.ndarray]:
        assert self.seen == list(range(1, self.watch.frames + 1))
        return {"reader": np.array([np.mean(self.watch.left["brightness"])])}


class Broken(Extractor):
    """Gives a number that is none for dark videos, and fails on the darkest."""

    name = "broken"

    def made_by(self) -> dict[str, str]:
        return {"broken": "broken"}

    def sight(self, watch: Watch) -> Sight:
        return _Broken(watch)


class _Broken:
    def __init__(self, watch: Watch) -> None:
        self.name = watch.path.stem

    def see(self, frame: Shown) -> None:
        if self.name == "fails":
            raise RuntimeError("the network\nfell over")

    def finish(self) -> dict[str, np.ndarray]:
        return {"broken": np.array([1.0, np.inf if self.name == "infinite" else 2.0])}


class Difference(Extractor):
    """Mean difference of both videos' frames."""

    name = "difference"
    of = "pair"

    def made_by(self) -> dict[str, str]:
        return {"difference": "difference"}

    def pair_sight(self, real: Watch, generated: Watch) -> PairSight:
        return _Difference()


class _Difference:
    def __init__(self) -> None:
        self.values: list[float] = []

    def see(self, real: np.ndarray, generated: np.ndarray) -> None:
        self.values.append(float(real.mean() - generated.mean()))

    def finish(self) -> dict[str, np.ndarray]:
        return {"difference": np.array(self.values)}


class Apart(Difference):
    """What `reader`'s input says of both videos once they are over; it has no picture of its own."""

    name = "apart"
    reads = ("reader",)

    def made_by(self) -> dict[str, str]:
        return {"apart": "apart"}

    def pair_sight(self, real: Watch, generated: Watch) -> PairSight:
        return _Apart(real, generated)


class _Apart(_Difference):
    def __init__(self, real: Watch, generated: Watch) -> None:
        super().__init__()
        self.watches = (real, generated)

    def finish(self) -> dict[str, np.ndarray]:
        one, other = (np.mean(watch.left["brightness"]) for watch in self.watches)
        return {"apart": np.array([one - other])}


@pytest.fixture(autouse=True)
def extractors(monkeypatch: pytest.MonkeyPatch) -> None:
    made = (Brightness(), Reader(), Broken(), Difference(), Apart())
    monkeypatch.setattr(registry, "EXTRACTORS", (*made, *registry.EXTRACTORS))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("videos")
    for seed, name in enumerate("abcdef"):
        moving(found / f"{name}.mp4", seed)
    return found


def run(pairs: list[Pair], wanted: Settings, cache: Path, workers: int = 1) -> Extraction:
    return extract(pairs, wanted, cache, workers)


def pair(folder: Path, real: str, generated: str) -> Pair:
    return Pair(f"{real}-{generated}", folder / f"{real}.mp4", folder / f"{generated}.mp4")


def test_each_video_is_decoded_once_whatever_is_asked_of_it(folder: Path, tmp_path: Path) -> None:
    wanted = settings("brightness", "reader", "difference", "pixels", "mse")
    pairs = [pair(folder, "a", "b"), pair(folder, "a", "c"), pair(folder, "d", "d"), pair(folder, "e", "f")]
    found = run(pairs, wanted, tmp_path)
    assert found.errors == {}
    assert len(found.decodes) == 6 and set(found.decodes.values()) == {1}
    assert found.frames_decoded == 6 * FRAMES
    assert found.made["brightness"] == 6 and found.made["difference"] == 4
    for clip in ("a-b", "a-c", "d-d", "e-f"):
        real, generated = (found.videos[clip, side][0] for side in ("real", "generated"))
        assert np.array_equal(found.pairs[clip]["difference"], real["brightness"] - generated["brightness"])
        assert real["reader"] == [real["brightness"].mean()]
    assert (
        found.videos["a-b", "real"][0]["brightness"].tolist() == found.videos["a-c", "real"][0]["brightness"].tolist()
    )
    assert (found.pairs["d-d"]["mse"] == 0).all() and (found.pairs["a-b"]["mse"] > 100).all()


def test_a_pair_may_read_what_is_known_of_its_videos_only_at_their_end(folder: Path, tmp_path: Path) -> None:
    known = settings("brightness", "reader")
    run([pair(folder, "a", "b")], known, tmp_path)  # of these nothing is stale later
    found = run([pair(folder, "a", "b"), pair(folder, "c", "c")], settings("apart", "brightness"), tmp_path)
    real, generated = (found.videos["a-b", side][0]["brightness"] for side in ("real", "generated"))
    assert found.errors == {} and found.made["brightness"] == 1  # that of c alone
    assert found.pairs["a-b"]["apart"] == pytest.approx([real.mean() - generated.mean()])
    assert found.pairs["c-c"]["apart"] == [0]


def test_what_is_kept_is_neither_decoded_nor_opened_again(folder: Path, tmp_path: Path) -> None:
    wanted = settings("brightness", "difference")
    first = run([pair(folder, "a", "b")], wanted, tmp_path)
    assert first.opened == ("mean",) and first.frames_decoded == 2 * FRAMES
    again = run([pair(folder, "a", "b")], wanted, tmp_path)
    assert again.opened == () and again.frames_decoded == 0 and again.decodes == {} and again.made == {}
    assert again.cached == {"facts": 2, "brightness": 2, "difference": 1}
    same(first, again)


def test_another_system_costs_its_own_videos_only(folder: Path, tmp_path: Path) -> None:
    run([pair(folder, "a", "b")], settings("brightness"), tmp_path)
    other = run([pair(folder, "a", "c")], settings("brightness"), tmp_path)
    assert other.frames_decoded == FRAMES
    assert list(other.decodes) == [other.videos["a-c", "generated"][1].sha256]


def test_a_stale_pair_feature_decodes_both_sides_and_makes_nothing_else(folder: Path, tmp_path: Path) -> None:
    run([pair(folder, "a", "b")], settings("brightness"), tmp_path)
    more = run([pair(folder, "a", "b")], settings("brightness", "difference"), tmp_path)
    assert more.made == {"difference": 1}
    assert more.frames_decoded == 2 * FRAMES and more.opened == ()


def test_what_is_read_is_watched_again_but_not_made_again(folder: Path, tmp_path: Path) -> None:
    run([pair(folder, "a", "b")], settings("brightness"), tmp_path)
    more = run([pair(folder, "a", "b")], settings("reader"), tmp_path)
    assert more.made["reader"] == 2 and "brightness" not in more.made and more.cached["brightness"] == 2
    assert more.opened == ("mean",)


@pytest.mark.parametrize("change", ["version", "weights", "frames"])
def test_what_numbers_depend_on_makes_them_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    wanted = settings("brightness", "reader")
    run([pair(folder, "a", "b")], wanted, tmp_path)
    if change == "version":
        monkeypatch.setattr(Brightness, "version", 2)
    elif change == "weights":
        monkeypatch.setattr(Brightness, "weights", lambda self: ("mean@" + "cd" * 32,))
    else:
        wanted = replace(wanted, frames=FRAMES - 1)
    found = run([pair(folder, "a", "b")], wanted, tmp_path)
    assert found.made["brightness"] == 2, "it is made again"
    assert found.made["reader"] == 2, "and so is what reads it"
    assert (found.made_by["brightness"] == "mean.v2@abababab") == (change == "version")


@pytest.mark.parametrize("timed", [False, True])
def test_frames_per_second_matter_only_to_what_hears_time(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, timed: bool
) -> None:
    monkeypatch.setattr(Brightness, "timed", timed)
    run([pair(folder, "a", "b")], settings("reader"), tmp_path)
    again = run([pair(folder, "a", "b")], settings("reader", fps=30), tmp_path)
    assert again.made == ({"brightness": 2, "reader": 2} if timed else {})


def test_two_workers_give_the_same_bytes_as_one(folder: Path, tmp_path: Path) -> None:
    wanted = settings("pixels", "mse")
    pairs = [pair(folder, *names) for names in ("ab", "cd", "ef", "fa")]
    one = run(pairs, wanted, tmp_path / "one", 1)
    two = run(pairs[::-1], wanted, tmp_path / "two", 2)
    assert two.errors == {} and two.frames_decoded == one.frames_decoded
    same(one, two)
    kept = [{path.name: path.read_bytes() for path in (tmp_path / n).rglob("*.safetensors")} for n in ("one", "two")]
    assert len(kept[0]) == 6 + 6 + 4 and kept[0] == kept[1]


def test_a_damaged_file_of_the_cache_is_told_and_made_again(folder: Path, tmp_path: Path) -> None:
    wanted = settings("brightness")
    first = run([pair(folder, "a", "b")], wanted, tmp_path)
    kept = sorted(tmp_path.rglob("*.safetensors"))
    for path in kept[:2]:
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
    kept[2].write_bytes(kept[2].read_bytes()[:20])
    notes: list[str] = []
    again = extract([pair(folder, "a", "b")], wanted, tmp_path, note=notes.append)
    assert len(notes) == 3 and all("is damaged and is made again" in note for note in notes)
    same(first, again)
    assert run([pair(folder, "a", "b")], wanted, tmp_path).frames_decoded == 0


def test_clips_that_do_not_fit_cost_themselves_only(folder: Path, tmp_path: Path) -> None:
    moving(tmp_path / "short.mp4", 7, FRAMES - 2)
    moving(tmp_path / "long.mp4", 8, FRAMES + 3)
    moving(tmp_path / "wide.mp4", 9, size=(128, 64))
    (tmp_path / "text.mp4").write_text("no video")
    names = ("short", "long", "wide", "text", "gone")
    pairs = [Pair(name, folder / "a.mp4", tmp_path / f"{name}.mp4") for name in names]
    pairs += [Pair("truth", tmp_path / "short.mp4", folder / "b.mp4"), pair(folder, "a", "b")]
    for _ in range(2):  # the cache knows what does not fit
        found = run(pairs, settings("brightness", "difference"), tmp_path / "cache")
        assert list(found.errors) == sorted([*names, "truth"])
        assert found.errors["short"] == "short: its video has 10 frames where 12 are asked for."
        assert found.errors["truth"] == "truth: its ground truth has 10 frames where 12 are asked for."
        assert found.errors["long"] == "long: its video has 15 frames where its ground truth has 12."
        assert found.errors["wide"] == "wide: its video is 128x64 px where 96x64 are asked for."
        assert found.errors["text"].startswith("text: its video: ")
        assert "cannot be read" in found.errors["gone"]
        assert len(found.pairs["a-b"]["difference"]) == FRAMES
        assert found.videos["wide", "generated"][1].width == 128
    assert found.frames_decoded == FRAMES, "only the file that is no video is tried again, beside its ground truth"


def test_a_pair_may_have_frames_of_its_own(folder: Path, tmp_path: Path) -> None:
    moving(tmp_path / "x.mp4", 7, 5)
    moving(tmp_path / "y.mp4", 8, 5)
    pairs = [pair(folder, "a", "b"), Pair("xy", tmp_path / "x.mp4", tmp_path / "y.mp4", frames=5)]
    found = run(pairs, settings("brightness"), tmp_path / "cache")
    assert found.errors == {}
    assert [len(found.videos[clip, "real"][0]["brightness"]) for clip in ("a-b", "xy")] == [FRAMES, 5]


def test_numbers_that_are_none_and_failing_networks_become_the_clips_errors(folder: Path, tmp_path: Path) -> None:
    moving(tmp_path / "infinite.mp4", 20)
    moving(tmp_path / "fails.mp4", 21)
    pairs = [Pair(name, folder / "a.mp4", tmp_path / f"{name}.mp4") for name in ("infinite", "fails")]
    found = run([*pairs, pair(folder, "a", "b")], settings("broken"), tmp_path / "cache")
    assert found.errors["infinite"] == "infinite: its video: broken holds a number that is not finite (row 1)."
    assert "RuntimeError: the network fell over" in found.errors["fails"]
    assert set(found.errors) == {"infinite", "fails"} and "broken" in found.videos["a-b", "generated"][0]
    assert "broken" not in found.videos["infinite", "generated"][0]


def test_a_model_that_cannot_be_opened_ends_the_run(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from perception.errors import PerceptionError

    def fail(watch: Watch) -> Sight:
        def load() -> None:
            raise PerceptionError("The model mean is broken; fetch it again.")

        return shared("mean that fails", load)  # type: ignore[return-value]

    monkeypatch.setattr(Brightness, "sight", lambda self, watch: fail(watch))
    with pytest.raises(BenchmarkError, match="fetch it again"):
        run([pair(folder, "a", "b")], settings("brightness"), tmp_path)


def test_a_video_with_many_partners_does_not_open_them_all_at_once(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(units, "MOST_TOGETHER", 3)
    pairs = [pair(folder, "a", other) for other in "bcdef"]
    found = run(pairs, settings("brightness", "difference"), tmp_path)
    assert found.errors == {} and found.made["brightness"] == 6 and found.made["difference"] == 5
    assert sum(count > 1 for count in found.decodes.values()) >= 1
    monkeypatch.undo()
    monkeypatch.setattr(registry, "EXTRACTORS", (Brightness(), Difference()))
    same(found, run(pairs, settings("brightness", "difference"), tmp_path / "again"))


def test_progress_counts_clips(folder: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    pairs = [pair(folder, "a", "b"), pair(folder, "c", "d"), pair(folder, "a", "e")]
    extract(pairs, settings("brightness"), tmp_path, progress=lambda done, total: told.append((done, total)))
    assert told[0] == (0, 3) and told[-1] == (3, 3) and told == sorted(told)
    told.clear()
    extract(pairs, settings("brightness"), tmp_path, progress=lambda done, total: told.append((done, total)))
    assert told == [(3, 3)]


def test_wrong_use_is_one_sentence(folder: Path, tmp_path: Path) -> None:
    wanted = settings("brightness")
    with pytest.raises(BenchmarkError, match="named twice"):
        run([pair(folder, "a", "b")] * 2, wanted, tmp_path)
    with pytest.raises(BenchmarkError, match="at least 1 worker"):
        run([pair(folder, "a", "b")], wanted, tmp_path, 0)
    with pytest.raises(BenchmarkError, match="no extractor brightnes"):
        run([pair(folder, "a", "b")], settings("brightnes"), tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchmarkError, match=r"failed|cannot be"):
        run([pair(folder, "a", "b")], wanted, tmp_path / "file")


def same(one: Extraction, other: Extraction) -> None:
    """Both hold the same bytes."""
    assert one.videos.keys() == other.videos.keys() and one.pairs.keys() == other.pairs.keys()
    for key, (features, facts) in one.videos.items():
        assert facts == other.videos[key][1]
        equal(features, other.videos[key][0])
    for clip, features in one.pairs.items():
        equal(features, other.pairs[clip])


def equal(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert one.keys() == other.keys()
    for name, rows in one.items():
        assert rows.dtype == other[name].dtype and rows.shape == other[name].shape
        assert rows.tobytes() == other[name].tobytes(), name


def test_facts_tell_what_the_file_is(folder: Path, tmp_path: Path) -> None:
    with_tone = moving(tmp_path / "tone.mp4", 0, sound=0.48)
    pairs = [Pair("tone", folder / "a.mp4", with_tone)]
    found = run(pairs, settings("brightness"), tmp_path / "cache")
    bare, heard = (found.videos["tone", side][1] for side in ("real", "generated"))
    assert (bare.frames, bare.width, bare.height, bare.fps) == (FRAMES, *SIZE, Fraction(25))
    assert bare.first_seconds == 0 and not bare.has_sound and bare.sound_seconds == 0
    assert heard.has_sound and 0.4 < heard.sound_seconds < 0.7
    assert heard.picture_digest == bare.picture_digest, "the pictures are the same, their file is not"
    assert heard.sha256 != bare.sha256
