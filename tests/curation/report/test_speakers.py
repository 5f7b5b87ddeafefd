"""The lag of the sound has its own place, with why a clip has none."""

from pathlib import Path
from typing import Any

from curation.report import write
from manifests.schema import measured, table_from_rows
from tests.curation.report.material import put_together
from tests.curation.report.page import Page
from tests.manifests.material import clip_row


def spoken(name: str, **more: Any) -> dict[str, Any]:
    """A row of `speaking`."""
    return {"id": name, "source": "s0", "windows": 3, "valid": 2} | more


def manifest(root: Path, clips: list[dict[str, Any]], tracks: list[dict[str, Any]], select: dict[str, Any]) -> Page:
    """The page of a manifest of these clips and tracks."""
    names = sorted({row["source"] for row in clips})
    rows = [{"id": name, "name": f"{name}.mp4", "origin": f"/nowhere/{name}.mp4", "flags": []} for name in names]
    turn = {"source": "s0", "index": 0, "start_pts": 0, "end_pts": 9, "time_base_num": 1, "time_base_den": 16000}
    turns = [{"id": f"p{i}", **turn, "model": "voice-activity", "speaker": None} for i in range(3)]
    turns.append({"id": "p9", **turn, "model": "diarization", "speaker": "A"})
    tables = {
        "sources": table_from_rows("sources", rows),
        "speaking": table_from_rows("speaking", tracks),
        "speech": table_from_rows("speech", turns),
        "clips": table_from_rows("clips", sorted(clips, key=lambda row: row["id"])),
    }
    return Page.read(write(put_together(root, tables, {"name": "test", "select": select}, [])).path)


def test_clips_without_a_lag_say_why(tmp_path: Path) -> None:
    tracks = [spoken("t0"), spoken("t1", windows=0, valid=0), spoken("t2", windows=1, valid=0)]
    lags = [("t0", 20.0), ("t0", None), ("t1", None), ("t1", None), ("t1", None), ("t2", None), ("t2", None)]
    clips = [clip_row("s0", "h", track, i, i + 50, av_lag=lag) for i, (track, lag) in enumerate(lags)]
    clips += [clip_row("s0", "h", "none", 100 + i, 150) | {"id": f"c{i}", "track": None} for i in range(4)]
    clips += [clip_row("s0", "h", "t9", 200 + i, 250 + i) for i in range(5)]
    page = manifest(tmp_path / "out", clips, tracks, {})
    assert page.rows("Clips without a lag")[1:] == [
        ["the track was not compared with the sound: no sound, or no landmarks", "5"],
        ["no face track", "4"],
        ["nobody speaks while the mouth is seen", "3"],
        ["the two signals agree on no lag", "2"],
        ["the track has a lag elsewhere, not in the clip", "1"],
    ]
    assert page.rows("Turns of speech")[1:] == [
        ["voice-activity", "3"], ["diarization", "1"], ["with a speaker told apart", "1"],
    ]  # fmt: skip


def test_what_is_true_of_the_clips_is_counted_with_how_many_are_known(tmp_path: Path) -> None:
    clips = []
    for i, lag in enumerate([-200.0, -80.0, -40.0, 0.0, 30.0, 81.0, None]):
        clips.append(clip_row("s0", "h", f"t{i}", i, i + 50, av_lag=lag, offscreen=0.1 * i, speakers=i % 3 or None))
        clips[-1] |= {"status": "kept" if i % 2 else "dropped", "dubbed": 0.9 if i == 3 else None}
    page = manifest(tmp_path / "out", clips, [spoken("t0")], {"offscreen": {"min": None, "max": 0.25}})
    rows = {row[0]: row[1:] for row in page.rows("Who speaks")[1:]}
    assert rows["the lag is known"] == ["7", "6", "86 %", "3"]
    assert rows["lips and sound at most 40 ms apart"] == ["6", "3", "50 %", "1"]
    assert rows["lips and sound at most 80 ms apart"] == ["6", "4", "67 %", "2"]
    assert rows["lips and sound at most 160 ms apart"] == ["6", "5", "83 %", "3"]
    still = "off-screen: the mouth stays still in more than 0.25, the recipe's bound, of the speech"
    assert rows[still] == ["7", "4", "57 %", "2"]
    dubbed = "dubbed: more than a tenth of unrelated sounds would fit the mouth as well"
    assert rows[dubbed] == ["1", "1", "100 %", "1"]
    assert rows["two voices or more"] == ["4", "2", "50 %", "1"]


def test_the_lag_stands_first_among_its_own_and_zero_is_marked(tmp_path: Path) -> None:
    clips = [clip_row("s0", "h", f"t{i}", i, i + 50, av_lag=float(i * 7 - 60), sync=0.5) for i in range(20)]
    for bounded in (False, True):
        select = {"av_lag": {"min": -80.0, "max": 80.0}} if bounded else {}
        page = manifest(tmp_path / str(bounded), clips, [spoken("t0")], select)
        charts = [e.attributes["data-column"] for e in page.all("svg") if "data-column" in e.attributes]
        assert charts[-2:] == ["av_lag", "sync"] and len(charts) == len(set(charts)) and set(charts) <= set(measured())
        lines = [e.attributes for e in page.all("line") if e.attributes.get("class") in ("line", "bound")]
        values = sorted(float(line["data-value"]) for line in lines if line["class"] == "bound")
        (zero,) = [line for line in lines if line["class"] == "line"]
        assert float(zero["data-value"]) == 0 and values == ([-80.0, 80.0] if bounded else [])
        if bounded:
            ends = [float(line["x1"]) for line in lines if line["class"] == "bound"]
            assert float(zero["x1"]) == sum(ends) / 2  # halfway between -80 and 80


def test_inputs_with_a_large_lag_are_named(tmp_path: Path) -> None:
    clips = [clip_row("late", "h", f"t{i}", i, i + 50, av_lag=150.0 + i) for i in range(3)]
    clips += [clip_row("early", "h", f"t{i}", i, i + 50, av_lag=-240.0) for i in range(2)]
    clips += [clip_row("fine", "h", f"t{i}", i, i + 50, av_lag=8.0) for i in range(5)]
    clips += [clip_row("once", "h", "t", 0, 50, av_lag=400.0)]
    page = manifest(tmp_path / "out", clips, [spoken("t0")], {})
    rows = page.rows("Inputs whose sound is farthest from the lips")[1:]
    assert rows == [["early.mp4", "2", "-240 ms"], ["late.mp4", "3", "151 ms"]]


def test_mouths_that_were_never_compared_have_no_section(tmp_path: Path) -> None:
    page = manifest(tmp_path / "out", [clip_row("s0", "h", "t", 0, 50)], [], {})
    assert not page.all("section", id="speaking")


def test_voices_are_whole_numbers(tmp_path: Path) -> None:
    clips = [clip_row("s0", "h", f"t{i}", i, i + 50, speakers=float(1 + i % 2)) for i in range(6)]
    page = manifest(tmp_path / "out", clips, [spoken("t0")], {})
    assert page.rows("Bars of voices")[1:] == [["1", "3", "0", "0"], ["2", "3", "0", "0"]]
