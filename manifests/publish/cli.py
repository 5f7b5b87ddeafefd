"""`moee publish`: a manifest as a dataset in a folder or on the Hugging Face Hub."""

import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from manifests.errors import ManifestError
from manifests.publish import options as given
from manifests.publish.markdown import many
from manifests.terminal import print_json, print_lines
from manifests.text import printable

if TYPE_CHECKING:
    from manifests.publish.run import Published
    from manifests.publish.to_hub import Pushed

EXAMPLE: Final = (
    "Example: moee publish dataset/ --to published/  (the same line again does nothing if nothing changed); "
    "moee publish dataset/ --to hf:ORG/NAME --dry-run  (the plan; docs/publishing.md)"
)
_QUIET_SECONDS: Final = 30.0  # between lines when stderr is no terminal
_NAMED: Final = 10
_UNITS: Final = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}


def publish(
    folder: given.Folder,
    to: given.To,
    form: given.Form = "hub",
    shard_mb: given.ShardSize = 100,
    max_shard: given.MaxShard = None,
    licence: given.Licence = None,
    pretty_name: given.PrettyName = None,
    language: given.Language = None,
    media: given.Media = "embedded",
    private: given.Private = False,
    allow: given.Allow = None,
    dry_run: given.DryRun = False,
    stage: given.Stage = None,
    bundle: given.Bundle = None,
    as_json: given.AsJson = False,
) -> None:
    """Publish the kept clips as a dataset that datasets.load_dataset reads, or a model: to a folder or to the Hub."""
    limit = shard_mb * 1_000_000 if max_shard is None else _bytes_of(max_shard)
    if to.startswith("hf:"):
        from manifests.publish.models import is_model

        asked = _Asked(private, licence, pretty_name, language or [], allow or [], dry_run)
        if bundle is not None or is_model(folder):
            _done(_push_model(folder, to, bundle, asked), as_json)
        elif form != "hub":
            raise ManifestError("--form is for folders: give --media embedded, files or none.")
        else:
            _done(_push_dataset(folder, to, media, limit, stage, asked), as_json)
        return
    _only_for_hub(private, allow, dry_run, stage, bundle)
    from manifests.publish.run import form_of
    from manifests.publish.run import publish as run

    with _Progress() as progress:
        done = run(
            folder,
            to,
            form=form_of(media) if form == "hub" else form,
            max_shard_bytes=limit,
            licence=licence,
            pretty_name=pretty_name,
            languages=language or [],
            watch=progress.tell,
        )
    if as_json:
        print_json(done.as_dict())
        return
    print_lines(_lines(done))


publish.__doc__ = f"{publish.__doc__}\n\n    {EXAMPLE}"


@dataclass(frozen=True)
class _Asked:
    """What the line asks of a push: the options that datasets and models share."""

    private: bool
    licence: str | None
    pretty_name: str | None
    languages: list[str]
    allow: list[str]
    dry_run: bool


def _push_model(folder: Path, to: str, bundle: Path | None, asked: _Asked) -> "Pushed":
    from manifests.publish.models import publish_model

    return publish_model(folder, to, bundle=bundle, say=_say, **vars(asked))


def _push_dataset(folder: Path, to: str, media: str, limit: int, stage: Path | None, asked: _Asked) -> "Pushed":
    from manifests.publish.to_hub import publish_to_hub

    with _Progress() as progress:
        return publish_to_hub(
            folder,
            to,
            media=media,
            max_shard_bytes=limit,
            stage=stage,
            watch=progress.tell,
            say=_say,
            **vars(asked),
        )


def _say(words: str) -> None:
    print(printable(words), file=sys.stderr, flush=True)


def _done(pushed: "Pushed", as_json: bool) -> None:
    if as_json:
        print_json(pushed.as_dict())
    else:
        print_lines(_hub_lines(pushed))


def _only_for_hub(
    private: bool, allow: list[str] | None, dry_run: bool, stage: Path | None, bundle: Path | None
) -> None:
    given = {"--private": private, "--allow": allow, "--dry-run": dry_run, "--stage": stage, "--bundle": bundle}
    wrong = next((name for name, value in given.items() if value), None)
    if wrong:
        raise ManifestError(f"{wrong} is for the Hub: give --to hf:ORG/NAME, or leave it out.")


def _bytes_of(words: str) -> int:
    """1GB, 500MB, 1.5G as bytes."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([KMG]?)B?", words.strip().upper())
    size = 0 if found is None else int(float(found[1]) * _UNITS[found[2]])
    if size < 1:
        raise ManifestError(f"--max-shard {printable(words)} is no size: write 1GB or 500MB.")
    return size


def _hub_lines(pushed: "Pushed") -> list[str]:
    changed = f"{many(pushed.sent, 'file')}, {pushed.sent_bytes / 1e6:.1f} MB"
    size = f"{many(pushed.files, 'file')}, {pushed.bytes / 1e6:.1f} MB"
    if pushed.dry_run:
        lines = [f"would send {changed} to {pushed.repository}, which then holds {size}; nothing was sent"]
    else:
        what = "published" if pushed.sent or pushed.deleted else "already published"
        lines = [
            f"{what}: {pushed.version} in {pushed.repository} (commit {(pushed.commit or '')[:12]}), sent {changed}",
            f"the Hub lists {size}, each with the size and hash of ours: {pushed.url}",
        ]
    if pushed.published is None:
        return lines
    return [*lines, f"in it: {_holds(pushed.published)}", *_lines(pushed.published)[1:]]


def _holds(done: "Published") -> str:
    splits = ", ".join(f"{count} {split}" for split, count in done.splits.items())
    return f"{many(done.clips, 'clip')}, {done.hours:.4f} h ({splits})"


def _lines(done: "Published") -> list[str]:
    what = "already published" if done.already else "published"
    lines = [f"{what}: {_holds(done)}, {many(done.files, 'file')}, {done.bytes / 1e6:.1f} MB in {done.folder}"]
    for why, clips in done.left_out.items():
        more = f" and {len(clips) - _NAMED} more" if len(clips) > _NAMED else ""
        lines.append(f"left out, {why}: {many(len(clips), 'kept clip')}: {', '.join(clips[:_NAMED])}{more}")
    return [*lines, *done.notes]


class _Progress:
    """A bar on a terminal, a line now and then elsewhere, on stderr."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._tasks: dict[str, Any] = {}
        self._spoke = time.monotonic()

    def __enter__(self) -> "_Progress":
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress

            self._bar = Progress(console=Console(stderr=True), transient=True)
            self._bar.start()
        return self

    def __exit__(self, *ended: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def tell(self, what: str, done: int, total: int) -> None:
        """So many clips of so many are written, or read back."""
        if self._bar is not None:
            if what not in self._tasks:
                self._tasks[what] = self._bar.add_task(what, total=total)
            self._bar.update(self._tasks[what], completed=done)
        elif time.monotonic() - self._spoke >= _QUIET_SECONDS:
            self._spoke = time.monotonic()
            print(f"{what}: {done} of {many(total, 'clip')}", file=sys.stderr, flush=True)
