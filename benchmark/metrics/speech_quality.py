"""Speech quality: what listeners would say of the sound of the system's video.

Definition
DNSMOS P.835 (Reddy, Gopal and Cutler 2022), not personalised, at 16 kHz: the predicted mean opinion of the overall
quality, 1 (bad) to 5 (excellent), mean over windows of 9.01 s, then over clips. Clips count whose ground truth has
sound. A clip whose system's video has no sound, or that failed, counts as 1. `details` gives the opinions of the speech
signal and of the background, and all three of the ground truth.

Weights
Microsoft's `sig_bak_ovr.onnx` of the DNS Challenge; its hash stands in the result's name.

What moves it
Noise, reverberation, lossy coding, clipping; music counts as background.

Traps
Systems that hand the driving sound through have the quality of the ground truth, and differ from it by their codec
only. It was trained on English and knows nothing of what is said. Clips shorter than a window are repeated.
"""

from __future__ import annotations

import numpy as np

from benchmark.features import Features
from benchmark.metrics._over_clips import ClipValues, over_clips, plain
from benchmark.metrics._rows import check_range, living, usable
from benchmark.metrics._single import single

FEATURE = "dnsmos"
WORST = 1.0
NAMES = ("signal", "background", "overall")


def _speech_quality(features: Features) -> ClipValues:
    clips = usable(features, FEATURE)
    alive = living(clips)
    real, generated = single(alive, "real", FEATURE, 3), single(alive, "generated", FEATURE, 3, silent=True)
    for found in (real, generated):
        check_range(alive, FEATURE, found, 0, 6)
    heard = np.where(generated.seen[:, None], np.clip(generated.values, WORST, 5), WORST)
    details: dict[str, float | int | None] = {"clips_without_sound": int((~generated.seen).sum())}
    if alive:
        details |= {name: plain(heard[:, place].mean()) for place, name in enumerate(NAMES[:2])}
        details |= {f"{name}_of_ground_truth": plain(real.values[:, place].mean()) for place, name in enumerate(NAMES)}
    return ClipValues(clips, heard[:, 2], details)


METRICS = (
    over_clips(
        "speech-quality", "Speech quality (DNSMOS)", "higher", "MOS, 1 to 5", (FEATURE,), WORST, _speech_quality
    ),
)
