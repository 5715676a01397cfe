"""A training's loss curves as one light picture: held-out loss with its lowest point, and the training loss for comparison.

The same curve gives the same bytes. Draws with Pillow alone.
"""

import math
from collections.abc import Sequence
from io import BytesIO
from itertools import pairwise

from PIL import Image, ImageDraw, ImageFont

from training.checkpoint import CurvePoint

WIDTH_PX, HEIGHT_PX = 720, 360
SCALE = 2
"""Drawn twice as large and scaled down: Pillow's lines have no soft edges of their own."""
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 52, 44
INK, SOFT, GRID, HELD_OUT, TRAINED = (40, 40, 40), (120, 120, 120), (228, 228, 228), (20, 98, 178), (216, 140, 40)
TICKS = 5

Point = tuple[float, float]


def curve_picture(curve: Sequence[CurvePoint], best_step: int, title: str) -> bytes:
    """The curves as PNG, 720 x 360 px; the best step is marked and told with its loss."""
    held_out = [(float(point.step), point.validation_loss) for point in curve]
    # A training loss is the mean over the steps since the point before; it stands in their middle.
    trained = [((before.step + point.step) / 2, point.train_loss) for before, point in pairwise(curve) if point.train_loss is not None]
    picture = Image.new("RGB", (WIDTH_PX * SCALE, HEIGHT_PX * SCALE), "white")
    sheet = _Sheet(picture, last_step=max(1, curve[-1].step), top_loss=_ceiling(max(loss for _, loss in held_out + trained)))
    sheet.axes()
    sheet.line(trained, TRAINED)
    sheet.line(held_out, HELD_OUT)
    sheet.mark((float(best_step), min(loss for step, loss in held_out if step == best_step)))
    sheet.words(title)
    buffer = BytesIO()
    picture.resize((WIDTH_PX, HEIGHT_PX), Image.Resampling.LANCZOS).quantize(64).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _ceiling(loss: float) -> float:
    """The smallest of 1, 2, 2.5 and 5 times a power of ten per tick that shows the loss."""
    per_tick = loss / TICKS
    power = 10.0 ** math.floor(math.log10(per_tick)) if per_tick > 0 else 1.0
    return TICKS * next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= per_tick)


class _Sheet:
    """A picture with axes from step 0 and loss 0."""

    def __init__(self, picture: Image.Image, last_step: int, top_loss: float) -> None:
        self.draw, self.last_step, self.top_loss = ImageDraw.Draw(picture), last_step, top_loss

    def place(self, point: Point) -> Point:
        """Where a step and its loss stand, px."""
        across, up = point[0] / self.last_step, point[1] / self.top_loss
        return (LEFT + across * (WIDTH_PX - LEFT - RIGHT)) * SCALE, (HEIGHT_PX - BOTTOM - up * (HEIGHT_PX - TOP - BOTTOM)) * SCALE

    def axes(self) -> None:
        """Grid lines with losses at the left and steps below."""
        for tick in range(TICKS + 1):
            loss, step = self.top_loss * tick / TICKS, self.last_step * tick / TICKS
            left, height = self.place((0, loss))
            self.draw.line([(left, height), (self.place((self.last_step, loss))[0], height)], fill=GRID, width=SCALE)
            self.text((left - 8 * SCALE, height), f"{loss:.3g}", SOFT, "rm")
            self.text((self.place((step, 0))[0], (HEIGHT_PX - BOTTOM + 8) * SCALE), f"{step:.0f}", SOFT, "mt")
        self.text((WIDTH_PX * SCALE / 2, (HEIGHT_PX - 6) * SCALE), "optimizer steps", SOFT, "mb")

    def line(self, points: Sequence[Point], color: tuple[int, int, int]) -> None:
        """A line through the points, with a dot at each where there are few."""
        places = [self.place(point) for point in points]
        if len(places) > 1:
            self.draw.line(places, fill=color, width=2 * SCALE, joint="curve")
        for x, y in places if len(places) <= 40 else ():
            self.draw.ellipse([x - 3 * SCALE, y - 3 * SCALE, x + 3 * SCALE, y + 3 * SCALE], fill=color)

    def mark(self, best: Point) -> None:
        """A ring around the point whose weights the file holds."""
        (x, y), radius = self.place(best), 7 * SCALE
        self.draw.ellipse([x - radius, y - radius, x + radius, y + radius], outline=INK, width=2 * SCALE)
        is_late = best[0] > self.last_step / 2
        self.text((x, y - 12 * SCALE), f"{best[1]:.4f} at step {best[0]:.0f}", INK, "rb" if is_late else "lb")

    def words(self, title: str) -> None:
        """The title, and which line is which."""
        self.text((LEFT * SCALE, 10 * SCALE), title, INK, "lt", size=15)
        x = LEFT * SCALE
        for label, color in (("held-out loss", HELD_OUT), ("training loss", TRAINED)):
            self.draw.rectangle([x, 35 * SCALE, x + 14 * SCALE, 39 * SCALE], fill=color)
            self.text((x + 20 * SCALE, 37 * SCALE), label, SOFT, "lm")
            x += 130 * SCALE

    def text(self, place: Point, words: str, color: tuple[int, int, int], anchor: str, size: int = 12) -> None:
        """Words at a place, anchored as Pillow counts."""
        self.draw.text(place, words, fill=color, anchor=anchor, font=ImageFont.load_default(size=size * SCALE))
