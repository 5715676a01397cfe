"""Refuse to enlarge a small photo beyond what a recipe allows: a picture that shops zoom into must not be made of guessed pixels."""

from catalog.errors import RenderError
from catalog.placement import Placement


def refuse_enlarging(placement: Placement, *, recipe: str, upscale_max: float) -> None:
    """Raises RenderError when a placement enlarges the photo more than `upscale_max` times."""
    if placement.scale <= upscale_max:
        return
    frame = f"{placement.frame_width_px} x {placement.frame_height_px} px"
    raise RenderError(
        f"Recipe '{recipe}' would have to enlarge this photo {placement.scale:.2f} times to fill {frame}; its `upscale_max` allows "
        f"{upscale_max:g}. Nothing was made. Give a photo in which the product is at least {placement.scale / upscale_max:.2f} times as large, enlarge it "
        f"with the recipe `enhance`, or say in the recipe that you want it enlarged: `upscale_max: {placement.scale + 0.005:.2f}`, or a smaller `width_px` and `height_px`."
    )
