"""Recipes: what a data set asks of its clips, typed, readable, and hashed by what decides the result."""

import hashlib
import json
import math
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from manifests.errors import ManifestError
from manifests.text import nearest, printable

RECIPES: Final = Path(__file__).parent / "recipes"
DATASETS: Final = ("folder", "hdtf", "mead", "dh-faceemovid", "ravdess", "crema-d")
_PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
_MEGABYTE = 1 << 20


def _rate(value: Any) -> Any:
    if value is None or isinstance(value, Fraction):
        return value
    try:
        rate = Fraction(str(value)) if isinstance(value, int | float | str) else None
    except (ValueError, ZeroDivisionError):
        rate = None
    if rate is None or isinstance(value, bool) or not 0 < rate <= 1000:
        raise ValueError("must be null, a number or a fraction such as 30000/1001, above 0 and up to 1000")
    return rate


Rate = Annotated[Fraction, PlainSerializer(str)]


class Bound(BaseModel):
    """The values of one measured column that a recipe accepts, both ends included."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _ordered(self) -> "Bound":
        if self.min is None and self.max is None:
            raise ValueError("needs min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("has a min above its max")
        return self


Thresholds = Mapping[str, Bound]


class Fetch(BaseModel):
    """Which of a site's formats is fetched."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    max_height: int = Field(default=1080, ge=144, le=8640)  # px; the highest format up to it


class Export(BaseModel):
    """How kept clips are written."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    fps: Annotated[Rate | None, BeforeValidator(_rate)] = None
    crop: Literal["none", "face"] = "none"
    size: Annotated[list[int], Field(min_length=2, max_length=2)] | None = None
    crf: int = Field(default=18, ge=0, le=51)
    preset: Literal[_PRESETS] = "veryfast"  # type: ignore[valid-type]

    @field_validator("size")
    @classmethod
    def _even(cls, size: list[int] | None) -> list[int] | None:
        if size and any(side % 2 or not 16 <= side <= 8192 for side in size):
            raise ValueError("must be two even numbers of pixels from 16 to 8192: [width, height]")
        return size


class Recipe(BaseModel):
    """A recipe: how sources are read, settings of the stages, thresholds of the selection, form of the export."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    description: str = ""
    version: int = Field(default=1, ge=1)
    dataset: Literal[DATASETS] = "folder"  # type: ignore[valid-type]
    stages: dict[str, dict[str, Any]] = {}
    select: dict[str, Bound] = {}
    fetch: Fetch = Fetch()
    export: Export = Export()

    @field_validator("select")
    @classmethod
    def _measured(cls, select: dict[str, Bound]) -> dict[str, Bound]:
        from manifests.schema import measured  # Arrow, only when a recipe is read

        for column in select:
            if column not in measured():
                words = nearest(column, measured())
                raise ValueError(f".{column} is not a measured column of clips: {words}")
        return select

    def resolved(self) -> dict[str, Any]:
        """Return the whole recipe, with what it extends and all defaults, as plain JSON values."""
        return self.model_dump(mode="json")

    @property
    def hash(self) -> str:
        """16 hexadecimal digits over what decides the result: stages, select and export.

        The order of keys, comments, the name and the description do not change it.
        """
        decisive = {key: value for key, value in self.resolved().items() if key in ("stages", "select", "export")}
        text = json.dumps(_plain(decisive), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def recipe_names() -> list[str]:
    """Return the names of the recipes that come with the project."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def load_recipe(name_or_path: str | Path) -> Recipe:
    """Return a recipe by name (`talking-head`) or from a YAML file, with what it extends.

    Args:
        name_or_path: one of `recipe_names()`, or a path (it holds a slash or ends in .yaml or .yml).

    Raises:
        ManifestError: no such recipe, not YAML, or a wrong key or value: one sentence with file and key.
    """
    path = _find(str(name_or_path), Path.cwd())
    merged = _merged(path, ())
    merged.setdefault("name", path.stem)
    try:
        recipe = Recipe.model_validate(merged)
    except ValidationError as error:
        raise ManifestError(_sentence(path, error.errors())) from error
    _refuse_odd_values(path, "stages", recipe.stages)
    return recipe


def _find(name: str, folder: Path) -> Path:
    if "/" in name or name.endswith((".yaml", ".yml")):
        path = folder / Path(name).expanduser()
        if not path.is_file():
            raise ManifestError(f"There is no recipe file {printable(str(path))}.")
        return path
    if name not in recipe_names():
        raise ManifestError(f"There is no recipe {printable(name)}: {nearest(name, recipe_names())}")
    return RECIPES / f"{name}.yaml"


def _merged(path: Path, below: tuple[Path, ...]) -> dict[str, Any]:
    if path.resolve() in below:
        raise ManifestError(f"The recipe {path.name} extends itself: remove one `extends`.")
    own = _read(path)
    parent = own.pop("extends", None)
    if parent is None:
        return own
    if not isinstance(parent, str):
        raise ManifestError(f"{path.name}: extends must be the name or the path of one recipe.")
    base = _merged(_find(parent, path.parent), (*below, path.resolve()))
    base.pop("name", None)
    base.pop("description", None)
    return _laid_over(base, own)


def _laid_over(base: dict[str, Any], own: dict[str, Any], depth: int = 0) -> dict[str, Any]:
    """Mappings merge, everything else replaces; null takes a stage or a threshold away."""
    merged = dict(base)
    for key, value in own.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = _laid_over(merged[key], value, depth + (key in ("stages", "select")))
        elif value is None and depth == 1 and key in merged:
            del merged[key]
        else:
            merged[key] = value
    return merged


class _Loader(yaml.SafeLoader):
    """YAML without what hides mistakes: a key given twice, and aliases."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise yaml.composer.ComposerError(None, None, "an alias is not allowed in a recipe", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys = [child.value for child, _ in node.value if isinstance(child, yaml.ScalarNode)]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            problem = f"the key {twice} is given twice"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        return super().construct_mapping(node, deep)


def _read(path: Path) -> dict[str, Any]:
    name = printable(path.name)
    try:
        if path.stat().st_size > _MEGABYTE:
            raise ManifestError(f"{name} is larger than 1 MB: it is not a recipe.")
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise ManifestError(f"{name} is not YAML: line {line}: {error.problem}.") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ManifestError(f"{name} is not YAML: it holds characters or nesting that YAML refuses.") from error
    except OSError as error:
        raise ManifestError(f"The recipe {name} cannot be read: {error.strerror}.") from error
    if not isinstance(content, dict):
        raise ManifestError(f"{name} must hold a mapping with the keys stages, select and export.")
    # A section written without content is an empty section.
    return {
        key: {} if value is None and key in ("stages", "select", "export") else value for key, value in content.items()
    }


def _sentence(path: Path, errors: list[ErrorDetails]) -> str:
    first = errors[0]
    location = [str(part) for part in first["loc"]]
    where = ".".join(location)
    if first["type"] == "extra_forbidden":
        words = nearest(location[-1], _keys(location[:-1]))
        what = f"{where} is not a known key: {words}"
    elif first["type"] == "value_error":
        problem = str(first["ctx"]["error"])
        what = where + (problem if problem.startswith(".") else f": {problem}")
    else:
        problem = first["msg"].replace("Input should be", "must be").replace("a valid dictionary", "a mapping")
        what = f"{where}: {problem}, not {first['input']!r}"
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return printable(f"{path.name}: {what}{more}")


def _keys(location: list[str]) -> list[str]:
    if not location:
        return [*Recipe.model_fields, "extends"]
    return list((Export if location[0] == "export" else Bound).model_fields)


def _refuse_odd_values(path: Path, where: str, value: Any) -> None:
    if isinstance(value, Mapping):
        for key, child in value.items():
            if not isinstance(key, str):
                raise ManifestError(f"{path.name}: {where}.{key} must have text as its key.")
            _refuse_odd_values(path, f"{where}.{key}", child)
    elif isinstance(value, list):
        for child in value:
            _refuse_odd_values(path, where, child)
    elif not (value is None or isinstance(value, str | bool | int | float)):
        raise ManifestError(f"{path.name}: {where} must be text, a number, true or false, a list or a mapping.")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ManifestError(f"{path.name}: {where} must be a finite number.")


def _plain(value: Any) -> Any:
    """The same value for 2 and 2.0, so that a hash does not depend on how a number is typed."""
    if isinstance(value, Mapping):
        return {key: _plain(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_plain(child) for child in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
