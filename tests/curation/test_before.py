"""What the last snapshot of a folder says to the next run: its version, and which networks judged and described."""

import json
from pathlib import Path
from types import SimpleNamespace

from curation.before import Before


def stage(name: str, *models: str) -> SimpleNamespace:
    return SimpleNamespace(name=name, models=lambda: models)


def test_another_panel_or_caption_model_is_said_once_each() -> None:
    before = Before(judges={"emotions": {"fer2013-mini-xception@absent"}, "captions": {"vlm@1"}})
    same = [stage("emotions", "fer2013-mini-xception@absent"), stage("captions", "vlm@1"), stage("faces", "new@2")]
    assert list(before.other_judges(same)) == []  # type: ignore[arg-type]
    notes = list(before.other_judges([stage("emotions", "fer2013-mini-xception@59"), stage("captions")]))  # type: ignore[list-item]
    assert [("panel" in note, "captioned" in note) for note in notes] == [(True, False), (False, True)]
    assert list(Before().other_judges(same)) == []  # type: ignore[arg-type]


def test_the_version_of_an_older_snapshot_is_known_though_it_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"schema_version": 2}))
    assert Before.read(tmp_path) == Before(version=2)
    (tmp_path / "manifest.json").write_text("{")
    assert Before.read(tmp_path) == Before()
    (tmp_path / "manifest.json").unlink()
    assert Before.read(tmp_path) == Before()
