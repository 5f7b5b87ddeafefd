"""What the card says of rights: what stands in the way of public use, consent and takedown, link rot, citation."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from manifests.publish.markdown import many, text

if TYPE_CHECKING:
    from manifests.publish.facts import Facts

_NAMED: Final = 20


def section(facts: "Facts") -> Iterator[str]:
    """Yield the lines: they stand before the columns."""
    yield from _in_the_way(facts)
    yield from ("## Consent and takedown", "")
    yield (
        "- The persons shown were not asked by this program. Before use, check licence and consent of each source; "
        "do not use the clips to identify, imitate or deceive anyone."
    )
    yield (
        "- Who is shown here and does not want to be writes to whoever published this folder and names the clip's `id` "
        "or `source`; every copy made from it should drop that source too. Whoever published it removes it with "
        "`moee takedown`, which leaves no row, file or embedding, and publishes the next version."
    )
    yield from ("", "## Link rot", "")
    yield (
        f"The clips were cut from {many(sum(licence.sources for licence in facts.licences), 'source')}. Sources go "
        "offline: `moee rebuild` fetches each one, compares fingerprints and says of every clip whether it is "
        "identical, equivalent, drifted or missing; its table over time is this set's link rot. `sha256` in `sources` "
        "says what was cut."
    )
    yield from ("", "## Citation", "")
    yield "Cite this set by its name and the version (the tag of the repository, or this state), and MoEE:"
    yield from ("", "```bibtex", "@misc{moee_clips,")
    yield f"  title = {{{_plain(title(facts))}}},"
    yield f"  note = {{state {_plain(facts.state)}}}"
    yield from (
        "}",
        "@article{moee,",
        "  title = {MoEE: Mixture of Emotion Experts for Audio-Driven Portrait Animation},",
    )
    yield from ("  journal = {arXiv preprint arXiv:2501.01808},", "  year = {2025}", "}", "```", "")


def title(facts: "Facts") -> str:
    """The name of the data set."""
    return facts.stated.pretty_name or f"Talking-head clips, recipe {facts.recipe.get('name') or 'unnamed'}"


def _plain(words: str) -> str:
    """Without what ends a code block, means something to BibTeX or makes a link."""
    return "".join(letter if letter.isalnum() or letter in " ,:-_" else " " for letter in words)


def _in_the_way(facts: "Facts") -> Iterator[str]:
    found = facts.in_the_way
    if not (found.unlicensed or found.models):
        return
    yield from ("## Not free for every use", "")
    if found.unlicensed:
        clips = sum(number for _, number in found.unlicensed.values())
        named = ", ".join(text(name) for name, _ in list(found.unlicensed.values())[:_NAMED])
        more = " …" if len(found.unlicensed) > _NAMED else ""
        sources = many(len(found.unlicensed), "source")
        yield f"- {many(clips, 'clip')} of {sources} without a known licence: {named}{more}."
    for model, made in found.models.items():
        yield f"- The model {text(model)} forbids commercial use; it made {text(made)}."
    if facts.stated.allowed:
        named = ", ".join(text(name) for name in facts.stated.allowed)
        yield f"- Who published this named it on purpose: {named}."
    yield ""
