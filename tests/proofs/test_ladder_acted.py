"""Proof on acted emotions: the ground truth is best or tied in every column, each spoilt copy is seen where it must."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmark.compare import compare
from benchmark.controls import CONTROLS
from benchmark.ladder import climb
from tests.proofs.ladder import Rungs, all_verify, better_than_truth, curated, is_worst, print_rungs

pytestmark = pytest.mark.proof
ACTED = ("angry", "happy", "sad", "surprised")


@pytest.fixture(scope="module")
def acted(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Rungs:
    """8 clips of MEAD, 2 persons x 4 emotions, labels given, without sound."""
    folder = tmp_path_factory.mktemp("acted")
    raw = folder / "raw"
    raw.mkdir()
    rows = []
    for path in sorted((test_data / "videos").glob("emotion_mead_*")):
        _, _, person, emotion, level = path.stem.split("_")
        if emotion not in ACTED:
            continue
        (raw / path.name).symlink_to(path)
        rows.append(
            {"file_name": path.name, "dh_actor": person, "dh_emotion": emotion, "given_intensity": int(level[-1])}
        )
    pq.write_table(pa.Table.from_pylist(rows), raw / "metadata.parquet")
    dataset = curated(raw, folder / "dataset", "dh-faceemovid")
    kinds = tuple(kind for kind in CONTROLS if kind != "audio-shifted")
    return climb("sample", dataset, folder / "rungs", cache=folder / "cache", kinds=kinds)


def test_of_acted_emotions_the_truth_is_best_and_each_copy_is_worst_where_it_must(
    acted: Rungs, table: Callable[[str], None]
) -> None:
    print_rungs(acted, table)
    assert better_than_truth(acted) == []
    for key in ("emotion-accuracy", "emotion-f1", "emotion-consistency"):
        assert is_worst(acted, "other-emotion", key), key
    assert is_worst(acted, "frozen", "motion")
    assert is_worst(acted, "frozen", "flicker")
    assert is_worst(acted, "other-identity", "identity")
    says = {line.key: line.verdict for line in compare(acted["ground-truth"], acted["other-emotion"]).lines}
    assert says["emotion-accuracy"] == says["emotion-consistency"] == "a better"


def test_every_rung_verifies_and_decoded_no_video_twice(acted: Rungs) -> None:
    all_verify(acted)
