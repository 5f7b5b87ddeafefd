"""What stands beside the tables of a publication: the card with its plots, the licence's file, croissant.json."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from manifests.files import Written
from manifests.publish import card, charts, head, standing
from manifests.publish.croissant import NAME, croissant
from manifests.publish.facts import Facts
from manifests.publish.plan import Plan


def write_card(new: Path, facts: Facts, front: str, form: list[str], columns: Sequence[str] = ()) -> None:
    """Write README.md, its plots, and LICENSE.md where its head names that file."""
    folder = new / "charts"
    folder.mkdir()
    drawn = charts.draw(facts.splits)
    for name, picture in drawn.items():
        (folder / name).write_text(picture, encoding="utf-8")
    text = card.body(facts, form, [f"charts/{name}" for name in drawn], columns)
    (new / "README.md").write_text(f"{front}\n{text}", encoding="utf-8")
    if head.LICENCE_FILE in front:
        (new / head.LICENCE_FILE).write_text(standing.licence_file(facts), encoding="utf-8")


def summary_of(facts: Facts, plan: Plan) -> dict[str, Any]:
    """What .published.json keeps of the result."""
    return {
        "clips": facts.clips,
        "hours": facts.seconds / 3600,
        "splits": {split: len(clips) for split, clips in plan.splits.items()},
        "left_out": plan.left_out,
    }


def describe(facts: Facts, new: Path, known: Mapping[str, Written]) -> None:
    """Write croissant.json for the tables below `new`."""
    stated = facts.stated
    about = {
        "name": standing.title(facts),
        "description": facts.recipe.get("description") or "Talking faces, cut by moee curate.",
        "licence": stated.licence or ", ".join(sorted(licence.name for licence in facts.licences)),
        "version": f"1.0.0+{facts.state[:16]}",
        "keywords": head.TAGS,
        "languages": facts.languages,
    }
    content = croissant(new, known, about)
    (new / NAME).write_text(json.dumps(content, indent=1, ensure_ascii=True) + "\n", encoding="utf-8")
