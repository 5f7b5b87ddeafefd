"""Manifests: tables, outcomes, recipes and selection; `manifests.open(DIR).clips` is a pandas frame."""

from typing import TYPE_CHECKING, Any

from manifests.errors import ManifestError

if TYPE_CHECKING:
    from manifests.manifest import Manifest, open

__all__ = ["Manifest", "ManifestError", "open"]


def __getattr__(name: str) -> Any:
    # Arrow and pandas load only when a manifest is opened: `moee --help` must answer at once.
    if name in ("Manifest", "open"):
        from manifests import manifest

        return getattr(manifest, name)
    raise AttributeError(f"module 'manifests' has no attribute {name!r}")
