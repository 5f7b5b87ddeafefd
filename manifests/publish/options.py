"""The options of `moee publish`."""

from pathlib import Path
from typing import Annotated

import typer

Folder = Annotated[
    Path,
    typer.Argument(metavar="DIR", help="What moee curate --out wrote, or with hf: a model."),
]
To = Annotated[
    str,
    typer.Option(
        "--to",
        metavar="PLACE",
        help="hf:ORG/NAME on the Hugging Face Hub (token: HF_TOKEN, or hf auth login), or a folder: new, empty, or "
        "published before. What it held is replaced, edits in its card are lost.",
    ),
]
Form = Annotated[str, typer.Option("--form", metavar="NAME", help="hub, or dh-faceemovid-150: files named as there.")]
ShardSize = Annotated[int, typer.Option("--shard-mb", min=1, help="MB after which the next Parquet file begins.")]
Licence = Annotated[str | None, typer.Option("--license", metavar="TEXT", help="Licence of the whole, for the card.")]
PrettyName = Annotated[
    str | None, typer.Option("--pretty-name", metavar="TEXT", help="The card's name of the dataset.")
]
MaxShard = Annotated[str | None, typer.Option("--max-shard", metavar="SIZE", help="The same with a unit: 1GB, 500MB.")]
Media = Annotated[
    str,
    typer.Option(
        "--media",
        metavar="HOW",
        help="embedded: in the tables. files: beside them. none: no footage, only what moee rebuild needs.",
    ),
]
Private = Annotated[
    bool, typer.Option("--private", help="Make the repository private; nothing has to be allowed then.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="With hf: make and show the plan, send nothing.")]
Allow = Annotated[
    list[str] | None,
    typer.Option(
        "--allow",
        metavar="WHAT",
        help="What may be public all the same: unlicensed, or a model that forbids commercial use. Again for more.",
    ),
]
Stage = Annotated[
    Path | None,
    typer.Option("--stage", metavar="FOLDER", help="With hf: where the files are made first, and stay."),
]
Bundle = Annotated[
    Path | None,
    typer.Option("--bundle", metavar="FOLDER", help="With hf: and a model: the results bundle that its card shows."),
]
Language = Annotated[
    list[str] | None,
    typer.Option(
        "--language", metavar="CODE", help="A language that is spoken (en, de, zh), for the card. Again for more."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
