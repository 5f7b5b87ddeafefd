"""What a run may not spoil: one manifest has one recipe, one kind of landmarks, one way to tell persons apart."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from curation.before import Before
from curation.errors import CurationError
from curation.missing import ABSENT
from curation.pipeline import Pipeline
from manifests.recipe import Recipe
from manifests.store import Head
from manifests.tables import SCHEMA_VERSION


@dataclass(frozen=True)
class Consistency:
    """Refuses what would make a mixture of the folder; says what is missing.

    Args:
        before: what the folder holds.
        recipe, pipeline: of this run.
        note: is told, one sentence each, what the user should know.
    """

    before: Before
    recipe: Recipe
    pipeline: Pipeline
    note: Callable[[str], None]

    def check_models(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Say which models are not here; better landmarks are not replaced because a folder is missing.

        Returns:
            A sentence for each missing model, and the models of the faces.

        Raises:
            CurationError: this machine lacks a model that made what the folder holds.
        """
        from curation.missing import missing
        from perception.landmarks import BUNDLE, MESH

        sentences = tuple(missing(self.pipeline.stages))
        for sentence in sentences:
            self.note(sentence)
        self._refuse_other_embeddings()
        (faces,) = [stage for stage in self.pipeline.pixel if stage.name == "faces"]
        models = faces.models()
        if MESH in {model.split("@")[0] for model in models}:
            if any(model.startswith(f"{BUNDLE}@") for model in self.before.models):
                raise CurationError(
                    f"this folder was made with the model {BUNDLE}, which is missing now: set MOEE_WEIGHTS, run "
                    f"`moee models fetch {BUNDLE}`, or use another --out"
                )
            self.note(f"{BUNDLE} is not here: landmarks come from {MESH}, without blendshapes (see moee doctor)")
        return sentences, models

    def _refuse_other_embeddings(self) -> None:
        """Faces of two models cannot be compared: persons would get other ids, and one person two of them."""
        now = {model for stage in self.pipeline.pixel if stage.name == "embeddings" for model in stage.models()}
        asked = ((self.before.recipe or {}).get("stages") or {}).get("embeddings")
        if asked != self.recipe.stages.get("embeddings"):
            return  # another model was asked for: all sources are given again, or `refuse_mixture` says so
        if self.before.keys and not self.before.embedded and not any(model.endswith(ABSENT) for model in now):
            self.note("persons are told apart for the first time in this folder: clips may change their split")
        if self.before.embedded and now != self.before.embedded:
            former = " and ".join(sorted(model.split("@")[0] for model in self.before.embedded))
            raise CurationError(
                f"the persons of this folder were told apart by {former}, not what this machine would use now: see "
                "moee doctor, set stages.embeddings.model, or use another --out"
            )

    def refuse_mixture(self, others: Iterable[Head]) -> bool:
        """One manifest has one recipe: sources that are not given again would keep the old one.

        Args:
            others: heads of the folder's sources that this run is not given.

        Returns:
            Whether the recipe is another than the folder's: its snapshot must not be opened until the new one is there.

        Raises:
            CurationError: others would keep another recipe or tables of another version.
        """
        count = len(list(others))
        if count and self.before.version not in (None, SCHEMA_VERSION):
            raise CurationError(
                f"this folder holds {count} other sources in tables of version {self.before.version}, this "
                f"program writes {SCHEMA_VERSION}: give all of its sources again, or use another --out"
            )
        if self.before.recipe is None:
            return False
        for note in self.before.other_judges(self.pipeline.stages) if count else ():
            self.note(note)
        former = Recipe.model_validate(self.before.recipe)
        if former.hash == self.recipe.hash:
            return False
        if count:
            raise CurationError(
                f"this folder holds {count} other sources curated with the recipe {former.name!r}: give all "
                "sources again, or use another --out"
            )
        return True
