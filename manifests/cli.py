"""`moee manifest`: show, validate, select and diff; the front door turns a ManifestError into a sentence and exit 2."""

from pathlib import Path
from typing import Annotated

import typer

from manifests.split_cli import EPILOG, split
from manifests.terminal import print_json, print_lines, print_table
from manifests.text import printable

app = typer.Typer(
    help="Read, check, re-threshold and compare manifests.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A folder that moee curate --out wrote.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
_SHOWN = 20


@app.command(epilog="Example: moee manifest show dataset/")
def show(folder: Folder, as_json: AsJson = False) -> None:
    """Show what a manifest holds: inputs, clips, hours, and what each stage kept, dropped and failed."""
    import manifests
    from manifests.show import funnel, lines

    summary = manifests.open(folder).summary()
    if as_json:
        print_json(summary.as_dict())
        return
    print_table(funnel(summary))
    print_lines(lines(summary))


@app.command(epilog="Example: moee manifest validate dataset/  (exit 0 sound, 1 problems found)")
def validate(
    folder: Folder,
    quick: Annotated[bool, typer.Option("--quick", help="Compare sizes, not hashes.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check schema, ids, references, spans, files, hashes, counts and sources; exit 1 when something is wrong."""
    from manifests.processes import usable_cores
    from manifests.validate import CHECKS
    from manifests.validate import validate as find_problems

    notes: list[str] = []
    problems = find_problems(folder, quick, note=notes.append, processes=usable_cores())
    counts = {check: sum(p.rows for p in problems if p.check == check) for check in CHECKS}
    if as_json:
        print_json(
            {
                "sound": not problems,
                "checks": counts,
                "notes": notes,
                "problems": [vars(problem) for problem in problems],
            }
        )
    else:
        print_table([("check", "result", "means"), *((c, _result(counts[c]), CHECKS[c]) for c in CHECKS)])
        print_lines(f"{p.check}: {p.where}: {p.sentence}" for p in problems)
        print_lines(notes)
        total = sum(counts.values())
        print(f"{total} problems" if problems else "the manifest is sound" + (" (hashes not read)" if quick else ""))
    if problems:
        raise typer.Exit(1)


def _result(count: int) -> str:
    return str(count) if count else "ok"


@app.command(epilog="Example: moee manifest select dataset/ --recipe stricter.yaml")
def select(
    folder: Folder,
    recipe: Annotated[str, typer.Option(metavar="NAME|FILE", help="The recipe whose thresholds to try.")],
    as_json: AsJson = False,
) -> None:
    """Show what a recipe's thresholds would keep, before and after; nothing is written and no media are opened."""
    import manifests
    from manifests.recipe import load_recipe
    from manifests.select import compare
    from manifests.select import select as apply

    chosen = load_recipe(recipe)
    before = manifests.open(folder).table("clips")
    change = compare(before, apply(before, chosen.select))
    if as_json:
        print_json({"recipe": chosen.name, **vars(change), "written": False})
        return
    rows = [("clips", "before", "after"), ("kept", *map(str, change.kept))]
    rows += [(f"fail {printable(reason)}", str(was), str(now)) for reason, (was, now) in change.reasons.items()]
    print_table(rows)
    print(
        f"{change.clips} candidates, {change.gained} gained, {change.lost} lost, {change.failed} failed either way;"
        f" nothing was written: moee curate with --recipe {printable(recipe)} applies it"
    )


app.command(epilog=EPILOG)(split)


@app.command(
    epilog="Example: moee manifest diff monday/ tuesday/  (exit 0 either way; --json says same: true or false)"
)
def diff(
    first: Folder,
    second: Annotated[Path, typer.Argument(metavar="OTHER", help="The manifest to compare it with.")],
    as_json: AsJson = False,
) -> None:
    """Compare two manifests by clip: added, removed, changed columns, and the rows of every table."""
    import manifests
    from manifests.diff import diff as compare

    found = compare(manifests.open(first), manifests.open(second))
    if as_json:
        print_json(found.as_dict())
        return
    rows = [(name, str(was), str(now), f"{now - was:+d}") for name, (was, now) in found.tables.items()]
    print_table([("rows", "first", "second", "change"), *rows])
    if found.same:
        print("the clips are the same in every column, and all tables have as many rows")
        return
    print(f"kept clips: {found.kept[0]} and {found.kept[1]}")
    for what, clips in (("added", found.added), ("removed", found.removed), ("changed", list(found.changed))):
        print(f"{len(clips)} clips {what}" + (f": {_some(clips)}" if clips else ""))
    if found.columns:
        print("columns: " + ", ".join(f"{column} in {count}" for column, count in found.columns.items()))


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return printable(" ".join(names[:_SHOWN])) + more
