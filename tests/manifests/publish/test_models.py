"""A model on the Hub: its folder as it is, a card with the numbers of its bundle, and the same gate."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest

from tests.benchmark.bundle.material import make
from tests.hub_server import HubServer

ROOT = Path(__file__).resolve().parents[3]
REPO = "org/model"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder that looks like a model."""
    folder = tmp_path / "run" / "model"
    (folder / "unet").mkdir(parents=True)
    (folder / "model_index.json").write_text('{"_class_name": "MoEEPipeline"}')
    (folder / "unet" / "model.safetensors").write_bytes(bytes(range(256)) * 400)
    (folder / ".hidden").write_text("mine")
    return folder


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubServer]:
    with HubServer(tmp_path / "hub") as server:
        yield server


def moee(hub: HubServer, home: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "moee_cli", "publish", *map(str, arguments)]
    env = {**os.environ, **hub.env(home), "COLUMNS": "200"}
    return subprocess.run(line, capture_output=True, text=True, cwd=ROOT, env=env, check=False)


def test_its_files_go_along_as_they_are_and_the_card_shows_the_bundle(
    model: Path, hub: HubServer, tmp_path: Path
) -> None:
    make(tmp_path / "bundle")
    line = (model, "--to", f"hf:{REPO}", "--license", "apache-2.0", "--bundle", tmp_path / "bundle")
    done = moee(hub, tmp_path, *line, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["kind"] == "model"
    files = set(hub.files(REPO, "model")) - {".gitattributes", ".published.json", "README.md"}
    own = {"model_index.json", "unet/model.safetensors"}
    assert files == own | {"results/bundle.json", "results/results.json", "results/inputs.json"}
    for name in own:
        assert hub.content(REPO, name, "model") == (model / name).read_bytes()
    card = hub.content(REPO, "README.md", "model").decode()
    assert "license: apache-2.0" in card and "(results/results.json)" in card and "| v1 |" in card
    shown = json.loads((tmp_path / "bundle" / "results.json").read_text())["metrics"]
    assert shown and all(f"{one['value']:.4g}" in card.replace("\\", "") for one in shown if one["comparable"])
    first = next(one for one in shown if one["comparable"])
    assert f"| {first['interval'][0]:.4g} to {first['interval'][1]:.4g} |" in card
    scored = huggingface_hub.ModelCard(card, ignore_metadata_errors=False).data.eval_results
    assert scored is not None and {(one.metric_type, one.metric_value) for one in scored} == {
        (one["key"], one["value"]) for one in shown if one["comparable"]
    }
    hub.asked.clear()
    again = moee(hub, tmp_path, *line)
    assert again.stdout.startswith("already published: v1") and not hub.uploads()


def test_without_a_licence_it_is_not_made_public_unless_that_is_named(
    model: Path, hub: HubServer, tmp_path: Path
) -> None:
    refused = moee(hub, tmp_path, model, "--to", f"hf:{REPO}")
    assert refused.returncode == 2 and "has no stated licence: give --license" in refused.stderr and not hub.asked
    named = moee(hub, tmp_path, model, "--to", f"hf:{REPO}", "--allow", "unlicensed")
    assert named.returncode == 0 and "No licence was stated" in hub.content(REPO, "README.md", "model").decode()


def test_what_may_run_code_or_is_no_whole_bundle_is_refused(model: Path, hub: HubServer, tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    line = (model, "--to", f"hf:{REPO}", "--private")
    broken = moee(hub, tmp_path, *line, "--bundle", tmp_path / "bundle")
    assert broken.returncode == 2 and "is no whole results bundle" in broken.stderr
    (model / "unet" / "x.bin").write_bytes(b"x")
    pickled = moee(hub, tmp_path, *line)
    assert pickled.returncode == 2 and "unet/x.bin may run code when it is loaded" in pickled.stderr
    assert hub.repo("model", REPO) is None


CONFIG = {
    "name": "paper",
    "size": 512,
    "fps": 25,
    "moe": {"experts": 6, "enabled": True},
    "codec": {"model": ""},
    "audio": {"model": "facebook/wav2vec2-base-960h"},
    "emotion": {
        "text_model": "/home/me/own-t5",
        "audio_model": "audeering/wav2vec2-large-robust-12-ft-emotion-msp-dim",
    },
}
BOUND = "wav2vec2-large-robust-12-ft-emotion-msp-dim"


def test_a_network_inside_that_forbids_commercial_use_stops_a_public_push_and_the_card_says_so(
    model: Path, hub: HubServer, tmp_path: Path
) -> None:
    (model / "moee.json").write_text(json.dumps(CONFIG))
    line = (model, "--to", f"hf:{REPO}", "--license", "My own licence, v2", "--language", "en")
    refused = moee(hub, tmp_path, *line)
    assert refused.returncode == 2 and not hub.asked
    assert f"The model {BOUND} forbids commercial use and made its part for the emotion of speech: " in refused.stderr
    wrong = moee(hub, tmp_path, *line, "--allow", "unet")
    assert wrong.returncode == 2 and f"what can be named: unlicensed, {BOUND}." in wrong.stderr
    done = moee(hub, tmp_path, *line, "--allow", BOUND)
    assert done.returncode == 0, done.stderr
    assert "moee.json names /home/me/own-t5, a place on this machine, and goes along as it is" in done.stderr
    card = hub.content(REPO, "README.md", "model").decode().replace("\\", "")
    assert "## Not free for every use" in card and f"on purpose (`--allow`): {BOUND}." in card
    assert "6 emotion experts" in card and "pictures of 512 x 512 px" in card and "/home/me" not in card
    for row in (
        "| codec of pictures | none, or seeded weights: not a trained network |  |  |",
        "| speech | wav2vec2-base-960h | Apache-2.0 | allowed |",
        "| text of emotions | own-t5 | not known here: look at it before use | not known |",
        f"| emotion of speech | {BOUND} | CC-BY-NC-SA-4.0 | forbidden |",
    ):
        assert row in card
    assert "license_name: my-own-licence-v2" in card and "language:\n- en" in card
    assert "My own licence, v2" in hub.content(REPO, "LICENSE.md", "model").decode().replace("\\", "")


def test_the_parameters_of_the_card_are_those_of_the_files(tmp_path: Path) -> None:
    import numpy as np
    from safetensors.numpy import save_file

    from manifests.publish.model_card import card

    for name, shape in (("unet", (3, 5, 7)), ("codec", (11,))):
        (tmp_path / name).mkdir()
        arrays = {"a": np.zeros(shape, np.float32), "b": np.zeros((2, 2), np.float16)}
        save_file(arrays, tmp_path / name / "model.safetensors", {"made": "here"})
    (tmp_path / "codec" / "broken.safetensors").write_bytes(b"no weights")
    assert f"- {3 * 5 * 7 + 11 + 8} parameters in 3 files of weights" in card(tmp_path, "m", "o/m", "mit", [], {}, [])
