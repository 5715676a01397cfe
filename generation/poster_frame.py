"""What a layout is made of: a frame with its safe area, slots for words, colored shapes, a place for the product. The layouts are poster_layouts.py's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels of the frame."""
Align = Literal["left", "center", "right"]
Surface = Literal["ground", "accent"]

MARGIN = 0.065
"""Free edge, of the shorter side."""
STORY = 1.7
"""From this height per width on, a frame is a story."""
STORY_TOP, STORY_BOTTOM = 250 / 1920, 340 / 1920
"""What apps cover of a story, of its height (Meta's and TikTok's guides differ; these hold for both)."""
WIDE = 1.25
"""From this width per height on, words stand beside the product."""


@dataclass(frozen=True, kw_only=True)
class Slot:
    """Where words of a role may stand: a box, how they are aligned in it, largest and smallest letters as shares of the shorter side."""

    box: Box
    align: Align = "left"
    upright: Literal["top", "middle", "bottom"] = "top"
    face: Literal["headline", "strong", "text"] = "text"
    largest: float = 0.034
    smallest: float = 0.024
    lines: int = 2
    on: Surface = "ground"


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A colored shape behind everything, in the accent color: `box` for an oval and an arch, else a polygon's corners."""

    kind: Literal["polygon", "oval", "arch", "line"]
    points: tuple[tuple[float, float], ...] = ()
    box: Box = (0, 0, 0, 0)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """One way to lay out a frame. The product stands on the bottom edge of its box. `sweep`: the ground is lit paper instead of one flat color.

    `stack`: roles that are set below one another as one block in the box around their slots, upright as the first's. `headline_alone`: the
    headline's slot where there is no price that it could stand beside.
    """

    product: Box
    slots: Mapping[str, Slot]
    logo: Slot
    stack: tuple[str, ...] = ()
    headline_alone: Slot | None = None
    shapes: tuple[Shape, ...] = ()
    dark: bool = False
    sweep: bool = False


@dataclass(frozen=True)
class Frame:
    """A frame's size in pixels, and what of it is safe."""

    width: int
    height: int
    safe: Box = field(init=False)

    def __post_init__(self) -> None:
        edge = MARGIN * self.unit
        top, bottom = (STORY_TOP * self.height, STORY_BOTTOM * self.height) if self.is_story else (0.0, 0.0)
        object.__setattr__(
            self, "safe", (edge, max(edge, top + 0.3 * edge), self.width - edge, self.height - max(edge, bottom + 0.3 * edge))
        )

    @property
    def unit(self) -> int:
        """The shorter side."""
        return min(self.width, self.height)

    @property
    def is_story(self) -> bool:
        """Whether apps lay their buttons over it."""
        return self.height / self.width >= STORY

    @property
    def is_wide(self) -> bool:
        """Whether words stand beside the product rather than above and below it."""
        return self.width / self.height >= WIDE

    def box(self, left: float, top: float, right: float, bottom: float) -> Box:
        """A box from shares of the safe area."""
        x0, y0, x1, y1 = self.safe
        return x0 + left * (x1 - x0), y0 + top * (y1 - y0), x0 + right * (x1 - x0), y0 + bottom * (y1 - y0)

    def full(self, left: float, top: float, right: float, bottom: float) -> tuple[tuple[float, float], ...]:
        """The corners of a rectangle given in shares of the safe area's coordinates; 0 and 1 reach the frame's own edges."""
        inner = self.box(left, top, right, bottom)
        x0 = 0.0 if left <= 0 else inner[0]
        x1 = float(self.width) if right >= 1 else inner[2]
        y0 = 0.0 if top <= 0 else inner[1]
        y1 = float(self.height) if bottom >= 1 else inner[3]
        return (x0, y0), (x1, y0), (x1, y1), (x0, y1)
