"""Refuse to enlarge a small photo beyond what a recipe allows: a picture that shops zoom into must not be made of guessed pixels."""

import math
from typing import Any

from pydantic import Field

from catalog.errors import RenderError
from catalog.placement import Placement
from generation.kind import Job, RecipeParams

UPSCALE_MAX = 2.0
"""How much pictures other than main images enlarge a photo unless their recipe says otherwise, as `enhance` does. A packshot's 1.25 was rejected for
them: photos of 1,000 px, the least that screening accepts, fill a backdrop or a recolor of 1,200 px at 1.1 to 1.6 times (demo: 1.53)."""


class EnlargingParams(RecipeParams):
    """How far a recipe enlarges small photos."""

    upscale_max: float = Field(
        default=UPSCALE_MAX, ge=0.1, le=10, description="How many times a photo may be enlarged; a smaller one is refused."
    )


ADDED_UPSCALE_MAX = frozenset({"upscale_max"})
"""For `Kind.added_later`: pictures made before the limit keep their keys."""


def told_enlarged(job: Job, placement: Placement) -> dict[str, Any]:
    """How many times a placement enlarges the photo, for the picture's facts. Raises RenderError where that is more than the recipe allows."""
    refuse_enlarging(placement, recipe=job.name, upscale_max=job.params.get("upscale_max", UPSCALE_MAX))
    return {"enlarged": round(placement.scale, 3)}


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
