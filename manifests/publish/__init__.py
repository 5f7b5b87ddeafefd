"""Publishing: a manifest as a folder that `datasets.load_dataset` reads, or in the form of DH-FaceEmoVid-150."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from manifests.publish.dh_read import DhFolder, read_dh
    from manifests.publish.run import Published, publish

__all__ = ["DhFolder", "Published", "publish", "read_dh"]


def __getattr__(name: str) -> Any:
    # Arrow loads only when something is published or read: `moee --help` must answer at once.
    if name in ("Published", "publish"):
        from manifests.publish import run

        return getattr(run, name)
    if name in ("DhFolder", "read_dh"):
        from manifests.publish import dh_read

        return getattr(dh_read, name)
    raise AttributeError(f"module 'manifests.publish' has no attribute {name!r}")
