"""The card's head: identifiers that the Hub takes, its codes of languages, licences as the makers give them."""

from pathlib import Path

import pytest
import yaml

from manifests.errors import ManifestError
from manifests.publish import head, languages, licences, publish
from manifests.publish.markdown import text
from tests.manifests.publish.material import Clip, Film, make

# What the Hub answered of `license` in May 2026: github.com/huggingface/huggingface_hub/issues/4218
TAKEN = """
apache-2.0, mit, openrail, bigscience-openrail-m, creativeml-openrail-m, bigscience-bloom-rail-1.0,
bigcode-openrail-m, afl-3.0, artistic-2.0, bsl-1.0, bsd, bsd-2-clause, bsd-3-clause, bsd-3-clause-clear, c-uda, cc,
cc0-1.0, cc-by-2.0, cc-by-2.5, cc-by-3.0, cc-by-4.0, cc-by-sa-3.0, cc-by-sa-4.0, cc-by-nc-2.0, cc-by-nc-3.0,
cc-by-nc-4.0, cc-by-nd-4.0, cc-by-nc-nd-3.0, cc-by-nc-nd-4.0, cc-by-nc-sa-2.0, cc-by-nc-sa-3.0, cc-by-nc-sa-4.0,
cdla-sharing-1.0, cdla-permissive-1.0, cdla-permissive-2.0, wtfpl, ecl-2.0, epl-1.0, epl-2.0, etalab-2.0, eupl-1.1,
eupl-1.2, agpl-3.0, gfdl, gpl, gpl-2.0, gpl-3.0, lgpl, lgpl-2.1, lgpl-3.0, isc, mpl-2.0, odc-by, odbl, openrail++,
osl-3.0, postgresql, ofl-1.1, ncsa, unlicense, zlib, pddl, unknown, other
"""


def front_of(folder: Path) -> dict[str, object]:
    """The head of a card."""
    found: dict[str, object] = yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])
    return found


def test_every_licence_that_the_head_names_is_one_that_the_hub_takes() -> None:
    taken = {name.strip() for name in TAKEN.split(",")}
    assert set(head._OF_THE_HUB.split()) | set(head._LICENCES) <= taken


@pytest.mark.parametrize(
    ("licences_of", "wanted"),
    [
        (["My Licence, 2nd edition!"] * 2, ("other", "my-licence-2nd-edition")),
        (["CC-BY-4.0", "cc by 4.0"], ("cc-by-4.0", None)),
        (["CC-BY-4.0", None], ("other", "several")),
        (["《》"], ("other", "stated")),
        ([None], ("unknown", None)),
    ],
)
def test_another_licence_gets_a_name_and_a_file_that_tells_it(
    tmp_path: Path, licences_of: list[str | None], wanted: tuple[str, str | None]
) -> None:
    films = [Film(f"{n}.mp4", [Clip(0, 5)], {"licence": name}) for n, name in enumerate(licences_of)]
    publish(make(tmp_path / "m", films), tmp_path / "p")
    front, file = front_of(tmp_path / "p"), tmp_path / "p" / "LICENSE.md"
    assert (front["license"], front.get("license_name")) == wanted
    assert file.exists() == (wanted[0] == "other") == ("license_link" in front)
    if file.exists():
        assert front["license_link"] == file.name
        shown = [row.split(" | ")[0].removeprefix("| ") for row in file.read_text().splitlines() if row[:2] == "| "]
        assert shown[1:] == [text(name or "not stated") for name in dict.fromkeys(licences_of)]


@pytest.mark.parametrize(
    ("stated", "code"),
    [("en", "en"), ("en-US", "en"), ("zh_Hans", "zh"), ("ENG", "en"), ("yue", "yue"), ("und", None), ("English", None)],
)
def test_a_language_is_named_by_the_hubs_code(stated: str, code: str | None) -> None:
    assert languages.code_of(stated) == code
    if code is None:
        with pytest.raises(ManifestError, match=f"--language {stated} is no code of a language"):
            languages.checked(["de", stated])


def test_without_any_language_the_head_names_none_and_the_card_says_so(tmp_path: Path) -> None:
    publish(make(tmp_path / "m", [Film("a.mp4", [Clip(0, 5)])]), tmp_path / "p")
    assert "language" not in front_of(tmp_path / "p")
    assert "No source states its language" in (tmp_path / "p" / "README.md").read_text()


def test_the_licences_of_models_are_what_the_programs_that_run_them_say() -> None:
    from perception import deepface, embedding, emotiefflib, libreface, opengraphau

    known = licences.registered()
    for one in (
        deepface.about("deepface"),
        *(emotiefflib.about(f"emotiefflib/{Path(file).stem}") for file in emotiefflib.FILES),
        *(libreface.about(name) for name in ("libreface", "libreface/expression", "libreface/action-units")),
        *(opengraphau.about(f"opengraphau/{Path(file).stem}") for file in opengraphau.FILES),
    ):
        assert licences.terms_of(one.name, known) == licences.Terms(one.licence, one.noncommercial), one.name
    insightface = licences.terms_of(f"{embedding.PACKS}/buffalo_l", known)
    assert insightface is not None and insightface.noncommercial
    assert licences.terms_of("somebody's", known) is None


def test_the_table_of_models_says_licence_and_use() -> None:
    models = ["silero-vad@" + "b" * 64, "syncnet@" + "c" * 64, "mine@" + "d" * 64, "dnsmos@absent"]
    lines = "\n".join(licences.lines(models, ["facs-mesh", "libreface"], ["mine@" + "d" * 64]))
    assert "| silero-vad | bbbbbbbbbbbbbbbb | MIT | allowed |" in lines
    assert "| mine | dddddddddddddddd | not known here: look at it before use | forbidden |" in lines
    assert "| libreface |  | USC research licence | forbidden |" in lines and "dnsmos" not in lines
    assert lines.count("forbidden") == 3, "syncnet too"
