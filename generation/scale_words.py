"""The words of a scale card: title and size, lengths at their lines, the reference object's name; set in type, drawn, told as facts."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from generation.kind import Job
from generation.scale_layout import HEADER, LINE_OFF, MARGIN, MIN_LINE, CardLayout, SeenSize
from imaging.lettering import SetText, Typeface, draw_text, set_text
from imaging.reference_objects import ReferenceObject

Uint8 = npt.NDArray[np.uint8]

TEXT_RGB, SOFT_TEXT_RGB = (31, 36, 44), (84, 92, 104)
CM_PER_INCH = 2.54
SIZE_LETTERS = ("W", "D", "H")
"""Width, depth, height in English."""
MIN_TEXT_SHARE = 0.020
"""Smallest size of letters, of the picture's shorter side."""
TITLE_HEIGHT = HEADER - 0.055
"""Room of a title on one line or two, of the picture's shorter side: the size in words stands below it."""


class CardWords:
    """The labels of a card, set in type: title and size above, lengths at their lines, the reference object's name."""

    def __init__(self, job: Job, thing: ReferenceObject, seen: SeenSize, faces: dict[str, Typeface], unit: int) -> None:
        self.unit, self.units, self.size = unit, job.params["units"], job.size_px
        self.mark = job.params.get("decimal_mark", ".")
        self.strong, self.text = faces["strong"], faces["text"]
        room = self.size[0] * (1 - 2 * MARGIN)
        self.height = self._length(seen.told_height_cm, " ", 0.105) if self._drawn(job, seen.height_line_cm, thing, seen) else None
        self.width = self._length(seen.told_width_cm, " / ", 0.3) if self._drawn(job, seen.width_line_cm, thing, seen) else None
        named = job.params["reference_label"] or thing.label
        told_in = "in" if self.units == "in" else "cm"
        said = f"{named}, {' × '.join(_number(cm, told_in, self.mark) for cm in thing.told_cm)} {told_in}"
        self.reference = self._set(said, self.text, 0.0245, 0.30 * self.size[0], lines=2)
        self.title = self.told = None
        if job.params["title"]:
            self.title = self._set(job.resolved["title"], faces["headline"], 0.052, room, lines=2, height_px=TITLE_HEIGHT * unit)
            letters = tuple(job.params.get("size_letters", SIZE_LETTERS))
            self.told = self._set(_in_words(job.resolved["size_cm"], self.units, letters, self.mark), self.text, 0.0265, room, lines=1)

    def _drawn(self, job: Job, line_cm: float | None, thing: ReferenceObject, seen: SeenSize) -> bool:
        """Whether a line is long enough to be read; the scale is not known before the labels are, so the largest it can be is taken."""
        scale = 0.62 * min(self.size[1] / max(seen.height_cm, thing.height_cm), self.size[0] / (seen.width_cm + thing.width_cm))
        return line_cm is not None and line_cm * scale >= MIN_LINE * self.unit

    def _length(self, cm: float | None, between: str, share: float) -> SetText:
        assert cm is not None, "a line has its length"
        parts = [f"{_number(cm, unit, self.mark)}\u00a0{unit}" for unit in (("cm", "in") if self.units == "both" else (self.units,))]
        return self._set(between.join(parts), self.strong, 0.0275, share * self.unit, lines=2)

    def _set(self, text: str, face: Typeface, share: float, width_px: float, *, lines: int, height_px: float | None = None) -> SetText:
        return set_text(
            text,
            face,
            width_px=width_px,
            height_px=self.size[1] if height_px is None else height_px,
            max_px=share * self.unit,
            min_px=min(share, MIN_TEXT_SHARE) * self.unit,
            max_lines=lines,
        )

    def draw(self, canvas: Uint8, layout: CardLayout) -> list[dict[str, Any]]:
        """Draw all of them; their boxes as facts."""
        found: list[dict[str, Any]] = []
        unit, (width, _) = self.unit, self.size
        margin, below = MARGIN * unit, layout.lowest + (LINE_OFF + 0.026) * unit

        def put(made: SetText, left: float, top: float, column: float, align: Any, rgb: tuple[int, int, int]) -> None:
            box = draw_text(canvas, made, left_px=left, top_px=top, width_px=column, align=align, rgb=rgb)
            found.append(_as_fact(box, canvas, rgb, made))

        if self.title is not None and self.told is not None:
            put(self.title, margin, margin, width - 2 * margin, "left", TEXT_RGB)
            put(self.told, margin, margin + self.title.height_px + 0.022 * unit, width - 2 * margin, "left", SOFT_TEXT_RGB)
        if self.height is not None:
            top = layout.ground - layout.height_line_px / 2 - self.height.height_px / 2
            put(self.height, layout.height_label_right - self.height.width_px, top, self.height.width_px, "right", TEXT_RGB)
        if self.width is not None:
            put(self.width, layout.product_column[0], below, layout.product_column[1], "center", TEXT_RGB)
        put(self.reference, layout.reference_column[0], below, layout.reference_column[1], "center", SOFT_TEXT_RGB)
        return found


def _as_fact(box: tuple[int, int, int, int], canvas: Uint8, rgb: tuple[int, int, int], made: SetText) -> dict[str, Any]:
    height, width = canvas.shape[:2]
    return {
        "left": box[0] / width,
        "top": box[1] / height,
        "width": (box[2] - box[0]) / width,
        "height": (box[3] - box[1]) / height,
        "color": "#{:02x}{:02x}{:02x}".format(*rgb),
        "lines": len(made.lines),
        "text": " ".join(made.lines),
    }


def _number(cm: float, unit: str, mark: str = ".") -> str:
    value = cm if unit == "cm" else cm / CM_PER_INCH
    digits = 0 if value >= 100 else 1 if value >= 1 else 2  # 0.2 cm are 0.08 in, and not 0.1
    shown = f"{value:.{digits}f}"
    return (shown.rstrip("0").removesuffix(".") if digits else shown).replace(".", mark)


def _in_words(size: dict[str, float | None], units: str, letters: Sequence[str], mark: str) -> str:
    """Width, depth and height in words: `W 12.1 × D 8.4 × H 9.4 cm`."""
    known = [(letter, size[name]) for letter, name in zip(letters, ("width", "depth", "height"), strict=True)]
    shown = ("cm", "in") if units == "both" else (units,)
    return "  /  ".join(
        " × ".join(f"{letter} {_number(cm, unit, mark)}" for letter, cm in known if cm is not None) + f" {unit}" for unit in shown
    )
