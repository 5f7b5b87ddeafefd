"""croissant.json: what is in the published tables as JSON-LD, by the Croissant format 1.0 of MLCommons.

The context is that of the specification (docs.mlcommons.org/croissant/docs/croissant-spec.html).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from manifests.files import Written
from manifests.publish.features import FILE, MEDIA
from manifests.text import printable

NAME: Final = "croissant.json"
_CONTEXT: Final = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataBiases": "cr:dataBiases",
    "dataCollection": "cr:dataCollection",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "personalSensitiveInformation": "cr:personalSensitiveInformation",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_SHARD: Final = re.compile(r"-\d{5,}-of-\d{5,}(?=\.parquet$)")
_VIDEOS: Final = {
    "@type": "cr:FileSet",
    "@id": "clips/files",
    "name": "clips/files",
    "encodingFormat": "video/mp4",
    "includes": "data/*/*/*.mp4",
}
_TYPES: Final = {"video": "sc:VideoObject", "audio": "sc:AudioObject"}


def croissant(root: Path, known: Mapping[str, Written], about: Mapping[str, Any]) -> dict[str, Any]:
    """Describe the Parquet files of a folder.

    Args:
        root: the folder.
        known: path below it -> hash and size; those that end in .parquet are described.
        about: name, description and licence of the data set, its version, keywords, and codes of its languages.

    Returns:
        JSON-LD: every table with its hash, the files of each split as a set with one record set of its columns, so
        that a thousand files of a split are described once, and clips that are files as a set.
    """
    tables = sorted(name for name in known if name.endswith(".parquet"))
    groups: dict[str, list[str]] = {}
    for name in tables:
        groups.setdefault(_SHARD.sub("", name).removesuffix(".parquet"), []).append(name)
    videos = [_VIDEOS] if any(name.endswith(".mp4") for name in known) else []
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": _slug(str(about["name"])),
        "alternateName": printable(str(about["name"])),
        "description": printable(str(about["description"])),
        "license": printable(str(about["licence"])),
        "version": str(about["version"]),
        "keywords": list(about["keywords"]),
        **({"inLanguage": list(about["languages"])} if about["languages"] else {}),
        "citeAs": "MoEE, arXiv 2501.01808",
        "distribution": [
            *(_file(name, known[name]) for name in tables),
            *(_set(own, names) for own, names in groups.items()),
            *videos,
        ],
        "recordSet": [_records(own, pq.read_schema(root / names[0])) for own, names in groups.items()],
    }


def _file(name: str, written: Written) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "contentSize": f"{written.bytes} B",
        "encodingFormat": "application/x-parquet",
        "sha256": written.sha256,
    }


def _set(own: str, names: Sequence[str]) -> dict[str, Any]:
    """The files of a split, or the only file of a table."""
    pattern = f"{own}-*.parquet" if _SHARD.search(names[0]) else names[0]
    return {
        "@type": "cr:FileSet",
        "@id": f"{own}/files",
        "name": f"{own}/files",
        "encodingFormat": "application/x-parquet",
        "includes": pattern,
    }


def _records(own: str, fields: Iterable[pa.Field]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": own,
        "name": own,
        "field": [_field(own, field) for field in fields],
    }


def _field(own: str, field: pa.Field) -> dict[str, Any]:
    is_list = pa.types.is_list(field.type)
    source: dict[str, Any] = {"fileSet": {"@id": f"{own}/files"}, "extract": {"column": field.name}}
    kind = _kind(field.type.value_type if is_list else field.type)
    if field.name in MEDIA and field.type == FILE:
        kind = _TYPES[field.name]
        source["transform"] = {"jsonPath": "bytes"}
    made = {
        "@type": "cr:Field",
        "@id": f"{own}/{field.name}",
        "name": f"{own}/{field.name}",
        "dataType": kind,
        "source": source,
    }
    return made | ({"repeated": True} if is_list else {})


def _kind(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "sc:Boolean"
    if pa.types.is_integer(kind):
        return "sc:Integer"
    if pa.types.is_floating(kind):
        return "sc:Float"
    if pa.types.is_timestamp(kind):
        return "sc:DateTime"
    return "sc:Text"


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.") or "dataset"
