"""What the face says: the panel on real and rendered faces, action units, and a machine without weights.

Nothing is fitted to the clips that are scored: the members' weights and constants come from what their `About` names.
"""

from collections.abc import Callable
from pathlib import Path

from perf.scores import Scores, expressions_actions, expressions_bare, expressions_real, expressions_rendered


def measure(data: Path) -> Scores:
    """All tables, one below the other.

    Args:
        data: the folder of test material, with `videos` and `images` in it.
    """
    whole = Scores("What the face says: emotion, compound, intensity, action units")
    makers: tuple[Callable[[], tuple[Scores, ...]], ...] = (
        lambda: expressions_real.measure(data),
        lambda: (expressions_rendered.measure(),),
        lambda: (expressions_actions.measure(),),
        lambda: (expressions_bare.measure(),),
    )
    for part in (scores for make in makers for scores in make()):
        whole.lines += ["", part.title, *(f"  {line}" for line in part.lines)]
        whole.values |= part.values
        whole.notes += part.notes
    return whole
