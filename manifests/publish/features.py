"""An Arrow schema as the features of the Hugging Face `datasets` library, without importing it.

A Parquet file names its features in the key `huggingface` of its schema's metadata, a dataset card in YAML; both are
what `datasets.Features.arrow_schema` and `Features._to_yaml_list` of datasets 5 write.
"""

import json
from typing import Any, Final

import pyarrow as pa

from manifests.publish.orders import orders_of

MEDIA: Final = {"video": "Video", "audio": "Audio"}  # columns that hold a file: its name and its bytes
FILE: Final = pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])
_NAMES: Final = {pa.float32(): "float32", pa.float64(): "float64"}  # Arrow says float and double


def plain_schema(fields: pa.Schema) -> pa.Schema:
    """Return a schema whose Parquet file `datasets` loads with the right features: types alone, all nullable.

    What the values of its lists stand for goes along, see `manifests.publish.orders`.
    """
    schema = pa.schema([pa.field(field.name, field.type) for field in fields])
    described = {"info": {"features": {field.name: _feature(field) for field in schema}}}
    return schema.with_metadata({"huggingface": json.dumps(described), **orders_of(schema.names)})


def yaml_features(fields: pa.Schema) -> list[dict[str, Any]]:
    """Return the features as a dataset card lists them."""
    listed: list[dict[str, Any]] = []
    for field in fields:
        if _is_media(field):
            listed.append({"name": field.name, "dtype": MEDIA[field.name].lower()})
        elif pa.types.is_list(field.type):
            listed.append({"name": field.name, "list": _name(field.type.value_type)})
        else:
            listed.append({"name": field.name, "dtype": _name(field.type)})
    return listed


def leaves(fields: pa.Schema) -> dict[str, bool]:
    """Return the columns of a Parquet file by their path inside it, each with whether it holds the bytes of files."""
    paths: dict[str, bool] = {}
    for field in fields:
        if _is_media(field):
            paths |= {f"{field.name}.bytes": True, f"{field.name}.path": False}
        elif pa.types.is_list(field.type):
            paths[f"{field.name}.list.element"] = False
        else:
            paths[field.name] = False
    return paths


def _feature(field: pa.Field) -> dict[str, Any]:
    if _is_media(field):
        return {"_type": MEDIA[field.name]}
    if pa.types.is_list(field.type):
        return {"feature": {"dtype": _name(field.type.value_type), "_type": "Value"}, "_type": "List"}
    return {"dtype": _name(field.type), "_type": "Value"}


def _is_media(field: pa.Field) -> bool:
    return field.name in MEDIA and field.type == FILE


def _name(kind: pa.DataType) -> str:
    return _NAMES.get(kind, str(kind))
