"""What a model says of itself: names of networks without their places, weights it began with, licences of its clips."""

import json
from pathlib import Path
from typing import Any

import pytest

from manifests.errors import ManifestError
from manifests.publish.made_of import lineage_of, name_of, noncommercial, parts_of
from manifests.publish.model_card import card
from manifests.publish.models import publish_model

LINEAGE: dict[str, Any] = {
    "began_with": {"unet": {"name": "stable-diffusion-v1-5", "files": []}, "motion": {"name": "own-motion"}},
    "dataset": None,
    "clips": 1512,
    "licences": {"CC-BY-4.0": 1500, "CC BY | 3.0": 5},
    "unlicensed": 7,
}


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("guoyww/animatediff-motion-adapter-v1-5-2", "animatediff-motion-adapter-v1-5-2"),
        ("/home/me/weights/stable-diffusion-v1-5/", "stable-diffusion-v1-5"),
        ("/home/me/stable-diffusion-v1-5/unet/diffusion_pytorch_model.safetensors", "stable-diffusion-v1-5"),
        ("C:\\weights\\own.safetensors", "own"),
        ("/cache/hub/models--facebook--wav2vec2-base-960h/snapshots/0123abc", "wav2vec2-base-960h"),
        ("/cache/hub/models--o--sd/snapshots/0123abc/unet/model.safetensors", "sd"),
        ("unet", "unet"),
        ("", ""),
    ],
)
def test_a_network_is_called_by_what_says_which_it_is(place: str, name: str) -> None:
    assert name_of(place) == name


def written(root: Path, **change: Any) -> Path:
    root.mkdir(exist_ok=True)
    (root / "model_index.json").write_text("{}")
    (root / "lineage.json").write_text(json.dumps(LINEAGE | change))
    return root


def shown(root: Path, allowed: tuple[str, ...] = ()) -> str:
    return card(root, "m", "o/m", "mit", allowed, {}, []).replace("\\", "")


def test_the_card_says_what_it_began_with_and_under_which_licences_it_was_trained(tmp_path: Path) -> None:
    said = shown(written(tmp_path), ("unlicensed",))
    assert "| pictures, where training began | stable-diffusion-v1-5 | CreativeML-OpenRAIL-M | allowed |" in said
    assert "| motion, where training began | own-motion | not known here: look at it before use | not known |" in said
    assert "- trained from public weights on 1,512 clips, under CC-BY-4.0 (1,500), CC BY | 3.0 (5), no " in said
    assert "no stated one (7)" in said
    assert "- 7 of the 1,512 clips that it was trained on have no stated licence." in said
    assert "hold for it too." in said and "does not say which" not in said
    assert "on 7 clips without a stated licence" in shown(written(tmp_path, licences={}))
    seeded = shown(written(tmp_path, began_with={}, unlicensed=0))
    assert "- trained from seeded weights on 1,505 clips, under" in seeded and "where training began |" not in seeded
    assert "Not free for every use" not in seeded


def test_of_many_licences_those_of_most_clips_are_shown(tmp_path: Path) -> None:
    many = {f"licence {n}": n for n in range(1, 31)}
    said = shown(written(tmp_path, licences=many, unlicensed=0))
    assert "under licence 30 (30), licence 29 (29)" in said and "licence 19 (19), 18 more licences (171)" in said


def test_weights_that_forbid_commercial_use_are_found_where_a_training_began_with_them(tmp_path: Path) -> None:
    bound = "wav2vec2-large-robust-12-ft-emotion-msp-dim"
    assert noncommercial(written(tmp_path, began_with={"motion": {"name": bound}})) == {
        bound: "motion, where training began"
    }


@pytest.mark.parametrize("damage", ["", "[]", "{", '{"began_with": {"unet": 3}, "licences": {}, "unlicensed": 0}'])
def test_a_damaged_lineage_is_none(tmp_path: Path, damage: str) -> None:
    (written(tmp_path) / "lineage.json").write_text(damage)
    assert lineage_of(tmp_path) is None and parts_of(tmp_path) == []
    assert "this folder does not say which these were" in shown(tmp_path)


def test_clips_without_a_licence_stop_a_public_push(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"^7 of the 1,512 clips that .* no stated licence: .* --allow unlicensed"):
        publish_model(written(tmp_path / "model"), "hf:o/m", licence="mit", dry_run=True)
