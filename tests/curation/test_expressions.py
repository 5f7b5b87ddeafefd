"""The stage that joins the panel: frames, clips, what it does with halves, tilted heads, networks and missing parts."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from curation.stage import SourceWork
from curation.stages.expressions import Expressions
from manifests.action_units import NUMBERS
from manifests.emotions import EMOTIONS
from manifests.schema import empty, landmark_units, list_column, table_from_columns, table_from_rows
from perception.action_units import place
from perception.facs import CLASSES
from perception.facs_blendshapes import NAMES

SIZE, TRACK = 500, "t_0000000000000001"
SMILE = ("mouthSmileLeft", "mouthSmileRight")
AMAZED = ("browInnerUp", "browOuterUpLeft", "browOuterUpRight", "eyeWideLeft", "eyeWideRight")
NETWORK = "fer2013-mini-xception"
FER = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


def points() -> np.ndarray:
    """[478, 3] px: a made-up face whose axes are where a face has them."""
    face = np.random.default_rng(5).normal(0, 30, (478, 3))
    corners = {33: (-45, 0, 5), 133: (-15, 0, 0), 362: (15, 0, 0), 263: (45, 0, 5), 168: (0, -5, -10), 2: (0, 45, -20)}
    for mark, at in corners.items():
        face[mark] = at
    return np.asarray(face + np.array([250, 250, 0]))


def shapes(count: int, *names: str, first: int = 0, weight: float = 0.9) -> np.ndarray:
    """[count, 52]: a face at rest that shows these blendshapes from frame `first` on."""
    weights = np.full((count, 52), 0.002)
    weights[first:, [NAMES.index(name) for name in names]] = weight
    return weights


def worked(
    folder: Path,
    weights: np.ndarray | None,
    clips: list[tuple[int, int]],
    looks: list[tuple[int, str]] | None = None,
    stage: Expressions | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Run the stage on one track; looks: (frame, what the network is sure of). Its tables as rows."""
    count = more.get("count", len(weights) if weights is not None else 0)
    seen = more.get("seen", np.ones(count, bool))
    work = SourceWork("s_1", "a.mp4", folder / "a.mp4", "a.mp4", "", 1, folder)
    base = {"source": "s_1", "time_base_num": 1, "time_base_den": 25}
    span = base | {"start_pts": 0, "end_pts": count, "start_frame": 0, "end_frame": count, "index": 0}
    work.add("tracks", table_from_rows("tracks", [
        {"id": TRACK, "shot": "h_1", **span, "frames": count, "detected": 0, "meshed": count, "tracked": 0,
         "confirmed": more.get("confirmed", True), "face": 0, "face_size": 200.0}
    ]))  # fmt: skip
    units = np.stack([landmark_units(points(), SIZE, SIZE)] * count)
    stored = np.rint((weights if weights is not None else np.zeros((count, 52))) * 65535)
    work.add("frames", table_from_columns("frames", {
        "source": ["s_1"] * count, "track": [TRACK] * count, "frame": list(range(count)), "pts": list(range(count)),
        "state": ["meshed"] * count, **{side: [10.0] * count for side in ("x0", "y0", "x1", "y1")},
        "yaw": [more.get("yaw", 0.0)] * count,
        "landmarks": list_column(units, seen, pa.int16()),
        "blendshapes": list_column(stored, seen & (weights is not None), pa.uint16()),
    }))  # fmt: skip
    said = {name: np.eye(7)[k] * 0.94 + 0.01 for k, name in enumerate(FER)}
    rows = [
        {"source": "s_1", "track": TRACK, "frame": frame, "member": NETWORK, "probabilities": said[name].tolist()}
        for frame, name in looks or []
    ]
    work.add("looks", table_from_rows("looks", rows) if rows else empty("looks"))
    work.add("clips", table_from_rows("clips", [
        {"id": f"c_{start}", "shot": "h_1", "track": TRACK, **{k: v for k, v in span.items() if k != "index"},
         "start_frame": start, "end_frame": end, "frames": end - start, "seconds": (end - start) / 25,
         "source_width": SIZE, "source_height": SIZE, "recipe": "", "status": "kept", "reasons": []}
        for start, end in clips
    ]))  # fmt: skip
    (stage or Expressions()).run(work)
    return {name: work.tables[name].to_pylist() for name in ("clips", "expressions")}


def test_taxonomy_and_action_units_are_the_same_on_every_floor() -> None:
    assert CLASSES == EMOTIONS
    assert tuple(place(number) for number in NUMBERS) == tuple(range(len(NUMBERS)))


def test_a_smile_that_comes_is_happy_on_its_frames_and_in_the_clip(tmp_path: Path) -> None:
    looks = [(frame, "neutral" if frame < 15 else "happy") for frame in range(0, 100, 5)]
    found = worked(tmp_path, shapes(100, *SMILE, first=15), [(0, 100)], looks)
    (clip,) = found["clips"]
    assert clip["emotion"] == "happy" and clip["compound"] is None
    assert clip["members"] == ["facs-blendshapes", "facs-mesh", NETWORK]
    assert clip["member_emotions"][0] == clip["member_emotions"][2] == "happy"
    assert len(clip["member_probabilities"]) == 24 and sum(clip["emotions"]) == pytest.approx(1)
    assert clip["action_units"][place(12)] > 4 and clip["action_units"][place(4)] < 1
    assert clip["action_unit_frames"][place(12)] == pytest.approx(0.85)
    assert clip["action_units_model"] == "blendshapes" and clip["neutral_frames"] > 0
    rows = found["expressions"]
    assert [row["frame"] for row in rows] == list(range(100))
    smiling = [row["action_units"][place(12)] / 51 for row in rows]
    assert max(smiling[:15]) < 0.5 and min(smiling[15:]) > 4
    happy = [row["emotions"][EMOTIONS.index("happy")] / 65535 for row in rows]
    assert np.mean(happy[60:]) > 2 * np.mean(happy[:10])
    assert all(abs(sum(row["emotions"]) - 65535) <= 8 for row in rows)


def test_a_clip_says_what_its_own_frames_say(tmp_path: Path) -> None:
    before, after = worked(tmp_path, shapes(120, *SMILE, first=60), [(0, 60), (60, 120)])["clips"]
    assert before["intensity"] < after["intensity"]
    assert after["action_units"][place(12)] > 4 > 1 > before["action_units"][place(12)]


def test_intensity_rises_with_the_blendshapes(tmp_path: Path) -> None:
    levels = []
    for weight in (0.0, 0.2, 0.4, 0.6, 0.9):
        (clip,) = worked(tmp_path, shapes(100, *SMILE, *AMAZED, first=50, weight=weight), [(0, 100)])["clips"]
        levels.append(clip["intensity"])
    assert levels == sorted(levels) and 0 <= levels[0] < levels[-1] <= 1


def test_two_emotions_at_once_are_a_compound(tmp_path: Path) -> None:
    looks = [(f, "happy" if f % 10 else "surprise") for f in range(0, 100, 5)]
    stage = Expressions(both=0.3, alone=1.0, margin=0.0, agreement=0.0)
    (clip,) = worked(tmp_path, shapes(100, *SMILE, *AMAZED, first=10), [(0, 100)], looks, stage)["clips"]
    assert {clip["emotion"], clip["second_emotion"]} == {"happy", "surprised"}
    assert clip["compound"] == "happily-surprised" and clip["ambiguous"] == []
    assert clip["emotion_doubts"] == 0


def test_a_clip_that_changes_in_its_middle_says_so(tmp_path: Path) -> None:
    looks = [(f, "happy" if f < 50 else "sad") for f in range(0, 100, 5)]
    weights = shapes(100, *SMILE)
    weights[50:] = shapes(50, "mouthFrownLeft", "mouthFrownRight", "browInnerUp", "browDownLeft", "browDownRight")
    (clip,) = worked(tmp_path, weights, [(0, 100)], looks, Expressions(margin=0.01))["clips"]
    assert "changes" in clip["ambiguous"] and clip["emotion_doubts"] == len(clip["ambiguous"])


def test_few_frames_and_a_turned_head_are_doubts(tmp_path: Path) -> None:
    sparse = np.zeros(100, bool)
    sparse[:8] = True
    (clip,) = worked(tmp_path, shapes(100, *SMILE), [(0, 100)], seen=sparse)["clips"]
    assert "few-frames" in clip["ambiguous"]
    (clip,) = worked(tmp_path, shapes(100, *SMILE), [(0, 100)], yaw=-50.0)["clips"]
    assert "turned-away" in clip["ambiguous"]
    (clip,) = worked(tmp_path, shapes(100, *SMILE), [(0, 100)])["clips"]
    assert not {"turned-away", "few-frames"} & set(clip["ambiguous"])


def test_a_still_picture_is_in_doubt_and_a_moving_face_is_not(tmp_path: Path) -> None:
    (still,) = worked(tmp_path, shapes(100, *SMILE), [(0, 100)])["clips"]
    (moving,) = worked(tmp_path, shapes(100, *SMILE, first=30), [(0, 100)])["clips"]
    assert "still" in still["ambiguous"] and "still" not in moving["ambiguous"]


def test_a_network_that_did_not_look_at_a_clip_is_silent_there(tmp_path: Path) -> None:
    first, second = worked(tmp_path, shapes(100, *SMILE), [(0, 50), (50, 100)], [(10, "happy"), (20, "happy")])["clips"]
    assert first["members"][-1] == NETWORK and NETWORK not in second["members"]


def test_without_blendshapes_and_networks_the_mesh_speaks(tmp_path: Path) -> None:
    (clip,) = worked(tmp_path, None, [(0, 60)], count=60)["clips"]
    assert clip["members"] == ["facs-mesh"] and clip["emotion"] in EMOTIONS
    assert "few-members" in clip["ambiguous"]  # it agrees with itself: no agreement, no compound, no clear label
    assert clip["emotion_agreement"] is None and clip["compound"] is None
    assert clip["action_units_model"] == "mesh" and clip["expression_noncommercial"] is False


@pytest.mark.parametrize("more", [{"confirmed": False}, {"seen": np.zeros(60, bool)}])
def test_no_face_to_read_leaves_the_columns_null(tmp_path: Path, more: dict[str, Any]) -> None:
    found = worked(tmp_path, shapes(60, *SMILE), [(0, 60)], **more)
    assert found["expressions"] == []
    (clip,) = found["clips"]
    empty_ = ("emotion", "compound", "ambiguous", "emotions", "members", "intensity", "action_units", "emotion_margin")
    assert all(clip[name] is None for name in empty_)


def test_a_trained_network_is_freed_of_how_often_it_saw_each_label(tmp_path: Path) -> None:
    from curation.stages.looks import ours

    matrix = ours(NETWORK)
    assert matrix.shape == (7, 8) and (np.count_nonzero(matrix, axis=1) == 1).all()
    assert matrix[FER.index("disgust"), EMOTIONS.index("disgusted")] == pytest.approx(28_709 / 436)
    assert matrix[:, EMOTIONS.index("contempt")].sum() == 0


def test_action_units_of_a_network_stand_over_those_of_the_landmarks_near_its_looks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from curation.stages import looks
    from perception.panel import About

    about = About("opengraphau/made-up", "", (), "nothing", "MIT", True, (1, 12, 39), "presence")
    monkeypatch.setattr(looks, "about", lambda member: about)
    rows = [{"frame": 0, "action_units": [0.25, 1.0, 1.0]}, {"frame": 10, "action_units": [0.5, 0.0, 1.0]}]
    frames, landmarks = np.array([0, 10, 60, 61]), np.full((4, len(NUMBERS)), 2.0)
    units, near = looks.network_units(about.name, rows, frames, landmarks)
    assert near.tolist() == [True, True, True, False]
    assert units[0, place(1)] == 0.5 and units[1, place(1)] == 1.0  # as likely there as not is a trace
    assert units[0, place(12)] == 5.0 and units[1, place(12)] == 0.0
    others = [k for k in range(len(NUMBERS)) if k not in (place(1), place(12))]
    assert (units[:, others] == 2.0).all() and (units[3] == 2.0).all()


def test_a_look_that_says_nothing_is_no_look(tmp_path: Path) -> None:
    from curation.stages.looks import Looks

    work = SourceWork("s_1", "a.mp4", tmp_path / "a.mp4", "a.mp4", "", 1, tmp_path)
    rows = [
        {"source": "s_1", "track": TRACK, "frame": frame, "member": NETWORK, "probabilities": [share / 7] * 7}
        for frame, share in ((0, 0.0), (5, 1.0))
    ]
    work.add("looks", table_from_rows("looks", rows))
    frames, said = Looks(work).emotions(TRACK)[NETWORK]
    assert frames.tolist() == [5] and np.isfinite(said).all()


def test_the_same_tables_give_the_same_bytes(tmp_path: Path) -> None:
    weights = shapes(100, *SMILE, first=30)
    one, two = (worked(tmp_path, weights, [(0, 100)], [(5, "happy")]) for _ in range(2))
    assert one == two


def test_settings_outside_their_range_are_refused_by_name(tmp_path: Path) -> None:
    from curation.errors import CurationError
    from curation.pipeline import build
    from manifests.recipe import load_recipe

    path = tmp_path / "recipe.yaml"
    path.write_text("name: test\nstages: {expressions: {margin: 2}}")
    with pytest.raises(CurationError, match=r"stages\.expressions\.margin"):
        build(load_recipe(str(path)))
