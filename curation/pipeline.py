"""The list of stages that a recipe asks for, and the keys that say which results still hold."""

import dataclasses
import difflib
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from curation.errors import CurationError
from curation.stage import ManifestStage, PixelStage, Resources, Stage
from curation.stages.captions import Captions
from curation.stages.clips import Clips
from curation.stages.embeddings import Embeddings
from curation.stages.emotions import Emotions
from curation.stages.export import Export
from curation.stages.expressions import Expressions
from curation.stages.faces import Faces
from curation.stages.fingerprints import Fingerprints
from curation.stages.input import Input
from curation.stages.labels import Labels
from curation.stages.probe import Probe
from curation.stages.quality import Quality
from curation.stages.select import Select
from curation.stages.shots import Shots
from curation.stages.sound import Sound
from curation.stages.speaking import Speaking
from curation.stages.speaking_pixels import Mouths
from curation.stages.speech import Speech
from curation.whole.duplicates import Duplicates
from curation.whole.identities import Identities
from curation.whole.splits import Splits
from manifests.tables import SCHEMA_VERSION

if TYPE_CHECKING:
    from curation.engines.hosts import Hosted
    from manifests.recipe import Recipe

PIXEL: tuple[type[PixelStage], ...] = (Shots, Faces, Quality, Embeddings, Fingerprints, Mouths, Emotions)
TABLE: tuple[type[Stage], ...] = (Speech, Sound, Clips, Speaking, Expressions)
WHOLE: tuple[type[ManifestStage], ...] = (Identities, Duplicates, Splits)
CONFIGURABLE: tuple[type[Stage] | type[ManifestStage], ...] = (*PIXEL, *TABLE, Captions, *WHOLE)
Configured = TypeVar("Configured", bound=Stage | ManifestStage)


@dataclass(frozen=True)
class Pipeline:
    """Stages in the order in which their results are committed.

    Args:
        first: what is said of every input, readable or not.
        pixel: they share one decode.
        table: they read tables, sound, or only the frames of kept clips.
        whole: they work on the whole manifest, when all sources are done.
    """

    first: Input
    pixel: tuple[PixelStage, ...]
    table: tuple[Stage, ...]
    whole: tuple[ManifestStage, ...] = ()

    @property
    def stages(self) -> tuple[Stage, ...]:
        """All stages of one source, in order."""
        return (self.first, *self.pixel, *self.table)

    def keys(self, source: str, labels: str = "") -> dict[str, str]:
        """For each stage the key of its result: source, version, settings, weights and the keys it reads.

        Args:
            source: id.
            labels: `labels_hash` of what a dataset says of it.
        """
        keys: dict[str, str] = {}
        for stage in self.stages:
            facts = [
                SCHEMA_VERSION,
                source,
                stage.name,
                stage.version,
                labels if isinstance(stage, Labels) else "",
                config_hash(stage),
                list(stage.models()),
                [keys[name] for name in stage.reads],
            ]
            keys[stage.name] = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]
        return keys


def config_hash(stage: Stage | ManifestStage) -> str:
    """Hash of a stage's settings; the same settings give the same hash on any machine."""
    settings = dataclasses.asdict(stage)  # type: ignore[call-overload]
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def needs(stages: Sequence[Stage]) -> Resources:
    """What one source needs of a machine: its stages run one after the other, in one process."""
    declared = [stage.resources for stage in stages]
    return Resources(
        cpus=max(one.cpus for one in declared),
        gpus=max(one.gpus for one in declared),
        memory=max(one.memory for one in declared),
    )


def hosted(stages: Sequence[Stage]) -> "dict[str, Hosted]":
    """The models of these stages that may live in actors of their own, by name."""
    from curation.engines.hosts import Hosted

    return {name: Hosted(load, stage.resources.gpus) for stage in stages for name, load in stage.hosted().items()}


def build(recipe: "Recipe") -> Pipeline:
    """The pipeline that a recipe describes.

    Raises:
        CurationError: a section or setting that no stage has, or a value of the wrong kind.
    """
    names = [stage.name for stage in CONFIGURABLE]
    for section in recipe.stages:
        if section not in names:
            raise CurationError(f"recipe {recipe.name!r}: no stage is called {section!r}{_nearest(section, names)}")
    thresholds = {column: bound.model_dump() for column, bound in recipe.select.items()}
    wanted = recipe.export
    export = Export(
        fps=None if wanted.fps is None else str(wanted.fps),
        crop=wanted.crop,
        size=None if wanted.size is None else (wanted.size[0], wanted.size[1]),
        crf=wanted.crf,
        preset=wanted.preset,
    )
    select = Select(thresholds=thresholds, recipe=recipe.hash)
    return Pipeline(
        Input(),
        (Probe(), *(_configure(stage, recipe) for stage in PIXEL)),
        (Labels(), *(_configure(stage, recipe) for stage in TABLE), select, export, _configure(Captions, recipe)),
        tuple(_configure(stage, recipe) for stage in WHOLE),
    )


def _configure(stage: type[Configured], recipe: "Recipe") -> Configured:
    from pydantic import TypeAdapter, ValidationError

    settings: dict[str, Any] = dict(recipe.stages.get(stage.name) or {})
    fields = [field.name for field in dataclasses.fields(stage)]  # type: ignore[arg-type]
    for key in settings:
        if key not in fields:
            raise CurationError(
                f"recipe {recipe.name!r}: stage {stage.name!r} has no setting {key!r}{_nearest(key, fields)}"
            )
    try:
        return TypeAdapter(stage).validate_python(settings)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in ("stages", stage.name, *first["loc"]))
        said = first["msg"].removeprefix("Value error, ")
        raise CurationError(f"recipe {recipe.name!r}: {where}: {said}") from None


def _nearest(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.0)
    return f"; did you mean {close[0]!r}?" if close else ""
