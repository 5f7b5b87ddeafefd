"""The steps of SyncNet's reference pipeline with the files that it makes, for `perf.syncnet`."""

from __future__ import annotations

import subprocess
import wave
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np

from perception.lip_crops import GREY, SCALE, Spot

BATCH = 20
DETECTION = 0.25
LATE = 15

Timer = Callable[[str], AbstractContextManager[None]]


class Reference:
    """Both networks on seeded weights, opened once."""

    def __init__(self) -> None:
        """Build them."""
        from perception.seeded import seeded_state
        from perception.syncnet import build
        from perf.s3fd import S3fd

        self.detector, self.network = S3fd(), build()
        for network in (self.detector, self.network):
            network.load_state_dict(seeded_state(network))
            network.eval().requires_grad_(False)

    def run(self, clip: Path, folder: Path, spots: Mapping[int, Spot], timed: Timer) -> int:
        """Do all steps in an empty folder.

        Args:
            clip: video with sound.
            folder: for the files.
            spots: where the face is, by frame.
            timed: times a block under a step's name.

        Returns:
            How many files were made.
        """
        video, wav = folder / "video.avi", folder / "audio.wav"
        with timed("coded again"):
            _ffmpeg("-i", clip, "-qscale:v", "2", "-async", "1", "-r", "25", video)
        with timed("JPEG frames and WAV"):
            (folder / "frames").mkdir()
            _ffmpeg("-i", video, "-qscale:v", "2", "-threads", "1", "-f", "image2", folder / "frames" / "%06d.jpg")
            _ffmpeg("-i", video, "-ac", "1", "-vn", "-acodec", "pcm_s16le", "-ar", "16000", wav)
        pictures = sorted((folder / "frames").iterdir())
        with timed("detection"):
            for picture in pictures:
                self._detect(picture)
        with timed("crops coded"):
            _write_crops(pictures, spots, folder / "crop.avi")
            cut, muxed = folder / "cut.wav", folder / "muxed.avi"
            _ffmpeg("-i", wav, "-ss", "0.000", "-to", f"{len(pictures) / 25:.3f}", cut)
            _ffmpeg("-i", folder / "crop.avi", "-i", cut, "-c:v", "copy", "-c:a", "copy", muxed)
        with timed("crops read back"):
            (folder / "back").mkdir()
            _ffmpeg("-i", muxed, "-threads", "1", "-f", "image2", folder / "back" / "%06d.jpg")
            heard = folder / "heard.wav"
            _ffmpeg("-i", muxed, "-async", "1", "-ac", "1", "-vn", "-acodec", "pcm_s16le", "-ar", "16000", heard)
            crops, sound = _read(folder / "back", heard)
        with timed("sound, network, offset"):
            self._evaluate(crops, sound)
        return sum(path.is_file() for path in folder.rglob("*"))

    def _detect(self, path: Path) -> None:
        import cv2
        import torch

        picture = cv2.imread(str(path))
        assert picture is not None
        small = cv2.resize(picture, dsize=(0, 0), fx=DETECTION, fy=DETECTION)
        seen = (small.astype(np.float32) - np.array([104, 117, 123], np.float32)).transpose(2, 0, 1)
        with torch.no_grad():
            self.detector(torch.from_numpy(np.ascontiguousarray(seen))[None])

    def _evaluate(self, crops: np.ndarray, sound: np.ndarray) -> None:
        import torch

        from perception.mfcc import mfcc

        columns = torch.from_numpy(mfcc(sound).T.astype(np.float32)[None, None])
        # by way of float64 and with frames in the middle, as the reference turns them
        turned = np.transpose(np.expand_dims(np.stack(list(crops), axis=3), axis=0), (0, 3, 4, 1, 2))
        pictures = torch.from_numpy(turned.astype(np.float64)).float()
        windows = range(min(len(crops), len(sound) // 640) - 5)
        lips, heard = [], []
        network = self.network
        with torch.no_grad():
            for at in range(0, len(windows), BATCH):
                part = windows[at : at + BATCH]
                seen = torch.cat([pictures[:, :, window : window + 5] for window in part])
                lips.append(network["netfclip"](network["netcnnlip"](seen).flatten(1)))
                told = torch.cat([columns[..., 4 * window : 4 * window + 20] for window in part])
                heard.append(network["netfcaud"](network["netcnnaud"](told).flatten(1)))
            one, other = torch.cat(lips), torch.cat(heard)
            padded = torch.nn.functional.pad(other, (0, 0, LATE, LATE))
            shifts = 2 * LATE + 1
            rows = [
                torch.nn.functional.pairwise_distance(one[[at]].repeat(shifts, 1), padded[at : at + shifts])
                for at in range(len(one))
            ]
            torch.stack(rows).mean(dim=0).argmin()


def _ffmpeg(*arguments: str | Path) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, arguments)], check=True, stdin=subprocess.DEVNULL)


def _write_crops(pictures: list[Path], spots: Mapping[int, Spot], to: Path) -> None:
    """Pads, cuts and codes every picture; one in which the face was not seen takes the spot of the one before."""
    import cv2
    from scipy.signal import medfilt

    known = [spots.get(at) for at in range(len(pictures))]
    first = next(spot for spot in known if spot is not None)
    track = []
    for spot in known:
        first = first if spot is None else spot
        track.append(first)
    smooth = [medfilt(column, 13) for column in np.array(track).T]
    out = cv2.VideoWriter(str(to), cv2.VideoWriter.fourcc(*"XVID"), 25, (224, 224))
    for path, x, y, half in zip(pictures, *smooth, strict=True):
        pad = int(half * (1 + 2 * SCALE))
        picture = cv2.imread(str(path))
        assert picture is not None
        padded = np.pad(picture, ((pad, pad), (pad, pad), (0, 0)), constant_values=GREY)
        rows = slice(int(y + pad - half), int(y + pad + half * (1 + 2 * SCALE)))
        columns = slice(int(x + pad - half * (1 + SCALE)), int(x + pad + half * (1 + SCALE)))
        out.write(cv2.resize(padded[rows, columns], (224, 224)))
    out.release()


def _read(folder: Path, wav: Path) -> tuple[np.ndarray, np.ndarray]:
    import cv2

    crops = np.stack([np.asarray(cv2.imread(str(path))) for path in sorted(folder.iterdir())])
    with wave.open(str(wav), "rb") as file:
        return crops, np.frombuffer(file.readframes(file.getnframes()), np.int16)
