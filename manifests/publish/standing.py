"""What the card says of rights: what stands in the way of public use, consent and takedown, link rot, citation."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from manifests.publish.markdown import count, many, table, text

if TYPE_CHECKING:
    from manifests.publish.facts import Facts

_NAMED: Final = 10  # sources that are named
_STATE: Final = 16  # characters of a state that name it
NOTE: Final = "  note = {state of the manifest: "  # a push puts the address before this line

_METHOD: Final = (
    "@inproceedings{liu2025moee,",
    "  title = {MoEE: Mixture of Emotion Experts for Audio-Driven Portrait Animation},",
    "  author = {Liu, Huaize and Sun, Wenzhang and Di, Donglin and Sun, Shibo and Yang, Jiahui and Zou, Changqing",
    "            and Bao, Hujun},",
    "  booktitle = {CVPR},",
    "  note = {arXiv 2501.01808},",
    "  year = {2025}",
    "}",
)


def consent() -> Iterator[str]:
    """Yield the section on the persons who are shown."""
    yield from ("## Consent and takedown", "")
    yield (
        "- The persons shown were not asked by this program. Before use, check licence and consent of each source; "
        "do not use the clips to identify, imitate or deceive anyone."
    )
    yield (
        "- If you are shown here and do not want to be, write to whoever published this and name the clip's `id` or "
        "`source`. They remove you with `moee takedown`, which leaves no row, file or embedding, and publish the next "
        "version."
    )
    yield (
        "- If you hold a copy, drop what a later version no longer holds: the versions below, where this is on the "
        "Hub, say how many clips were removed."
    )
    yield ""


def citation(facts: "Facts") -> Iterator[str]:
    """Yield the section on how the set is cited: by name and state, where it is on the Hub by address and version."""
    yield from ("## Citation", "", "This set, with the version that was used, and the method that it was made for:")
    yield from ("", "```bibtex", "@misc{moee_clips,")
    yield f"  title = {{{_plain(title(facts))}}},"
    yield f"{NOTE}{_plain(facts.state[:_STATE])}}}"
    yield from ("}", *_METHOD, "```", "")


def method() -> Iterator[str]:
    """Yield the section on how the method is cited."""
    yield from ("## Citation", "", "```bibtex", *_METHOD, "```", "")


def licence_file(facts: "Facts") -> str:
    """Return the file that the head names where no single licence of the Hub's list is that of the whole."""
    lines = [f"# Licence of {text(title(facts), 300)}", ""]
    if facts.stated.licence is not None:
        lines += [f"As who published it states it: {text(facts.stated.licence, 300)}.", ""]
    lines += ["As the sources state it; nobody has checked. The table `sources` says which source states what.", ""]
    rows = [(text(one.name), count(one.sources), count(one.clips)) for one in facts.licences]
    return "\n".join([*lines, *table(("licence", "sources", "clips"), rows)]) + "\n"


def title(facts: "Facts") -> str:
    """The name of the data set."""
    return facts.stated.pretty_name or f"Talking-head clips, recipe {facts.recipe.get('name') or 'unnamed'}"


def _plain(words: str) -> str:
    """Without what ends a code block, means something to BibTeX or makes a link."""
    return "".join(letter if letter.isalnum() or letter in " ,:-_" else " " for letter in words)


def in_the_way(facts: "Facts") -> Iterator[str]:
    """Yield the section on what is not free, which stands first; none where nothing stands in the way."""
    found = facts.in_the_way
    if not (found.unlicensed or found.models):
        return
    yield from ("## Not free for every use", "")
    if found.unlicensed:
        clips = sum(number for _, number in found.unlicensed.values())
        named = ", ".join(text(name, 60) for name, _ in list(found.unlicensed.values())[:_NAMED])
        rest = len(found.unlicensed) - _NAMED
        more = f" and {count(rest)} more (`licence` in `sources` is null)" if rest > 0 else ""
        sources = many(len(found.unlicensed), "source")
        yield f"- {many(clips, 'clip')} of {sources} without a known licence: {named}{more}."
    for model, made in found.models.items():
        yield f"- The model {text(model)} forbids commercial use; it made {text(made)}."
    if facts.stated.allowed:
        named = ", ".join(text(name) for name in facts.stated.allowed)
        yield f"- Whoever published this allowed it on purpose (`--allow`): {named}."
    yield ""
