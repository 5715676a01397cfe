"""Plates that are no pictures: numbers that are not finite, and drawings that collapsed into one color; and the seeds that are tried instead.

Says nothing about whether a picture is good: that is the gate's.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from catalog.keys import digest

MAX_RETRIES: Final = 2
"""Other seeds that are tried. A numerical accident does not come three times; what does is a broken LoRA, for which more tries are waste."""

MIN_STD_LEVELS: Final = 1.0
"""Least standard deviation of a plate's channels, in levels of 255. One color has 0, its rounding or a decoder's noise up to about 0.5;
an empty wall in soft light has 5 and more (see `tests/generation/test_plate_faults.py`)."""


def fault_of(pixels_HW3: npt.NDArray[np.uint8], *, finite: bool) -> str:
    """What is wrong with a plate, in words; '' when it is a picture."""
    if not finite:
        return "not finite (NaN or infinity)"
    spread = float(pixels_HW3.reshape(-1, 3).std(axis=0).max())
    if spread < MIN_STD_LEVELS:
        return f"one color all over (standard deviation {spread:.2f} levels, at least {MIN_STD_LEVELS} are a picture)"
    return ""


def retry_seed(seed: int, attempt: int) -> int:
    """The 31-bit seed of a plate's `attempt`-th try; the 0th is its own. Depends on nothing else, so that a repeated run tries the same ones."""
    return seed if attempt == 0 else int(digest({"plate_seed": seed, "attempt": attempt})[:8], 16) & 0x7FFFFFFF
