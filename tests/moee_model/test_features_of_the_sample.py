"""Features of a talking portrait of the embedded sample, curated as a user would: the mouth is where the mouth is."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from moee_model.batch import Request
from moee_model.codec import to_pixels
from moee_model.config import CodecConfig, model_config
from moee_model.dataset import ClipSource
from moee_model.features import prepare
from moee_model.mouth_mask import OUTLINE
from moee_model.networks import Networks
from tests.curation.runs import moee, sample_video

RECIPE = """
name: squares
description: The square around the face.
extends: talking-head
version: 1
stages:
  splits: {validation: 0, test: 0}
select: {seconds: {min: 1}}
export: {fps: 25, crop: face, size: [128, 128]}
"""


def test_in_the_frames_that_a_model_sees_the_lips_lie_inside_the_mask_and_the_eyes_outside(tmp_path: Path) -> None:
    from perception.boxes import box_of_mesh
    from perception.landmarks import FaceLandmarker

    torch.set_num_threads(1)
    raw = tmp_path / "raw"
    sample_video(raw, "portrait.mp4", seconds=3)
    (tmp_path / "squares.yaml").write_text(RECIPE)
    done = moee("curate", raw, "--out", tmp_path / "out", "--recipe", tmp_path / "squares.yaml", "--workers", "1")
    assert done.status == 0, done.err
    config = replace(model_config("tiny"), size=64, codec=CodecConfig("fold", 4, 48))  # lips need pixels
    networks = Networks.make(config)
    made = prepare(tmp_path / "out", config, networks, tmp_path / "features")
    (clip,) = made.clips
    with made.open(clip, "picture") as picture, made.open(clip, "face") as face:
        pixels, masks = to_pixels(networks.codec, picture.get_tensor("latents").float()), face.get_tensor("mouth")
    shown = ((pixels.permute(0, 2, 3, 1).numpy() + 1) * 127.5).round().astype(np.uint8)
    assert len(shown) == len(masks) >= 40
    seen = 0
    with FaceLandmarker.load() as landmarker:  # looks at the model's own pictures, not at what curation stored
        for frame in range(0, len(shown), 5):
            large = np.ascontiguousarray(shown[frame].repeat(4, 0).repeat(4, 1))
            mesh = landmarker([large], [(64.0, 64.0, 192.0, 192.0)])[0]
            mesh = mesh and landmarker([large], [box_of_mesh(mesh.points)])[0]
            if mesh is None:
                continue
            seen += 1
            x, y = (mesh.points[:, :2] / large.shape[0] * 16).T
            mask = masks[frame].numpy()
            assert mask[y[list(OUTLINE)].astype(int), x[list(OUTLINE)].astype(int)].mean() > 0.95
            assert not mask[y[[33, 263, 159, 386]].astype(int), x[[33, 263, 159, 386]].astype(int)].any()
            assert mask.mean() < 0.25
    assert seen >= 5
    batch = ClipSource(made).batch([Request(0, 1, masked=True)], config.frames, config.motion_frames)
    assert 0.75 < batch.counted.mean() < 1
