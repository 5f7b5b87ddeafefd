"""The certificate that is published: the stored one if it is of these splits, else one made from the tables."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import manifests
from manifests.certificate import as_json, certificate
from manifests.publish import publish
from tests.manifests.publish.conftest import Nobody


def made(manifest: Path) -> str:
    """What the tables give."""
    opened = manifests.open(manifest)
    return as_json(certificate(opened, opened.recipe))


def test_a_missing_certificate_is_made_from_the_tables(own_manifest: Path, tmp_path: Path) -> None:
    done = publish(own_manifest, tmp_path / "p")
    assert (tmp_path / "p" / "certificate.json").read_text() == made(own_manifest)
    assert len(done.notes) == 1 and "certificate.json is missing: the published certificate was made" in done.notes[0]
    assert not (own_manifest / "certificate.json").exists()


def test_a_stored_one_of_these_splits_goes_along_as_it_is(own_manifest: Path, tmp_path: Path) -> None:
    stored = json.dumps({**json.loads(made(own_manifest)), "notes": ["mine"]})
    (own_manifest / "certificate.json").write_text(stored)
    done = publish(own_manifest, tmp_path / "p")
    assert (tmp_path / "p" / "certificate.json").read_text() == stored and done.notes == []
    assert "- mine." in (tmp_path / "p" / "README.md").read_text()
    assert publish(own_manifest, tmp_path / "p").already is True


def _seed(content: dict[str, Any]) -> None:
    content["how"]["seed"] = 7


def _shares(content: dict[str, Any]) -> None:
    content["how"]["shares"]["test"] = 0.2


def _count(content: dict[str, Any]) -> None:
    content["splits"]["test"]["clips"] += 1


def _part(content: dict[str, Any]) -> None:
    del content["shared"]


def _version(content: dict[str, Any]) -> None:
    content["version"] = 99


@pytest.mark.parametrize("change", [_seed, _shares, _count, _part, _version])
def test_one_of_another_split_is_made_anew_with_one_note(
    own_manifest: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    content = json.loads(made(own_manifest))
    change(content)
    (own_manifest / "certificate.json").write_text(json.dumps(content))
    done = publish(own_manifest, tmp_path / "p")
    assert (tmp_path / "p" / "certificate.json").read_text() == made(own_manifest)
    assert len(done.notes) == 1 and "the published certificate was made from the tables" in done.notes[0]


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"\xff\xfe", None])
def test_a_damaged_one_is_made_anew_with_one_note(own_manifest: Path, tmp_path: Path, raw: bytes | None) -> None:
    path = own_manifest / "certificate.json"
    path.mkdir() if raw is None else path.write_bytes(raw)
    done = publish(own_manifest, tmp_path / "p")
    assert (tmp_path / "p" / "certificate.json").read_text() == made(own_manifest)
    assert len(done.notes) == 1 and "certificate.json is damaged: the published certificate was made" in done.notes[0]


def test_one_that_may_not_be_read_is_one_sentence(nobody: Nobody) -> None:
    path = nobody.manifest / "certificate.json"
    path.write_text(made(nobody.manifest))
    path.chmod(0o600)
    nobody.folder.chmod(0o777)
    assert nobody.publishes(nobody.folder / "p") == f"{path} cannot be read: Permission denied.\n"
