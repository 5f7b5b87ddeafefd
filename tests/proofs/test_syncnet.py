"""SyncNet on real faces: batches and workers change nothing, and boxes lie where a detector puts them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmark.extract import Pair, Settings, extract
from tests.benchmark.extract.test_features import SIDE, shortened
from tests.perception.conftest import need

if TYPE_CHECKING:
    from media.frame import Frame
    from perception.landmarks import FaceMesh

pytestmark = pytest.mark.proof
SPOKEN = ("talk_512_may_speech_5s.mp4", "talk_512_aoc_hdtf_speech_8s.mp4")
SEEN = (
    *SPOKEN,
    "emotion_mead_M030_angry_level3.mp4",
    "emotion_mead_W009_sad_level3.mp4",
    "lowres_176x144_carphone_clean_4s.mp4",
    "still_1280x720_woman_no_speech_9s.mp4",
    "talk_450_obama_speech_20s.mp4",
    "talk_700_man_odd_fps22_speech_6s.mp4",
)
YUNET = "yunet_n_640_640.onnx"


def meshed(clip: Path, every: int, count: int) -> Iterator[tuple[Frame, FaceMesh]]:
    """Frames of a clip with the face in them."""
    from media.decode import Decoder
    from perception.faces import FaceDetector
    from perception.landmarks import FaceLandmarker

    with (
        FaceDetector.load("full") as detector,
        FaceLandmarker.load(model="face-landmarker") as landmarker,
        Decoder(clip) as decoder,
    ):
        for frame in islice(decoder, 0, every * count, every):
            rgb = frame.rgb()
            (found,) = detector([rgb])
            if found:
                (mesh,) = landmarker([rgb], [found[0].box])
                if mesh is not None:
                    yield frame, mesh


def test_batches_of_1_7_and_32_give_the_same_on_a_real_face(test_data: Path, table: Callable[[str], None]) -> None:
    import torch

    from perception.lip_crops import crop, spot_of_mesh
    from perception.syncnet import SyncNet

    for model in ("blazeface-full", "face-landmarker"):
        need(model)
    crops = np.stack(
        [crop(frame.rgb(), spot_of_mesh(mesh.points)) for frame, mesh in meshed(test_data / "videos" / SPOKEN[0], 1, 9)]
    )
    assert len(crops) == 9
    for dtype, least in ((torch.float32, 1e-5), (torch.float64, 1e-12)):
        found = [
            SyncNet.load(torch.device("cpu"), seeded=True, dtype=dtype, batch=batch).lips(crops) for batch in (1, 7, 32)
        ]
        worst = max(np.abs(other - found[0]).max() for other in found[1:]) / np.abs(found[0]).max()
        table(f"lips, {dtype}: batches of 1, 7 and 32 differ by at most {worst:.1e} of the largest number")
        assert worst <= least
        assert np.ptp(found[0], axis=0).max() > 1e-3 * np.abs(found[0]).max(), "windows that look alike show nothing"


def test_one_and_two_workers_give_the_same_bits(test_data: Path, tmp_path: Path, table: Callable[[str], None]) -> None:
    for model in ("blazeface-full", "blazeface-short", "face-landmarker"):
        need(model)
    frames = 20
    clips = [shortened(test_data / "videos" / name, tmp_path / name, frames) for name in SPOKEN]
    pairs = [Pair(clip.stem, clip, other) for clip, other in zip(clips, reversed(clips), strict=True)]
    settings = Settings(Fraction(25), frames, SIDE, SIDE, ("sync-seeded",))
    one, two = (extract(pairs, settings, tmp_path / f"cache{workers}", workers=workers) for workers in (1, 2))
    assert one.errors == {} and two.errors == {}
    for pair in pairs:
        rows = one.pairs[pair.clip]["sync_distances"]
        assert rows.shape == (frames - 5, 31) and np.isfinite(rows).all()
        assert np.array_equal(rows, two.pairs[pair.clip]["sync_distances"])
    first, second = (one.pairs[pair.clip]["sync_distances"] for pair in pairs)
    assert not np.array_equal(first, second)
    table(f"{len(pairs)} pairs of {frames} frames, 1 and 2 workers: equal bits")


def test_boxes_lie_where_a_detector_trained_on_wider_face_puts_them(
    test_data: Path, weights_folder: Path, table: Callable[[str], None]
) -> None:
    import cv2

    from perception.boxes import box_of_mesh, side
    from perception.lip_crops import spot_of_mesh

    if not (weights_folder / YUNET).is_file():
        pytest.skip(f"{YUNET} is not in {weights_folder}")
    for model in ("blazeface-full", "face-landmarker"):
        need(model)
    apart = []
    for name in SEEN:
        for frame, mesh in meshed(test_data / "videos" / name, 8, 6):
            shrink = min(1.0, 640 / max(frame.width, frame.height))
            picture = cv2.resize(frame.rgb()[..., ::-1], (0, 0), fx=shrink, fy=shrink)
            detector = cv2.FaceDetectorYN.create(str(weights_folder / YUNET), "", picture.shape[1::-1], 0.7)
            _, found = detector.detect(picture)
            if found is not None:
                x, y, width, height = max(found, key=lambda box: box[2] * box[3])[:4] / shrink
                theirs = np.array([x + width / 2, y + height / 2, max(width, height) / 2])
                apart.append((np.array(spot_of_mesh(mesh.points)) - theirs) / side(box_of_mesh(mesh.points)))
    rows = np.array(apart)
    assert len(rows) >= 40
    middle, most = np.median(np.abs(rows), axis=0), np.quantile(np.abs(rows), 0.9, axis=0)
    for what, one, other in zip(("across", "down", "half side"), middle, most, strict=True):
        table(f"{what}: median {one:.3f}, 90th percentile {other:.3f} of the mesh's side, {len(rows)} frames")
    assert (middle < [0.012, 0.02, 0.02]).all()
    assert (most < [0.04, 0.05, 0.06]).all()
