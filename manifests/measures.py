"""Columns of `clips` that say how good picture and sound are: name, unit, and the reason of a drop.

docs/quality.md defines each and says what moves it. A measure is null where there is nothing to measure (no face, no
sound) or where its model is not on the machine.
"""

from typing import Final

import pyarrow as pa


def described(
    name: str, kind: pa.DataType, about: str, unit: str = "", reason: str = "", null: bool = False
) -> pa.Field:
    """A column with its description, unit and reason in its metadata."""
    notes = {"description": about, "unit": unit, "reason": reason}
    return pa.field(name, kind, nullable=null, metadata={key: text for key, text in notes.items() if text})


def _measure(name: str, about: str, unit: str, reason: str) -> pa.Field:
    return described(name, pa.float32(), about, unit, reason, null=True)


MEASURES: Final[tuple[pa.Field, ...]] = (
    _measure("short_side", "shorter side of the source's picture", "px", "resolution"),
    _measure("video_kbps", "the source file's size over its length, sound included", "kbit/s", "bitrate"),
    _measure("face_sharpness", "energy of the face's Laplacian over its contrast, at 192 px", "per mille", "blur"),
    _measure("face_brightness", "mean luma of the face", "0..255", "exposure"),
    _measure("face_contrast", "standard deviation of the face's luma", "0..127", "exposure"),
    _measure("face_clipped", "pixels of the face that are black or white", "0..1", "exposure"),
    _measure("yaw", "median turn to the side", "degree", "pose"),
    _measure("pitch", "median nod", "degree", "pose"),
    _measure("roll", "median tilt in the picture's plane", "degree", "pose"),
    _measure("yaw_range", "95th less 5th percentile of the turn", "degree", "pose"),
    _measure("pitch_range", "95th less 5th percentile of the nod", "degree", "pose"),
    _measure("roll_range", "95th less 5th percentile of the tilt", "degree", "pose"),
    _measure("head_motion", "median speed of the face box's centre", "face width/s", "motion"),
    _measure("occlusion", "covered share of the lower face, exceeded in a tenth of the clip", "0..1", "occlusion"),
    _measure("hands", "sampled frames in which a hand touches the face or nearly does", "0..1", "hands"),
    _measure("text", "share of the picture under lines of strokes that stay", "0..1", "text"),
    _measure("logo", "lasting edges in the corners beyond those elsewhere, share of the corners", "0..1", "logo"),
    _measure("border", "widest black bar at an edge that stays all the time", "px", "border"),
    _measure("niqe", "NIQE of up to 384 x 384 px around the face, larger is worse", "distance", "compression"),
    _measure("blockiness", "how much steps on a grid of 8 px stand out", "grey level", "compression"),
    _measure("noise", "standard deviation of noise in flat areas", "grey level", "noise"),
    _measure("loudness", "integrated loudness of the mono mix (ITU-R BS.1770)", "LUFS", "loudness"),
    _measure("audio_clipping", "samples of at least 0.999 of full scale", "0..1", "clipping"),
    _measure("mos_sig", "DNSMOS P.835, speech", "1..5", "mos"),
    _measure("mos_bak", "DNSMOS P.835, background", "1..5", "mos"),
    _measure("mos_ovr", "DNSMOS P.835, overall", "1..5", "mos"),
    _measure("sync", "how well mouth and sound agree at their best lag", "-1..1", "speaker"),
    _measure("sync_margin", "how far that is above what unrelated sound reaches", "standard deviations", "speaker"),
    _measure(
        "av_lag",
        "how much later the sound comes than the lips; null unless two signals agree and chance would seldom do",
        "ms",
        "lag",
    ),
    _measure(
        "mouth_motion",
        "standard deviation of the lips' outer height over the distance of the eyes",
        "per mille",
        "mouth",
    ),
    _measure("moving_mouth", "frames in which Light-ASD sees a mouth that speaks", "0..1", "mouth"),
    _measure("offscreen", "share of the speech during which the mouth stays still", "0..1", "offscreen"),
    _measure("dubbed", "how often unrelated sound would fit the moving mouth as well", "0..1", "dubbed"),
    _measure("speakers", "voices in the clip; null where no diarization told them apart", "voice", "speakers"),
    _measure(
        "emotion_probability", "the panel's probability of the label, of both parts of a compound", "0..1", "emotion"
    ),
    _measure("emotion_margin", "how far that is above the next emotion's", "0..1", "emotion"),
    _measure("emotion_entropy", "entropy of the panel's mean", "bit", "emotion"),
    _measure(
        "emotion_agreement", "share of the members whose first choice is the label or a part of it", "0..1", "emotion"
    ),
    _measure("emotion_doubts", "how many reasons stand in `ambiguous`", "reason", "emotion"),
    _measure("intensity", "how strongly the face shows anything: 0 at rest, nearing 1", "0..1", "intensity"),
    _measure("music_tones", "share of the sound that is tones held for 0.5 s: music, hum, singing", "0..1", "music"),
)

# Tables that only stages read: every sampled frame (and each face in it), and every step and window of the sound.
QUALITY: Final[tuple[pa.Field, ...]] = (
    described("frame", pa.int64(), "sampled frame of the source", "frame"),
    described("pts", pa.int64(), "tick of the frame in the source's time base", "time base"),
    described("track", pa.string(), "id of the face track; null in a row of the whole picture", null=True),
    described("sharpness", pa.float32(), "energy of the face's Laplacian over its contrast", "per mille", null=True),
    described("brightness", pa.float32(), "mean luma of the face", "0..255", null=True),
    described("contrast", pa.float32(), "standard deviation of the face's luma", "0..127", null=True),
    described("clipped", pa.float32(), "pixels of the face that are black or white", "0..1", null=True),
    described("niqe", pa.float32(), "NIQE around the face", "distance", null=True),
    described("warped", pa.binary(), "the face with eyes and chin at fixed places, 24 x 24 x 3 bytes RGB", null=True),
    described("hand", pa.bool_(), "whether a hand is near the face", null=True),
    described("noise", pa.float32(), "standard deviation of noise", "grey level", null=True),
    described("blockiness", pa.float32(), "how much steps on a grid of 8 px stand out", "grey level", null=True),
    described("borders", pa.list_(pa.int32()), "black bars: top, bottom, left, right", "px", null=True),
    described("text_map", pa.binary(), "share of each of 32 x 32 cells under text, bytes of 1/255", null=True),
    described("edge_map", pa.binary(), "share of each cell under edges that stayed, bytes of 1/255", null=True),
)

SOUND: Final[tuple[pa.Field, ...]] = (
    described("what", pa.string(), "step (0.1 s) or window (of the opinion scores)"),
    described("start", pa.int64(), "first sample", "1/16000 s"),
    described("end", pa.int64(), "first sample after it", "1/16000 s"),
    described("energy", pa.float64(), "sum of the K-weighted samples' squares", null=True),
    described("clipped", pa.int64(), "samples at the rails", "sample", null=True),
    described("samples", pa.int64(), "samples at the sound's own rate", "sample", null=True),
    described("tones", pa.float64(), "sum of the magnitudes of held tones", null=True),
    described("whole", pa.float64(), "sum of all magnitudes", null=True),
    described("mos_sig", pa.float32(), "DNSMOS P.835, speech", "1..5", null=True),
    described("mos_bak", pa.float32(), "DNSMOS P.835, background", "1..5", null=True),
    described("mos_ovr", pa.float32(), "DNSMOS P.835, overall", "1..5", null=True),
)

SPEAKING: Final[tuple[pa.Field, ...]] = (  # per face track
    described("windows", pa.int32(), "windows of the track in which someone speaks and the mouth is seen", "window"),
    described("valid", pa.int32(), "those in which a lag can be told", "window"),
    described("sync", pa.float32(), "how well mouth and sound agree at their best lag", "-1..1", null=True),
    described(
        "sync_margin",
        pa.float32(),
        "how far that is above what unrelated sound reaches",
        "standard deviations",
        null=True,
    ),
    described(
        "av_lag", pa.float32(), "how much later the sound comes than the lips, where it can be told", "ms", null=True
    ),
    described(
        "mouth_motion",
        pa.float32(),
        "standard deviation of the lips' outer height over the distance of the eyes",
        "per mille",
        null=True,
    ),
    described("moving_mouth", pa.float32(), "frames with a mouth that speaks, by Light-ASD", "0..1", null=True),
    described("moving_mouth_model", pa.string(), "its name and the first 12 digits of its hash", null=True),
    described("offscreen", pa.float32(), "share of the speech during which the mouth stays still", "0..1", null=True),
    described(
        "dubbed", pa.float32(), "how often unrelated sound would fit the moving mouth as well", "0..1", null=True
    ),
)

MOUTHS: Final[tuple[pa.Field, ...]] = (  # a row per window of 1 s that Light-ASD saw; for stages only
    described("track", pa.string(), "id of the face track"),
    described("frames", pa.list_(pa.int64()), "frame of the source that stands for each 1/25 s of the window", "frame"),
    described("scores", pa.list_(pa.float32()), "logarithm of the odds that its mouth speaks", "nat"),
)

LOOKS: Final[tuple[pa.Field, ...]] = (  # what each network of the panel says of a sampled frame; for stages only
    described("track", pa.string(), "id of the face track"),
    described("frame", pa.int64(), "frame of the source", "frame"),
    described("member", pa.string(), "name of the network"),
    described("probabilities", pa.list_(pa.float32()), "of its own labels, in their order", "0..1", null=True),
    described("action_units", pa.list_(pa.float32()), "of its own action units, in their order and scale", null=True),
)

EXPRESSION: Final[tuple[pa.Field, ...]] = (  # of a clip; its numbers that a recipe may bound stand in MEASURES
    described("emotion", pa.string(), "what the panel sees: a basic emotion, neutral or contempt", null=True),
    described("second_emotion", pa.string(), "a second basic emotion that is supported as well", null=True),
    described("compound", pa.string(), "the name of both together; other-compound where it has none", null=True),
    described("ambiguous", pa.list_(pa.string()), "why the label is doubtful; empty: it is clear", null=True),
    described(
        "emotions", pa.list_(pa.float32()), "the panel's probabilities in the taxonomy's order", "0..1", null=True
    ),
    described("members", pa.list_(pa.string()), "the members of the panel that spoke", null=True),
    described("member_emotions", pa.list_(pa.string()), "each one's first choice", null=True),
    described(
        "member_probabilities", pa.list_(pa.float32()), "8 of each member, one after the other", "0..1", null=True
    ),
    described("action_units", pa.list_(pa.float32()), "intensity that a fifth of the frames exceed", "0..5", null=True),
    described(
        "action_unit_frames", pa.list_(pa.float32()), "share of the frames with at least a trace", "0..1", null=True
    ),
    described("action_units_model", pa.string(), "what told the action units", null=True),
    described(
        "neutral_frames",
        pa.int32(),
        "frames of the clip at rest, where its track has a rest of its own",
        "frame",
        null=True,
    ),
    described(
        "expression_noncommercial",
        pa.bool_(),
        "whether a network behind emotion or action units forbids commercial use",
        null=True,
    ),
    described("caption", pa.string(), "one sentence on the clip", null=True),
    described("caption_model", pa.string(), "who wrote it: sentence, or the model's name and hash", null=True),
)
