"""What `moee curate` must not touch again: inputs that were taken down, by address, content, publisher or person."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from curation.errors import CurationError
from curation.sources.inputs import Input
from manifests.store import Head, Store
from manifests.tombstones import Tombstones, given_name

if TYPE_CHECKING:
    from curation.contents import Content
    from curation.pipeline import Pipeline

FILE: Final = ".takedown.json"  # a takedown that was begun
TAKEN_DOWN: Final = "taken-down"


RESELECTED: Final = ("select", "export", "captions")  # they look at what is left of a shared source, and at no face


@dataclass
class Judged:
    """Inputs that may be worked on, heads of shared sources that stay as they are, and inputs that are refused."""

    allowed: list["Content"] = field(default_factory=list)
    settled: list[Head] = field(default_factory=list)
    refused: list["Content"] = field(default_factory=list)


class Gate:
    """Asked before an input is fetched, and again when its content is known.

    Args:
        root: the manifest's folder.

    Raises:
        CurationError: a takedown of the folder was killed and not finished yet.
    """

    def __init__(self, root: Path) -> None:
        if (Path(root) / FILE).exists():
            raise CurationError(
                "a takedown of this folder was not finished: give the same moee takedown line again, with --yes"
            )
        self.root = root
        self.stones = Tombstones.read(root)

    def closed(self, inputs: Sequence[Input]) -> Sequence[Input]:
        """The inputs, those whose address was taken down refused before anything is asked of their site."""
        if not len(self.stones):
            return inputs
        return [
            replace(item, refused=TAKEN_DOWN) if item.path is None and self.stones.has("url", item.url) else item
            for item in inputs
        ]

    def holds_content(self, sha256: str) -> bool:
        """Whether a file of this hash was taken down."""
        return self.stones.has("content", sha256)

    def refuses(self, item: "Content") -> bool:
        """Whether an input was taken down as a whole; a source that stays without one person is not (`is_part`)."""
        if not len(self.stones):
            return False
        if item.input.refused == TAKEN_DOWN or self.stones.has("uploader", item.input.facts.uploader):
            return True
        if item.sha256 and (self.stones.has("source", item.id) or self.holds_content(item.sha256)):
            return True
        names = [given_name(label.dataset, label.identity) for label in item.input.labels if label.identity]
        return not self.is_part(item.id) and any(self.stones.has("given", name) for name in names)

    def is_part(self, source: str) -> bool:
        """Whether a source stays, without one of its persons: it must never be decoded for faces again."""
        return self.stones.has("part", source)

    def judge(
        self, contents: Sequence["Content"], heads: Mapping[str, Head], pipeline: "Pipeline", store: Store
    ) -> Judged:
        """Which inputs may be worked on; files that were fetched of the others are deleted.

        Raises:
            CurationError: a source that stays without one of its persons would have to be measured anew.
        """
        judged = Judged()
        if not len(self.stones):
            judged.allowed += contents
            return judged
        parts = {place: head for head in heads.values() if self.is_part(head.source) for place in _places(head)}
        for item in contents:
            head = parts.get(item.id) or parts.get(item.input.url or "")
            if head is None and not self.refuses(item):
                judged.allowed.append(item)
                continue
            self.forget(item)
            if head is None:
                judged.refused.append(item)
                continue
            _refuse_anew(head, item, pipeline, store)
            if item.input.url is None:
                judged.allowed.append(item)
            else:
                judged.settled.append(head)
        return judged

    def forget(self, item: "Content") -> None:
        """Delete what was fetched of an input that turned out to be taken down, and never ask for it again."""
        url = item.input.url
        if url is None or item.input.refused == TAKEN_DOWN:
            return
        from datetime import UTC, datetime

        from curation.takedown.rewrites import forget_download

        self.stones.add("url", url, "another address of what was taken down", datetime.now(UTC).date().isoformat())
        self.stones.write(self.root)
        forget_download(self.root, url, item.sha256)


def _places(head: Head) -> Iterator[str]:
    yield head.source
    if "://" in head.origin:
        yield head.origin


def _refuse_anew(head: Head, item: "Content", pipeline: "Pipeline", store: Store) -> None:
    """A new look at the source's frames would find the removed person again.

    Raises:
        CurationError: other settings, another program, or a damaged result ask for one.
    """
    from curation.stages.labels import labels_hash

    stays = () if item.input.url is not None else RESELECTED  # of an address there is no file to cut from
    keys = pipeline.keys(head.source, labels_hash(item.input.labels))
    for stage, key in keys.items():
        if stage not in stays and not store.committed(head.source, stage, key):
            raise CurationError(
                f"the source {head.source} stays without a person who was taken down and is never looked at anew, as "
                "these settings ask: use the recipe and the models that the folder was made with, or take this "
                f"source down as a whole (moee takedown DIR --source {head.source})"
            )
