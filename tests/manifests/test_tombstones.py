"""Tombstones tell whether something is gone, not what is gone, and outlast damage only by being restored."""

from pathlib import Path

import pytest

from manifests.errors import ManifestError
from manifests.tombstones import FILE, KINDS, Tombstones, given_name


def test_what_was_taken_down_is_known_again_and_nothing_else(tmp_path: Path) -> None:
    stones = Tombstones.read(tmp_path)
    assert len(stones) == 0 and not stones.has("url", "https://a.example/1")
    stones.add("url", "https://a.example/1", "asked", "2026-01-01")
    stones.write(tmp_path)
    again = Tombstones.read(tmp_path)
    assert again.has("url", "https://a.example/1")
    assert not again.has("url", "https://a.example/2")
    assert not again.has("uploader", "https://a.example/1") and not again.has("url", None)


def test_the_file_holds_no_value_and_two_folders_have_no_digest_in_common(tmp_path: Path) -> None:
    files = []
    for name in ("one", "two"):
        stones = Tombstones.read(tmp_path / name)
        for kind in KINDS:
            stones.add(kind, "Ada Lovelace", "asked", "2026-01-01")
        stones.write(tmp_path / name)
        files.append((tmp_path / name / FILE).read_text())
        assert "Ada" not in files[-1]
    first, second = (Tombstones.read(tmp_path / name).rows.keys() for name in ("one", "two"))
    assert len(first) == len(KINDS) and not first & second


def test_a_first_date_and_reason_stay(tmp_path: Path) -> None:
    stones = Tombstones.read(tmp_path)
    stones.add("source", "s_1", "first", "2026-01-01")
    stones.add("source", "s_1", "second", "2027-01-01")
    (row,) = stones.rows.values()
    assert (row.reason, row.date) == ("first", "2026-01-01")


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"moee_tombstones": 1, "salt": "a", "rows": [{}]}'])
def test_a_damaged_file_is_refused_instead_of_forgetting(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(ManifestError, match="restore it"):
        Tombstones.read(tmp_path)


def test_another_version_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"moee_tombstones": 2}')
    with pytest.raises(ManifestError, match="another version"):
        Tombstones.read(tmp_path)


def test_a_data_set_and_a_name_do_not_run_together() -> None:
    assert given_name("a", "b/c") != given_name("a/b", "c")


def test_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="no tombstone of kind"):
        Tombstones.read(tmp_path).add("name", "x", "y", "2026-01-01")
