"""What extractors share: frames spread over a video, batches of one size, which rows may be empty, what is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.errors import BenchmarkError
from benchmark.extract import available, extractors_for, require
from benchmark.extract.cache import FeatureCache, key_of
from benchmark.extract.extractor import Defect, Extractor, FixedBatches, check, closure, spread
from benchmark.extract.network import twin
from benchmark.extract.registry import NETWORKS, extractors, one_of_each


@given(st.integers(1, 1000), st.integers(1, 50))
def test_spread_frames_are_the_middles_of_equal_parts(frames: int, count: int) -> None:
    found = spread(frames, count)
    assert len(found) == count and found.min() >= 0 and found.max() < frames
    assert np.array_equal(found, [int((k + 0.5) * frames / count + 1e-9) for k in range(count)])


@given(st.integers(1, 40), st.integers(1, 16))
def test_a_row_gives_the_same_among_any_others(rows: int, size: int) -> None:
    sizes = []

    def run(batch: np.ndarray) -> np.ndarray:
        sizes.append(len(batch))
        return batch * 2

    batches = FixedBatches(run, size)
    for row in range(rows):
        batches.add(np.array([row, row + 0.5]))
    assert np.array_equal(batches.finish(), 2 * np.array([[row, row + 0.5] for row in range(rows)]))
    assert set(sizes) == {size}


class Some(Extractor):
    name = "some"

    def made_by(self) -> dict[str, str]:
        return {"some": "some"}


@pytest.mark.parametrize(
    ("blank", "rows", "fine"),
    [
        ("never", [[1.0, 2.0], [3.0, 4.0]], True),
        ("never", [[1.0, 2.0], [np.nan, np.nan]], False),
        ("faceless", [[1.0, 2.0], [np.nan, np.nan]], True),
        ("faceless", [[np.nan, np.nan], [1.0, 2.0]], False),
        ("faceless", [[1.0, 2.0], [np.nan, 1.0]], False),
        ("faceless", [[1.0, 2.0], [np.inf, np.inf]], False),
        ("anywhere", [[np.nan, np.nan], [1.0, 2.0]], True),
        ("anywhere", [[np.nan, 1.0], [1.0, 2.0]], False),
    ],
)
def test_only_rows_without_a_face_may_be_empty(
    monkeypatch: pytest.MonkeyPatch, blank: str, rows: list[list[float]], fine: bool
) -> None:
    monkeypatch.setattr(Some, "blank", blank)
    face = np.array([1, 0], np.uint8)
    for found in (np.array(rows), np.array(rows, np.float32)):
        if fine:
            check(Some(), {"some": found}, 2, face)
        else:
            with pytest.raises(Defect, match=r"some holds a number that is not finite \(row"):
                check(Some(), {"some": found}, 2, face)


def test_rows_for_a_clip_or_for_some_frames_are_held_against_those_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Some, "blank", "faceless")
    face = np.zeros(16, np.uint8)
    nothing = np.full((8, 3), np.nan)
    check(Some(), {"some": nothing}, 16, face)
    check(Some(), {"some": nothing[:1]}, 16, face)
    face[spread(16, 8)[2]] = 1
    with pytest.raises(Defect, match="row 2"):
        check(Some(), {"some": nothing}, 16, face)
    with pytest.raises(Defect, match="row 0"):
        check(Some(), {"some": nothing[:1]}, 16, face)
    check(Some(), {"some": np.zeros(0)}, 16, face)


def test_what_is_read_comes_before_what_reads_it() -> None:
    known = extractors()
    order = list(known)
    for name, extractor in known.items():
        assert all(order.index(other) < order.index(name) for other in extractor.reads)
    assert closure(["mouth_audio", "mse"], known) == ("faces", "mouth_audio", "mse")


def test_features_lead_to_their_extractors() -> None:
    assert extractors_for(["thumbs", "points68", "emotion/facs-mesh", "mse"]) == ("faces", "emotion", "pixels", "mse")
    assert extractors_for([]) == ()
    with pytest.raises(BenchmarkError, match=r"No extractor gives point68: .*points68"):
        extractors_for(["point68"])


@pytest.mark.parametrize("seeded", [False, True])
def test_every_feature_is_given_once_by_published_and_by_seeded_weights(seeded: bool) -> None:
    seeded_ones = {twin(network).name for network in NETWORKS}
    left_out = {network.name for network in NETWORKS} if seeded else seeded_ones
    given_ = [feature for extractor in available() if extractor.name not in left_out for feature in extractor.features]
    assert len(given_) == len(set(given_)) and NETWORKS
    assert {extractors_for([feature], seeded)[0] for feature in given_}.isdisjoint(left_out)


def test_published_and_seeded_weights_are_not_mixed_in_one_run() -> None:
    network = next(iter(NETWORKS))
    with pytest.raises(BenchmarkError, match="both"):
        one_of_each((network.name, twin(network).name))


def test_missing_weights_are_told_in_one_sentence_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOEE_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("MOEE_CACHE", str(tmp_path))
    here = {extractor.name: extractor for extractor in available()}
    for name in ("faces", "identity", "emotion", "expression3dmm", "mouth_audio", "dnsmos"):
        missing = here[name].missing
        assert missing is not None and "moee models fetch" in missing and "\n" not in missing
        assert here[name].made_by == {} and here[name].features
        with pytest.raises(BenchmarkError, match=r"cannot run here: .*moee models fetch"):
            require([name])
    require(["pixels", "mse"])
    with pytest.raises(BenchmarkError, match=r"There is no extractor face: .*faces"):
        require(["face"])


def test_a_missing_package_is_told_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    whole = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "cv2" else whole(name, *rest))
    with pytest.raises(BenchmarkError, match=r"cv2 is not installed: run `pip install 'moee\[curation\]'`"):
        require(["pixels"])


def test_what_is_kept_comes_back_as_it_was(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path)
    key = key_of(what="x", of=["ab"])
    arrays = {
        "one": np.arange(6, dtype=np.float32).reshape(2, 3),
        "two": np.array([[np.nan, 1.0]]),
        "three": np.zeros((0, 4), np.uint8),
        "four": np.arange(12).reshape(3, 4).T.astype(np.float64),
    }
    cache.write(key, arrays, {"a": [1, "ä"], "b": None})
    notes: list[str] = []
    found = cache.read(key, notes.append)
    assert found is not None and notes == []
    assert found[1] == {"a": [1, "ä"], "b": None}
    for name, array in arrays.items():
        assert found[0][name].dtype == array.dtype and np.array_equal(found[0][name], array, equal_nan=True)
    cache.write(key, {}, {})
    assert cache.read(key, notes.append) == ({}, {})
    assert cache.read(key_of(what="y"), notes.append) is None and notes == []


@given(st.data())
def test_no_damage_is_taken_for_a_result(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    cache = FeatureCache(tmp_path_factory.mktemp("cache"))
    key = key_of(what="x")
    cache.write(key, {"one": np.arange(5.0)}, {})
    whole = cache.path(key).read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    if data.draw(st.booleans()):
        at = whole.index(b'"one"') + 1  # another name is another feature
    damaged = data.draw(
        st.sampled_from(
            [whole[:at], whole[:at] + bytes([whole[at] ^ 5]) + whole[at + 1 :], whole + b"x", b"", b"\0" * 50]
        )
    )
    cache.path(key).write_bytes(damaged)
    notes: list[str] = []
    found = cache.read(key, notes.append)
    if found is not None:  # blanks in the header may change without harm
        assert notes == [] and found[0]["one"].tolist() == [0, 1, 2, 3, 4] and found[1] == {}
    else:
        assert len(notes) == 1


def test_a_result_under_another_key_is_not_taken(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path)
    one, other = key_of(what=1), key_of(what=2)
    cache.write(one, {"one": np.arange(5.0)}, {})
    cache.path(other).parent.mkdir(exist_ok=True)
    cache.path(other).write_bytes(cache.path(one).read_bytes())
    notes: list[str] = []
    assert cache.read(other, notes.append) is None and len(notes) == 1
