"""Captions of clips: the plain sentence, which frames a model is shown and what it is asked, and who wrote what."""

from __future__ import annotations

import errno
import itertools
import os
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.pipeline import config_hash
from curation.stage import Resources, SourceWork
from curation.stages import captions
from curation.stages.captions import Captions, chosen_frames, pictures_at, prompt_of
from curation.stages.sentences import sentence
from manifests.emotions import BASIC, COMPOUNDS, EMOTIONS
from manifests.schema import table_from_rows
from perception.action_units import ACTION_UNITS, COUNT, NUMBERS, PRESENT, stored
from perception.errors import PerceptionError
from perception.facs import SHOWN
from tests.perception import tiny_captioner

FRAMES = 30
RATE = 25
TRACK = "t_0000000000000001"


def units(**intensities: float) -> list[float]:
    """Action units by number, `au12=3.0`; the others at rest."""
    values = [0.0] * COUNT
    for name, value in intensities.items():
        values[NUMBERS.index(int(name.removeprefix("au")))] = value
    return values


# -- the plain sentence ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"emotion": "happy"}, "A person who is happy."),
        ({"emotion": "fear", "intensity": 0.1}, "A person who is slightly afraid."),
        ({"emotion": "fear", "intensity": 0.5}, "A person who is afraid."),
        ({"emotion": "contempt", "intensity": 0.9}, "A person who is strongly contemptuous."),
        ({"emotion": "neutral", "intensity": 0.9}, "A person whose face is neutral."),
        ({"emotion": "neutral", "ambiguous": True}, "A person whose face seems neutral."),
        (
            {"emotion": "sad", "ambiguous": True, "intensity": 0.2, "action_units": units(au15=2)},
            "A person who seems slightly sad: lip corners pulled down.",
        ),
        (
            {
                "emotion": "happy",
                "second_emotion": "surprised",
                "intensity": 0.8,
                "action_units": units(au1=3, au2=2, au12=1.5, au26=5),
            },
            "A person who is strongly happy and surprised: inner and outer brows raised, lip corners pulled up.",
        ),
        ({"emotion": "happy", "action_units": units(au12=PRESENT - 0.01)}, "A person who is happy."),
        ({"emotion": "happy", "action_units": [float("nan")] * COUNT}, "A person who is happy."),
        (
            {"emotion": "fear", "action_units": units(au1=1, au2=2, au4=3, au5=4, au20=5, au12=5)},
            "A person who is afraid: lips stretched, upper lids raised, brows lowered and drawn together, outer brows "
            "raised.",
        ),
        (
            {"emotion": "happy", "action_units": units(au6=5, au12=1, au4=4)},
            "A person who is happy: lip corners pulled up.",
        ),
        ({"emotion": "neutral", "action_units": units(au4=4, au43=5)}, "A person whose face is neutral."),
    ],
)
def test_the_sentence_says_what_is_measured(facts: dict[str, Any], said: str) -> None:
    assert sentence(**facts) == said


@given(
    emotion=st.sampled_from(EMOTIONS),
    second=st.none() | st.sampled_from(BASIC),
    intensity=st.none() | st.floats(0, 1),
    ambiguous=st.booleans(),
    action_units=st.none() | st.lists(st.floats(0, 5), min_size=COUNT, max_size=COUNT),
)
def test_every_sentence_is_one_plain_sentence(
    emotion: str, second: str | None, intensity: float | None, ambiguous: bool, action_units: list[float] | None
) -> None:
    said = sentence(emotion, second, intensity, ambiguous, action_units)
    head, _, tail = said.removesuffix(".").partition(": ")
    assert said.count(".") == 1
    assert re.fullmatch(r"A person (who|whose face) (is|seems)( slightly| strongly)? [a-z]+( and [a-z]+)?", head)
    assert said == " ".join(said.split())
    assert ("seems" in said) == ambiguous
    told = [] if not tail else tail.split(", ")
    assert len(told) <= 4
    assert len(set(told)) == len(told)
    known = {unit.text for unit in ACTION_UNITS if not unit.speech} | {"inner and outer brows raised"}
    assert set(told) <= known
    if action_units is not None:
        belong = {number for name in (emotion, second) if name for number in SHOWN[name]} - {6, 9}
        seen = [
            unit.text
            for unit, value in zip(ACTION_UNITS, action_units, strict=True)
            if value >= PRESENT and unit.number in belong
        ]
        merged = "inner and outer brows raised" in told
        assert len(told) + merged == min(4, len(seen))


def test_every_label_of_the_taxonomy_gives_another_sentence() -> None:
    singles = [sentence(emotion) for emotion in EMOTIONS]
    pairs = [sentence(*parts) for parts in itertools.combinations(BASIC, 2)]
    assert len({*singles, *pairs}) == len(singles) + len(pairs)


# -- which frames, and what is asked --------------------------------------------------------------


@given(frames=st.integers(1, 400), count=st.integers(1, 12), seed=st.integers(0, 3))
def test_frames_are_drawn_without_repetition_in_order(frames: int, count: int, seed: int) -> None:
    drawn = chosen_frames("c_1", frames, count, seed)
    assert len(drawn) == min(frames, count)
    assert list(drawn) == sorted(set(drawn))
    assert drawn[0] >= 0 and drawn[-1] < frames
    assert drawn == chosen_frames("c_1", frames, count, seed)


def test_the_drawn_frames_are_fixed_and_depend_on_clip_and_seed() -> None:
    assert chosen_frames("c_0000000000000001", 900, 5, 0) == (49, 391, 477, 787, 853)
    assert chosen_frames("c_0000000000000001", 900, 5, 1) != chosen_frames("c_0000000000000001", 900, 5, 0)
    assert chosen_frames("c_0000000000000002", 900, 5, 0) != chosen_frames("c_0000000000000001", 900, 5, 0)
    drawn = [chosen_frames(f"c_{number}", 100, 5, 0) for number in range(400)]
    counts = np.bincount(np.concatenate(drawn) // 10, minlength=10)
    assert counts.min() > 140 and counts.max() < 260  # 200 each: no part of a clip is preferred


def test_the_prompt_tells_each_frames_action_units() -> None:
    prompt = prompt_of(["lip corners pulled up (3.0)", "", None])
    assert "These are 3 frames" in prompt
    assert "Frame 1: lip corners pulled up (3.0).\nFrame 2: none.\nFrame 3: not measured.\n" in prompt
    assert "in one English sentence" in prompt


# -- the stage ------------------------------------------------------------------------------------


def grey(number: int) -> int:
    """The grey of the n-th frame of the clip, far apart for all of them."""
    return 8 + 8 * number


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip whose n-th frame is of one grey."""
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", RATE, {"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for number in range(FRAMES):
            picture = np.full((360, 640, 3), grey(number), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode(None))
    return path


def clip_row(number: int, **facts: Any) -> dict[str, Any]:
    """A kept clip of 30 frames that begins at the source's frame 100, tick 8000 of 1/2000 s."""
    return {
        "id": f"c_{number:016x}",
        "source": "s_0000000000000001",
        "shot": "h_0000000000000001",
        "track": TRACK,
        "start_pts": 8000,
        "end_pts": 8000 + FRAMES * 80,
        "time_base_num": 1,
        "time_base_den": 2000,
        "start_frame": 100,
        "end_frame": 100 + FRAMES,
        "frames": FRAMES,
        "seconds": FRAMES / RATE,
        "source_width": 640,
        "source_height": 360,
        "recipe": "",
        "status": "kept",
        "reasons": [],
        "file": "clip.mp4",
    } | facts


def work_of(folder: Path, rows: list[dict[str, Any]]) -> SourceWork:
    """A source whose face shows action unit 12 rising from frame to frame, in every second frame of the clip."""
    work = SourceWork("s_0000000000000001", "a.mp4", folder / "a.mp4", "a.mp4", "", 0, folder)
    work.add("clips", table_from_rows("clips", rows))
    seen = [
        {
            "source": work.id,
            "track": track,
            "frame": 100 + number,
            "pts": 8000 + 80 * number,
            "action_units": stored(np.array(units(au12=number / 10) if track == TRACK else units(au43=5))).tolist(),
            "emotions": None,
        }
        for number in range(0, 2 * FRAMES, 2)
        for track in (TRACK, "t_0000000000000002")
    ]
    work.add("expressions", table_from_rows("expressions", seen))
    return work


class Spy:
    """In a captioner's place: keeps what it is shown, and writes nothing when it is told to fail."""

    model = "spy@000000000000"

    def __init__(self) -> None:
        self.calls: list[tuple[list[np.ndarray], str]] = []
        self.fails = False

    def __call__(self, pictures: list[np.ndarray], prompt: str) -> str:
        self.calls.append((pictures, prompt))
        if self.fails:
            raise PerceptionError("spy wrote no words.")
        return "A spy's caption."


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> Spy:
    made = Spy()
    monkeypatch.setattr(captions, "_captioner", lambda *settings: made)
    return made


@pytest.fixture(autouse=True)
def _nothing_is_kept_open() -> Iterator[None]:
    yield
    captions._usable.cache_clear()


def said(work: SourceWork) -> list[tuple[str | None, str | None]]:
    rows = work.tables["clips"].select(["caption", "caption_model"]).to_pylist()
    return [(row["caption"], row["caption_model"]) for row in rows]


def test_without_a_model_every_clip_with_an_emotion_gets_the_sentence_and_nothing_else_changes(tmp_path: Path) -> None:
    rows = [
        clip_row(1, emotion="happy", intensity=0.9, ambiguous=[], action_units=units(au12=3)),
        clip_row(2, emotion="sad", status="dropped", reasons=["emotion"], ambiguous=["margin"], file=None),
        clip_row(3, emotion=None),
        clip_row(4, emotion="surprised", second_emotion="happy", compound="happily-surprised", ambiguous=[]),
        clip_row(5, emotion="fear", second_emotion="angry", compound="other-compound", ambiguous=[]),
    ]
    work = work_of(tmp_path, rows)
    before = work.tables["clips"]
    stage = Captions()
    stage.run(work)
    assert said(work) == [
        ("A person who is strongly happy: lip corners pulled up.", "sentence"),
        ("A person who seems sad.", "sentence"),
        (None, None),
        ("A person who is happy and surprised.", "sentence"),
        ("A person who is afraid and angry.", "sentence"),
    ]
    after = work.tables["clips"]
    assert after.schema.equals(before.schema, check_metadata=True)
    assert after.drop_columns(["caption", "caption_model"]).equals(before.drop_columns(["caption", "caption_model"]))
    assert stage.models() == ()


def test_a_source_without_clips_is_no_trouble(tmp_path: Path) -> None:
    work = work_of(tmp_path, [])
    Captions().run(work)
    assert work.tables["clips"].num_rows == 0


def test_every_compound_of_the_paper_is_told_in_its_own_order() -> None:
    for name, parts in COMPOUNDS.items():
        row = {"compound": name, "intensity": None, "ambiguous": [], "action_units": None}
        for first, second in (parts, parts[::-1]):
            assert captions._plain(row | {"emotion": first, "second_emotion": second}) == sentence(*parts)


def test_a_model_sees_the_drawn_frames_with_their_own_action_units(tmp_path: Path, clip: Path, spy: Spy) -> None:
    (tmp_path / "clip.mp4").symlink_to(clip)
    work = work_of(tmp_path, [clip_row(1, emotion="happy", ambiguous=[])])
    Captions(model="any").run(work)
    ((pictures, prompt),) = spy.calls
    shown = [2 * place for place in chosen_frames("c_0000000000000001", FRAMES // 2, 5, 0)]  # frames with the face
    assert len(shown) == 5
    assert [round((float(picture.mean()) - 8) / 8) for picture in pictures] == shown
    assert {picture.shape for picture in pictures} == {(288, 512, 3)}
    for line, number in zip(re.findall(r"Frame \d: (.*)\.\n", prompt), shown, strict=True):
        assert line == (f"lip corners pulled up ({number / 10:.1f})" if number >= 10 else "none")
    assert said(work) == [("A spy's caption.", Spy.model)]
    assert shown[-1] < work.frames_decoded <= shown[-1] + 3  # one decode that ends with the last one


def test_another_seed_shows_other_frames(tmp_path: Path, clip: Path, spy: Spy) -> None:
    (tmp_path / "clip.mp4").symlink_to(clip)
    for seed in (0, 1):
        Captions(model="any", seed=seed).run(work_of(tmp_path, [clip_row(1)]))
    assert spy.calls[0][1] != spy.calls[1][1]


def test_a_clip_whose_face_was_not_measured_is_shown_all_the_same(tmp_path: Path, clip: Path, spy: Spy) -> None:
    (tmp_path / "clip.mp4").symlink_to(clip)
    work = work_of(tmp_path, [clip_row(1, track=None)])
    Captions(model="any", frames=3).run(work)
    ((pictures, prompt),) = spy.calls
    drawn = list(chosen_frames("c_0000000000000001", FRAMES, 3, 0))
    assert [round((float(picture.mean()) - 8) / 8) for picture in pictures] == drawn
    assert prompt.count("not measured") == 3


def test_a_model_captions_kept_clips_only(tmp_path: Path, clip: Path, spy: Spy) -> None:
    (tmp_path / "clip.mp4").symlink_to(clip)
    rows = [clip_row(1, emotion="happy", ambiguous=[]), clip_row(2, emotion="sad", ambiguous=[], status="dropped")]
    work = work_of(tmp_path, [*rows, clip_row(3, status="failed", file=None)])
    Captions(model="any").run(work)
    assert said(work) == [("A spy's caption.", Spy.model), ("A person who is sad.", "sentence"), (None, None)]


@pytest.mark.parametrize("fault", ["model", "file is gone", "file is damaged"])
def test_a_caption_that_fails_costs_itself_only_and_says_so(tmp_path: Path, clip: Path, spy: Spy, fault: str) -> None:
    (tmp_path / "clip.mp4").symlink_to(clip)
    (tmp_path / "damaged.mp4").write_bytes(b"no video at all")
    file = {"model": "clip.mp4", "file is gone": "gone.mp4", "file is damaged": "damaged.mp4"}[fault]
    spy.fails = fault == "model"
    work = work_of(tmp_path, [clip_row(1, emotion="happy", ambiguous=[], file=file), clip_row(2)])
    Captions(model="any").run(work)
    (caption, model), other = said(work)
    assert other == ((None, model) if fault == "model" else ("A spy's caption.", Spy.model))
    assert caption == "A person who is happy."
    assert model is not None and model.startswith(f"sentence ({Spy.model} failed: ")
    assert str(tmp_path) not in model
    assert "\n" not in model


def test_a_machine_that_fails_costs_no_caption_but_the_source_until_the_next_run(
    tmp_path: Path, clip: Path, spy: Spy, monkeypatch: pytest.MonkeyPatch
) -> None:
    from curation.task import SourceUnavailableError
    from perception.captions import MachineError

    (tmp_path / "clip.mp4").symlink_to(clip)
    work = work_of(tmp_path, [clip_row(1, emotion="happy", ambiguous=[])])
    before = work.tables["clips"]

    def fail(*given: Any) -> Any:
        raise MachineError("spy could not caption the pictures (CUDA out of memory).")

    with monkeypatch.context() as patch:
        patch.setattr(Spy, "__call__", fail)
        with pytest.raises(SourceUnavailableError, match="CUDA out of memory"):
            Captions(model="any").run(work)
    with monkeypatch.context() as patch:
        patch.setattr(captions, "_captioner", fail)  # or when it opens the model
        with pytest.raises(SourceUnavailableError, match="CUDA out of memory"):
            Captions(model="any").run(work)
    assert work.tables["clips"] is before
    Captions(model="any").run(work)
    assert said(work) == [("A spy's caption.", Spy.model)]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.ESTALE, errno.ENOMEM, errno.EMFILE])
@pytest.mark.parametrize("wrapped", [True, False])
def test_a_disk_that_refuses_is_no_fault_of_the_clip(
    tmp_path: Path, spy: Spy, monkeypatch: pytest.MonkeyPatch, code: int, wrapped: bool
) -> None:
    from media.errors import MediaError

    def refuse(*given: Any) -> Any:
        error = OSError(code, os.strerror(code), "clip.mp4")
        if wrapped:
            raise MediaError("the file cannot be read") from error
        raise error

    monkeypatch.setattr(captions, "pictures_at", refuse)
    with pytest.raises(OSError, match=re.escape(os.strerror(code))) as raised:
        Captions(model="any").run(work_of(tmp_path, [clip_row(1)]))
    assert raised.value.errno == code


@pytest.mark.parametrize(
    ("seconds", "frames"), [((0,), [0]), ((0.041, 0.059, 0.061), [1, 1, 2]), ((1.16, 9), [29, 29])]
)
def test_the_nearest_frames_are_shown(clip: Path, seconds: tuple[float, ...], frames: list[int]) -> None:
    pictures, decoded = pictures_at(clip, [Fraction(second) for second in seconds])
    assert [round((float(picture.mean()) - 8) / 8) for picture in pictures] == frames
    assert decoded <= FRAMES


# -- with the real classes ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("transformers", reason="transformers is not installed: pip install 'moee[captions]'")
    return tiny_captioner.make(tmp_path_factory.mktemp("models") / "tiny-qwen")


def test_a_real_network_captions_clips_the_same_way_every_time(tmp_path: Path, clip: Path, tiny: Path) -> None:
    (tmp_path / "clip.mp4").symlink_to(clip)
    stage = Captions(model=str(tiny), device="cpu", max_new_tokens=24)
    (model,) = stage.models()
    found = []
    for _ in range(2):
        captions._captioner.cache_clear()
        work = work_of(tmp_path, [clip_row(number, emotion="happy", ambiguous=[]) for number in (1, 2)])
        stage.run(work)
        found.append(said(work))
    assert found[0] == found[1]
    name, sha256 = model.split("@")
    assert {who for _, who in found[0]} == {f"{name}@{sha256[:12]}"}
    assert all(caption and caption.endswith(("…", ".")) for caption, _ in found[0])


def test_a_model_that_cannot_be_opened_stops_the_run_before_it_begins(tmp_path: Path, tiny: Path) -> None:
    from curation.missing import missing

    for stage in (Captions(model=str(tmp_path / "none")), Captions(model=str(tmp_path))):
        with pytest.raises(PerceptionError):
            missing([stage])
    assert missing([Captions(model=str(tiny), device="cpu"), Captions()]) == []


def test_a_stage_with_a_model_says_how_much_memory_it_needs(
    tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    weights = (tiny / "model.safetensors").stat().st_size
    assert Captions(model=str(tiny), device="cpu").resources == Resources(memory=2 * weights + (1 << 30))
    assert Captions().resources == Resources()
    unknown = Resources(memory=2 * captions.UNKNOWN_BYTES + (1 << 30))
    for model in ("moee-tests/not-in-the-cache", "no name", str(tmp_path)):
        assert Captions(model=model, device="cpu").resources == unknown
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert [Captions(model=str(tiny), device=each).resources.gpus for each in ("auto", "cuda", "cpu")] == [1.0, 1.0, 0]


def test_settings_are_in_the_key_and_wrong_ones_are_refused() -> None:
    from pydantic import TypeAdapter, ValidationError

    kind = TypeAdapter(Captions)
    assert config_hash(kind.validate_python({"seed": 1})) != config_hash(Captions())
    for wrong in ({"frames": 0}, {"seed": -1}, {"device": "tpu"}, {"model": ""}, {"max_new_tokens": 0}):
        with pytest.raises(ValidationError):
            kind.validate_python(wrong)
