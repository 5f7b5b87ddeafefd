"""What machines and people read about a publication holds: Croissant, the card's head, and every count in the card."""

import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import manifests
from manifests.files import file_hash
from manifests.publish import origins, publish
from manifests.recipe import load_recipe, recipe_names


def rows_of(folder: Path, config: str = "data") -> pa.Table:
    return pa.concat_tables(
        [
            pq.read_table(path, columns=[name for name in pq.read_schema(path).names if name not in ("video", "audio")])
            for path in sorted((folder / config).rglob("*.parquet"))
        ]
    )


def tables_of(card: str) -> dict[str, list[list[str]]]:
    """First title of every table of a card -> its rows, plain."""
    found: dict[str, list[list[str]]] = {}
    for block in re.findall(r"(?:^\|.*\|\n)+", card, flags=re.MULTILINE):
        lines = [[re.sub(r"\\(.)", r"\1", cell.strip()) for cell in line.split(" | ")] for line in block.splitlines()]
        lines = [[cell.strip("| ") for cell in line] for line in lines]
        found[lines[0][0]] = lines[2:]
    return found


def number(cell: str) -> int:
    return int(cell.replace(",", ""))


def test_every_count_of_the_card_is_a_query_on_the_tables(manifest: Path, hub: Path) -> None:
    tables, clips = tables_of((hub / "README.md").read_text()), rows_of(hub)
    sources = rows_of(hub, "sources")
    licences = dict(zip(sources["id"].to_pylist(), sources["licence"].to_pylist(), strict=True))
    splits = [name for name, *_ in tables["split"] if name != "all"]
    for name, shown, hours, identities, without in tables["split"]:
        own = clips if name == "all" else clips.filter(pc.equal(clips["split"], name))
        persons = pc.drop_null(pc.unique(own["identity"])).to_pylist()
        assert number(shown) == own.num_rows and number(identities) == len(persons)
        assert number(without) == own["identity"].null_count
        assert float(hours) == pytest.approx(sum(own["seconds"].to_pylist()) / 3600, abs=1e-4)
    for name, of_sources, of_clips, _ in tables["licence"]:
        own = [row for row in clips.to_pylist() if (licences[row["source"]] or "not stated") == name]
        assert (number(of_sources), number(of_clips)) == (len({row["source"] for row in own}), len(own))
    for title, compound, plain, nothing in (
        ("emotion, as given", "given_compound", "given_emotion", "not stated"),
        ("emotion, as measured", "compound", "emotion", "not measured"),
    ):
        for name, *counts in tables[title]:
            own = [row for row in clips.to_pylist() if (row[compound] or row[plain] or nothing) == name]
            assert [number(count) for count in counts] == [sum(row["split"] == s for row in own) for s in splits]
    outcomes = manifests.open(manifest).table("outcomes").to_pylist()
    for stage, of, entered, kept, dropped, failed, _ in tables["stage"]:
        own = [row for row in outcomes if row["stage"] == stage and f"{row['kind']}s" == of]
        counts = [sum(row["status"] == status for row in own) for status in ("kept", "dropped", "failed")]
        assert [number(kept), number(dropped), number(failed)] == counts and number(entered) == sum(counts)


def test_the_head_is_what_the_hubs_own_library_takes(hub: Path) -> None:
    hubs = pytest.importorskip("huggingface_hub")
    card = hubs.DatasetCard.load(hub / "README.md", ignore_metadata_errors=False)
    data: dict[str, Any] = card.data.to_dict()
    assert data["license"] == "other" and data["size_categories"] == ["n<1K"] and data["task_categories"]
    assert [config["config_name"] for config in data["configs"]] == ["default", "frames", "sources"]
    rows = {split["name"]: split["num_examples"] for split in data["dataset_info"][0]["splits"]}
    assert rows == {"train": 3, "validation": 1, "test": 1}
    assert card.text.lstrip().startswith("# ")


@pytest.mark.parametrize("form", ["hub", "bare", "files"])
def test_croissant_is_valid_names_every_table_with_its_hash_and_gives_the_rows(
    manifest: Path, tmp_path: Path, form: str
) -> None:
    croissants = pytest.importorskip("mlcroissant")
    folder = tmp_path / "p"
    publish(manifest, folder, form=form, max_shard_bytes=20_000)  # several files of a split
    read = croissants.Dataset(folder / "croissant.json")
    assert not read.metadata.issues.errors
    assert {str(one).split("Property ")[1] for one in read.metadata.issues.warnings} == {
        '"https://schema.org/datePublished" is recommended, but does not exist.'
    }
    content = json.loads((folder / "croissant.json").read_text())
    files = {entry["contentUrl"]: entry for entry in content["distribution"] if "contentUrl" in entry}
    assert set(files) == {path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet")}
    for name, entry in files.items():
        held = file_hash(folder / name)
        assert (entry["sha256"], entry["contentSize"]) == (held.sha256, f"{held.bytes} B")
    assert form != "hub" or len(content["recordSet"]) < len(files), "the files of a split are described once"
    own = "data/train/metadata" if form == "files" else "data/train"
    rows = {one.id: list(read.records(one.id)) for one in read.metadata.record_sets}
    for name, held in rows.items():
        paths = [path for path in folder.rglob("*.parquet") if path.relative_to(folder).as_posix().startswith(name)]
        assert paths and len(held) == sum(pq.ParquetFile(path).metadata.num_rows for path in paths), name
    ids = [row[f"{own}/id"].decode() for row in rows[own]]
    clips = rows_of(folder)
    assert ids == clips.filter(pc.equal(clips["split"], "train"))["id"].to_pylist()


@pytest.mark.parametrize("name", recipe_names())
def test_every_threshold_of_a_recipe_of_the_project_says_where_it_comes_from(name: str) -> None:
    listed = origins.rows(load_recipe(name).resolved())
    thresholds = [row for row in listed if row[0].startswith("select.")]
    assert all(origin not in (origins.OWN, origins.DEFAULT) for _, _, origin in thresholds)


def test_a_value_that_somebody_changed_is_not_given_the_projects_reason() -> None:
    recipe = load_recipe("talking-head").resolved()
    recipe["select"]["seconds"]["min"] = 3.0
    found = {setting: origin for setting, _, origin in origins.rows(recipe)}
    assert found["select.seconds.min"] == origins.OWN
    assert found["select.face_size.min"].startswith("px of the shorter side")


def test_a_value_that_a_recipe_of_ones_own_shares_with_one_of_the_project_names_that_one() -> None:
    recipe = load_recipe("talking-head").resolved() | {"name": "mine"}
    recipe["select"] |= {"seconds": {"min": 3.0, "max": None}, "niqe": {"min": None, "max": 7.0}}
    found = {setting: origin for setting, _, origin in origins.rows(recipe)}
    assert found["select.seconds.min"] == found["select.niqe.max"] == origins.OWN
    assert found["select.face_size.min"].startswith("as in talking-head: px of the shorter side")
    other = load_recipe("dh-faceemovid-150").resolved() | {"name": "mine"}
    named = [origin for *_, origin in origins.rows(other) if origin.startswith("as in ")]
    assert named and all(origin.startswith("as in dh-faceemovid-150: ") for origin in named)
    assert {origin for *_, origin in origins.rows({"name": "x", "select": {"text": {"max": 0.1}}})} == {origins.OWN}


def test_the_card_says_what_is_not_free_and_that_it_was_named(manifest: Path, tmp_path: Path) -> None:
    publish(manifest, tmp_path / "p", allowed=["unlicensed"])
    card = (tmp_path / "p" / "README.md").read_text()
    assert "## Not free for every use" in card and "3 clips of 2 sources without a known licence: " in card
    assert "Whoever published this allowed it on purpose (`--allow`): unlicensed." in card
    assert card.index("## Not free for every use") < card.index("## How to load"), "it stands first"
    for title in ("Consent and takedown", "Link rot", "Citation", "From input to kept", "Balance", "Limits"):
        assert f"\n## {title}\n" in card
