"""What training needs of a dataset, computed once: exact, complete, and only again when something changed."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from manifests.publish import publish
from media.audio import waveform
from moee_model.codec import to_pixels
from moee_model.config import CodecConfig, ModelConfig, model_config
from moee_model.encoders import sound_embedding, text_embedding
from moee_model.errors import ModelError
from moee_model.feature_store import FeatureSet, open_features, persons
from moee_model.features import prepare
from moee_model.mouth_mask import mouth_masks
from moee_model.networks import Networks, weights_hash
from moee_model.speech import hidden_states, make_speech
from moee_model.training_data import open_data
from tests.media import material
from tests.moee_model.numbered_clips import SIDE, UNITS, Clip, clips, face, given, make

CONFIG = replace(model_config("tiny"), size=64, codec=CodecConfig("fold", 4, 48))
ROOT = Path(__file__).resolve().parents[2]
RECT = (0.0, 0.0, float(SIDE), float(SIDE))
torch.set_num_threads(1)


@pytest.fixture(scope="module")
def networks() -> Networks:
    return Networks.make(CONFIG)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips of every kind; not to be changed."""
    return make(tmp_path_factory.mktemp("numbers") / "dataset", clips())


@pytest.fixture(scope="module")
def features(manifest: Path, networks: Networks, tmp_path_factory: pytest.TempPathFactory) -> FeatureSet:
    """Their features; not to be changed."""
    return prepare(manifest, CONFIG, networks, tmp_path_factory.mktemp("numbers") / "features")


def read(features: FeatureSet, name: str, part: str) -> dict[str, torch.Tensor]:
    """All tensors of a part of the clip of that name."""
    (wanted,) = [clip for clip in clips() if clip.name == name]
    (found,) = [clip for clip in features.clips if clip.id == wanted.id]
    with features.open(found, part) as file:
        return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118


def files(out: Path) -> dict[str, str]:
    """Hashes of all files of features."""
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*.safetensors"))
    }


def stamps(out: Path) -> dict[str, int]:
    """When each file of features was written."""
    return {str(path.relative_to(out)): path.stat().st_mtime_ns for path in sorted(out.rglob("*.safetensors"))}


def test_every_frame_is_there_in_its_place(features: FeatureSet, networks: Networks) -> None:
    """The codec of this preset is exact, so the latents themselves tell the number of their picture."""
    for name, count in (("happy", 24), ("surprised", 30), ("short", 10)):
        latents = read(features, name, "picture")["latents"]
        assert latents.dtype == torch.float16
        assert latents.shape == (count, 48, 16, 16)
        pixels = (to_pixels(networks.codec, latents.float()).permute(0, 2, 3, 1).numpy() + 1) * 127.5
        assert [material.read_counter(picture) for picture in pixels] == list(range(count))


def test_the_sound_is_heard_as_in_sampling(features: FeatureSet, manifest: Path, networks: Networks) -> None:
    from fractions import Fraction

    (clip,) = [clip for clip in clips() if clip.name == "surprised"]
    sound = torch.from_numpy(waveform(manifest / "clips" / f"{clip.id}.mp4", Fraction(0), Fraction(30, 25)))
    made = read(features, "surprised", "sound")
    expected = hidden_states(networks.speech, sound, 30, 25, CONFIG.audio.layers)
    assert made["hidden"].shape == (30, CONFIG.audio.layers, CONFIG.audio.channels)
    assert torch.equal(made["hidden"], expected.to(torch.float16))
    assert torch.equal(made["emotion"], sound_embedding(networks.speech, sound))
    assert float(made["hidden"].float().std(0).mean()) > 0.01  # not one state for all frames


def test_the_text_is_the_given_one_else_the_caption(features: FeatureSet, networks: Networks) -> None:
    for name, text in (("happy", "She is glad."), ("surprised", "A person seems surprised.")):
        expected = text_embedding(networks.text_encoder, networks.tokenizer, [text])[0]
        assert torch.allclose(read(features, name, "text")["text"], expected)
    with pytest.raises(KeyError):
        read(features, "neutral", "text")


def test_mouths_and_action_units_are_those_of_the_clips_own_frames(features: FeatureSet) -> None:
    made = read(features, "surprised", "face")  # begins at frame 3 of its source
    kept = [frame for frame in range(3, 33) if frame % 5 != 4]
    seconds, points = (np.array(kept) - 3) / 25, np.stack([face(frame) for frame in kept])
    expected = mouth_masks(seconds, points, np.arange(30) / 25, RECT, 16)
    assert made["mouth"].dtype == torch.uint8
    assert (made["mouth"].numpy() != expected).mean() < 0.001  # stored landmarks are rounded
    assert np.allclose(made["aus"], UNITS / 255, atol=1e-6)


def test_a_clip_without_landmarks_is_all_mouth_and_has_no_action_units(features: FeatureSet) -> None:
    made = read(features, "unmeasured", "face")
    assert made["mouth"].all()
    assert "aus" not in made


def test_labels_are_the_datasets_own_else_what_was_measured_without_doubt(features: FeatureSet) -> None:
    labels = {name: next((clip.label for clip in features.clips if clip.id == one.id), "left out")
              for one in clips() for name in [one.name]}  # fmt: skip
    assert labels == {
        "happy": (1, 0, 0, 0, 0, 0),
        "surprised": (0, 0, 0, 0, 0, 1),
        "neutral": (0,) * 6,
        "contempt": None,
        "compound": (0.5, 0, 0, 0, 0, 0.5),
        "measured": (0, 0, 0, 0, 1, 0),
        "doubtful": None,
        "unmeasured": (0, 1, 0, 0, 0, 0),
        "short": (0, 0, 1, 0, 0, 0),
        "validation": (0, 1, 0, 0, 0, 0),
        "test": "left out",
        "aside": "left out",
    }


def test_clips_of_the_test_split_or_of_none_are_never_read(features: FeatureSet, manifest: Path) -> None:
    assert {clip.split for clip in features.clips} == {"train", "validation"}
    assert len(features.split("validation")) == 1
    assert open_data(manifest).unused == 2
    unused = [clip.id for clip in clips() if clip.name in ("test", "aside")]
    told = (features.root / "features.json").read_text()
    assert not any(clip in told for clip in unused)


def test_a_training_list_names_persons_clips_and_sources(features: FeatureSet, manifest: Path) -> None:
    named = persons(features.split("train"))
    happy = next(clip for clip in clips() if clip.name == "happy")
    assert {"one", "numbers/one", happy.id, "happy.mp4"} <= set(named)
    assert hashlib.sha256((manifest / "clips" / f"{happy.id}.mp4").read_bytes()).hexdigest() in named


def test_what_was_finished_opens_again(features: FeatureSet) -> None:
    assert open_features(features.root) == features
    with pytest.raises(ModelError, match="no features"):
        open_features(features.root / "picture")


def test_a_manifest_without_splits_is_refused(tmp_path: Path, networks: Networks) -> None:
    folder = make(tmp_path / "dataset", [Clip("happy", columns=given("happy", None))])
    with pytest.raises(ModelError, match="moee manifest split"):
        prepare(folder, CONFIG, networks, tmp_path / "out")
    folder = make(tmp_path / "tests", [Clip("happy", columns=given("happy", "test"))])
    with pytest.raises(ModelError, match=r"No clip of .* is in the split train"):
        prepare(folder, CONFIG, networks, tmp_path / "out")


@pytest.mark.parametrize("place", ["nowhere", "./nowhere/at/all", "{tmp}"])
def test_what_is_no_dataset_is_refused(place: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"There is no (folder|dataset)"):
        open_data(place.format(tmp=tmp_path))


def test_a_hub_dataset_without_network_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="nobody/nothing is no folder here and cannot be fetched"):
        open_data("nobody/nothing")


def test_a_bad_clip_costs_itself_only_and_is_listed(tmp_path: Path, networks: Networks) -> None:
    good = [Clip("good", columns=given("happy"))]
    bad = [
        Clip("silent", sound=False, columns=given("happy")),
        Clip("garbage", content=b"no video at all" * 99, columns=given("happy")),
        Clip("changed", columns=given("happy")),
        Clip("missing", columns=given("happy")),
    ]
    folder = make(tmp_path / "dataset", [*bad, *good])
    with (folder / "clips" / f"{bad[2].id}.mp4").open("ab") as file:
        file.write(b"x")
    (folder / "clips" / f"{bad[3].id}.mp4").unlink()
    made = prepare(folder, CONFIG, networks, tmp_path / "out", workers=2)
    assert [clip.id for clip in made.clips] == [good[0].id]
    why = {clip.name: made.left_out[clip.id] for clip in bad}
    assert "no sound" in why["silent"]
    assert "changed" not in why["changed"]
    assert "not the one that the dataset names" in why["changed"]
    assert "is missing" in why["missing"]
    assert why["garbage"].endswith(".")
    assert all(len(sentence) < 300 for sentence in why.values())


def test_damaged_frames_cost_the_clips_of_their_source_only(tmp_path: Path, networks: Networks) -> None:
    both = [Clip("good", columns=given("happy")), Clip("bad", columns=given("sad"))]
    folder = make(tmp_path / "dataset", both)
    (source,) = [row["id"] for row in _table(folder, "sources") if row["name"] == "bad.mp4"]
    (folder / "frames" / f"{source}.parquet").write_bytes(b"PAR1 nothing PAR1")
    made = prepare(folder, CONFIG, networks, tmp_path / "out")
    assert [clip.id for clip in made.clips] == [both[0].id]
    assert "frames cannot be read" in made.left_out[both[1].id]


def test_when_no_clip_can_be_used_the_first_reason_is_told(tmp_path: Path, networks: Networks) -> None:
    folder = make(tmp_path / "dataset", [Clip("silent", sound=False, columns=given("happy"))])
    with pytest.raises(ModelError, match=r"No clip .* can be trained on.*no sound"):
        prepare(folder, CONFIG, networks, tmp_path / "out")


def _table(folder: Path, name: str) -> list[dict[str, Any]]:
    import manifests

    return manifests.open(folder).table(name).to_pylist()


def test_the_same_again_computes_and_writes_nothing(
    features: FeatureSet, manifest: Path, networks: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = stamps(features.root)

    def never(*arguments: object, **settings: object) -> None:
        raise AssertionError("nothing was to be computed")

    for name in ("to_latents", "hidden_states", "text_embedding", "mouth_masks", "SquareFrames"):
        monkeypatch.setattr(f"moee_model.features.{name}", never)
    assert prepare(manifest, CONFIG, networks, features.root) == features
    assert stamps(features.root) == before


def test_number_of_workers_changes_nothing(
    features: FeatureSet, manifest: Path, networks: Networks, tmp_path: Path
) -> None:
    made = prepare(manifest, CONFIG, networks, tmp_path / "out", workers=4)
    assert files(made.root) == files(features.root)
    assert made.clips == features.clips


def _changed(what: str, networks: Networks, tmp_path: Path) -> tuple[ModelConfig, Networks, set[str]]:
    """A configuration and networks that differ in one respect, and the parts that depend on it."""
    if what == "speech":
        return CONFIG, replace(networks, speech=make_speech(CONFIG.audio, seed=1)), {"sound"}
    if what == "text":
        from moee_model.encoders import make_text

        return CONFIG, replace(networks, text_encoder=make_text(CONFIG.emotion, seed=1)[0]), {"text"}
    if what == "size":
        return replace(CONFIG, size=32), networks, {"picture", "face"}
    if what == "fps":
        return replace(CONFIG, fps=20), networks, {"picture", "sound", "face"}
    codec = replace(CONFIG.codec, factor=8, channels=192)
    config = replace(CONFIG, codec=codec)
    return config, replace(networks, codec=Networks.make(config).codec), {"picture", "face"}


@pytest.mark.parametrize("what", ["speech", "text", "size", "fps", "codec"])
def test_other_weights_or_settings_never_reuse_old_features_and_leave_the_others(
    what: str, networks: Networks, tmp_path: Path
) -> None:
    folder = make(tmp_path / "dataset", [Clip("happy", columns=given("happy", caption="A person smiles."))])
    first = prepare(folder, CONFIG, networks, tmp_path / "out")
    before = stamps(first.root)
    config, others, parts = _changed(what, networks, tmp_path)
    second = prepare(folder, config, others, tmp_path / "out")
    changed = {part for part, name in second.clips[0].parts.items() if name != first.clips[0].parts[part]}
    assert changed == parts
    assert {name: stamp for name, stamp in stamps(second.root).items() if name in before} == before  # none is touched
    for part in parts - {"face"}:
        with first.open(first.clips[0], part) as old, second.open(second.clips[0], part) as new:
            name = {"picture": "latents", "sound": "hidden", "text": "text"}[part]
            a, b = old.get_tensor(name), new.get_tensor(name)
            assert a.shape != b.shape or not torch.equal(a, b)
    assert prepare(folder, CONFIG, networks, tmp_path / "out") == first  # and back, without work
    assert files(first.root).keys() >= before.keys()


def test_a_weight_that_differs_in_one_bit_is_another_network(networks: Networks) -> None:
    speech = make_speech(CONFIG.audio)
    same = weights_hash(speech)
    assert same == weights_hash(networks.speech)
    with torch.no_grad():
        next(speech.parameters()).view(-1)[0].nextafter_(torch.tensor(9.0))
    assert weights_hash(speech) != same


KILLED = """
import sys, torch
torch.set_num_threads(1)
from dataclasses import replace
from pathlib import Path
import moee_model.features as made
from moee_model.config import CodecConfig, model_config
from moee_model.networks import Networks
write, left = made.write_part, int(sys.argv[3])
def slow(path, tensors):
    global left
    write(path, tensors)
    left -= 1
    if not left:
        (path.parent / ".tmp-1-deadbeef-half.safetensors").write_bytes(b"half")
        print("there", flush=True)
        import time
        time.sleep(60)
made.write_part = slow
config = replace(model_config("tiny"), size=64, codec=CodecConfig("fold", 4, 48))
made.prepare(sys.argv[1], config, Networks.make(config), Path(sys.argv[2]))
"""


@pytest.mark.parametrize("written", [2, 17])
def test_a_killed_run_goes_on_where_it_was(
    written: int, features: FeatureSet, manifest: Path, networks: Networks, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(manifest), str(out), str(written)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert run.stdout is not None
    assert run.stdout.readline().strip() == b"there"
    run.send_signal(signal.SIGKILL)
    run.wait()
    before = stamps(out)
    before = {name: stamp for name, stamp in before.items() if "/.tmp-" not in name}
    assert len(before) == written
    assert not (out / "features.json").exists()
    made = prepare(manifest, CONFIG, networks, out)
    assert files(out) == files(features.root)  # nothing half finished is left, all the rest is the same
    assert made.clips == features.clips
    after = stamps(out)
    assert {name: after[name] for name in before} == before


def test_a_file_that_was_cut_off_is_made_again(
    features: FeatureSet, manifest: Path, networks: Networks, tmp_path: Path
) -> None:
    out = Path(shutil.copytree(features.root, tmp_path / "out"))
    whole = files(out)
    for number, name in enumerate(whole):
        path = out / name
        if number % 3 == 0:
            path.write_bytes(path.read_bytes()[: -(number % 7 + 1)])
        elif number % 3 == 1:
            path.write_bytes(b"")
    prepare(manifest, CONFIG, networks, out)
    assert files(out) == whole


def test_a_pickle_in_the_place_of_features_is_not_opened(features: FeatureSet, tmp_path: Path) -> None:
    out = Path(shutil.copytree(features.root, tmp_path / "out"))
    copied = open_features(out)
    torch.save({"latents": torch.zeros(1)}, out / copied.clips[0].parts["picture"])
    with pytest.raises(ModelError, match="missing or damaged"), copied.open(copied.clips[0], "picture"):
        pass


def test_features_of_clips_that_are_gone_are_removed(tmp_path: Path, networks: Networks) -> None:
    both = [Clip("stays", columns=given("happy")), Clip("goes", 25, columns=given("sad"))]
    folder = make(tmp_path / "dataset", both)
    out = tmp_path / "out"
    first = prepare(folder, CONFIG, networks, out)
    gone = next(clip for clip in first.clips if clip.id == both[1].id)
    shutil.rmtree(folder)
    make(folder, both[:1])
    told: list[str] = []
    prepare(folder, CONFIG, networks, out, note=told.append)
    assert not list(out.rglob(f"{gone.sha256}*"))
    assert any("no longer holds" in line for line in told)
    assert len(files(out)) == 3


def test_a_folder_holds_the_features_of_one_dataset(features: FeatureSet, tmp_path: Path, networks: Networks) -> None:
    other = make(tmp_path / "other", [Clip("happy", columns=given("happy"))])
    before = files(features.root)
    with pytest.raises(ModelError, match=r"holds the features of .* give another folder"):
        prepare(other, CONFIG, networks, features.root)
    assert files(features.root) == before


@pytest.mark.parametrize("form", ["hub", "dh-faceemovid-150"])
def test_a_published_dataset_gives_the_same_features(
    form: str, features: FeatureSet, manifest: Path, networks: Networks, tmp_path: Path
) -> None:
    publish(manifest, tmp_path / "published", form=form, max_shard_bytes=20_000)
    made = prepare(tmp_path / "published", CONFIG, networks, tmp_path / "out")
    told = {clip.id: clip for clip in made.clips}
    expected = {clip.id: clip for clip in features.clips}
    if form != "hub":  # only clips with an emotion have a name in that form
        expected = {clip: one for clip, one in expected.items() if clip in told}
        assert len(expected) >= 7
    assert told.keys() == expected.keys()
    for clip, one in told.items():
        same = expected[clip]
        assert (one.split, one.person, one.label, one.frames) == (same.split, same.person, same.label, same.frames)
        for part in same.parts:
            with made.open(one, part) as ours, features.open(same, part) as theirs:
                for name in theirs.keys():  # noqa: SIM118
                    assert torch.equal(ours.get_tensor(name), theirs.get_tensor(name)), (part, name)


def test_the_mouth_of_a_cropped_clip_lies_where_the_file_shows_it(tmp_path: Path, networks: Networks) -> None:
    """The file of a cropped clip is the square of the source: masks of its latents must be those of that square."""
    box = {"crop_x0": 0.25, "crop_y0": 0.5, "crop_x1": 0.75, "crop_y1": 1.0}
    folder = make(tmp_path / "dataset", [Clip("happy", columns=given("happy", **box))], crop="face")
    made = prepare(folder, CONFIG, networks, tmp_path / "out")
    with made.open(made.clips[0], "face") as file, made.open(made.clips[0], "picture") as picture:
        mouths, latents = file.get_tensor("mouth").numpy(), picture.get_tensor("latents")
    pixels = (to_pixels(networks.codec, latents.float()).permute(0, 2, 3, 1).numpy() + 1) * 127.5
    assert [material.read_counter(shown) for shown in pixels] == list(range(24))  # the whole file is shown
    points = np.stack([face(frame) for frame in range(4)])
    expected = mouth_masks(np.arange(4) / 25, points, np.arange(4) / 25, (24.0, 48.0, 72.0, 96.0), 16)
    assert (mouths[:4] != expected).mean() < 0.01


def test_the_mouth_of_an_uncropped_clip_lies_in_the_square_that_is_cut(tmp_path: Path, networks: Networks) -> None:
    box = {"crop_x0": 0.25, "crop_y0": 0.5, "crop_x1": 0.75, "crop_y1": 1.0}
    folder = make(tmp_path / "dataset", [Clip("happy", columns=given("happy", **box))])
    made = prepare(folder, CONFIG, networks, tmp_path / "out")
    with made.open(made.clips[0], "face") as file, made.open(made.clips[0], "picture") as picture:
        mouths, latents = file.get_tensor("mouth").numpy(), picture.get_tensor("latents")
    points = np.stack([face(frame) for frame in range(4)])
    expected = mouth_masks(np.arange(4) / 25, points, np.arange(4) / 25, (24.0, 48.0, 72.0, 96.0), 16)
    assert (mouths[:4] != expected).mean() < 0.01
    pixels = to_pixels(networks.codec, latents.float())[0, :, 8:24, 8:24]  # a cell of the number's lower half
    assert float(pixels.std()) < 0.05


def test_another_run_in_the_folder_is_refused(
    features: FeatureSet, manifest: Path, networks: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    from manifests.errors import ManifestError
    from manifests.files import exclusive

    with exclusive(features.root), pytest.raises(ManifestError, match="writing this folder"):
        prepare(manifest, CONFIG, networks, features.root)


def test_progress_is_told(manifest: Path, networks: Networks, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    prepare(manifest, CONFIG, networks, tmp_path / "out", watch=lambda *told: seen.append(told))
    assert seen == [*(("clips", n, 10) for n in range(1, 11)), *(("mouths", n, 10) for n in range(1, 11))]
