"""The YAML head of a card, as the Hub takes it: identifiers of its own lists, no words where it wants a name."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import yaml

from manifests.publish import standing
from manifests.text import printable

if TYPE_CHECKING:
    from manifests.publish.facts import Facts

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
    odc-by odbl pddl etalab-2.0 eupl-1.2 openrail creativeml-openrail-m unlicense wtfpl isc zlib unknown other
"""  # more of its identifiers: huggingface.co/docs/hub/repositories-licenses
TAGS: Final = ("talking-head", "emotion", "audio-visual", "face")
LICENCE_FILE: Final = "LICENSE.md"  # the Hub links LICENSE, LICENSE.md or an address, nothing else


def front_matter(facts: "Facts", configs: Sequence[Mapping[str, Any]], infos: Sequence[Mapping[str, Any]]) -> str:
    """Return the YAML head of a data set's card.

    Args:
        facts: of the clips.
        configs: `configs` of the card: config_name and data_files.
        infos: `dataset_info` of the card: features and sizes.
    """
    size = next((name for most, name in _SIZES if facts.clips < most), "n>1M")
    head: dict[str, Any] = {
        "pretty_name": printable(standing.title(facts)),
        **_licence(facts),
        **({"language": facts.languages} if facts.languages else {}),
        "task_categories": ["video-classification", "image-to-video"],
        "tags": list(TAGS),
        "size_categories": [size],
        "configs": list(configs),
    }
    if infos:
        head["dataset_info"] = list(infos)
    return as_yaml(head)


def as_yaml(head: Mapping[str, Any]) -> str:
    """Return a head between its lines of dashes."""
    return f"---\n{yaml.safe_dump(dict(head), sort_keys=False, allow_unicode=False, width=120)}---\n"


def _licence(facts: "Facts") -> dict[str, str]:
    if facts.stated.licence is not None:
        return licence_fields(facts.stated.licence)
    names = [None if licence.unknown else licence.name for licence in facts.licences]
    if not any(names):
        return {"license": "unknown"}
    identifiers = {None if name is None else hub_licence(name) or name for name in names}
    return licence_fields(identifiers.pop() or "") if len(identifiers) == 1 else licence_fields("several")


def licence_fields(licence: str) -> dict[str, str]:
    """Return `license`, and of a licence that the Hub does not list a name of its kind and the file that tells it."""
    known = hub_licence(licence)
    if known:
        return {"license": known}
    name = re.sub(r"[^a-z0-9.]+", "-", licence.lower()).strip("-.")[:80]
    return {"license": "other", "license_name": name or "stated", "license_link": LICENCE_FILE}


def hub_licence(name: str) -> str | None:
    """Return the Hub's identifier of a licence; None for one that it does not name."""
    plain = " ".join(name.lower().split())
    known = next((identifier for identifier, words in _LICENCES.items() if plain in words), None)
    return known or (plain if plain in _OF_THE_HUB.split() else None)
