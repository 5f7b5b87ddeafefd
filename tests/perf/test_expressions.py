"""How the scores of what a face says are counted, on made rows whose result is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from curation.sample.scenes import Shot
from manifests.emotions import EMOTIONS
from perf.scores import expressions_actions, expressions_bare, expressions_real, expressions_rendered
from perf.scores.expressions_clips import Judged, confusion, judged, longest, members_table
from perf.scores.expressions_rendered import Shown


def spread(**chances: float) -> list[float]:
    return [chances.get(name, 0.0) for name in EMOTIONS]


def row(**columns: Any) -> dict[str, Any]:
    empty = dict.fromkeys(
        ("emotion", "second_emotion", "compound", "ambiguous", "emotions", "members", "member_emotions",
         "member_probabilities", "intensity")
    )  # fmt: skip
    return {"source": "s_0", "start_frame": 0, "end_frame": 50, **empty, **columns}


def said(emotion: str | None, *, ambiguous: tuple[str, ...] = (), intensity: float = 0.5, **chances: float) -> Judged:
    return judged(
        row(
            emotion=emotion,
            ambiguous=list(ambiguous),
            emotions=spread(**(chances or {emotion or "neutral": 1.0})),
            members=["one", "mute"],
            member_emotions=[emotion, "neutral"],
            member_probabilities=spread(**{emotion or "neutral": 0.9, "contempt": 0.1}) + spread(neutral=1.0),
            intensity=intensity,
        ),
        "clip.mp4",
    )


def test_a_row_gives_each_member_its_own_eight_probabilities() -> None:
    clip = judged(
        row(
            emotion="sad",
            second_emotion="fear",
            compound="sadly-fear",
            ambiguous=[],
            emotions=spread(sad=0.5, fear=0.4, happy=0.1),
            members=["a", "b"],
            member_emotions=["sad", "fear"],
            member_probabilities=spread(sad=1.0) + spread(fear=0.6, sad=0.4),
            intensity=0.25,
        ),
        "x.mp4",
    )
    assert clip.members["b"][EMOTIONS.index("fear")] == 0.6
    assert clip.choices == {"a": "sad", "b": "fear"}
    assert clip.top_two == {"sad", "fear"}
    assert clip.clear
    with pytest.raises(ValueError, match="2 members with 8 probabilities"):
        judged(row(members=["a", "b"], member_emotions=["sad", "sad"], member_probabilities=spread(sad=1.0)), "x")


def test_a_row_without_a_label_is_neither_clear_nor_right() -> None:
    clip = judged(row(), "x.mp4")
    assert not clip.clear
    assert clip.top_two == set()
    scores = expressions_real.score_mead([("happy", "M030", 3, clip), ("sad", "M030", 3, None)])
    assert scores.values["mead_right"] == scores.values["mead_clear"] == 0
    assert scores.notes == ["no clip: M030 sad"]


def test_the_longest_candidate_stands_for_its_source() -> None:
    clips = [judged(row(start_frame=start, end_frame=end), "x.mp4") for start, end in ((0, 10), (10, 40), (40, 70))]
    assert longest(clips) == {"x.mp4": clips[1]}


def test_mead_counts_right_clips_and_right_ones_among_the_clear() -> None:
    scores = expressions_real.score_mead(
        [
            ("happy", "M030", 3, said("happy", intensity=0.9)),
            ("sad", "M030", 3, said("fear", intensity=0.8)),
            ("angry", "W009", 3, said("angry", ambiguous=("margin",), intensity=0.2)),
            ("neutral", "W009", 1, said("neutral", intensity=0.3)),
        ]
    )
    assert scores.values["mead_right"] == 3
    assert scores.values["mead_clear"] == 3
    assert scores.values["mead_clear_right"] == pytest.approx(2 / 3)
    assert scores.values["mead_intensity_auc"] == pytest.approx(2 / 3)
    assert any("neutral clips rank 2 of 4" in line for line in scores.lines)
    assert scores.values["mead_member_mute"] == 0.25


def test_a_member_without_contempt_is_also_scored_without_those_clips() -> None:
    lines, values = members_table([("neutral", said("neutral")), ("contempt", said("contempt"))])
    assert values == {"one": 1.0, "mute": 0.5}
    knows, mute = lines
    assert "it knows no contempt" not in knows
    assert "it knows no contempt, of the others 1 of   1" in mute


def test_the_confusion_has_a_column_for_no_answer() -> None:
    head, sad = confusion([("sad", "sad"), ("sad", "fear"), ("sad", None)])
    counts = dict(zip(head.split(), sad.split()[1:], strict=True))
    assert (counts["sad"], counts["fear"], counts["none"], counts["happy"]) == ("1", "1", "1", ".")


def test_ranks_are_pooled_within_each_portrait_and_emotion() -> None:
    shots = [Shown("p", "neutral", 0.0, False, said("neutral", intensity=0.1))]
    shots += [Shown("p", "happy", s, False, said("happy", intensity=0.5 + s / 2)) for s in (0.25, 0.5, 0.75, 1.0)]
    shots += [Shown("p", "sad", s, False, said("sad", intensity=0.1 + s / 9)) for s in (0.25, 0.5, 0.75, 1.0)]
    values = expressions_rendered.score(shots).values
    assert values["spearman_within"] == pytest.approx(1.0)
    assert values["spearman_overall"] < 1.0
    flat = [*shots[:5], *(Shown("p", "sad", s, False, said("sad", intensity=0.1)) for s in (0.25, 0.5, 0.75, 1.0))]
    values = expressions_rendered.score(flat).values
    assert values["spearman_least"] == 0.0
    assert 0.0 < values["spearman_within"] < 1.0


def test_a_compound_counts_when_both_of_its_emotions_lead() -> None:
    right = said("sad", sad=0.4, fear=0.35, neutral=0.25)
    wrong = said("sad", sad=0.4, fear=0.25, neutral=0.35)
    shots = [Shown("p", "sadly-fear", 1.0, own, clip) for own, clip in ((True, right), (True, wrong), (False, None))]
    values = expressions_rendered.score(shots).values
    assert values["compound_sample"] == 0.5
    assert values["compound_further"] == 0.0


def test_a_neutral_shot_counts_for_the_sample_and_not_for_its_six_emotions() -> None:
    shots = [Shown("p", name, 1.0, True, said(said_as)) for name, said_as in (("neutral", "neutral"), ("sad", "happy"))]
    values = expressions_rendered.score([*shots, Shown("p", "happy", 1.0, False, said("happy"))]).values
    assert (values["basic_sample"], values["basic_six"], values["basic_further"]) == (0.5, 0.0, 1.0)


def test_the_ladder_has_rest_once_per_portrait_and_every_name_once() -> None:
    scenes = expressions_rendered.ladder()
    names = [scene.name for scene in scenes]
    assert len(set(names)) == len(names) == 3 * (1 + 6 * 4 + 4)
    assert {scene.shots[0].strength for scene in scenes} == {0.0, 0.25, 0.5, 0.75, 1.0}


def test_a_machine_without_weights_passes_only_when_the_mesh_alone_spoke_of_every_clip() -> None:
    shot = Shot("astronaut", "happy", ())
    alone = judged(
        row(emotion="happy", ambiguous=[], emotions=spread(happy=1.0), members=["facs-mesh"], member_emotions=["happy"],
            member_probabilities=spread(happy=1.0)),
        "x.mp4",
    )  # fmt: skip
    values = expressions_bare.score([(shot, alone), (shot, None)]).values
    assert (values["bare_spoken"], values["bare_clips"], values["bare_mesh_only"]) == (1, 2, 1.0)
    assert expressions_bare.score([(shot, alone), (shot, said("happy"))]).values["bare_mesh_only"] == 0.0
    assert expressions_bare.score([(shot, None)]).values["bare_mesh_only"] == 0.0


def test_an_action_unit_is_first_only_when_it_rises_and_no_other_rises_further() -> None:
    change = np.zeros(len(expressions_actions.NUMBERS))
    assert not expressions_actions.rises_most(change, 12)
    change[expressions_actions.NUMBERS.index(12)] = 2.0
    assert expressions_actions.rises_most(change, 12)
    change[expressions_actions.NUMBERS.index(6)] = -2.5
    assert expressions_actions.rises_most(change, 12)
    assert not expressions_actions.moves_most(change, 12)
    change[expressions_actions.NUMBERS.index(6)] = 2.5
    assert not expressions_actions.rises_most(change, 12)


def test_every_action_of_the_sample_that_has_a_unit_is_in_the_matrix() -> None:
    from curation.sample.expression import ACTIONS

    drawn = {name for layer in ACTIONS.values() for name in layer}
    assert drawn - set(expressions_actions.ACTIONS) == {"jaw_corners", "part_upper", "seal_upper", "seal_lower"}
    assert set(expressions_actions.ACTIONS.values()) <= set(expressions_actions.NUMBERS)
