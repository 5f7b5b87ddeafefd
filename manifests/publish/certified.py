"""The certificate that is published: the one beside the tables if it is theirs, else one made from the tables."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from manifests.certificate import FILE, VERSION, as_json, certificate
from manifests.certificate import stored as held
from manifests.errors import ManifestError
from manifests.files import json_mapping
from manifests.publish.plan import has_no_splits
from manifests.text import printable

if TYPE_CHECKING:
    from manifests.manifest import Manifest

_PARTS: Final = ("how", "splits", "shared", "nearest_faces", "leakage", "unknown")


@dataclass(frozen=True)
class Stored:
    """What lies beside the tables.

    Attributes:
        content: the certificate; None where there is none that holds.
        raw: its bytes.
        wanted: whether the manifest has splits, so that there is something to certify.
        note: why one is made from the tables, a sentence; None where none has to be.
    """

    content: dict[str, Any] | None = None
    raw: bytes | None = None
    wanted: bool = True
    note: str | None = None


def stored(manifest: "Manifest") -> Stored:
    """Read the certificate of a manifest and compare it with recipe and clips.

    Raises:
        ManifestError: the file may not be read.
    """
    if has_no_splits(manifest, manifest.table("clips", ["split"])):
        return Stored(wanted=False)
    path = manifest.root / FILE
    try:
        raw = path.read_bytes()
        content = json_mapping(raw, path)
    except PermissionError as error:
        raise ManifestError(f"{printable(str(path))} cannot be read: {error.strerror}.") from error
    except FileNotFoundError:
        return _anew(manifest, "is missing")
    except (OSError, ManifestError):
        return _anew(manifest, "is damaged")
    if content.get("version") == VERSION and any(part not in content for part in _PARTS):
        return _anew(manifest, "is damaged")
    if held(manifest) is None:
        return _anew(manifest, "is not of these splits")
    return Stored(content, raw)


def made(manifest: "Manifest") -> tuple[dict[str, Any], bytes]:
    """Make the certificate from the tables: its content and its bytes, the same for the same manifest."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        content = certificate(manifest, manifest.recipe)
    return content, as_json(content).encode()


def _anew(manifest: "Manifest", why: str) -> Stored:
    path = printable(str(manifest.root / FILE))
    return Stored(note=f"{path} {why}: the published certificate was made from the tables")
