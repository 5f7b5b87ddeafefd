"""Duplicates over a whole manifest: what is a copy of what, which clip stays, and what makes no group."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from curation.stages.fingerprints import Fingerprints, fingerprint_row, pictures_of, sound_of
from curation.whole.copies import copies, nearest_by_sound
from curation.whole.duplicates import Duplicates, connected, overlap
from manifests.schema import make_id, schema, table_from_rows
from media.fingerprint import RATE, Fingerprint
from tests.media import moving
from tests.media.material import Recipe, Sound, render, steady
from tests.media.moving import Moving, speaking

LEFT, RIGHT = (0.05, 0.2, 0.45, 0.8), (0.55, 0.2, 0.95, 0.8)


class Manifest:
    """Tables in memory, as a stage over the whole manifest reads them."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {"sources": [], "fingerprints": [], "clips": []}

    def source(
        self, name: str, picture: Fingerprint, sound: np.ndarray | None = None, *, size: int = 720, kilobytes: int = 900
    ) -> str:
        """Add a source; the sound is samples at 16 kHz."""
        source = make_id("source", name)
        heard = None if sound is None else moving.sound_of(sound)
        self.rows["fingerprints"].append(fingerprint_row(source, picture, heard))
        times = {"start_pts": 0, "end_pts": len(picture.steps), "time_base_num": 1, "time_base_den": 8}
        self.rows["sources"].append({"id": source, "bytes": kilobytes * 1000, "width": size, "height": size} | times)
        return source

    def clip(
        self,
        source: str,
        start: float,
        end: float,
        crop: Sequence[float] | None = None,
        status: str = "kept",
    ) -> str:
        """Add a clip, seconds of its source."""
        height = next(row["height"] for row in self.rows["sources"] if row["id"] == source)
        clip = make_id("clip", source, round(start * 1000), str(crop))
        sides = dict(zip(("crop_x0", "crop_y0", "crop_x1", "crop_y1"), crop or [None] * 4, strict=True))
        times = {"start_pts": round(start * 1000), "end_pts": round(end * 1000), "time_base_num": 1}
        place = {"source_width": 2 * height, "source_height": height, "time_base_den": 1000}
        self.rows["clips"].append({"id": clip, "source": source, "status": status} | times | place | sides)
        return clip

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """A table sorted by id."""
        if name != "clips":
            made = table_from_rows(name, [{"flags": [], "name": "", "origin": ""} | row for row in self.rows[name]]
                                   if name == "sources" else self.rows[name])  # fmt: skip
        else:
            kinds = {field.name: field.type for field in schema("clips")}
            names = list(self.rows["clips"][0])
            made = pa.table({n: pa.array([row[n] for row in self.rows["clips"]], kinds[n]) for n in names})
        made = made.sort_by("id")
        return made if columns is None else made.select(list(columns))

    def previous(self, name: str) -> None:
        """There is none."""

    def decided(self, **settings: Any) -> dict[str, dict[str, Any]]:
        """What `Duplicates` says of the clips that it names."""
        tables = Duplicates(**settings).run(self)
        assert tables["duplicates"].schema.equals(schema("duplicates"))
        return {row["id"]: row for row in tables["clips"].to_pylist()}


def test_of_copies_the_largest_stays_and_the_others_name_it() -> None:
    manifest, film = Manifest(), Moving(1)
    small = manifest.clip(manifest.source("small", film.fingerprint(6, noise=3), size=360), 0, 6)
    large = manifest.clip(manifest.source("large", film.fingerprint(6), size=720), 0, 6)
    mirrored = manifest.clip(manifest.source("mirrored", film.fingerprint(6, mirrored=True), size=480), 0, 6)
    other = manifest.clip(manifest.source("other", Moving(2).fingerprint(6)), 0, 6)
    found = manifest.decided()
    assert other not in found
    assert {row["duplicate_group"] for row in found.values()} == {min(small, large, mirrored)}
    assert found[large]["duplicate_of"] is None and found[large]["reasons"] == []
    for clip in (small, mirrored):
        assert (found[clip]["duplicate_of"], found[clip]["reasons"]) == (large, ["duplicate"])


def test_of_equal_pictures_the_longest_then_the_one_of_most_bits_stays() -> None:
    manifest, film = Manifest(), Moving(3)
    short = manifest.clip(manifest.source("a", film.fingerprint(6), kilobytes=9000), 1, 6)
    thin = manifest.clip(manifest.source("b", film.fingerprint(6), kilobytes=300), 0, 6)
    thick = manifest.clip(manifest.source("c", film.fingerprint(6), kilobytes=600), 0, 6)
    found = manifest.decided()
    assert {clip: row["duplicate_of"] for clip, row in found.items()} == {short: thick, thin: thick, thick: None}


def test_all_may_be_kept_and_are_still_named_as_a_group() -> None:
    manifest, film = Manifest(), Moving(1)
    clips = [manifest.clip(manifest.source(name, film.fingerprint(5)), 0, 5) for name in ("a", "b")]
    found = manifest.decided(keep="all")
    assert {row["duplicate_group"] for row in found.values()} == {min(clips)}
    assert sorted((row["duplicate_of"] or "", row["reasons"]) for row in found.values()) == [("", []), (min(clips), [])]


def test_dropped_clips_count_for_nothing() -> None:
    manifest, film = Manifest(), Moving(1)
    manifest.clip(manifest.source("a", film.fingerprint(5), size=1080), 0, 5, status="dropped")
    manifest.clip(manifest.source("b", film.fingerprint(5)), 0, 5)
    assert manifest.decided() == {}


def test_a_common_intro_makes_no_group_of_what_follows() -> None:
    manifest, intro = Manifest(), Moving(7)
    clips = []
    for seed in (1, 2):
        own = Moving(seed).fingerprint(8)
        joined = Fingerprint(np.arange(96, dtype=np.int64), np.concatenate([intro.fingerprint(4).values, own.values]))
        source = manifest.source(str(seed), joined)
        clips += [manifest.clip(source, 0, 4), manifest.clip(source, 4, 12), manifest.clip(source, 2.5, 9)]
    found = manifest.decided()
    assert set(found) == {clips[0], clips[3]}
    assert len(Duplicates().run(manifest)["duplicates"]) == 1


def test_two_people_of_one_picture_stay_two_in_its_copy() -> None:
    manifest, film = Manifest(), Moving(1)
    original, copy = (
        manifest.source("original", film.fingerprint(6), size=720),
        manifest.source("copy", film.fingerprint(6, mirrored=True), size=360),
    )
    left, right = manifest.clip(original, 0, 6, LEFT), manifest.clip(original, 0, 6, RIGHT)
    copied_left, copied_right = manifest.clip(copy, 0, 6, LEFT), manifest.clip(copy, 0, 6, RIGHT)
    found = manifest.decided()
    assert found[copied_left]["duplicate_of"] == right  # in the mirror image they change places
    assert found[copied_right]["duplicate_of"] == left


def test_the_same_sound_under_other_pictures_is_listed_and_drops_nothing() -> None:
    manifest, voice = Manifest(), speaking(1, 6)
    for seed in (1, 2):
        manifest.clip(manifest.source(str(seed), Moving(seed).fingerprint(6), voice), 0, 6)
    assert [row["how"] for row in Duplicates().run(manifest)["duplicates"].to_pylist()] == ["sound"]
    assert manifest.decided() == {}
    assert len(manifest.decided(sound_alone=True)) == 2


def test_the_same_sound_decides_where_the_pictures_stand_still() -> None:
    manifest, voice = Manifest(), speaking(1, 6)
    still = Fingerprint(np.arange(48, dtype=np.int64), np.zeros((48, 24), np.int8))
    for name in ("a", "b"):
        manifest.clip(manifest.source(name, still, voice), 0, 6)
    manifest.clip(manifest.source("c", still, speaking(2, 6)), 0, 6)
    assert len(manifest.decided()) == 2


def test_other_sound_speaks_against_pictures_that_are_only_much_alike() -> None:
    noisy = {"noise": 12.0}
    film = Moving(1)
    for voice, found in ((speaking(1, 6), 2), (speaking(2, 6), 0)):
        manifest = Manifest()
        manifest.clip(manifest.source("a", film.fingerprint(6), speaking(1, 6)), 0, 6)
        manifest.clip(manifest.source("b", film.fingerprint(6, crop=0.06, **noisy), voice), 0, 6)
        assert len(manifest.decided()) == found


def test_the_result_does_not_depend_on_the_order_of_sources() -> None:
    made = []
    for order in ((0, 1, 2, 3), (3, 1, 0, 2)):
        manifest = Manifest()
        for number in order:
            film = Moving(number % 2)
            source = manifest.source(str(number), film.fingerprint(6, noise=number))
            manifest.clip(source, 0, 6)
        tables = Duplicates().run(manifest)
        made.append((tables["duplicates"].to_pylist(), tables["clips"].to_pylist()))
    assert made[0] == made[1]
    assert len(made[0][1]) == 4


def test_pairs_connect_to_sorted_groups() -> None:
    assert connected(iter([("d", "c"), ("b", "e"), ("c", "a")])) == [["a", "c", "d"], ["b", "e"]]


def test_crops_overlap_in_the_mirror_too() -> None:
    assert overlap(LEFT, LEFT, False) == pytest.approx(1)
    assert overlap(LEFT, RIGHT, False) == 0
    assert overlap(LEFT, RIGHT, True) == pytest.approx(1)
    assert overlap(LEFT, None, False) == 1


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="share"):
        Duplicates(share=0)


def test_the_nearest_pairs_by_sound_are_those_of_different_sides() -> None:
    manifest = Manifest()
    still = Fingerprint(np.arange(48, dtype=np.int64), np.zeros((48, 24), np.int8))
    voice = speaking(1, 6)
    names = {manifest.source(str(k), still, sound): k for k, sound in enumerate([voice, voice * 0.3, speaking(3, 6)])}
    table = manifest.table("fingerprints")
    order = [names[name] for name in table.column("id").to_pylist()]
    sides = [order.index(k) for k in range(3)]
    near = nearest_by_sound(table, np.argsort(np.argsort(order)).tolist())
    assert {near[0][0], near[0][1]} == {sides[0], sides[1]}
    assert near[0][2].sure
    assert nearest_by_sound(table, [0, 0, 0]) == []


def test_the_stage_writes_a_row_that_reads_back(tmp_path: Path) -> None:
    recipe = Recipe(
        "late", "mp4", "mp4", "libx264", Fraction(1, 12800), steady(100, 512, start=12800), 512, sound=Sound(5)
    )
    work, table = _fingerprinted(render(tmp_path, recipe))
    picture, sound = pictures_of(table, 0), sound_of(table, 0)
    assert table.column("id").to_pylist() == [work.id]
    assert picture.steps.tolist() == list(range(8, 40))  # pictures from 1 s to 5 s
    assert np.abs(picture.values).max(axis=1)[1:].min() > 10  # the counter changes all the time
    assert sound.steps[0] == 0 and abs(len(sound.steps) - 40) <= 1
    silent = render(tmp_path, Recipe("silent", "mp4", "mp4", "libx264", Fraction(1, 12800), steady(50, 512), 512, None))
    _, table = _fingerprinted(silent)
    assert table.column("sound").to_pylist() == [None]
    assert len(sound_of(table, 0).steps) == 0


def test_copies_of_another_version_are_not_compared() -> None:
    manifest, film = Manifest(), Moving(1)
    for name in ("a", "b"):
        manifest.source(name, film.fingerprint(5), speaking(1, 5))
    assert len(list(copies(manifest.table("fingerprints")))) == 1
    manifest.rows["fingerprints"][0]["model"] = "changes@0"
    assert list(copies(manifest.table("fingerprints"))) == []


def _fingerprinted(path: Path) -> tuple[Any, pa.Table]:
    from curation.stage import SourceWork
    from media.decode import feed

    work = SourceWork(make_id("source", path.name), path.name, path, path.name, "", path.stat().st_size, path.parent)
    consumer = Fingerprints().consumer(work)
    report = feed(path, [consumer])
    assert RATE == 16_000
    return work, consumer.finish(report)["fingerprints"]
