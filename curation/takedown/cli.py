"""`moee takedown`: show what would be removed, and with --yes remove it for good."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from curation.takedown.find import Request
    from curation.takedown.picture import Found
    from curation.takedown.report import Report

EXAMPLE: Final = 'Example: moee takedown dataset/ --identity i_0123456789abcdef --reason "asked by the person" --yes'
_SHOWN: Final = 20

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A folder that moee curate --out wrote.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, without a name: it is kept for good.")]
Source = Annotated[
    list[str] | None, typer.Option("--source", metavar="ID", help="A source: its id, address or name; repeatable.")
]
Uploader = Annotated[
    list[str] | None, typer.Option("--uploader", metavar="NAME", help="All that this one published; repeatable.")
]
Identity = Annotated[
    list[str] | None, typer.Option("--identity", metavar="ID", help="A person: all clips of the face; repeatable.")
]
Image = Annotated[
    Path | None,
    typer.Option(
        "--image", metavar="FILE", help="The person's own picture: lists who it may be; removes with --confirm."
    ),
]
Confirm = Annotated[
    list[str] | None,
    typer.Option("--confirm", metavar="ID", help="A person of the list that --image gave; repeatable."),
]
List = Annotated[
    Path | None,
    typer.Option("--list", metavar="FILE", help="Ids or addresses of sources and ids of persons, a line each."),
]
Published = Annotated[
    list[str] | None,
    typer.Option("--published", metavar="FOLDER|hf:ORG/NAME", help="Where it was published; rewritten; repeatable."),
]
Cache = Annotated[
    list[Path] | None, typer.Option("--cache", metavar="DIR", help="Features and other caches made of it; repeatable.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do it. Without this nothing is changed.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]


def takedown(
    folder: Folder,
    reason: Reason,
    source: Source = None,
    uploader: Uploader = None,
    identity: Identity = None,
    image: Image = None,
    confirm: Confirm = None,
    list_: List = None,
    published: Published = None,
    cache: Cache = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Remove a person, a source or an uploader for good: rows, clips, downloads, caches and what was published.

    Without --yes it shows what would go. Afterwards the same sources are never fetched or curated again into DIR.
    """
    from curation.errors import CurationError
    from curation.takedown.run import take_down

    if image is not None and not confirm:
        _list_matches(folder, image, as_json)
        return
    if confirm and image is None:
        raise CurationError(
            "--confirm names persons of the list that --image gave: give the picture too, or --identity"
        )
    people = (*(identity or ()), *(_confirmed(folder, image, confirm or []) if image is not None else ()))
    request = _request(reason, source or [], uploader or [], people, list_)
    report = take_down(
        folder,
        request,
        places=published or (),
        caches=cache or (),
        yes=yes,
        note=lambda text: print(text, file=sys.stderr),
    )
    if as_json:
        print(json.dumps(vars(report), indent=2, ensure_ascii=True))
    else:
        _print(report)
    if not report.is_clean:
        raise typer.Exit(1)


takedown.__doc__ = f"{takedown.__doc__}\n\n    {EXAMPLE}"


def _request(reason: str, sources: list[str], uploaders: list[str], people: tuple[str, ...], listed: Any) -> "Request":
    from curation.errors import CurationError
    from curation.takedown.find import Request, read_list

    reason = " ".join(reason.split())
    if not 0 < len(reason) <= 200:
        raise CurationError("--reason takes 1 to 200 characters: say why, without a name")
    named, persons = read_list(listed) if listed is not None else ((), ())
    request = Request((*sources, *named), tuple(uploaders), (*people, *persons), reason)
    if not (request.sources or request.uploaders or request.identities):
        raise CurationError("say what to remove: --source, --uploader, --identity, --image or --list")
    return request


def _found(folder: Path, image: Path) -> "Found":
    import manifests
    from curation.takedown.picture import match

    return match(manifests.open(folder), image)


def _confirmed(folder: Path, image: Path, wanted: list[str]) -> list[str]:
    """The persons that a human confirmed, if the picture is near them, or if they are gone already."""
    from curation.errors import CurationError
    from curation.takedown.gate import FILE
    from manifests.text import printable
    from manifests.tombstones import Tombstones

    stones = Tombstones.read(folder)
    if (folder / FILE).exists() or all(stones.has("identity", person) for person in wanted):
        return wanted
    near = {match.identity for match in _found(folder, image).matches}
    for person in wanted:
        if person not in near:
            raise CurationError(
                f"{printable(person)!r} is not in the list that the picture gives: see it without --confirm"
            )
    return wanted


def _list_matches(folder: Path, image: Path, as_json: bool) -> None:
    from manifests.terminal import print_lines, print_table

    found = _found(folder, image)
    if as_json:
        limits = {model: {"distance": limit, "origin": origin} for model, (limit, origin) in found.thresholds.items()}
        rows = [match.as_dict() for match in found.matches]
        print(json.dumps({"removed": False, "thresholds": limits, "matches": rows}, indent=2, ensure_ascii=True))
        return
    for model, (limit, origin) in found.thresholds.items():
        print_lines([f"{model}: persons within {limit:g} of the picture ({origin})"])
    if not found.matches:
        print("nobody in this manifest is that near: nothing to remove")
        return
    shown = [
        (m.identity, f"{m.distance:.3f}", str(m.tracks), str(m.clips), m.example or "(no file)") for m in found.matches
    ]
    print_table([("person", "distance", "tracks", "clips", "look at"), *shown])
    print("nothing was removed: look at the clips, then name who it is with --confirm ID, and --yes to remove")


def _print(report: "Report") -> None:
    from manifests.terminal import print_lines, print_table

    if report.already:
        print("all of this was taken down before; nothing of it is left in the folder")
        print_lines([*_file_lines(report), *_search_lines(report)])
    else:
        verb = "removed" if report.removed else "would go"
        rows = [("what", verb)]
        rows += [(f"rows of {table}", str(count)) for table, count in report.rows.items() if count]
        rows += [(f"files: {kind}", f"{f['files']} ({f['bytes'] / 1e6:.2f} MB)") for kind, f in report.files.items()]
        print_table(rows)
        print_lines(_lines(report))
    for place in report.published:
        said = f"not published again: {place['error']}" if place.get("error") else "published again"
        print_lines([f"{place['place']}: {said if report.removed else 'would be published again'}"])
        if place.get("note"):
            print_lines([place["note"]])
    if report.receipt:
        print_lines([f"receipt: {report.receipt}"])
    if not report.removed:
        print("nothing was changed: add --yes to remove all this for good")


def _lines(report: "Report") -> list[str]:
    lines = [
        f"{report.clips} clips, {report.shared} of them of other persons who are seen together with the removed one; "
        f"{report.sources} sources as a whole, {report.parts} that stay without the person"
    ]
    if report.near:
        more = f" and {len(report.near) - _SHOWN} more" if len(report.near) > _SHOWN else ""
        lines.append(f"persons who stay and look alike, to be looked at: {' '.join(report.near[:_SHOWN])}{more}")
    if report.yours:
        lines.append(f"{len(report.yours)} files were given by you and are not deleted here; delete them yourself:")
        lines += [f"  {path}" for path in report.yours[:_SHOWN]]
    return [*lines, *_search_lines(report)]


def _file_lines(report: "Report") -> list[str]:
    verb = "removed" if report.removed else "would go"
    return [f"{verb}: {f['files']} files of a {kind} ({f['bytes'] / 1e6:.2f} MB)" for kind, f in report.files.items()]


def _search_lines(report: "Report") -> list[str]:
    if not report.left:
        return []
    lines = [f"searched afterwards ({', '.join(report.left)}): {sum(report.left.values())} found"]
    return lines + [f"  {path}" for path in report.found[:_SHOWN]]
