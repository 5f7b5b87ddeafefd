"""Options that several `moee bench` commands take, and what they stand for."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from benchmark.cluster import Cluster

Named = Annotated[str, typer.Argument(metavar="PROTOCOL", help="hdtf, mead, dh-faceemovid-150, sample, or a file.")]
Real = Annotated[
    Path, typer.Option("--real", metavar="MANIFEST", help="A curated manifest, or a test set made from one.")
]
Fewer = Annotated[bool, typer.Option("--allow-fewer", help="Go on where the manifest holds too little; marked.")]
Partial = Annotated[bool, typer.Option("--partial", help="Go on without metrics whose networks are not here; marked.")]
Weights = Annotated[
    str,
    typer.Option("--extractor", metavar="published|seeded", help="Seeded: networks on seeded weights, to try; marked."),
]
Cache = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Where features and generated videos are kept; default: the user's cache. On a cluster a folder that all "
        "nodes see under this path, as they must see test set, videos and results.",
    ),
]
Workers = Annotated[int, typer.Option(min=0, help="Processes; 0 takes one for each core.")]
EngineName = Annotated[str, typer.Option(metavar="local|ray", help="Where videos are made and watched.")]
Address = Annotated[
    str | None,
    typer.Option(metavar="auto|HOST:PORT", help="Ray: the cluster to join; without it, a Ray of this machine alone."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]

ENGINES = ("local", "ray")


def processes(asked: int) -> int:
    """How many processes of this machine `--workers` asks for."""
    from manifests.processes import default_workers

    return asked or default_workers(2 << 30)


def cluster(engine: str, address: str | None, workers: int) -> "Cluster | None":
    """The cluster that `--engine`, `--address` and `--workers` ask for; None for this machine's processes.

    Raises:
        BenchmarkError: there is no such engine, or an address without a cluster's engine.
    """
    from benchmark.errors import BenchmarkError
    from manifests.text import printable

    if engine not in ENGINES:
        raise BenchmarkError(f"There is no engine {printable(engine)}: use --engine {' or --engine '.join(ENGINES)}.")
    if engine == "local":
        if address is not None:
            raise BenchmarkError("--address names a Ray cluster: add --engine ray.")
        return None
    from benchmark.cluster import Cluster

    return Cluster(address, workers)


def note(text: str) -> None:
    """Tell the user a sentence, on stderr."""
    from manifests.text import printable

    print(printable(text), file=sys.stderr, flush=True)
