"""Let the project's edit model draw over a part that was covered by computation: `refine: edit` of a recipe.

The model begins with the composed picture, noised a little, and goes by the photo's product beside it. Of what it draws the part alone is taken:
everything else stays as it was composed, pixel for pixel. How the part is covered is covering.py.
"""

from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import Field

from catalog.errors import RenderError
from generation.inpainting import Inpainting
from generation.kind import RecipeParams
from generation.plate_requests import PlateRequest

Uint8 = npt.NDArray[np.uint8]
FloatImage = npt.NDArray[np.float32]

CELL_PX = 32
"""Sides that are drawn are multiples of it: every registered family's latent cells fit into it."""
INSIDE = 0.5
"""Share of a pixel that must be the part for the model to draw it."""


class RefineParams(RecipeParams):
    """Whether and how a model draws over the part."""

    refine: Literal["off", "edit"] = Field(default="off", description="edit: the project's edit model draws over the part.")
    refine_strength: float = Field(default=0.35, gt=0, le=0.9, description="Share of the model's steps, so how much it may change.")
    refine_px: int = Field(
        default=1024,
        ge=CELL_PX,
        le=2048,
        multiple_of=CELL_PX,
        description="Longer side that is drawn; the part is brought to the picture's size after.",
    )


def is_refined(params: dict[str, Any]) -> bool:
    """Whether parameters, as a recipe has them or resolved, ask for a model."""
    return bool(params.get("refine", "off") == "edit")


def resolve_refining(params: dict[str, Any], prompt: str) -> dict[str, Any]:
    """The prompt, if a model is asked for; else nothing, and the parameters of refining go: they change no pixel, and so no key."""
    if is_refined(params):
        return {"prompt": prompt}
    for name in RefineParams.model_fields:
        del params[name]
    return {}


def refine_request(resolved: dict[str, Any], seed: int, picture_HW3: Uint8, part_HW: FloatImage, shown_HW3: Uint8) -> PlateRequest:
    """What is asked of the model: to draw on a composed picture where the part is, going by the product as photographed."""
    height, width = picture_HW3.shape[:2]
    scale = resolved["params"]["refine_px"] / max(height, width)
    size = (max(CELL_PX, round(width * scale / CELL_PX) * CELL_PX), max(CELL_PX, round(height * scale / CELL_PX) * CELL_PX))
    drawn = cv2.resize(part_HW, size, interpolation=cv2.INTER_AREA) >= INSIDE
    if not drawn.any():
        raise RenderError(
            f"Recipe '{resolved['name']}': the part is too small to be drawn over at {size[0]} x {size[1]} px. Raise `refine_px`, or set `refine: off`."
        )
    return PlateRequest(
        prompt=resolved["prompt"],
        seed=seed,
        references=(_brought_to(shown_HW3, size),),
        inpainting=Inpainting(
            picture_HW3=_brought_to(picture_HW3, size), drawn_HW=np.asarray(drawn), strength=resolved["params"]["refine_strength"]
        ),
        width_px=size[0],
        height_px=size[1],
    )


def refined(picture_HW3: Uint8, plate_HW3: Uint8, part_HW: FloatImage) -> Uint8:
    """A composed picture with its part as the model drew it; every pixel that is no part at all keeps its bytes."""
    height, width = picture_HW3.shape[:2]
    drawn = _brought_to(plate_HW3, (width, height))
    mixed = np.asarray(cv2.blendLinear(drawn, picture_HW3, part_HW, 1 - part_HW), np.uint8)
    return np.where((part_HW > 0)[..., None], mixed, picture_HW3)


def _brought_to(picture_HW3: Uint8, size: tuple[int, int]) -> Uint8:
    smaller = size[0] < picture_HW3.shape[1]
    return np.asarray(cv2.resize(picture_HW3, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC), np.uint8)
