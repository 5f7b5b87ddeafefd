"""The dataset card: its head is YAML that the Hub reads, its facts are the manifest's, hostile text stays text."""

import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

import manifests
from manifests.publish import publish
from manifests.publish.charts import draw
from manifests.publish.facts import SplitFacts
from manifests.publish.leakage import _told
from manifests.publish.markdown import text
from manifests.schema import make_id, table_from_rows
from tests.manifests.material import KEY, outcome
from tests.manifests.publish.material import Clip, Film, make, seen

HOSTILE = (
    "CC-BY\n---\nlicense: mit\n---\n",
    "a | b | c",
    "# [click](https://evil.example) ![x](https://evil.example/x.png) www.evil.example <script>alert(1)</script>",
    "`code` ```fence``` *bold* _it_ ~~gone~~ &lt;b&gt; \\| $x$ <!-- x -->",
    "- [ ] item\r\n\r\n| a |\n|---|",
    "\x1b[31mred\u202etxt.exe\u2028next",
)

CERTIFICATE: dict[str, Any] = {
    "shared": {"identities": 1, "given_identities": 2, "sources": 1, "sources_first": ["s_1"], "duplicate_clips": 0},
    "leakage": {
        "estimate": 0.5,
        "interval": [0.0943, 0.9057],
        "held_out_identities": 2,
        "near_training": {"0.60": {"identities": 1}},
        "how": "<b>",
        "limits": "few pairs",
    },
    "nearest_faces": [
        {"splits": ["train", "test"], "pairs": [{"distance": 0.6182, "clips": ["c_1", "c_2"]}]},
        {"splits": ["train", "validation"], "pairs": []},
    ],
    "unknown": {"clips_without_identity": 1, "means": "told by its source"},
    "notes": ["test holds no clip"],
    "other": {"raw key": 1},
}


def split(folder: Path) -> tuple[dict[str, Any], str]:
    """The head of a card, as the Hub finds it, and its body."""
    card = (folder / "README.md").read_text(encoding="utf-8")
    found = re.match(r"^(\s*---[\r\n]+)([\S\s]*?)([\r\n]+---(\r\n|\r|\n|$))", card)  # huggingface_hub.repocard
    assert found is not None
    return yaml.safe_load(found[2]), card[found.end() :]


def test_the_head_names_files_sizes_and_licence(hub: Path) -> None:
    head, _ = split(hub)
    assert [config["config_name"] for config in head["configs"]] == ["default", "frames", "sources"]
    assert head["configs"][0]["data_files"] == [
        {"split": name, "path": f"data/{name}-*"} for name in ("train", "validation", "test")
    ]
    info = head["dataset_info"][0]
    assert [row["num_examples"] for row in info["splits"]] == [3, 1, 1]
    assert info["download_size"] == sum(path.stat().st_size for path in (hub / "data").iterdir())
    assert head["size_categories"] == ["n<1K"]
    assert (head["license"], head["license_name"]) == ("other", "several")


def test_the_hub_library_reads_the_card(hub: Path, dh: Path) -> None:
    hub_library = pytest.importorskip("huggingface_hub")
    for folder in (hub, dh):
        data = hub_library.DatasetCard.load(folder / "README.md").data
        assert data.license == "other" and data.pretty_name == "Talking-head clips, recipe test"


@pytest.mark.parametrize(
    ("licences", "wanted"),
    [
        ([None, None], {"license": "unknown"}),
        (["CC0 1.0", "cc0"], {"license": "cc0-1.0"}),
        (["Creative Commons Attribution license (reuse allowed)"], {"license": "cc-by-3.0"}),
        (["CC-BY-4.0", None], {"license": "other"}),
        (["mit\nlicense: evil"], {"license": "other"}),
    ],
)
def test_the_licence_of_the_whole_is_named_only_when_every_source_states_it(
    tmp_path: Path, licences: list[str | None], wanted: dict[str, str]
) -> None:
    make(tmp_path / "m", [Film(f"{n}.mp4", [Clip(0, 5)], {"licence": name}) for n, name in enumerate(licences)])
    publish(tmp_path / "m", tmp_path / "p")
    head, _ = split(tmp_path / "p")
    assert wanted.items() <= head.items()


def test_the_body_tells_splits_licences_funnel_recipe_and_hashes(manifest: Path, hub: Path) -> None:
    _, body = split(hub)
    opened = manifests.open(manifest)
    assert "| train | 3 | 0.0004 | 1 | 0 |" in body and "| all | 5 |" in body
    assert "| CC-BY-4\\.0 | 2 | 2 |" in body and "| not stated | 2 | 3 |" in body
    assert "6 inputs = 4 kept + 1 dropped + 1 failed" in body
    assert "7 candidate clips = 6 kept + 1 dropped + 0 failed" in body
    assert "| export | clips | 7 | 6 | 1 | 0 | length 1 |" in body
    assert "| happy | 2 | 0 | 0 |" in body and "| sadly-fear | 0 | 1 | 0 |" in body
    assert (
        opened.content["state"] in body
        and "| toy-model | aaaaaaaaaaaaaaaa | not known here: look at it before use | not known |" in body
    )
    assert "Models that were missing, so what they measure is null or was found otherwise: other-model." in body
    recipe = re.search(r"```json\n(.*?)\n```\n", body, re.DOTALL)
    assert recipe is not None and json.loads(recipe[1]) == opened.recipe
    assert "`mos_ovr`" in body.split("null in every clip")[1].split("\n")[0]
    assert "`face_size`" not in body.split("null in every clip")[1].split("\n")[0]


def test_what_comes_from_outside_cannot_change_the_card(tmp_path: Path) -> None:
    films = [
        Film(
            f"film {number}.mp4",
            [Clip(0, 5, columns={"split": "train", "identity": make_id("identity", 1), "dataset": words})],
            {"licence": words, "title": words, "uploader": words},
        )
        for number, words in enumerate(HOSTILE)
    ]
    films.append(Film("aside.mp4", [Clip(0, 5, columns={"split_note": HOSTILE[2]})]))
    make(tmp_path / "m", films, {"name": "x", "description": HOSTILE[0] + HOSTILE[2] + "```", "select": {}})
    publish(tmp_path / "m", tmp_path / "p")
    head, body = split(tmp_path / "p")
    assert head["license"] == "other" and head["license_name"] == "several"
    assert "pretty_name" in head and "---\nlicense: mit" not in body
    outside = re.sub(r"```json\n.*?\n```\n", "", body, flags=re.DOTALL)
    outside = re.sub(r"```(python|bibtex)\n.*?\n```\n", "", outside, flags=re.DOTALL)
    for bad in ("<script", "](https", "](http", "https://", "www.", "<!--", "\x1b", "\u202e", "\u2028", "**bold"):
        assert bad not in outside, bad
    assert "```" not in outside
    for line in outside.splitlines():
        if line.startswith("| "):
            assert len(re.findall(r"(?<!\\)\|", line)) in (3, 4, 5, 6, 8), line
    headings = [line for line in outside.splitlines() if re.match(r"\s*#", line)]
    assert all(re.fullmatch(r"#{1,2} [A-Z][A-Za-z ,-]+", line) for line in headings), headings


@pytest.mark.parametrize("words", HOSTILE)
def test_escaped_text_is_one_line_that_shows_the_same_characters(words: str) -> None:
    from manifests.text import printable

    line = text(words, 1000)
    assert "\n" not in line and "\r" not in line
    shown = html.unescape(re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", line))
    assert shown == " ".join(printable(words).split())
    assert not re.search(r"(?<!\\)[|`*_\[\]#]|[<>]|&(?!(lt|gt|amp);)", re.sub(r"\\\\", "", line))


def test_the_plots_are_pictures_that_say_their_numbers(hub: Path) -> None:
    _, body = split(hub)
    named = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", body)
    assert sorted(named) == sorted(f"charts/{path.name}" for path in (hub / "charts").iterdir())
    emotions = ElementTree.fromstring((hub / "charts" / "emotion.svg").read_text())
    said = [title.text for title in emotions.iter("{http://www.w3.org/2000/svg}title")]
    assert {"happy, train: 2 clips", "sad, test: 1 clip", "sad, train: 0 clips"} <= set(said)
    assert sum(int(re.findall(r": (\d+) clips?", words)[0]) for words in said[1:] if words) == 5


@pytest.mark.parametrize(
    "values", [[], [0.0], [5.0, 5.0], [1e-9, 1e9], [3.2, 4.8, 30.0], [float(n) for n in range(1000)]]
)
def test_the_bars_of_a_plot_hold_every_value_once(values: list[float]) -> None:
    facts = SplitFacts("train", len(values), sum(values), 1, 0, {"not stated": len(values)}, [3], values, values)
    picture = draw([facts])["length.svg"]
    said = [int(number) for number in re.findall(r"train: (\d+) clips?", picture)]
    assert sum(said) == len(values) and len(said) <= 20
    ElementTree.fromstring(picture)


def test_models_that_forbid_commercial_use_are_named(own_manifest: Path, tmp_path: Path) -> None:
    from manifests.outcomes import Kept
    from manifests.store import Head, Store

    store, source = Store(own_manifest), make_id("source", "one.mp4")
    row = {"id": make_id("track", source, 0), "source": source, "model": "arc<b>face", "noncommercial": True}
    rows = table_from_rows("embeddings", [{**row, "frames": [1], "vector": [0.5], "spread": 0.1}])
    store.commit(source, "embeddings", KEY, {"embeddings": rows}, [outcome(Kept(), "embeddings", source)])
    store.write_head(Head(source, "one.mp4", "/x", None, None, None, {"export": KEY, "embeddings": KEY}))
    store.snapshot({"name": "test"})
    publish(own_manifest, tmp_path / "p")
    _, body = split(tmp_path / "p")
    assert "Not for commercial use as it is: the faces were embedded with arc&lt;b&gt;face" in body


def section(folder: Path, title: str) -> str:
    """A section of a card."""
    return split(folder)[1].split(f"## {title}\n")[1].split("\n## ")[0]


def test_the_card_tells_what_was_seen_in_the_faces(hub: Path) -> None:
    said = section(hub, "What the faces say")
    doubt = "in 1 of them the label is doubtful"
    assert f"An emotion was seen in 2 of 5 clips; {doubt} (`ambiguous` says why)." in said
    assert "It is the given one in 1 of the 2 clips that have both." in said
    assert "Action units by facs-mesh: 2 clips." in said
    assert "Caption by a fixed sentence, made of emotion, intensity and action units: 1 clip." in said
    assert "| facs-mesh | 2 | 2 |" in said and "| deepface | 2 | 0 |" in said
    balance = section(hub, "Balance")
    assert "| emotion, as measured | train | validation | test |" in balance
    assert "| happily-surprised | 1 | 0 | 0 |" in balance and "| not measured | 1 | 1 | 1 |" in balance
    limits = section(hub, "Limits")
    assert "what programs see in a face: not what a person feels" in limits
    assert "were not measured." not in limits and "Not for commercial use" not in limits
    picture = (hub / "charts" / "measured_emotion.svg").read_text()
    assert "happily-surprised, train: 1 clip" in picture and "not measured, test: 1 clip" in picture


def test_a_card_of_unmeasured_faces_says_so(tmp_path: Path) -> None:
    make(tmp_path / "m", [Film("a.mp4", [Clip(0, 5, columns={"given_emotion": "sad"})])])
    publish(tmp_path / "m", tmp_path / "p")
    _, body = split(tmp_path / "p")
    assert "## What the faces say" not in body and "emotion, as measured" not in body
    assert "No emotion was measured." in body
    assert "facial action units were not measured." in section(tmp_path / "p", "Limits")
    assert not (tmp_path / "p" / "charts" / "measured_emotion.svg").exists()


def test_emotions_by_a_model_that_forbids_commercial_use_are_named(tmp_path: Path) -> None:
    hostile = {"action_units_model": "au|<b>", "caption": "It\nsmiles.", "caption_model": "vlm `x`|<script>"}
    columns = seen("happy", "angry", expression_noncommercial=True, **hostile)
    columns |= {"members": ["a|<b>", "b"], "member_emotions": ["angry", "happy"]}
    failed = [
        seen("sad", caption="A person looks sad.", caption_model=f"sentence (vlm failed:\n{n})") for n in range(2)
    ]
    clips = [Clip(n * 5, 5, columns=row) for n, row in enumerate([columns, *failed])]
    make(tmp_path / "m", [Film("a.mp4", clips)])
    publish(tmp_path / "m", tmp_path / "p")
    assert "the emotions or action units of 1 clip rest on a model" in section(tmp_path / "p", "Limits")
    said = section(tmp_path / "p", "What the faces say")
    assert "| a\\|&lt;b&gt; | 1 | 0 |" in said and "| b | 1 | 1 |" in said
    assert "Caption by vlm \\`x\\`\\|&lt;script&gt;: 1 clip." in said and "<" not in said
    assert "action units, because a model failed: 2 clips." in said and said.count("Caption by") == 2
    assert "| other-compound | 1 |" in section(tmp_path / "p", "Balance")


@pytest.mark.parametrize("words", HOSTILE)
def test_a_stated_licence_and_name_stay_text(manifest: Path, tmp_path: Path, words: str) -> None:
    from manifests.text import printable

    publish(manifest, tmp_path / "p", licence=words, pretty_name=words)
    head, body = split(tmp_path / "p")
    shown = printable(" ".join(words.split()))
    assert head["pretty_name"] == shown and head["license"] == "other" and head["license_link"] == "LICENSE.md"
    assert re.fullmatch(r"[a-z0-9][a-z0-9.-]*", head["license_name"]), "the Hub takes an identifier, no words"
    assert text(shown, 300) in (tmp_path / "p" / "LICENSE.md").read_text()
    assert [config["config_name"] for config in head["configs"]] == ["default", "frames", "sources"]
    first = body.lstrip().split("\n")[0]
    assert html.unescape(re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", first)) == f"# {shown}"
    assert not any(bad in body for bad in ("<script", "](https", "www.", "<!--", "\x1b"))


@pytest.mark.parametrize(("words", "wanted"), [("CC BY 4.0", "cc-by-4.0"), ("mit", "mit"), (" MIT ", "mit")])
def test_a_stated_licence_that_the_hub_knows_has_its_name(
    manifest: Path, tmp_path: Path, words: str, wanted: str
) -> None:
    publish(manifest, tmp_path / "p", licence=words)
    head, body = split(tmp_path / "p")
    assert head["license"] == wanted and "license_name" not in head
    assert "Licence of this folder, as who published it states it: " in body


@pytest.mark.parametrize("words", ["", "  ", "x" * 201])
def test_an_empty_or_endless_name_is_refused(manifest: Path, tmp_path: Path, words: str) -> None:
    with pytest.raises(manifests.ManifestError, match=r"The licence must have 1 to 200 characters"):
        publish(manifest, tmp_path / "p", licence=words)
    with pytest.raises(manifests.ManifestError, match=r"The pretty name must have 1 to 200 characters"):
        publish(manifest, tmp_path / "p", pretty_name=words)
    assert not (tmp_path / "p").exists()


def test_one_of_a_thing_is_not_called_by_its_plural(tmp_path: Path) -> None:
    film = Film("a.mp4", [Clip(0, 5, columns={"split": "train"}), Clip(9, 5, columns={"split_note": "why"})])
    make(tmp_path / "m", [film])
    publish(tmp_path / "m", tmp_path / "p")
    _, body = split(tmp_path / "p")
    assert "\n1 clip (" in body and "cut from 1 source by" in body and "- left out, why: 1 kept clip (" in body
    assert not re.search(r"(?<![\d,])1 (clips|kept clips|sources|inputs|candidate clips|persons)\b", body)


def test_the_card_tells_the_leakage_in_sentences(hub: Path, dh: Path) -> None:
    said = leakage(hub)
    assert "In two splits: 0 persons, 0 persons as data sets name them, 0 sources, 0 duplicates." in said
    assert "How many persons leak is not estimated: no held-out person has an embedding" in said
    assert "whole manifest" not in said
    assert "They are of the whole manifest: 6 of its 6 kept clips are in this folder." in leakage(dh)


def test_every_known_number_of_a_certificate_is_told_and_no_raw_key() -> None:
    told = "\n".join(_told(CERTIFICATE))
    assert told.split("\n") == [
        "In two splits: 1 person, 2 persons as data sets name them, 1 source, 0 duplicates (sources: s\\_1).",
        "1 of 2 held-out persons lies near a training person (50.0%, 95 % interval 9.4% to 90.6%). How: &lt;b&gt;.",
        "Limits of this estimate: few pairs.",
        "Nearest faces of train and test: distance 0.618, clips c\\_1 and c\\_2.",
        "1 clip in a split without an identity: told by its source.",
        "test holds no clip.",
    ]


@pytest.mark.parametrize("part", [*CERTIFICATE, None])
@pytest.mark.parametrize("junk", [None, 7, "<b>", [[]], {"pairs": [1], "estimate": float("nan"), "splits": 3}])
def test_a_certificate_with_a_damaged_part_is_told_without_it(part: str | None, junk: Any) -> None:
    damaged = {name: junk if part in (name, None) else value for name, value in CERTIFICATE.items()}
    said = list(_told(damaged))
    assert all("<" not in line for line in said)
    assert len(said) < 7 and (part is None or len(said) >= 4)


def test_a_manifest_without_splits_has_no_certificate(tmp_path: Path) -> None:
    make(tmp_path / "m", [Film("a.mp4", [Clip(0, 5)])])
    (tmp_path / "m" / "certificate.json").write_text(json.dumps(CERTIFICATE))
    done = publish(tmp_path / "m", tmp_path / "p")
    assert "The manifest has no splits, so there is nothing to measure" in leakage(tmp_path / "p")
    assert not (tmp_path / "p" / "certificate.json").exists() and done.notes == []


def leakage(folder: Path) -> str:
    """The section of a card."""
    return split(folder)[1].split("## Leakage between splits")[1].split("\n## ")[0]


def test_lines_on_how_to_load_run_as_they_stand(hub: Path, load: Callable[..., Any], tmp_path: Path) -> None:
    pytest.importorskip("torchcodec")
    import datasets

    code = re.search(r"```python\n(.*?)```", split(hub)[1], re.DOTALL)
    assert code is not None
    names: dict[str, Any] = {}
    real = datasets.load_dataset
    try:
        datasets.load_dataset = lambda *a, **k: real(*a, cache_dir=str(tmp_path / "cache"), **k)
        exec(code[1].replace("FOLDER", str(hub)), names)
    finally:
        datasets.load_dataset = real
    assert names["clip"][0].shape == (3, 64, 96) and names["faces"].num_rows > 0 and names["sources"].num_rows == 4
