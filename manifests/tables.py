"""The tables of a manifest: every column with its type, unit and what it says."""

from typing import Final

import pyarrow as pa

from manifests.measures import EXPRESSION, LOOKS, MEASURES, MOUTHS, QUALITY, SOUND, SPEAKING
from manifests.measures import described as _field

SCHEMA_VERSION: Final = 3
PREFIXES: Final = {
    "source": "s",
    "shot": "h",
    "track": "t",
    "clip": "c",
    "speech": "p",
    "label": "l",
    "identity": "i",
    "duplicate": "d",
}

_TEXT, _LONG, _INT, _SHORT = pa.string(), pa.int64(), pa.int32(), pa.int16()
_REAL, _DOUBLE, _FLAG = pa.float32(), pa.float64(), pa.bool_()


def _schema(*fields: pa.Field) -> pa.Schema:
    version = _field("schema_version", _SHORT, "version of this table's layout")
    return pa.schema([*fields, version])


def _id(kind: str) -> pa.Field:
    return _field("id", _TEXT, f"id of the {kind}: {PREFIXES[kind]}_ and 16 hexadecimal digits")


_SOURCE = _field("source", _TEXT, "id of the source")
_SHOT = _field("shot", _TEXT, "id of the shot")
_TRACK = _field("track", _TEXT, "id of the face track")
_INDEX = _field("index", _INT, "position within the source, from 0")
_TIME_BASE = (
    _field("time_base_num", _LONG, "numerator of the length of one tick", "s"),
    _field("time_base_den", _LONG, "denominator of the length of one tick"),
)
_SPAN = (
    _field("start_pts", _LONG, "first tick", "time base"),
    _field("end_pts", _LONG, "first tick after the span", "time base"),
    *_TIME_BASE,
)
_FRAME_SPAN = (
    _field("start_frame", _LONG, "first frame, counted from 0 in presentation order", "frame"),
    _field("end_frame", _LONG, "first frame after the span", "frame"),
)
_BOX = tuple(
    _field(name, _REAL, f"{side} of the face box on the displayed picture", "px")
    for name, side in (("x0", "left"), ("y0", "top"), ("x1", "right"), ("y1", "bottom"))
)
_CROP = tuple(
    _field(f"crop_{name}", _REAL, f"{side} of the square around the face", "share of the picture", null=True)
    for name, side in (("x0", "left"), ("y0", "top"), ("x1", "right"), ("y1", "bottom"))
)

_GIVEN = (  # what a dataset says; what is measured here has columns of its own
    _field("identity", _TEXT, "the person's name in the dataset", null=True),
    _field("emotion", _TEXT, "basic emotion, neutral or contempt", null=True),
    _field("compound", _TEXT, "compound emotion", null=True),
    _field("intensity", _SHORT, "as the dataset counts", null=True),
    _field("take", _TEXT, "number or name of the take", null=True),
    _field("view", _TEXT, "camera position", null=True),
    _field("text", _TEXT, "what is said or shown", null=True),
)

_WHOLE = (  # found over the whole manifest, when all sources are known
    _field("identity", _TEXT, "id of the person in the clip", null=True),
    _field("identity_distance", _REAL, "distance to the mean of the person's other tracks", "distance", null=True),
    _field("duplicate_group", _TEXT, "id of the first clip of those that show the same", null=True),
    _field("duplicate_of", _TEXT, "id of the best clip of its group, if that is another one", null=True),
    _field("split", _TEXT, "train, validation or test", null=True),
    _field("split_note", _TEXT, "why the clip is in no split", null=True),
)
WHOLE_COLUMNS: Final = tuple(field.name for field in _WHOLE)

SCHEMAS: Final[dict[str, pa.Schema]] = {
    "sources": _schema(
        _id("source"),
        _field("name", _TEXT, "path relative to what was given on the command line, printable"),
        _field("origin", _TEXT, "absolute path or URL, printable"),
        _field("sha256", _TEXT, "hash of the file, null when it could not be read", null=True),
        _field("bytes", _LONG, "size of the file, null when it could not be read", "byte", null=True),
        _field("sound_sha256", _TEXT, "hash of the file that holds the sound, when that is another one", null=True),
        _field("sound_origin", _TEXT, "where that file lies", null=True),
        _field("title", _TEXT, "title as its site states it", null=True),
        _field("licence", _TEXT, "licence as the source states it", null=True),
        _field("uploader", _TEXT, "who published it", null=True),
        _field("upload_date", _TEXT, "when it was published, YYYYMMDD", null=True),
        _field("language", _TEXT, "language as the source states it", null=True),
        _field("format_id", _TEXT, "which of the site's formats was fetched", null=True),
        _field("retrieved_at", pa.timestamp("us", tz="UTC"), "when it was fetched or first seen", null=True),
        _field("container", _TEXT, "container format", null=True),
        _field("video_codec", _TEXT, "codec of the picture", null=True),
        _field("width", _INT, "width as displayed", "px", null=True),
        _field("height", _INT, "height as displayed", "px", null=True),
        _field("rotation", _SHORT, "clockwise turn that displays the coded picture", "degree", null=True),
        _field("pixel_format", _TEXT, "pixel format of the coded picture", null=True),
        _field("frame_rate_num", _LONG, "numerator of the average frame rate", "frame/s", null=True),
        _field("frame_rate_den", _LONG, "denominator of the average frame rate", null=True),
        _field("time_base_num", _LONG, "numerator of the length of one tick", "s", null=True),
        _field("time_base_den", _LONG, "denominator of the length of one tick", null=True),
        _field("start_pts", _LONG, "tick of the first decoded frame", "time base", null=True),
        _field("end_pts", _LONG, "first tick after the last decoded frame", "time base", null=True),
        _field("frames", _LONG, "decoded frames", "frame", null=True),
        _field("audio_codec", _TEXT, "codec of the sound", null=True),
        _field("audio_rate", _INT, "sample rate of the sound", "Hz", null=True),
        _field("audio_channels", _SHORT, "channels of the sound", null=True),
        _field("flags", pa.list_(_TEXT), "what is odd about the file, such as truncated"),
    ),
    "labels": _schema(
        _id("label"),
        _SOURCE,
        _INDEX,
        _field("dataset", _TEXT, "who says so"),
        _field("start_pts", _LONG, "first tick of the span, null for the whole source", "time base", null=True),
        _field("end_pts", _LONG, "first tick after it", "time base", null=True),
        _field("time_base_num", _LONG, "numerator of the length of one tick", "s", null=True),
        _field("time_base_den", _LONG, "denominator of the length of one tick", null=True),
        *_CROP,
        _field("crop_width", _INT, "width of the picture that the crop was made for", "px", null=True),
        _field("crop_height", _INT, "its height", "px", null=True),
        *_GIVEN,
    ),
    "timeline": _schema(_SOURCE, _field("pts", pa.list_(_LONG), "tick of every decoded frame, in order", "time base")),
    "shots": _schema(_id("shot"), _SOURCE, _INDEX, *_SPAN, *_FRAME_SPAN),
    "tracks": _schema(
        _id("track"),
        _SOURCE,
        _SHOT,
        _INDEX,
        *_SPAN,
        *_FRAME_SPAN,
        _field("frames", _LONG, "rows of the track in frames", "frame"),
        _field("detected", _LONG, "frames in which the detector found the face", "frame"),
        _field("meshed", _LONG, "frames in which landmarks were found", "frame"),
        _field("tracked", _LONG, "frames bridged between two sightings", "frame"),
        _field("confirmed", _FLAG, "whether landmarks say that this is a face"),
        _field("face", _INT, "number of the face as it was followed; pieces of one face share it"),
        _field("face_size", _REAL, "median shorter side of the box", "px", null=True),
        _field("score", _REAL, "mean score of the detector", "0..1", null=True),
        _field("landmarks_model", _TEXT, "name of the landmark model", null=True),
    ),
    "frames": _schema(
        _SOURCE,
        _TRACK,
        _field("frame", _LONG, "frame of the source, from 0 in presentation order", "frame"),
        _field("pts", _LONG, "tick of the frame in the source's time base", "time base"),
        _field("state", _TEXT, "how the face was seen: meshed, detected or tracked"),
        *_BOX,
        _field("score", _REAL, "score of the detector", "0..1", null=True),
        _field("yaw", _REAL, "turn to the side", "degree", null=True),
        _field("pitch", _REAL, "nod", "degree", null=True),
        _field("roll", _REAL, "tilt in the picture's plane", "degree", null=True),
        _field("landmarks", pa.list_(_SHORT), "x, y, z of each point", "long side / 16384", null=True),
        _field("blendshapes", pa.list_(pa.uint16()), "52 expression weights", "1/65535", null=True),
    ),
    "expressions": _schema(
        _SOURCE,
        _TRACK,
        _field("frame", _LONG, "frame of the source, from 0 in presentation order", "frame"),
        _field("pts", _LONG, "tick of the frame in the source's time base", "time base"),
        _field("action_units", pa.list_(pa.uint8()), "22 intensities in the order of the AU list", "1/51 of 0..5"),
        _field(
            "emotions",
            pa.list_(pa.uint16()),
            "the panel's 8 probabilities in the taxonomy's order",
            "1/65535",
            null=True,
        ),
    ),
    "speech": _schema(
        _id("speech"),
        _SOURCE,
        _INDEX,
        *_SPAN,
        _field("probability", _REAL, "mean probability of speech in the turn", "0..1", null=True),
        _field("speaker", _TEXT, "who speaks, a name within the source; null where no one was told apart", null=True),
        _field("model", _TEXT, "what found the turn: voice-activity (one speaker assumed) or the diarization's name"),
    ),
    "embeddings": _schema(
        _field("id", _TEXT, "id of the face track"),
        _SOURCE,
        _field("model", _TEXT, "name of the embedding model and the first 12 digits of its hash"),
        _field("noncommercial", _FLAG, "whether the model's licence forbids commercial use"),
        _field("frames", pa.list_(_LONG), "frames of the source that were embedded", "frame"),
        _field("vector", pa.list_(_REAL), "robust mean of the frames' embeddings"),
        _field("spread", _REAL, "median distance of a frame's embedding to the mean", "distance"),
    ),
    "speaking": _schema(_field("id", _TEXT, "id of the face track"), _SOURCE, *SPEAKING),
    "fingerprints": _schema(
        _field("id", _TEXT, "id of the source"),
        _SOURCE,
        _field("model", _TEXT, "name and version of the fingerprint"),
        _field("pts", pa.list_(_LONG), "tick of each fingerprinted frame", "time base"),
        _field("time_base_num", _LONG, "numerator of the length of one tick", "s"),
        _field("time_base_den", _LONG, "denominator of the length of one tick"),
        _field("picture", pa.binary(), "fingerprint of each of these frames, of equal length"),
        _field("sound_start", _LONG, "first sample of the sound's fingerprint", "1/16000 s", null=True),
        _field("sound", pa.binary(), "fingerprint of each step of the sound; null without sound", null=True),
    ),
    "identities": _schema(
        _field("id", _TEXT, "id of the face track"),
        _SOURCE,
        _field("identity", _TEXT, "id of the person: i_ and 16 hexadecimal digits"),
        _field("distance", _REAL, "distance to the mean of the person's other tracks", "distance", null=True),
        _field("margin", _REAL, "how much farther the nearest other person is", "distance", null=True),
        _field("model", _TEXT, "embedding model that told the persons apart"),
        _field("given", _TEXT, "the person's name in the dataset", null=True),
        _field("bridges", pa.list_(_TEXT), "other persons that the track is as near to as one person's tracks are"),
    ),
    "duplicates": _schema(
        _id("duplicate"),
        _SOURCE,
        _field("other", _TEXT, "id of the source that shows or plays the same"),
        _field("how", _TEXT, "picture, sound or both"),
        _field("start_ms", _LONG, "where the common part begins in the source", "ms"),
        _field("end_ms", _LONG, "where it ends", "ms"),
        _field("other_start_ms", _LONG, "where it begins in the other source", "ms"),
        _field("other_end_ms", _LONG, "where it ends", "ms"),
        _field("speed", _REAL, "the other's time per time of the source", "ratio"),
        _field("mirrored", _FLAG, "whether one is the other's mirror image"),
        _field("score", _REAL, "how alike the common parts are", "0..1"),
    ),
    "splits": _schema(
        _field("id", _TEXT, "id of the person, of the source where nothing tells the person, or given:DATASET/NAME"),
        _field("split", _TEXT, "train, validation or test"),
        _field("clips", _LONG, "kept clips of it", "clip"),
        _field("seconds", _DOUBLE, "length of these clips", "s"),
    ),
    "quality": _schema(_SOURCE, *QUALITY),
    "mouths": _schema(_SOURCE, *MOUTHS),
    "looks": _schema(_SOURCE, *LOOKS),
    "sound": _schema(_SOURCE, *SOUND),
    "clips": _schema(
        _id("clip"),
        _SOURCE,
        _SHOT,
        _field("track", _TEXT, "id of the face track; null where a given span shows no face", null=True),
        *_SPAN,
        *_FRAME_SPAN,
        _field("frames", _LONG, "source frames in the span", "frame"),
        _field("seconds", _DOUBLE, "length, derived from the span", "s", reason="length"),
        *_CROP,
        _field("crop_from", _TEXT, "face, dataset, or dataset_scaled: made for a picture of another size", null=True),
        _field("source_width", _INT, "width of the displayed source picture", "px"),
        _field("source_height", _INT, "height of the displayed source picture", "px"),
        _field("faces", _SHORT, "most faces seen at once in 5 % of the frames", "face", reason="faces", null=True),
        _field("face_size", _REAL, "median shorter side of the face box", "px", reason="face_size", null=True),
        _field("cuts", _SHORT, "shot boundaries inside the span", reason="cuts", null=True),
        _field("face_share", _REAL, "frames that show the face", "0..1", reason="face_share", null=True),
        _field("speech_share", _REAL, "time that is speech", "0..1", reason="speech", null=True),
        _field("longest_pause", _REAL, "longest time without speech", "s", reason="pause", null=True),
        *MEASURES,
        *EXPRESSION,
        _field("dataset", _TEXT, "who gives the labels in the given_ columns", null=True),
        *(field.with_name(f"given_{field.name}") for field in _GIVEN),
        *_WHOLE,
        _field("recipe", _TEXT, "hash of the recipe"),
        _field("status", _TEXT, "kept, dropped or failed"),
        _field("reasons", pa.list_(_TEXT), "every reason that speaks against the clip"),
        _field("file", _TEXT, "exported file, relative to the manifest's folder", null=True),
        _field("file_sha256", _TEXT, "hash of the exported file", null=True),
        _field("file_bytes", _LONG, "size of the exported file", "byte", null=True),
        _field("audio_priming", _INT, "samples a reader without edit lists hears first", "sample", null=True),
    ),
    "outcomes": _schema(
        _field("item", _TEXT, "id of the source or clip"),
        _field("kind", _TEXT, "what the item is: source or clip"),
        _SOURCE,
        _field("stage", _TEXT, "name of the stage"),
        _field("version", _INT, "version of the stage"),
        _field("config", _TEXT, "hash of the stage's settings"),
        _field("models", pa.list_(_TEXT), "name@sha256 of the weights that the result depends on"),
        _field("key", _TEXT, "key under which the result was committed"),
        _field("status", _TEXT, "kept, dropped or failed"),
        _field("reasons", pa.list_(_TEXT), "why the item was dropped"),
        _field("error", _TEXT, "one sentence on what failed", null=True),
        _field("attempts", _INT, "times that the stage was tried"),
        _field("seconds", _DOUBLE, "time that the stage took", "s"),
        _field("frames_decoded", _LONG, "frames that the stage decoded", "frame"),
    ),
}
TABLES: Final = tuple(SCHEMAS)
FRAME_TABLES: Final = ("frames", "expressions")  # a row per frame of a track: one file per source, never joined
# Made per source and joined; `timeline`, `quality`, `mouths`, `looks` and `sound` are for stages only.
SOURCE_TABLES: Final = (
    "sources",
    "labels",
    "shots",
    "tracks",
    "speech",
    "embeddings",
    "speaking",
    "fingerprints",
    "clips",
)
WHOLE_TABLES: Final = ("identities", "duplicates", "splits")  # made over the whole manifest
SNAPSHOT_TABLES: Final = (*SOURCE_TABLES, *WHOLE_TABLES, "outcomes")
ID_KINDS: Final = {  # what the ids of a table are ids of; those of `splits` are of three kinds
    "sources": "source",
    "labels": "label",
    "shots": "shot",
    "tracks": "track",
    "speech": "speech",
    "embeddings": "track",
    "speaking": "track",
    "fingerprints": "source",
    "clips": "clip",
    "identities": "track",
    "duplicates": "duplicate",
}
