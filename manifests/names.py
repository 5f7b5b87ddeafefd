"""What a clip and its person may be called by: one rule for training lists and for the tests held against them."""

from collections.abc import Mapping
from typing import Any


def given_person(clip: Mapping[str, Any]) -> str | None:
    """`<data set>/<identity>` of a row of `clips`, where its data set names the person."""
    return f"{clip['dataset']}/{clip['given_identity']}" if clip["given_identity"] else None


def person_of(clip: Mapping[str, Any]) -> str:
    """The person as the data set names it, else as told apart, else the clip's source."""
    return given_person(clip) or clip["identity"] or clip["source"]


def names_of(clip: Mapping[str, Any], source: Mapping[str, Any]) -> tuple[str, ...]:
    """Every name of a clip, each once: of its person, itself, its file and its source.

    A path of this machine is no name: lists travel with models and bundles. The file's name and hash stand for it.

    Args:
        clip: a row of `clips` with identity, dataset, given_identity, id, file_sha256 and source.
        source: its row of `sources` with sha256, origin and name; may be empty.
    """
    origin = source.get("origin")
    named = (
        clip["identity"], given_person(clip), clip["given_identity"], clip["id"], clip["file_sha256"], clip["source"],
        source.get("sha256"), origin if origin and "://" in origin else None, source.get("name"),
    )  # fmt: skip
    return tuple(dict.fromkeys(name for name in named if name))
