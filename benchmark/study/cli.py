"""`moee study`: makes a rater study, serves it, scores it; the front door turns a BenchmarkError into a sentence."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from manifests.terminal import print_json, print_lines, print_table

app = typer.Typer(
    help="Rater studies: mean opinion scores or choices, blind and balanced, in the browser.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

StudyFolder = Annotated[Path, typer.Argument(metavar="DIR", help="A study that moee study new made.")]


@app.command(
    epilog="Example: moee study new study/ --system mine=made/ --system other=theirs/ --system ground-truth "
    "--real mead-test/ --clips 10 --raters 15"
)
def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the study goes: a new folder.")],
    system: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VIDEOS", help="A system and its folder of <clip>.mp4; repeat it."),
    ] = None,
    real: Annotated[
        Path | None,
        typer.Option(metavar="TESTSET", help="Test set of the videos: emotions asked for, references, ground truth."),
    ] = None,
    clips: Annotated[int | None, typer.Option(min=1, help="So many clips of each system; default: all.")] = None,
    question: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY", help="emotion, lip-sync, naturalness, identity; repeat it; default: all that fit."),
    ] = None,
    kind: Annotated[str, typer.Option(metavar="rating|choice", help="1 to 5, or which of two videos.")] = "rating",
    ties: Annotated[bool, typer.Option("--ties", help="choice: also take `no difference`.")] = False,
    raters: Annotated[int | None, typer.Option(help="How many; default: 15, or what the next two give.")] = None,
    items: Annotated[int | None, typer.Option(help="Rated by each rater; default: up to 40.")] = None,
    per_item: Annotated[int | None, typer.Option(help="Raters of each item; default: what the other two give.")] = None,
    checks: Annotated[int, typer.Option(help="So many instructed and so many repeated items for each rater.")] = 2,
    seed: Annotated[int, typer.Option(help="Of clips, orders, sides and checks.")] = 0,
    title: Annotated[str, typer.Option(help="What raters read above it; it names no system.")] = "Talking faces",
    base_url: Annotated[
        str, typer.Option(metavar="URL", help="What the raters' links begin with.")
    ] = "http://127.0.0.1:8000",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")] = False,
) -> None:
    """Make a study: who sees what in which order, and who is excluded, is fixed before the first answer."""
    from benchmark.study.new import LINKS, Wishes
    from benchmark.study.new import new as make

    wishes = Wishes(
        systems=system or [], real=real, clips=clips, questions=question or [], kind=kind, ties=ties, raters=raters,
        items=items, per_item=per_item, checks=checks, seed=seed, title=title, base_url=base_url,
    )  # fmt: skip
    made = make(folder, wishes, _note)
    steps = len(made.sequences[0])
    size = {
        "raters": made.raters, "steps": steps, "items": sum(step.kind == "item" for step in made.sequences[0]),
        "raters_per_item": list(made.per_item), "systems": len(made.systems), "clips": len(made.clips),
        "questions": list(made.questions), "links": str(folder / LINKS),
    }  # fmt: skip
    if as_json:
        print_json(size)
        return
    least, most = made.per_item
    print_lines(
        [
            f"{made.raters} raters x {size['items']} items of {len(made.systems)} systems x {len(made.clips)} clips, "
            f"{least if least == most else f'{least} or {most}'} raters for each; {steps} steps with checks",
            f"asked: {', '.join(made.questions)}",
            f"links, one for each rater, secret: {folder / LINKS}; then: moee study serve {folder}",
        ]
    )


@app.command(epilog="Example: moee study serve study/ --host 0.0.0.0 --port 8000  (put TLS before it on the open net)")
def serve(
    folder: StudyFolder,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
) -> None:
    """Serve a study to its raters; a second server of one study is refused."""
    from benchmark.study.serve import serve as run

    run(folder, host, port, _note)


@app.command(epilog="Example: moee study score study/ --out study-bundle/")
def score(
    folder: StudyFolder,
    out: Annotated[Path, typer.Option("--out", metavar="BUNDLE", help="Where the bundle goes.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")] = False,
) -> None:
    """Score a study, finished or not, into a bundle: means with intervals, agreement, who is excluded and why."""
    from benchmark.study.bundle import write
    from benchmark.study.new import load
    from benchmark.study.show import lines, rows
    from benchmark.study.store import Store

    study, sha256 = load(folder)
    bundle = write(out, study, Store(folder, sha256, write=False).answers())
    if as_json:
        print_json(bundle.opinions.model_dump(mode="json"))
    else:
        print_table(rows(bundle))
        print_lines(lines(bundle))


def _note(text: str) -> None:
    from manifests.text import printable

    print(printable(text), file=sys.stderr, flush=True)
