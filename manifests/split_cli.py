"""`moee manifest split`: who is in which split, what was set aside, and what another split would give."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from manifests.manifest import Manifest

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A folder that moee curate --out wrote.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the certificate as JSON on stdout.")]
EPILOG = "Example: moee manifest split dataset/ --certificate splits.json; another one: --seed 1 --test 0.2"


def split(
    folder: Folder,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Try the split of another seed.")] = None,
    validation: Annotated[
        float | None, typer.Option(metavar="SHARE", help="Try another share of the clips for validation, 0 to 1.")
    ] = None,
    test: Annotated[
        float | None, typer.Option(metavar="SHARE", help="Try another share of the clips for test, 0 to 1.")
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the certificate, as JSON, to this file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the splits and their certificate; with other settings, what these would give (nothing is changed)."""
    import manifests
    from manifests.certificate import as_json as text_of
    from manifests.errors import ManifestError
    from manifests.terminal import print_json, print_lines, print_table

    if certificate is not None and certificate.resolve().is_relative_to(folder.resolve()):
        raise ManifestError("The certificate would lie in the manifest's own folder: name a file beside it.")
    manifest = manifests.open(folder)
    asked = {"seed": seed, "validation": validation, "test": test}
    content, tried = judged(manifest, {name: value for name, value in asked.items() if value is not None})
    if certificate is not None:
        _write(certificate, text_of(content))
    if as_json:
        print_json({**content, "stored": not tried})
        return
    print_table(_rows(content))
    print_lines(_lines(content))
    if tried:
        print("this is what these settings would give from the start; the manifest is unchanged")


def judged(manifest: "Manifest", asked: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """The certificate of the stored split, or of the one that other settings would give; and whether it is tried.

    Args:
        manifest: opened.
        asked: seed, validation and test that differ from the recipe's.

    Raises:
        ManifestError: impossible shares, or a manifest without splits.
    """
    from manifests.certificate import certificate, stored
    from manifests.errors import ManifestError
    from manifests.splits import columns
    from manifests.splits import split as divide

    recipe = manifest.recipe
    stages = dict(recipe.get("stages") or {})
    if not asked:
        if manifest.clips.empty:
            raise ManifestError("No clip is kept, so there is nothing to split: moee manifest show DIR says why.")
        if not manifest.table("splits", ["id"]).num_rows:
            raise ManifestError("The manifest holds no splits: run moee curate again, or try some with --seed 0.")
        return stored(manifest) or certificate(manifest, recipe), False
    settings = {**(stages.get("splits") or {}), **asked}
    identities = manifest.table("identities", ["id", "bridges"])
    made = divide(manifest.table("clips", columns()), identities, **settings)
    tried = {**recipe, "stages": {**stages, "splits": settings}}
    return certificate(manifest, tried, made.clips, notes=made.notes), True


def _write(path: Path, text: str) -> None:
    from manifests.errors import ManifestError
    from manifests.text import printable

    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ManifestError(
            f"The certificate cannot be written to {printable(str(path))}: {error.strerror}."
        ) from error


def _rows(content: dict[str, Any]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("split", "clips", "share", "hours", "persons", "sources", "emotions")]
    total = sum(found["clips"] for found in content["splits"].values())
    for name, found in content["splits"].items():
        emotions = ", ".join(f"{emotion} {count}" for emotion, count in found["emotions"].items())
        share = f"{found['clips'] / total:.1%}" if total else ""
        hours = f"{found['seconds'] / 3600:.4f}"
        counts = (str(found["identities"]), str(found["sources"]))
        rows.append((name, str(found["clips"]), share, hours, *counts, emotions))
    return rows


def _lines(content: dict[str, Any]) -> list[str]:
    """What the certificate says, in sentences."""
    aside = content["set_aside"]
    lines = [f"clips that are set aside: {sum(aside.values())}"]
    lines += [f"  {count}: {reason}" for reason, count in aside.items()]
    shared = content["shared"]
    unknown = content["unknown"]["clips_without_identity"]
    if unknown:
        lines.append(f"clips in a split without an identity, whose source or given name decided: {unknown}")
    lines.append(
        f"in two splits: persons {shared['identities']}, names of data sets {shared['given_identities']}, "
        f"duplicates {shared['duplicate_clips']}; sources with persons of two splits {shared['sources']}"
    )
    for found in content["nearest_faces"]:
        if found["pairs"]:
            near = found["pairs"][0]
            names = " and ".join(found["splits"])
            lines.append(f"nearest faces of {names}: {near['distance']:.3f}, clips {' and '.join(near['clips'])}")
    leakage = content["leakage"]
    if leakage["estimate"] is None:
        lines.append(f"leakage is not estimated: {leakage['how']}")
    else:
        low, high = leakage["interval"]
        held = leakage["held_out_identities"]
        near = round(leakage["estimate"] * held)
        lines.append(
            f"leakage, an upper estimate: {near} of {held} held-out persons near a training person "
            f"({leakage['estimate']:.1%}, 95 % interval {low:.1%} to {high:.1%})"
        )
        lines += [f"  {sentence}" for sentence in (leakage["how"], *leakage["limits"].split("; "))]
    how = content["how"]
    shares = ", ".join(f"{name} {share:g}" for name, share in how["shares"].items())
    lines.append(f"seed {how['seed']}, asked for {shares}; embeddings {', '.join(how['embeddings']) or 'none'}")
    return lines + list(content["notes"])


__all__ = ["EPILOG", "judged", "split"]
