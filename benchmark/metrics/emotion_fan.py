"""Emotion accuracy of the literature (Acc_emo): whether Emotion-FAN, tuned on MEAD, reads the labelled emotion.

Definition
Emotion-FAN (Meng et al. 2019) sees the main face in 16 frames, the middles of equal parts of the clip, weighs them by
attention and gives eight probabilities. A clip is right when the likeliest class is its label. `emotion-fan-accuracy`
is the mean over labelled clips (six basic emotions, neutral, contempt) of right (1 or 0) times the share of frames with
a face, among those in which the ground truth shows one: a frame without a face is wrong. A part of the clip whose
frames all lack a face gives the network nothing to see, which only the share counts. A clip that failed is wrong.
`details`: ceiling (what it gets right of the ground truth), chance (1 / number of classes among the labels), accuracy
per emotion, and the confusion matrix.

Weights
Those of EAT's makers (Gan et al. 2023), eight classes; they are part of an archive without a checksum, so that the
file's own hash names the number. The licence is not stated; MEAD is for research only.

What moves it
How strongly the emotion is shown, and how much the system's videos look like MEAD: the classifier was trained on the
clips of that very data set, its persons, light and background.

Traps
Papers give 75.43 % (EAT), 67.32 % (EDTalk) and 18.69 % (Hallo) on MEAD. A number is comparable with them only if the
file is the same, and then not to the last per cent: their program sees every frame and not 16, aligns by dlib's
landmarks (2 px of 224 from ours, median of 183 faces), stores frames as JPEG, and drops frames in which it finds no
face. A system trained on MEAD is at home here: read it beside `emotion-accuracy`, whose panel has never seen MEAD.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmark.features import Features
from benchmark.metrics._confusion import confusion
from benchmark.metrics._over_clips import ClipValues, filled, over_clips, plain
from benchmark.metrics._panel import panel, probabilities, with_lost
from benchmark.metrics.emotion import by_label, first_choice, label_places
from manifests.emotions import EMOTIONS

FEATURE = "emotion-fan"
NEEDS = (FEATURE, "face")


def _accuracy(features: Features) -> ClipValues:
    seen = panel(features, "emotion", FEATURE)
    labels = [str(clip.emotion) for clip in seen.clips]
    chosen = first_choice(seen.generated)
    values = with_lost((chosen == label_places(seen.alive)).astype(np.float64), seen.share, 0.0)
    truth = first_choice(probabilities(seen.clips, "real", FEATURE).values)
    found = ClipValues(seen.clips, values)
    details: dict[str, Any] = {
        "ceiling": float((truth == label_places(seen.clips)).mean()),
        "chance": 1 / len(set(labels)),
        "per_emotion": by_label(filled(found, 0.0), labels, [name for name in EMOTIONS if name in labels]),
        "confusion": confusion(seen.clips, labels, EMOTIONS, chosen, seen.share).detail(),
        "mean_share_of_frames_with_face": plain(seen.share.mean()) if len(seen.alive) else None,
    }
    return ClipValues(seen.clips, values, details)


METRICS = (
    over_clips(
        "emotion-fan-accuracy", "Emotion accuracy (Emotion-FAN)", "higher", "share of clips", NEEDS, 0.0, _accuracy
    ),
)
