"""The sources of published clips: with public addresses, and no place on anybody's machine and no password."""

import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit, urlunsplit

import pyarrow as pa
import pyarrow.compute as pc

from manifests.publish.features import plain_schema
from manifests.publish.plan import Plan
from manifests.schema import schema

if TYPE_CHECKING:
    from manifests.manifest import Manifest

SOURCES: Final = pa.schema([field for field in schema("sources") if field.name != "schema_version"])
_ADDRESS: Final = re.compile(r"(?i)https?://")


def published_sources(manifest: "Manifest", plan: Plan) -> pa.Table:
    """Return the sources of the published clips: addresses without a password, or names that lead nowhere."""
    rows = manifest.table("sources")
    used = pc.unique(plan.clips.column("source"))
    rows = rows.filter(pc.is_in(rows.column("id"), value_set=used)).select(SOURCES.names)
    changes: dict[str, Callable[[str], str | None]] = {"origin": _origin, "sound_origin": _origin, "name": public_name}
    for name, changed in changes.items():
        values = [None if value is None else changed(value) for value in rows.column(name).to_pylist()]
        rows = rows.set_column(rows.schema.get_field_index(name), name, pa.array(values, pa.string()))
    return rows.cast(plain_schema(SOURCES))


def without_password(url: str) -> str:
    """Return an address without the name and password that may stand before its host."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if "@" in parts.netloc else url


def _origin(origin: str) -> str | None:
    return without_password(origin) if _ADDRESS.match(origin) else None


def public_name(name: str) -> str:
    """Return a relative name as it is, an address without its password, and of what leads to a place the last part."""
    if _ADDRESS.match(name):
        return without_password(name)
    path = PurePosixPath(name)
    climbs = path.is_absolute() or ".." in path.parts or "://" in name or "\\" in name or name.startswith("~")
    return re.split(r"[/\\]", name)[-1] if climbs else name
