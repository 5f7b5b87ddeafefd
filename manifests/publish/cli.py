"""`moee publish`: a manifest as a dataset in a folder."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from manifests.publish.markdown import many
from manifests.terminal import print_json, print_lines

if TYPE_CHECKING:
    from manifests.publish.run import Published

EXAMPLE: Final = "Example: moee publish dataset/ --to published/  (the same line again does nothing if nothing changed)"
_QUIET_SECONDS: Final = 30.0  # between lines when stderr is no terminal
_NAMED: Final = 10

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A folder that moee curate --out wrote.")]
To = Annotated[
    str,
    typer.Option(
        "--to",
        metavar="FOLDER",
        help="A new or empty folder, or one published before: what it held is replaced, edits in its card are lost.",
    ),
]
Form = Annotated[str, typer.Option("--form", metavar="NAME", help="hub, or dh-faceemovid-150: files named as there.")]
ShardSize = Annotated[int, typer.Option("--shard-mb", min=1, help="MB after which the next Parquet file begins.")]
Licence = Annotated[str | None, typer.Option("--license", metavar="TEXT", help="Licence of the whole, for the card.")]
PrettyName = Annotated[
    str | None, typer.Option("--pretty-name", metavar="TEXT", help="The card's name of the dataset.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]


def publish(
    folder: Folder,
    to: To,
    form: Form = "hub",
    shard_mb: ShardSize = 100,
    licence: Licence = None,
    pretty_name: PrettyName = None,
    as_json: AsJson = False,
) -> None:
    """Publish the kept clips as a dataset that datasets.load_dataset reads: clips, splits, frames, sources, card."""
    from manifests.publish.run import publish as run

    with _Progress() as progress:
        done = run(
            folder,
            to,
            form=form,
            max_shard_bytes=shard_mb * 1_000_000,
            licence=licence,
            pretty_name=pretty_name,
            watch=progress.tell,
        )
    if as_json:
        print_json(done.as_dict())
        return
    print_lines(_lines(done))


publish.__doc__ = f"{publish.__doc__}\n\n    {EXAMPLE}"


def _lines(done: "Published") -> list[str]:
    splits = ", ".join(f"{count} {split}" for split, count in done.splits.items())
    what = "already published" if done.already else "published"
    lines = [
        f"{what}: {many(done.clips, 'clip')}, {done.hours:.4f} h ({splits}), "
        f"{many(done.files, 'file')}, {done.bytes / 1e6:.1f} MB in {done.folder}"
    ]
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
