"""What work costs, as measured: the numbers behind the expected time and storage of `moee curate --dry-run`.

Processor seconds: `python -m perf.stage_rates` on five talking clips (3 of 0.2 megapixels, 33 s; 2 of 1080x1920, 34 s)
on one server core; its two groups give the line of each stage. Stages over the whole manifest (persons, duplicates,
splits) are not in it: seconds for hundreds of sources, minutes for 20,000 (`perf/duplicates.py`).
Downloads: field facts, see docs/thresholds.md. Bytes of tables: `python -m perf.curation --tables stages` on four clips
(1,174 frames), the data of each table without the heads of its files, which are counted per source.
"""

from typing import Final

HOW: Final = "processor seconds of one core: curation/rates.py; 300 downloads an hour; 3 Mbit/s of a 1080p download"
FPS: Final = 25
PIXELS: Final = 1920 * 1080

# Processor seconds per hour of 25 fps video: (whatever the size, more per megapixel of the picture).
STAGES: Final[dict[str, tuple[float, float]]] = {
    "input": (0.0, 0.0),
    "probe": (36.0, 167.0),  # with the decode that all pixel stages share
    "shots": (103.0, 35.0),
    "faces": (1049.0, 8.0),
    "quality": (196.0, 9.0),
    "embeddings": (138.0, 0.0),  # five crops of each face track: short tracks cost more
    "fingerprints": (29.0, 0.0),
    "mouths": (98.0, 0.0),
    "emotions": (
        156.0,
        0.0,
    ),  # mini-XCEPTION three times a second, six views each; others add their own
    "labels": (0.1, 0.0),
    "speech": (19.0, 0.0),  # voice activity; a diarization takes about as long as the sound
    "sound": (191.0, 0.0),  # DNSMOS every 6 s
    "clips": (2.8, 0.0),
    "speaking": (20.0, 0.0),
    "expressions": (7.0, 0.0),
    "select": (2.7, 0.0),
    "export": (224.0, 1006.0),  # per hour of clips, per megapixel of the clip
    "captions": (0.2, 0.0),  # the plain sentence; a vision-language model was not measured
}

DOWNLOADS_PER_HOUR: Final = 300  # of one session; up to 1,000 with a token for proof of origin
HOURS_PER_DOWNLOAD: Final = 50 / 300  # 300 videos are about 50 h of source
BYTES_PER_HOUR: Final = 1_350_000_000  # 3 Mbit/s, 1080p H.264 as video sites serve it: an assumption, not measured
SOUND_BITS: Final = 128_000  # per second, AAC

# Bytes of the tables that grow with the video, per hour at 25 fps with one face in each frame.
TABLES: Final[dict[str, float]] = {
    "frames": 238e6,  # boxes, pose, 478 landmarks, blendshapes: 2,640 bytes a frame, hardly compressible
    "quality": 19.8e6,
    "expressions": 5.0e6,
    "fingerprints": 3.1e6,
    "others": 2.7e6,  # sound, looks, mouths, timeline, turns of speech
}
FRAME_TABLES: Final = ("frames", "expressions")  # a row per frame
BYTES_PER_SOURCE: Final = 150_000  # heads of the files of all stages, commits and the head
GPU_WHY_NONE: Final = "every stage of this recipe runs on processors, so graphics cards would stay idle"
GPU_WHY_SOME: Final = (
    "at most: the stage's core-seconds times its share of a graphics card; how fast the card is was not measured"
)


def table_bytes(hours: float, sources: int) -> dict[str, float]:
    """Bytes of the tables of so many hours of 25 fps video in so many sources, by table and `heads`."""
    return {name: rate * hours for name, rate in TABLES.items()} | {"heads": float(BYTES_PER_SOURCE * sources)}


def seconds(stage: str, hours: float, megapixels: float) -> float:
    """Processor seconds of a stage for so many hours of video with pictures of that size."""
    fixed, more = STAGES[stage]
    return hours * (fixed + more * megapixels)


def bits_per_pixel(pixels: float) -> float:
    """Size of exported clips at crf 18 veryfast, measured: small pictures hold more detail per pixel."""
    return 0.22 if pixels < 1e6 else 0.11
