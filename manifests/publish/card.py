"""The dataset card: README.md with YAML front matter for the Hub, then the facts; all foreign text is escaped."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import yaml

from manifests.publish import expressions, leakage, origins, standing
from manifests.publish.facts import NOT_MEASURED, UNKNOWN, Facts
from manifests.publish.markdown import count, hours, many, table, text
from manifests.text import printable

_SIZES: Final = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_LICENCES: Final = {  # the Hub's identifiers, by what sites and people write
    "cc0-1.0": ("cc0-1.0", "cc0", "cc0 1.0"),
    "cc-by-4.0": ("cc-by-4.0", "cc by 4.0"),
    "cc-by-sa-4.0": ("cc-by-sa-4.0", "cc by-sa 4.0"),
    "cc-by-nc-4.0": ("cc-by-nc-4.0", "cc by-nc 4.0"),
    "cc-by-nc-sa-4.0": ("cc-by-nc-sa-4.0", "cc by-nc-sa 4.0"),
    "cc-by-3.0": ("cc-by-3.0", "cc by 3.0", "creative commons attribution license (reuse allowed)"),  # YouTube's
}
_OF_THE_HUB: Final = """
    apache-2.0 mit cc cc-by-2.0 cc-by-2.5 cc-by-sa-3.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nd-4.0 cc-by-nc-nd-3.0
    cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 c-uda cdla-sharing-1.0 cdla-permissive-1.0
    cdla-permissive-2.0 bsd bsd-2-clause bsd-3-clause gpl gpl-2.0 gpl-3.0 agpl-3.0 lgpl lgpl-3.0 gfdl mpl-2.0
    odc-by odbl pddl etalab-2.0 eupl-1.2 openrail unlicense wtfpl isc zlib unknown other
"""  # more of its identifiers: huggingface.co/docs/hub/repositories-licenses
_LINK: Final = "README.md#sources-and-licences"
_ROWS: Final = 40  # of a table of foreign names
_ABSENT: Final = ("@absent", "@unusable")  # what stands for the hash of a model that did not work on the machine
_NAMED: Final = 20  # ids of clips that were left out, for each reason


def front_matter(facts: Facts, configs: Sequence[Mapping[str, Any]], infos: Sequence[Mapping[str, Any]]) -> str:
    """Return the YAML head of the card, as the Hub reads it.

    Args:
        facts: of the clips.
        configs: `configs` of the card: config_name and data_files.
        infos: `dataset_info` of the card: features and sizes.
    """
    size = next((name for most, name in _SIZES if facts.clips < most), "n>1M")
    head: dict[str, Any] = {
        "pretty_name": printable(standing.title(facts)),
        **_licence(facts),
        "task_categories": ["video-classification", "image-to-video"],
        "tags": ["talking-head", "emotion", "audio-visual", "face"],
        "size_categories": [size],
        "configs": list(configs),
    }
    if infos:
        head["dataset_info"] = list(infos)
    return f"---\n{yaml.safe_dump(head, sort_keys=False, allow_unicode=False, width=120)}---\n"


def _licence(facts: Facts) -> dict[str, str]:
    if facts.stated.licence is not None:
        known = hub_licence(facts.stated.licence)
        if known:
            return {"license": known}
        return {"license": "other", "license_name": printable(facts.stated.licence), "license_link": _LINK}
    stated = [licence.name for licence in facts.licences]
    if stated == [UNKNOWN] or not stated:
        return {"license": "unknown"}
    found = {hub_licence(name) for name in stated}
    only = found.pop() if len(found) == 1 else None
    if only:
        return {"license": only}
    return {"license": "other", "license_name": "several", "license_link": _LINK}


def hub_licence(name: str) -> str | None:
    """Return the Hub's identifier of a licence; None for one that it does not name."""
    plain = " ".join(name.lower().split())
    known = next((identifier for identifier, words in _LICENCES.items() if plain in words), None)
    return known or (plain if plain in _OF_THE_HUB.split() else None)


def body(facts: Facts, form: Sequence[str], charts: Iterable[str]) -> str:
    """Return the card below its head.

    Args:
        facts: of the clips.
        form: lines of Markdown on what the folder holds and how it is loaded.
        charts: paths of the plots, relative to the card.
    """
    parts = [
        *_about(facts),
        *form,
        *_counts(facts),
        *_sources(facts),
        *_funnel(facts),
        *_balance(facts, charts),
        *expressions.section(facts.seen, facts.clips),
        *leakage.section(facts),
        *_recipe(facts),
        *_limits(facts),
        *standing.section(facts),
        *_columns(facts),
    ]
    return "\n".join(parts) + "\n"


def _about(facts: Facts) -> Iterator[str]:
    description = text(facts.recipe.get("description") or "", 300)
    yield f"# {text(standing.title(facts), 300)}"
    yield ""
    yield (
        f"{many(facts.clips, 'clip')} ({hours(facts.seconds)} h) of talking faces, cut from "
        f"{many(sum(licence.sources for licence in facts.licences), 'source')} by `moee curate`. {description}".rstrip()
    )
    yield ""


def _counts(facts: Facts) -> Iterator[str]:
    yield from ("## Splits", "")
    rows = [
        (split.name, count(split.clips), hours(split.seconds), count(split.identities), count(split.without_identity))
        for split in facts.splits
    ]
    whole = (count(facts.clips), hours(facts.seconds))
    rows.append(("all", *whole, count(facts.identities), count(sum(split.without_identity for split in facts.splits))))
    yield from table(("split", "clips", "hours", "identities", "clips without an identity"), rows)
    yield ""
    if facts.unsplit:
        place = facts.splits[0].name
        yield f"The manifest has no splits: every clip stands in `{place}`, and nothing keeps persons apart."
    else:
        yield f"Persons with clips in two splits: {count(facts.straddling)}."
    yield ""
    for why, clips in list(facts.left_out.items())[:_ROWS]:
        named = ", ".join(text(clip) for clip in clips[:_NAMED]) + (" …" if len(clips) > _NAMED else "")
        yield f"- left out, {text(why)}: {many(len(clips), 'kept clip')} ({named})"
    if facts.left_out:
        yield ""


def _sources(facts: Facts) -> Iterator[str]:
    yield from ("## Sources and licences", "")
    if facts.stated.licence is not None:
        yield f"Licence of this folder, as who published it states it: {text(facts.stated.licence, 300)}."
        yield ""
    yield "Licences are what the sources state; nobody has checked them. The configuration `sources` names each source."
    yield ""
    rows = [
        (text(licence.name), count(licence.sources), count(licence.clips), hours(licence.seconds))
        for licence in facts.licences[:_ROWS]
    ]
    if len(facts.licences) > _ROWS:
        rest = facts.licences[_ROWS:]
        clips = count(sum(licence.clips for licence in rest))
        seconds = hours(sum(licence.seconds for licence in rest))
        rows.append((f"{len(rest)} others", count(sum(licence.sources for licence in rest)), clips, seconds))
    yield from table(("licence", "sources", "clips", "hours"), rows)
    yield ""
    if set(facts.datasets) != {UNKNOWN}:
        given = [(text(name), count(clips)) for name, clips in list(facts.datasets.items())[:_ROWS]]
        yield from table(("labels given by", "clips"), given)
        yield ""


def _funnel(facts: Facts) -> Iterator[str]:
    summary = facts.summary
    yield from ("## From input to kept", "")
    for what, counts in (("input", summary.inputs), ("candidate clip", summary.clips)):
        parts = f"{count(counts.kept)} kept + {count(counts.dropped)} dropped + {count(counts.failed)} failed"
        yield f"- {many(counts.total, what)} = {parts}"
    yield ""
    rows = []
    for step in summary.stages:
        why = ", ".join(f"{text(reason)} {count(items)}" for reason, items in list(step.reasons.items())[:_ROWS])
        numbers = map(count, (step.entered, step.kept, step.dropped, step.failed))
        rows.append((text(step.stage), f"{step.kind}s", *numbers, why))
    yield from table(("stage", "of", "in", "kept", "dropped", "failed", "reasons"), rows)
    yield ""


def _balance(facts: Facts, charts: Iterable[str]) -> Iterator[str]:
    yield from ("## Balance", "")
    given = [(split.name, split.emotions) for split in facts.splits]
    yield from _emotions("emotion, as given", given)
    measured = [(split.name, split.measured) for split in facts.splits]
    if any(set(found) - {NOT_MEASURED} for _, found in measured):
        yield from _emotions("emotion, as measured", measured)
    for path in charts:
        yield f"![{text(path.rsplit('/', 1)[-1].removesuffix('.svg').replace('_', ' '))} by split]({path})"
    yield ""


def _emotions(title: str, splits: Sequence[tuple[str, Mapping[str, int]]]) -> Iterator[str]:
    names = sorted({name for _, found in splits for name in found})
    rows = [(text(name), *(count(found.get(name, 0)) for _, found in splits)) for name in names[:_ROWS]]
    yield from table((title, *(name for name, _ in splits)), rows)
    yield ""


def _recipe(facts: Facts) -> Iterator[str]:
    yield from ("## How it was made", "")
    yield f"- manifest: state {text(facts.state)}, schema version {facts.schema_version}"
    yield f"- recipe hash: {', '.join(text(value) for value in facts.recipe_hashes[:_ROWS])}"
    yield from (f"- model: {text(model)}" for model in facts.models[:_ROWS] if not model.endswith(_ABSENT))
    yield from ("", "Every setting and threshold, and where it comes from:", "")
    rows = ((text(name), text(value), text(origin, 200)) for name, value, origin in origins.rows(facts.recipe))
    yield from table(("setting", "value", "from"), rows)
    yield from ("", "The recipe, resolved:", "", "```json")
    # JSON has no line that begins with a fence: every one begins with a brace, a bracket, a space or a quote.
    yield json.dumps(facts.recipe, indent=2, ensure_ascii=True)
    yield from ("```", "")


def _limits(facts: Facts) -> Iterator[str]:
    yield from ("## Limits", "")
    if facts.unmeasured:
        columns = ", ".join(f"`{name}`" for name in facts.unmeasured)
        yield f"- Not measured or not given, null in every clip: {columns}."
    absent = [text(model.rpartition("@")[0]) for model in facts.models if model.endswith(_ABSENT)]
    if absent:
        yield f"- Models that were missing, so what they measure is null or was found otherwise: {', '.join(absent)}."
    yield from expressions.limits(facts.seen)
    yield "- Measured columns come from the models above and have their errors; `identity` is a cluster, not a name."
    if facts.noncommercial:
        models = ", ".join(text(model) for model in facts.noncommercial)
        yield f"- Not for commercial use as it is: the faces were embedded with {models}, whose licence forbids it."
    yield "- Which language is spoken was not measured, so nothing here tells how the set is balanced over languages."
    yield ""


def _columns(facts: Facts) -> Iterator[str]:
    yield from ("## Columns", "")
    rows = [(f"`{name}`", text(kind), text(unit), text(about)) for name, kind, unit, about in facts.columns]
    yield from table(("column of a clip", "type", "unit", "what it says"), rows)
