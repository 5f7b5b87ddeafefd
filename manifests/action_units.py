"""How facial action units are stored: which ones, in which order, in which steps."""

from typing import Final

# Numbers in FACS (Ekman, Friesen and Hager 2002); value k of a list of intensities is of the k-th of these.
NUMBERS: Final = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 16, 17, 18, 20, 22, 23, 24, 25, 26, 28, 43)
COUNT: Final = len(NUMBERS)
STEPS: Final = 51  # stored steps of one intensity, so that the greatest, 5, is 255
PRESENT: Final = STEPS  # stored intensity 1, a trace: from here on an action unit counts as seen
