"""Makes perception/facs_norms.toml, the anchors of action units, from clips of ordinary talk without any label.

python -m perf.facs_norms FOLDER...: curates the videos that are given and reads the landmarks of their longest tracks.
The committed file was made from the clips `talk_*` of the test material (MOEE_TEST_DATA), none of which is scored for
emotion.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from perception.action_units import NUMBERS
from perception.facs_blendshapes import raw_blendshapes
from perception.facs_geometry import raw_geometry
from perception.facs_scale import NORMS, Scale, anchors

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Write the file and say from how many tracks and frames."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", nargs="+", type=Path)
    videos = parser.parse_args().video
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "moee_cli", "curate", *map(str, videos), "--out", folder]
        subprocess.run(command, cwd=ROOT, check=False)
        tracks = longest_tracks(Path(folder))
    shapes = anchors("blendshapes", [np.nan_to_num(raw_blendshapes(shape)) for _, shape in tracks])
    mesh = anchors("mesh", [raw_geometry(points) for points, _ in tracks])
    frames = sum(len(points) for points, _ in tracks)
    NORMS.write_text(_text(shapes, mesh, len(tracks), frames), encoding="utf-8")
    print(f"{len(tracks)} tracks, {frames} frames: {NORMS}")


def longest_tracks(folder: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Of each source the landmarks [n, points, 3] px and blendshapes [n, 52] of its longest track."""
    import manifests
    from manifests.schema import landmark_pixels

    manifest = manifests.open(folder)
    found = []
    for source in manifest.sources.sort_values("name").itertuples():
        rows = manifest.frames_table(source.id, ["track", "frame", "landmarks", "blendshapes"]).to_pandas()
        rows = rows[rows.blendshapes.notna()]
        if len(rows):
            rows = rows[rows.track == rows.track.value_counts().index[0]].sort_values("frame")
            points = [landmark_pixels(row, source.width, source.height) for row in rows.landmarks]
            found.append((np.stack(points), np.stack(rows.blendshapes.to_numpy()).astype(np.float64) / 65535))
    return found


def _text(shapes: Scale, mesh: Scale, tracks: int, frames: int) -> str:
    lines = [
        "# Anchors of action units from ordinary talkers: rest, what intensity 5 is above it, and how often each is",
        "# present (perception/facs_scale.py).",
        f"# Made by perf.facs_norms from {tracks} tracks, {frames} frames, none of them labelled.",
    ]
    for kind, found in (("blendshapes", shapes), ("mesh", mesh)):
        lines.append(f"\n[{kind}]")
        for place, name in enumerate((*(f"AU{number}" for number in NUMBERS), "unequal")):
            values = {key: float(getattr(found, key)[place]) for key in ("rest", "swing", "usual")}
            told = ", ".join(f"{key} = {value:.5f}" for key, value in values.items())
            lines.append(f"{name} = {{ {told} }}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
