"""The card of a MoEE model: what it is made of and under which licences, its results with intervals, its limits."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from manifests.publish import standing
from manifests.publish.head import LICENCE_FILE, as_yaml, licence_fields
from manifests.publish.made_of import Lineage, config_of, lineage_of, noncommercial, parts_of
from manifests.publish.markdown import count, many, table, text
from manifests.text import printable

_ROWS: Final = 60
_LICENCES: Final = 12
_WEIGHTS: Final = ".safetensors"


def card(
    root: Path,
    name: str,
    place: str,
    licence: str | None,
    allowed: Sequence[str],
    results: Mapping[str, Any],
    languages: Sequence[str],
) -> str:
    """Return the card: head, use, what it is made of, results, limits, citation.

    Args:
        root: the model. name: for people. place: `ORG/NAME`.
        licence: as it is stated. allowed: what was named on the command line. language: codes, of the speech.
        results: of a bundle; empty without one.
        languages: codes, of the speech that it was made for.
    """
    head: dict[str, Any] = {**(licence_fields(licence) if licence else {"license": "unknown"})}
    head |= {"language": list(languages)} if languages else {}
    head |= {"library_name": "moee", "pipeline_tag": "image-to-video", "tags": ["talking-head", "emotion", "moee"]}
    if index := _index(name, results):
        head["model-index"] = [index]
    lines = [
        f"# {text(name, 300)}",
        "",
        "A MoEE model: a portrait, a sound and an emotion become a video of a talking face.",
        "",
        *_free(root, licence, allowed),
        "## Use",
        "",
        "```",
        f"hf download {place} --local-dir model",
        "moee generate --model model --image face.png --audio voice.wav --emotion happy --out o.mp4",
        "```",
        "",
        *_made_of(root),
        *_results(results),
        "## Limits",
        "",
        "- Do not use it to show a person who has not agreed, or to deceive; say that a video was made by a program.",
        "- Whoever is shown in the clips that it was trained on may ask that they are removed; that does not change a "
        "model that was trained with them: train it again.",
        "- Licences of the data that it was trained on, and of weights from which training began, hold for it too"
        + ("." if lineage_of(root) else "; this folder does not say which these were: ask whoever published it."),
        "",
        *standing.method(),
    ]
    return as_yaml(head) + "\n" + "\n".join(lines)


def licence_words(name: str, licence: str) -> str:
    """Return LICENSE.md, which the head names for a licence that the Hub does not list."""
    return f"# Licence of {text(name, 300)}\n\nAs who published it states it: {text(licence, 300)}.\n"


def wants_file(licence: str | None) -> bool:
    """Whether the head names LICENSE.md."""
    return licence is not None and licence_fields(licence).get("license_link") == LICENCE_FILE


def _free(root: Path, licence: str | None, allowed: Sequence[str]) -> Iterator[str]:
    bound, lineage = noncommercial(root), lineage_of(root)
    unlicensed = lineage.unlicensed if lineage else 0
    if licence and not bound and not unlicensed:
        return
    yield from ("## Not free for every use", "")
    if not licence:
        yield "- No licence was stated: nobody may use it for more than looking at it."
    for name, does in bound.items():
        yield f"- The network {text(name)} ({does}) forbids commercial use."
    if lineage and unlicensed:
        of = many(lineage.clips, "clip")
        yield f"- {count(unlicensed)} of the {of} that it was trained on have no stated licence."
    if allowed:
        named = ", ".join(map(text, allowed))
        yield f"- Whoever published this allowed it on purpose (`--allow`): {named}."
    yield ""


def _made_of(root: Path) -> Iterator[str]:
    yield from ("## What it is made of", "")
    config, lineage = config_of(root), lineage_of(root)
    moe = config.get("moe")
    if config:
        facts = [f"configuration {text(config.get('name', ''))}"]
        facts += [f"pictures of {config['size']} x {config['size']} px"] if isinstance(config.get("size"), int) else []
        facts += [f"{config['fps']} frames per second"] if isinstance(config.get("fps"), int) else []
        if isinstance(moe, dict) and isinstance(moe.get("experts"), int):
            facts.append(f"{moe['experts']} emotion experts" if moe.get("enabled") else "no emotion experts")
        yield f"- {', '.join(facts)}"
    sizes = {path: _parameters(path) for path in sorted(root.rglob(f"*{_WEIGHTS}"))}
    if sizes:
        yield f"- {count(sum(sizes.values()))} parameters in {count(len(sizes))} files of weights"
    if lineage is not None:
        began = "public weights" if lineage.began_with else "seeded weights"
        yield f"- trained from {began} on {many(lineage.clips, 'clip')}{_licences(lineage)}"
    yield ""
    rows = []
    for part in parts_of(root):
        licence = "not known here: look at it before use" if part.terms is None else text(part.terms.licence)
        use = "not known" if part.terms is None else "forbidden" if part.terms.noncommercial else "allowed"
        seeded = "none, or seeded weights: not a trained network"
        rows.append((part.does, text(part.name) if part.name else seeded, *((licence, use) if part.name else ("", ""))))
    if rows:
        yield from table(("network", "which", "licence", "commercial use"), rows)
        yield ""


def _licences(lineage: Lineage) -> str:
    """Under which licences the clips are, those of most clips first."""
    if not lineage.licences:
        return " without a stated licence"
    stated = sorted(lineage.licences.items(), key=lambda item: (-item[1], item[0]))
    words = [f"{text(name, 100)} ({count(clips)})" for name, clips in stated[:_LICENCES]]
    if rest := sum(clips for _, clips in stated[_LICENCES:]):
        words.append(f"{many(len(stated) - _LICENCES, 'more licence')} ({count(rest)})")
    if lineage.unlicensed:
        words.append(f"no stated one ({count(lineage.unlicensed)})")
    return f", under {', '.join(words)}"


def _parameters(path: Path) -> int:
    """Numbers in a file of weights, by its header; 0 where it is none."""
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(size)) if size < (1 << 27) else {}
        shapes = [entry["shape"] for name, entry in header.items() if name != "__metadata__"]
        return sum(math.prod(shape) for shape in shapes)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return 0


def _index(name: str, results: Mapping[str, Any]) -> dict[str, Any] | None:
    """The numbers as the Hub's pages show them."""
    if not results:
        return None
    lines = [line for line in results["metrics"][:_ROWS] if line.get("comparable", True) and _is_finite(line["value"])]
    protocol = printable(str(results["protocol"]["name"]))
    metrics = [
        {"type": printable(str(line["key"])), "value": float(line["value"]), "name": printable(str(line["name"]))}
        for line in lines
    ]
    data = {"name": f"protocol {protocol}", "type": protocol}
    scored = {"task": {"type": "image-to-video"}, "dataset": data, "metrics": metrics}
    return {"name": printable(name), "results": [scored]}


def _results(results: Mapping[str, Any]) -> list[str]:
    if not results:
        return ["## Results", "", "No results bundle was published with it.", ""]
    protocol = results["protocol"]
    scored = f"The system {text(results['system']['name'])} by the protocol {text(protocol['name'])}"
    rows = [_row(line) for line in results["metrics"][:_ROWS] if line.get("comparable", True)]
    lines = [
        "## Results",
        "",
        f"{scored}, {text(str(results.get('made_at', 'at no known time'))[:10])}. The [bundle's record]"
        "(results/results.json) names every input and weight; `moee bench verify` computes it again from the bundle.",
        "",
    ]
    return [*lines, *table(("metric", "value", "95 % interval", "unit", "better", "clips"), rows), ""]


def _row(line: Mapping[str, Any]) -> tuple[str, ...]:
    words = (text(line["unit"]), text(line["direction"]), str(line["n"]))
    return (text(line["key"]), _number(line["value"]), _interval(line), *words)


def _interval(line: Mapping[str, Any]) -> str:
    ends = line.get("interval")
    if not isinstance(ends, list) or len(ends) != 2:
        return "none"
    return f"{_number(ends[0])} to {_number(ends[1])}"


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _number(value: Any) -> str:
    return f"{value:.4g}" if _is_finite(value) else "infinite"
