"""MoEE: the model, its training and its generation; `from moee_model import MoEEPipeline`."""

from typing import TYPE_CHECKING, Any

from moee_model.errors import ModelError

if TYPE_CHECKING:
    from moee_model.emotion import Emotion, parse
    from moee_model.pipeline import MoEEPipeline

__all__ = ["Emotion", "MoEEPipeline", "ModelError", "parse"]


def __getattr__(name: str) -> Any:
    # torch, diffusers and transformers load only when a model is opened: `moee --help` must answer at once.
    if name == "MoEEPipeline":
        from moee_model.pipeline import MoEEPipeline

        return MoEEPipeline
    if name in ("Emotion", "parse"):
        from moee_model import emotion

        return getattr(emotion, name)
    raise AttributeError(f"module 'moee_model' has no attribute {name!r}")
