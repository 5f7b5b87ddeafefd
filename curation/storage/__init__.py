"""Where a run's results lie: a folder that every worker sees, or a bucket that every worker can reach."""

from curation.storage.place import Place, place_of

__all__ = ["Place", "place_of"]
