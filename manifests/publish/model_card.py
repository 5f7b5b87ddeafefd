"""The card of a MoEE model: what it is made of and under which licences, its results with intervals, its limits."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from manifests.publish import standing
from manifests.publish.head import LICENCE_FILE, as_yaml, licence_fields
from manifests.publish.licences import Terms
from manifests.publish.markdown import count, table, text
from manifests.text import printable

CONFIG: Final = "moee.json"  # what `moee train` writes beside the weights: sizes, and where networks came from
_PARTS: Final = {  # path of a network's name in it -> what the network does
    ("codec", "model"): "codec of pictures",
    ("audio", "model"): "speech",
    ("emotion", "text_model"): "text of emotions",
    ("emotion", "audio_model"): "emotion of speech",
}
# Public networks that such a model may be made of, by the last part of their name, as their pages on the Hub say.
NETWORKS: Final[Mapping[str, Terms]] = {
    "wav2vec2-base-960h": Terms("Apache-2.0", False),
    "sd-vae-ft-mse": Terms("MIT", False),
    "stable-diffusion-v1-5": Terms("CreativeML-OpenRAIL-M", False),
    "sentence-t5-base": Terms("Apache-2.0", False),
    "sentence-t5-large": Terms("Apache-2.0", False),
    "wav2vec2-large-robust-12-ft-emotion-msp-dim": Terms("CC-BY-NC-SA-4.0", True),
}
_ROWS: Final = 60
_WEIGHTS: Final = ".safetensors"


@dataclass(frozen=True)
class Part:
    """A network inside: what it does, its name without its place, and what is known of its licence; None: seeded."""

    does: str
    name: str | None
    terms: Terms | None


def parts_of(root: Path) -> list[Part]:
    """Return the networks that a model says it was made of; none where it says nothing."""
    config = _config(root)
    found = []
    for (section, key), does in _PARTS.items():
        inner = config.get(section)
        name = inner.get(key) if isinstance(inner, dict) else None
        if isinstance(name, str):
            last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
            found.append(Part(does, printable(last) or None, NETWORKS.get(last)))
    return found


def places_in(root: Path) -> list[str]:
    """Return what in `moee.json` is a place on this machine: it goes along as it is."""
    config = _config(root)
    sections = ((config.get(section), key) for section, key in _PARTS)
    names = {str(inner.get(key) or "") for inner, key in sections if isinstance(inner, dict)}
    return sorted(name for name in names if Path(name).is_absolute() or name.startswith(("~", ".")))


def noncommercial(root: Path) -> dict[str, str]:
    """Return the networks inside that forbid commercial use, each with what it does."""
    return {part.name: part.does for part in parts_of(root) if part.name and part.terms and part.terms.noncommercial}


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
        "- Licences of the data that it was trained on, and of weights from which training began, hold for it too; "
        "this folder does not say which these were: ask whoever published it.",
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
    bound = noncommercial(root)
    if licence and not bound:
        return
    yield from ("## Not free for every use", "")
    if not licence:
        yield "- No licence was stated: nobody may use it for more than looking at it."
    for name, does in bound.items():
        yield f"- The network {text(name)} ({does}) forbids commercial use."
    if allowed:
        named = ", ".join(map(text, allowed))
        yield f"- Whoever published this allowed it on purpose (`--allow`): {named}."
    yield ""


def _made_of(root: Path) -> Iterator[str]:
    yield from ("## What it is made of", "")
    config, moe = _config(root), _config(root).get("moe")
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


def _config(root: Path) -> dict[str, Any]:
    try:
        content = json.loads((root / CONFIG).read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


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
