"""Refuse to enlarge a small photo beyond what a recipe allows: a picture that shops zoom into must not be made of guessed pixels."""

import math

from catalog.errors import RenderError
from catalog.placement import Placement


def refuse_enlarging(
    placement: Placement, *, recipe: str, upscale_max: float, named: str = "upscale_max", most: float = 10, or_else: str = ""
) -> None:
    """Raises RenderError when a placement enlarges the photo more than `upscale_max` times. named: the parameter that holds it, `most`
    its largest value; or_else: a way out."""
    if placement.scale <= upscale_max:
        return
    wanted = math.ceil(100 * placement.scale) / 100
    allowed = f"say in the recipe that you want it enlarged: `{named}: {wanted:.2f}`, or " if wanted <= most else "set "
    frame = f"{placement.frame_width_px} x {placement.frame_height_px} px"
    raise RenderError(
        f"Recipe '{recipe}' would have to enlarge this photo {placement.scale:.2f} times to fill {frame}; its `{named}` allows {upscale_max:g}. "
        f"Nothing was made. Give a photo in which the product is at least {placement.scale / upscale_max:.2f} times as large, {or_else}or "
        f"{allowed}a smaller `width_px` and `height_px`."
    )
