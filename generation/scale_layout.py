"""Where everything stands on a scale card: one scale for product and reference object, and room for the words beside them.

Draws nothing; see scale_card.py. Lengths in pixels of the picture unless they are named otherwise.
"""

from dataclasses import dataclass

from catalog.errors import RenderError
from imaging.reference_objects import ReferenceObject

MARGIN = 0.055
"""Free edge, of the shorter side."""
HEADER = 0.125
"""Height of title and size in words, of the shorter side."""
LINE_OFF = 0.042
"""Distance of a dimension line to what it measures, of the shorter side."""
GAP = 0.075
"""Between product and reference object, of the shorter side."""
BELOW = 0.15
"""Width line and labels below the ground, of the shorter side."""
MIN_PRODUCT, MIN_REFERENCE = 0.10, 0.10
"""Smallest longer side of product and reference object, of the picture's shorter side: less cannot be compared with anything."""
MIN_LINE = 0.07
"""Shorter dimension lines are left out, and their length is told in words."""
AGREES = 0.01
"""A silhouette differs from its label by at most this where it is measured from edge to edge, so that every line is as long as it says at the drawn
object's scale. Wider, and the product stands turned; higher, and its top is seen: 28 of the 32 demo photos show 1.2 to 26 percent more."""
SEEN_FROM_ABOVE = 1.5
"""A silhouette higher than this times the catalog's height is no view from above any more."""


@dataclass(frozen=True, kw_only=True)
class SeenSize:
    """A product's silhouette in centimeters, and the catalog's width and height where it knows them."""

    width_cm: float
    height_cm: float
    told_width_cm: float | None
    told_height_cm: float | None

    @property
    def width_line_cm(self) -> float | None:
        """Length of the width's line: none where the silhouette is wider than the product, because it stands turned."""
        told = self.told_width_cm
        return None if told is None or abs(self.width_cm / told - 1) > AGREES else self.width_cm

    @property
    def height_line_cm(self) -> float | None:
        """Length of the height's line, from the ground up: the silhouette's, or the label's where the photo shows the depth from above."""
        told = self.told_height_cm
        if told is None or not 1 - AGREES <= self.height_cm / told <= SEEN_FROM_ABOVE:
            return None
        return self.height_cm if self.height_cm / told <= 1 + AGREES else told

    @property
    def before_ground_cm(self) -> float:
        """How far below the ground's line the near side of what it stands on is seen, so that its top is as high above the line as it is told.

        A camera above sees a foot's near side lower and its top as high as its middle is. Rejected: a line from the lowest point that ends below the
        top (it looked like a mistake on 28 of 32 demo cards, and the top was too high beside the hand); the product drawn smaller, so that the
        silhouette is as high as the label (its width would be too small).
        """
        return 0.0 if self.height_line_cm is None else max(0.0, self.height_cm - self.height_line_cm)


@dataclass(frozen=True, kw_only=True)
class CardLayout:
    """Scale and places: rows of the ground and of the product's lowest point, left edges of product and reference, columns of the height's line
    and of its label's right end."""

    px_per_cm: float
    ground: float
    lowest: float
    product_left: float
    reference_left: float
    height_line: float
    height_label_right: float
    height_line_px: float
    reference_column: tuple[float, float]
    product_column: tuple[float, float]


def lay_out(
    size: tuple[int, int],
    seen: SeenSize,
    thing: ReferenceObject,
    *,
    height_label: float,
    width_label: float,
    reference_label: float,
    header: bool,
    recipe: str,
) -> CardLayout:
    """Everything's place in a picture of a size. The labels' widths in pixels are given. Raises RenderError when one of the two would be too small."""
    width, height = size
    unit = min(size)
    fixed = 2 * MARGIN * unit + GAP * unit + (height_label + (LINE_OFF + 0.02) * unit if height_label else 0.0)
    room_down = height - (MARGIN + BELOW + (HEADER if header else 0.0)) * unit
    room_across = width - fixed
    if room_across <= width_label + reference_label or room_down <= 0:
        raise RenderError(
            f"Recipe '{recipe}': labels leave no room in {width} x {height} px. Nothing was made. Choose a larger or wider size."
        )
    above_cm = max(seen.height_cm - seen.before_ground_cm, thing.height_cm)
    scale = room_down / (above_cm + seen.before_ground_cm)
    for _ in range(3):  # the columns are as wide as a thing or its label, whichever is wider
        free = room_across - sum(
            label for label, cm in ((width_label, seen.width_cm), (reference_label, thing.width_cm)) if label > cm * scale
        )
        drawn = sum(cm for label, cm in ((width_label, seen.width_cm), (reference_label, thing.width_cm)) if label <= cm * scale)
        if drawn:
            scale = min(scale, free / drawn)
    columns = [max(width_label, seen.width_cm * scale), max(reference_label, thing.width_cm * scale)]
    _check_sizes(scale, unit, seen, thing, recipe)
    spare = max(0.0, room_across - sum(columns))
    gap = GAP * unit + min(spare / 3, 0.05 * unit)
    left = MARGIN * unit + (spare - (gap - GAP * unit)) / 2
    line = left + height_label + 0.014 * unit if height_label else left
    first = line + (LINE_OFF + 0.006) * unit if height_label else left
    second = first + columns[0] + gap
    top = (MARGIN + (HEADER if header else 0.0)) * unit
    drawn_height = (above_cm + seen.before_ground_cm) * scale
    ground = float(round(top + above_cm * scale + max(0.0, room_down - drawn_height) / 2))
    return CardLayout(
        px_per_cm=scale,
        ground=ground,
        lowest=ground + seen.before_ground_cm * scale,
        product_left=first + (columns[0] - seen.width_cm * scale) / 2,
        reference_left=second + (columns[1] - thing.width_cm * scale) / 2,
        height_line=line + (columns[0] - seen.width_cm * scale) / 2,
        height_label_right=line + (columns[0] - seen.width_cm * scale) / 2 - 0.014 * unit,
        height_line_px=(seen.height_line_cm or 0.0) * scale,
        reference_column=(second, columns[1]),
        product_column=(first, columns[0]),
    )


def _check_sizes(scale: float, unit: int, seen: SeenSize, thing: ReferenceObject, recipe: str) -> None:
    for what, longer_cm, share in (
        ("the product", max(seen.width_cm, seen.height_cm), MIN_PRODUCT),
        (f"the {thing.label.lower()}", max(thing.width_cm, thing.height_cm), MIN_REFERENCE),
    ):
        if longer_cm * scale < share * unit:
            raise RenderError(
                f"Recipe '{recipe}': beside each other at one scale, {what} would be {longer_cm * scale:.0f} px large; {share * unit:.0f} px are needed to "
                "compare them. Nothing was made. Choose another `reference` (hand, a4, letter, mug, door, person) or `auto`; where that refuses, too, the "
                "product is too small or too large for every object there is: take it out of this recipe."
            )
