"""The dataset card below its head: the facts of what is published; all foreign text is escaped."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from manifests.publish import balance, expressions, leakage, licences, links, origins, standing
from manifests.publish.facts import UNKNOWN, Facts
from manifests.publish.markdown import count, hours, many, table, text

_ROWS: Final = 40  # of a table of foreign names
_NAMED: Final = 20  # ids of clips that were left out for a reason; of more only the first
_FIRST: Final = 3


def body(facts: Facts, form: Sequence[str], charts: Iterable[str], columns: Sequence[str] = ()) -> str:
    """Return the card below its head.

    Args:
        facts: of the clips.
        form: lines of Markdown on what the folder holds and how it is loaded.
        charts: paths of the plots, relative to the card.
        columns: lines of Markdown on columns of other tables than `clips`.
    """
    parts = [
        *_about(facts),
        *standing.in_the_way(facts),
        *form,
        *_counts(facts),
        *_sources(facts),
        *_funnel(facts),
        *balance.section(facts, charts),
        *expressions.section(facts.seen, facts.clips),
        *leakage.section(facts),
        *_recipe(facts),
        *_limits(facts),
        *standing.consent(),
        *links.section(facts.links),
        *standing.citation(facts),
        *_columns(facts),
        *columns,
    ]
    return "\n".join(parts) + "\n"


def _about(facts: Facts) -> Iterator[str]:
    description = text(facts.recipe.get("description") or "", 300)
    yield f"# {text(standing.title(facts), 300)}"
    yield ""
    yield (
        f"{many(facts.clips, 'clip')} ({hours(facts.seconds)} h) of talking faces, {many(facts.identities, 'person')}, "
        f"cut from {many(sum(licence.sources for licence in facts.licences), 'source')} by `moee curate`. "
        f"{description}".rstrip()
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
        few = len(clips) <= _NAMED
        named = ", ".join(map(text, clips if few else clips[:_FIRST])) + ("" if few else " …")
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
        given = list(facts.datasets.items())[:_ROWS]
        by = [("nobody" if name == UNKNOWN else text(name), count(clips)) for name, clips in given]
        yield from table(("labels given by", "clips"), by)
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


def _recipe(facts: Facts) -> Iterator[str]:
    yield from ("## How it was made", "")
    yield f"- state of the manifest: {text(facts.state)}, schema version {facts.schema_version}"
    yield f"- recipe: {text(facts.recipe.get('name') or 'unnamed')}, hash {_listed(facts.recipe_hashes)}"
    yield from ("", "The models that made the columns, and their licences:", "")
    flagged = [*facts.noncommercial, *facts.in_the_way.models]
    yield from licences.lines(facts.models, facts.seen.members, flagged)
    yield (
        "Every setting and threshold that the recipe names, and where it comes from; what it does not name keeps the "
        "program's default. Pages named docs/ are those of the program, MoEE."
    )
    yield ""
    rows = ((text(name), text(value), text(origin, 200)) for name, value, origin in origins.rows(facts.recipe))
    yield from table(("setting", "value", "from"), rows)
    yield from ("", "<details><summary>The recipe, resolved</summary>", "", "```json")
    # JSON has no line that begins with a fence: every one begins with a brace, a bracket, a space or a quote.
    yield json.dumps(facts.recipe, indent=2, ensure_ascii=True)
    yield from ("```", "", "</details>", "")


def _listed(values: Sequence[str]) -> str:
    more = f" and {len(values) - _ROWS} more" if len(values) > _ROWS else ""
    return ", ".join(text(value) for value in values[:_ROWS]) + more


def _limits(facts: Facts) -> Iterator[str]:
    yield from ("## Limits", "")
    if facts.unmeasured:
        columns = ", ".join(f"`{name}`" for name in facts.unmeasured)
        yield f"- Not measured or not given, null in every clip: {columns}."
    absent = [text(model.rpartition("@")[0]) for model in facts.models if model.endswith(licences.ABSENT)]
    if absent:
        yield f"- Models that were missing, so what they measure is null or was found otherwise: {', '.join(absent)}."
    yield from expressions.limits(facts.seen)
    yield "- Measured columns come from the models above and have their errors; `identity` is a cluster, not a name."
    if facts.noncommercial:
        models = ", ".join(text(model) for model in facts.noncommercial)
        yield f"- Not for commercial use as it is: the faces were embedded with {models}, whose licence forbids it."
    yield "- Which language is spoken was not measured: languages are what sources, or who published this, state."
    yield ""


def _columns(facts: Facts) -> Iterator[str]:
    yield from ("## Columns", "")
    rows = [(f"`{name}`", text(kind), text(unit), text(about)) for name, kind, unit, about in facts.columns]
    yield from table(("column of a clip", "type", "unit", "what it says"), rows)
    yield ""
