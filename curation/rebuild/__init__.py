"""Makes the clips of a published manifest again, and says of each whether it is still the same."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from curation.rebuild.result import Report
    from curation.rebuild.run import rebuild

__all__ = ["Report", "rebuild"]


def __getattr__(name: str) -> Any:
    # Arrow loads only when something is rebuilt: `moee --help` must answer at once.
    if name == "rebuild":
        from curation.rebuild.run import rebuild

        return rebuild
    if name == "Report":
        from curation.rebuild.result import Report

        return Report
    raise AttributeError(f"module 'curation.rebuild' has no attribute {name!r}")
