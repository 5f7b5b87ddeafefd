"""`certificate.json` beside the tables: what the splits are worth, written anew with each snapshot."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from manifests.certificate import Sounds
    from manifests.manifest import Manifest

HEARD = 4000  # sources whose sounds are compared once more; of more, the pairs that are duplicates are told
_PAIRS = 1000


def certify(out: Path, *, fresh: bool) -> list[str]:
    """Write the certificate of the manifest in a folder, whole or not at all.

    Args:
        out: the manifest's folder.
        fresh: the snapshot is new; otherwise a certificate that is there still holds.

    Returns:
        What the splits fall short of, a sentence each; nothing when the certificate still held.

    Raises:
        manifests.errors.ManifestError: the folder cannot be written.
    """
    from threadpoolctl import threadpool_limits

    import manifests
    from manifests.certificate import FILE, as_json, certificate, stored
    from manifests.files import plain_errors, replace, write_aside

    target = out / FILE
    manifest = manifests.open(out)
    if not fresh and stored(manifest) is not None:
        return []
    with threadpool_limits(1):
        found = certificate(manifest, manifest.recipe, sounds=_sounds(manifest))
    content = as_json(found).encode()
    with plain_errors(out):
        aside, _ = write_aside(out, FILE, lambda file: file.write(content))
        aside.chmod(0o644)
        replace(aside, target)
    return [str(note) for note in found["notes"]]


def _sounds(manifest: "Manifest") -> "Sounds | None":
    """The most similar sounds of two lists of sources, or None where there are too many to hear them again."""
    import pyarrow.compute as pc

    from curation.whole.copies import nearest_by_sound

    fingerprints = manifest.table("fingerprints")
    clips = manifest.table("clips", ["source", "split"])
    placed = clips.filter(clips.column("split").is_valid())
    if len(pc.unique(placed.column("source"))) > HEARD:
        return None
    ids = fingerprints.column("id").to_pylist()

    def sounds(first: Sequence[str], second: Sequence[str]) -> list[tuple[str, str, float]]:
        one, two = set(first) - set(second), set(second) - set(first)
        sides = [0 if source in one else 1 if source in two else -1 for source in ids]
        found = []
        for row, other, match in nearest_by_sound(fingerprints, sides, _PAIRS):
            a, b = (ids[row], ids[other]) if ids[row] in one else (ids[other], ids[row])
            found.append((a, b, match.score))
        return found

    return sounds
