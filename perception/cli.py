"""`moee models`: what models there are, which are here, and getting the others."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Any, NoReturn

import typer

from perception import weights
from perception.errors import PerceptionError

app = typer.Typer(
    help="The models that MoEE uses: list them, fetch them, check them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


@app.command("list")
def list_models(as_json: AsJson = False) -> None:
    """List every model: licence, size, whether it is here and where, and what uses it.

    Example: moee models list
    """
    found = [weights.status(model) for model in weights.entries()]
    if as_json:
        print(json.dumps([_facts(status) for status in found], indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("name", "licence", "size", "here", "used by"):
        table.add_column(column, overflow="fold")
    for status in found:
        model = status.entry
        used_by = ", ".join(model.needed_by)
        table.add_row(model.name, _licence(model), _size(model), _place(status), used_by)
    console = Console()
    console.print(table)
    console.print(f"cache: {weights.cache_folder()}", soft_wrap=True, highlight=False)
    console.print(f"weights folder: {weights.weights_folder() or 'none'}", soft_wrap=True, highlight=False)
    if any(model.noncommercial for model in weights.entries()):
        console.print("(non-commercial) models may not be used for commercial purposes.")
    for status in found:
        if status.state != "present":
            model = status.entry
            console.print(
                f"{model.name} is {status.state}: without it {model.without}. Get it: {weights.how_to_get(model)}",
                soft_wrap=True,
                highlight=False,
            )


@app.command()
def fetch(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME...", help="Names of models.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Fetch every model whose checksum is published.")] = False,
    as_json: AsJson = False,
) -> None:
    """Fetch models into the cache, whole and verified; what is here already is not fetched again.

    Exits with 1 when a model could not be fetched, and says why.

    Example: moee models fetch blazeface-full face-mesh
    """
    if bool(names) == everything:
        _refuse("Name the models to fetch, or give --all; `moee models list` shows the names.")
    try:
        every = [model.name for model in weights.entries() if model.is_pinned]
        wanted = every if everything else _known(names or [])
    except PerceptionError as error:
        _refuse(str(error))
    results = [_fetch_one(name) for name in wanted]
    if as_json:
        print(json.dumps(results, indent=2))
    else:
        for result in results:
            print(f"{result['name']}: {result['path'] or result['error']}")
    if any(result["error"] for result in results):
        raise typer.Exit(1)


@app.command()
def verify(as_json: AsJson = False) -> None:
    """Read every model that is here again and compare it with its pinned size and sha256.

    Exits with 1 when a file is damaged. Absent models are not an error.

    Example: moee models verify
    """
    found = [weights.status(model, again=True) for model in weights.entries()]
    if as_json:
        print(json.dumps([_facts(status) for status in found], indent=2))
    else:
        for status in found:
            here = "right" if status.entry.is_pinned else "here, and its makers publish no checksum"
            print(f"{status.entry.name}: {status.state if status.path is None else f'{here}, {status.path}'}")
            for path in status.damaged:
                print(f"{status.entry.name}: damaged and not used, delete it or fetch the model again: {path}")
    if any(status.damaged for status in found):
        raise typer.Exit(1)


def _known(names: list[str]) -> list[str]:
    return list(dict.fromkeys(weights.entry(name).name for name in names))


def _fetch_one(name: str) -> dict[str, Any]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(name, total=None)

        def show(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total or None)

        try:
            return {"name": name, "path": str(weights.fetch(name, show)), "error": None}
        except PerceptionError as error:
            return {"name": name, "path": None, "error": str(error)}


def _facts(status: weights.Status) -> dict[str, Any]:
    facts = asdict(status.entry)
    del facts["sources"]
    return {
        **facts,
        "state": status.state,
        "path": None if status.path is None else str(status.path),
        "damaged": [str(path) for path in status.damaged],
    }


def _licence(model: weights.Entry) -> str:
    return f"{model.licence} (non-commercial)" if model.noncommercial else model.licence


def _place(status: weights.Status) -> str:
    if status.path is None:
        return status.state
    places = {weights.cache_folder(): "in the cache", weights.weights_folder(): "in the weights folder"}
    return places.get(status.path.parent, "in its package")


def _size(model: weights.Entry) -> str:
    if not model.is_pinned:
        return "not published"
    return f"{model.bytes / 1e6:.1f} MB" if model.bytes >= 100_000 else f"{model.bytes / 1e3:.0f} kB"


def _refuse(sentence: str) -> NoReturn:
    typer.echo(sentence, err=True)
    raise typer.Exit(2)
