"""A diarization pipeline in the layout of community-1: networks of the published shapes with seeded random weights.

What it says of a sound means nothing; that the real library loads it and runs it to the end is what it is for.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import wave
from pathlib import Path

import numpy as np
import pytest
import yaml

EMBEDDING, LDA = 256, 128
VBX = {"clustering": {"threshold": 0.6, "Fa": 0.07, "Fb": 0.8}, "segmentation": {"min_duration_off": 0.0}}
AGGLOMERATIVE = {
    "clustering": {"threshold": 0.7, "method": "centroid", "min_cluster_size": 12},
    "segmentation": {"min_duration_off": 0.0},
}


def local_pipeline(folder: Path, seed: int = 0) -> Path:
    """Write one into `folder`: 33 MB; skips the test where pyannote.audio is not installed."""
    os.environ["PYANNOTE_METRICS_ENABLED"] = "0"
    pytest.importorskip("pyannote.audio", reason="pip install 'moee[diarization]'", exc_type=ImportError)
    import torch
    from pyannote.audio.core.task import Problem, Resolution, Specifications
    from pyannote.audio.models.embedding import WeSpeakerResNet34
    from pyannote.audio.models.segmentation import PyanNet

    torch.manual_seed(seed)
    segmentation = PyanNet(sincnet={"stride": 10}, lstm={"num_layers": 4, "monolithic": True, "dropout": 0.5})
    segmentation.specifications = Specifications(
        problem=Problem.MONO_LABEL_CLASSIFICATION,
        resolution=Resolution.FRAME,
        duration=10.0,
        classes=["speaker#1", "speaker#2", "speaker#3"],
        powerset_max_classes=2,
        permutation_invariant=True,
    )
    segmentation.build()
    with torch.no_grad():  # small random weights would say the same of every frame
        for weight in segmentation.lstm.parameters():
            weight.mul_(3)
    embedding = WeSpeakerResNet34()
    embedding.specifications = Specifications(problem=Problem.REPRESENTATION, resolution=Resolution.CHUNK, duration=5.0)
    for network, name in ((segmentation, "segmentation"), (embedding, "embedding")):
        checkpoint = {"state_dict": network.state_dict(), "hyper_parameters": dict(network.hparams)}
        checkpoint |= {"hparams_name": "kwargs", "pytorch-lightning_version": "2.6.6", "epoch": 0, "global_step": 0}
        network.on_save_checkpoint(checkpoint)
        (folder / name).mkdir(parents=True)
        torch.save(checkpoint, folder / name / "pytorch_model.bin")
    _plda(folder / "plda", seed)
    configure(folder)
    return folder


def _plda(folder: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    folder.mkdir()
    lda = np.linalg.qr(random.normal(size=(EMBEDDING, LDA)))[0]
    np.savez(folder / "xvec_transform.npz", mean1=np.zeros(EMBEDDING), mean2=np.zeros(LDA), lda=lda)
    transform = np.eye(LDA) + 0.01 * random.normal(size=(LDA, LDA))
    np.savez(folder / "plda.npz", mu=np.zeros(LDA), tr=transform, psi=np.linspace(4.0, 0.1, LDA))


def configure(folder: Path, *, clustering: str = "VBxClustering", **params: object) -> None:
    """Write `config.yaml`, as community-1 has it; `params` replace or add settings of the pipeline (None takes out)."""
    own: dict[str, object] = {
        "clustering": clustering,
        "segmentation": "$model/segmentation",
        "segmentation_batch_size": 8,
        "embedding": "$model/embedding",
        "embedding_batch_size": 8,
        "embedding_exclude_overlap": True,
        "plda": "$model/plda",
    }
    own = {key: value for key, value in (own | params).items() if value is not None}
    config = {
        "dependencies": {"pyannote.audio": "4.0.0"},
        "pipeline": {"name": "pyannote.audio.pipelines.SpeakerDiarization", "params": own},
        "params": VBX if clustering == "VBxClustering" else AGGLOMERATIVE,
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))


def conversation(seconds: float) -> np.ndarray:
    """Two voices of espeak-ng that take turns, float32 [n] at 16 kHz; bursts of noise where it is not installed."""
    count = round(seconds * 16_000)
    random = np.random.default_rng(3)
    if shutil.which("espeak-ng") is None:
        bursts = np.repeat(random.random(count // 4_000 + 1) > 0.4, 4_000)[:count]
        return (0.1 * random.normal(size=count) * bursts).astype(np.float32)
    said = [("en+m3", "Who left the door open?"), ("en+f4", "I did not."), ("en+m3", "Then it was the wind.")]
    heard = [_say(voice, text) for voice, text in said]
    return np.resize(np.concatenate(heard), count)


def _say(voice: str, text: str) -> np.ndarray:
    from scipy.signal import resample_poly

    spoken = subprocess.run(["espeak-ng", "-v", voice, "--stdout", text], capture_output=True, check=True).stdout
    with wave.open(io.BytesIO(spoken)) as file:
        rate = file.getframerate()
        sound = np.frombuffer(spoken[44:], np.int16) / 32768
    return np.pad(resample_poly(sound, 16_000, rate), (0, 4_000)).astype(np.float32)
