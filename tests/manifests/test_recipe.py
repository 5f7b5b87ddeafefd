"""A recipe says what it means or is refused in one sentence that names the file, the key and the nearest right one."""

from fractions import Fraction
from pathlib import Path

import pytest

from manifests.errors import ManifestError
from manifests.recipe import load_recipe, recipe_names


def _recipe(folder: Path, text: str, name: str = "mine.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_talking_head_asks_what_the_default_recipe_promises() -> None:
    recipe = load_recipe("talking-head")
    bounds = {column: (bound.min, bound.max) for column, bound in recipe.select.items()}
    assert bounds == {
        "seconds": (2, None),
        "faces": (None, 1),
        "face_size": (64, None),
        "face_share": (0.95, None),
        "speech_share": (0.35, None),
    }
    assert recipe.stages["clips"]["pause_seconds"] == 1.0 and recipe.stages["shots"] == {"detector": "content"}


@pytest.mark.parametrize("name", recipe_names())
def test_every_value_of_a_shipped_recipe_has_a_comment_that_names_its_origin(name: str) -> None:
    import manifests.recipe

    assert load_recipe(name).name == name
    section = ""
    for line in (manifests.recipe.RECIPES / f"{name}.yaml").read_text(encoding="utf-8").splitlines():
        section = line.split(":")[0] if line[:1].isalpha() else section
        value = line.split("#")[0].partition(":")[2].strip()
        if section in ("stages", "select", "export") and value not in ("", "{}"):
            assert "#" in line, f"{name}: {line}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("selct: {}", "mine.yaml: selct is not a known key: did you mean select?"),
        (
            "select: {face_sise: {min: 2}}",
            "select.face_sise is not a measured column of clips: did you mean face_size?",
        ),
        ("select: {status: {min: 2}}", "select.status is not a measured column of clips"),
        ("select: {seconds: {mim: 2}}", "select.seconds.mim is not a known key: did you mean min?"),
        ("select: {seconds: {}}", "select.seconds: needs min, max or both"),
        ("select: {seconds: {min: 3, max: 2}}", "select.seconds: has a min above its max"),
        ("select: {seconds: {min: .nan}}", "select.seconds.min: must be a finite number"),
        ("select: {seconds: {min: '2'}}", "select.seconds.min: must be a valid number"),
        ("select: {seconds: {min: yes}}", "select.seconds.min: must be a valid number"),
        ("select: {seconds: 2}", "select.seconds: must be a mapping"),
        ("export: {crff: 2}", "export.crff is not a known key: did you mean crf?"),
        ("export: {crf: 52}", "export.crf: must be less than or equal to 51"),
        ("export: {crop: mouth}", "export.crop: must be 'none' or 'face'"),
        ("export: {size: [101, 100]}", "export.size: must be two even numbers"),
        ("export: {fps: 0}", "export.fps: must be null, a number or a fraction"),
        ("export: {fps: 1/0}", "export.fps: must be null, a number or a fraction"),
        ("stages: {shots: 27}", "stages.shots: must be a mapping"),
        ("stages: {shots: {day: 2020-01-01}}", "stages.shots.day must be text, a number"),
        ("stages: {shots: {level: .inf}}", "stages.shots.level must be a finite number"),
        ("a: 1\na: 2", "line 1: the key a is given twice"),
        ("a: &x 1\nb: *x", "line 2: an alias is not allowed"),
        ("a: [", "mine.yaml is not YAML: line 1"),
        ("- 1", "mine.yaml must hold a mapping"),
        ("extends: talking-hed", "There is no recipe talking-hed: did you mean talking-head?"),
        ("extends: mine.yaml", "The recipe mine.yaml extends itself"),
        ("extends: [1]", "extends must be the name or the path of one recipe"),
    ],
)
def test_a_mistake_is_one_sentence_with_the_nearest_right_word(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ManifestError) as caught:
        load_recipe(_recipe(tmp_path, text))
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_or_unreadable_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="There is no recipe file"):
        load_recipe(tmp_path / "absent.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ManifestError, match=r"bytes.yaml is not YAML"):
        load_recipe(tmp_path / "bytes.yaml")
    deep = _recipe(tmp_path, "stages: " + "[" * 100_000)
    with pytest.raises(ManifestError, match="is not YAML"):
        load_recipe(deep)


def test_the_hash_follows_what_decides_the_result_and_nothing_else(tmp_path: Path) -> None:
    text = "stages: {shots: {threshold: 27, detector: content}}\nselect: {seconds: {min: 2}, faces: {max: 1}}\n"
    same = (
        "# a comment\ndescription: other words\nexport: {crf: 18}\n"
        "select: {faces: {max: 1.0}, seconds: {min: 2.0}}\nstages: {shots: {detector: content, threshold: 27.0}}\n"
    )
    one, two = load_recipe(_recipe(tmp_path, text)), load_recipe(_recipe(tmp_path, same, "other.yaml"))
    assert one.hash == two.hash and len(one.hash) == 16
    for old, new in (("27", "28"), ("min: 2", "min: 3"), ("seconds", "face_size"), ("content", "adaptive")):
        assert load_recipe(_recipe(tmp_path, text.replace(old, new))).hash != one.hash
    assert load_recipe(_recipe(tmp_path, text + "export: {crf: 20}")).hash != one.hash


def test_a_recipe_extends_another_and_takes_thresholds_away(tmp_path: Path) -> None:
    _recipe(tmp_path, "extends: talking-head\nselect: {seconds: {min: 5, max: 9}, faces: null}", "base.yaml")
    recipe = load_recipe(
        _recipe(tmp_path, "extends: base.yaml\nselect: {seconds: {max: 8}}\nexport: {fps: 30000/1001}")
    )
    assert recipe.name == "mine" and recipe.export.fps == Fraction(30000, 1001)
    assert (recipe.select["seconds"].min, recipe.select["seconds"].max) == (5, 8)
    assert "faces" not in recipe.select and recipe.select["face_size"].min == 64
    assert recipe.resolved()["export"]["fps"] == "30000/1001" and "extends" not in recipe.resolved()
