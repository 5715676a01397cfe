"""How fast a training goes and when it will be done, from the steps that this process has taken; what a kill or a resume cost is left out.

Clocks only: nothing here changes what is trained.
"""

import statistics
from collections import deque
from dataclasses import dataclass, field

WINDOW = 50
"""The median of this many steps: one slow step (a busy machine, a page cache) moves it little, a lasting change moves it soon."""


def _recent() -> deque[float]:
    return deque(maxlen=WINDOW)


@dataclass(frozen=True)
class Pace:
    """Seconds of the newest steps and of the newest validations, each by itself."""

    steps_s: deque[float] = field(default_factory=_recent)
    validations_s: deque[float] = field(default_factory=_recent)

    def images_per_s(self, batch_size: int) -> float | None:
        """Pictures trained per second while steps are taken; None before the first step."""
        return batch_size / statistics.median(self.steps_s) if self.steps_s else None

    def remaining_s(self, steps: int, validations: int) -> float | None:
        """Seconds that so many more steps and validations will take; None before the first step."""
        if not self.steps_s:
            return None
        per_validation = statistics.median(self.validations_s) if self.validations_s else 0.0
        return steps * statistics.median(self.steps_s) + validations * per_validation


def in_words(seconds: float) -> str:
    """A remaining time as people say it: '40 s', '12 min', '3 h 5 min'."""
    if seconds < 90:
        return f"{round(seconds)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
