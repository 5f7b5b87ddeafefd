"""`moee bench`: scores, bundles, comparisons, parity; the front door turns a BenchmarkError into a sentence."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmark.ladder.cli import ladder
from benchmark.leaderboard.cli import LEADERBOARD_EXAMPLE, SUBMIT_EXAMPLE, leaderboard, submit
from benchmark.options import (
    Address,
    AsJson,
    Cache,
    EngineName,
    Fewer,
    Named,
    Partial,
    Real,
    Weights,
    Workers,
    cluster,
    note,
    processes,
)
from manifests.terminal import print_json, print_lines, print_table

if TYPE_CHECKING:
    from benchmark.testset import TestSet

app = typer.Typer(
    help="Score systems on fixed protocols: exact metrics, intervals, bundles that verify.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the result goes.")]
BundleFolder = Annotated[Path, typer.Argument(metavar="BUNDLE", help="A folder that moee bench run wrote.")]


@app.command(epilog="Example: moee bench protocols mead --real dataset/ --out mead-test/")
def protocols(
    name: Annotated[str | None, typer.Argument(metavar="[PROTOCOL]", help="Explain this one.")] = None,
    real: Annotated[Path | None, typer.Option(metavar="MANIFEST", help="Make its test set from this manifest.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where the test set goes.")] = None,
    allow_fewer: Fewer = False,
    workers: Workers = 0,
    engine: EngineName = "local",
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """List the protocols; explain one; with --real and --out make its test set: clips, references, sounds, labels."""
    from benchmark.errors import BenchmarkError
    from benchmark.protocol import load_protocol, protocol_names
    from benchmark.show import protocol_lines, protocol_rows

    if name is None:
        if real or out:
            raise BenchmarkError("Name the protocol whose test set is to be made, such as `moee bench protocols mead`.")
        found = [load_protocol(known) for known in protocol_names()]
        if as_json:
            print_json({protocol.name: protocol.resolved() for protocol in found})
        else:
            print_table(protocol_rows(found))
        return
    protocol = load_protocol(name)
    if (real is None) != (out is None):
        raise BenchmarkError("A test set is made with both --real MANIFEST and --out DIR.")
    if real is None or out is None:
        if as_json:
            print_json(protocol.resolved() | {"sha256": protocol.sha256})
        else:
            print_lines(protocol_lines(protocol))
        return
    from benchmark.testset import build

    made = build(real, protocol, out, allow_fewer, processes(workers), note, cluster(engine, address, workers))
    if as_json:
        print_json(made.model_dump(mode="json") | {"sha256": made.sha256})
    else:
        print_lines(_made(made, out))


def _made(made: "TestSet", out: Path) -> list[str]:
    persons = len({clip.identity for clip in made.clips})
    return [
        f"{len(made.clips)} clips of {persons} persons in {out}: real/, reference/, audio/, conditions.csv",
        "a system makes a video <id>.mp4 for every line of conditions.csv; then: moee bench run "
        f"{made.protocol} --system NAME --videos DIR --real {out} --out BUNDLE",
    ]


@app.command(
    epilog="Example: moee bench run mead --system mine --videos made/ --real mead-test/ --out mine/  "
    "(or --model out/model instead of --videos)"
)
def run(
    protocol: Named,
    system: Annotated[str, typer.Option(metavar="NAME", help="As it stands in tables; `ground-truth` is the truth.")],
    real: Real,
    out: Out,
    videos: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A video <clip id>.mp4 for every clip; or --model.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="DIR|HUB_ID", help="A MoEE model, which makes the videos now; or --videos.")
    ] = None,
    steps: Annotated[int, typer.Option(help="--model: denoising steps.")] = 20,
    guidance: Annotated[float, typer.Option(help="--model: how strongly sound and emotion are followed.")] = 3.5,
    seed: Annotated[int, typer.Option(help="--model: of all noise.")] = 0,
    device: Annotated[str, typer.Option(help="--model: auto, cpu, cuda, ...")] = "auto",
    trained_on: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Persons or sources it was trained on: a list or a manifest; default: the model's own list.",
        ),
    ] = None,
    allow_failures: Annotated[
        bool, typer.Option("--allow-failures", help="Count a clip without a fit video as the worst score.")
    ] = False,
    allow_fewer: Fewer = False,
    partial: Partial = False,
    extractor: Weights = "published",
    cache: Cache = None,
    workers: Workers = 0,
    engine: EngineName = "local",
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Score a system's videos, or those a model makes, into a bundle: numbers, intervals, all that recomputes them."""
    from benchmark.errors import BenchmarkError
    from benchmark.generated import score_model
    from benchmark.making import Settings
    from benchmark.plan import seeded
    from benchmark.run import run as score
    from benchmark.show import bundle_lines, bundle_rows
    from benchmark.systems import System, training_list

    if (videos is None) == (model is None):
        raise BenchmarkError("Say where the videos come from: either --videos DIR or --model DIR.")
    chosen = System(system, None if trained_on is None else training_list(trained_on))
    common: dict[str, Any] = {
        "cache": cache, "workers": processes(workers), "allow_failures": allow_failures, "allow_fewer": allow_fewer,
        "partial": partial, "seeded": seeded(extractor), "note": note,
        "cluster": cluster(engine, address, workers),
    }  # fmt: skip
    if videos is not None:
        bundle = score(protocol, chosen, videos, real, out, **common)
    else:
        settings = Settings(str(model), steps, guidance, seed, device)
        bundle = score_model(protocol, chosen, settings, real, out, **common)
    if as_json:
        print_json(bundle.results.model_dump(mode="json"))
    else:
        print_table(bundle_rows(bundle))
        print_lines(bundle_lines(bundle))
    if bundle.results.failures:
        raise typer.Exit(1)


@app.command(epilog="Example: moee bench verify mine-bundle/  (exit 0 sound, 1 something differs)")
def verify(folder: BundleFolder, as_json: AsJson = False) -> None:
    """Recompute every number of a bundle from its features; say which byte or number differs."""
    from benchmark.bundle import verify as find_problems
    from benchmark.study import bundle as opinions

    problems = (opinions.verify if opinions.is_opinions(folder) else find_problems)(folder)
    if as_json:
        print_json({"sound": not problems, "problems": [vars(problem) for problem in problems]})
    else:
        print_lines([problem.sentence for problem in problems] or ["every byte and every number is as it was written"])
    if problems:
        raise typer.Exit(1)


@app.command(epilog="Example: moee bench compare mine-bundle/ baseline-bundle/")
def compare(
    first: BundleFolder,
    second: Annotated[Path, typer.Argument(metavar="OTHER", help="Another bundle of the same protocol and clips.")],
    as_json: AsJson = False,
) -> None:
    """Hold two systems against each other clip by clip: paired differences with intervals."""
    from benchmark.bundle import load
    from benchmark.compare import compare as hold
    from benchmark.show import comparison_rows

    found = hold(load(first), load(second))
    if as_json:
        print_json(found.as_dict())
    else:
        print_table(comparison_rows(found))


@app.command(
    epilog="Example: moee bench parity --real videos/ --out docs/parity.md  (exit 0 equal, 1 something differs)"
)
def parity(
    real: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Videos to take frames and clips from; default: the sample.")
    ] = None,
    frames: Annotated[int, typer.Option(min=8, help="Frames for Inception, an even number for each clip.")] = 200,
    clips: Annotated[int, typer.Option(min=4, help="Clips, an even number.")] = 20,
    env: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Environment of the other programs; default: in the cache.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the page (Markdown) here.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run the programs that everyone cites beside this one, on the same inputs and seeded weights: are they equal?"""
    from benchmark.parity import parity as hold
    from benchmark.parity.page import row_cells

    found = hold(real, frames=frames, clips=clips, env=env, out=out, note=note)
    if as_json:
        print_json(found.as_dict())
    else:
        print_table(list(row_cells(found.rows)))
        print_lines([f"{sum(row.verdict == 'equal' for row in found.rows)} of {len(found.rows)} rows are equal"])
    if not found.equal:
        raise typer.Exit(1)


app.command(epilog="Example: moee bench ladder sample --real dataset/ --out rungs/")(ladder)
app.command(epilog=LEADERBOARD_EXAMPLE)(leaderboard)
app.command(epilog=SUBMIT_EXAMPLE)(submit)
