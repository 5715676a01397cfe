"""What is asked of the engine for one plate: a prompt and a seed, and where wanted pictures to go by, a picture to draw around, and a size.

Draws nothing. Also how a batch of requests is written down so that it can be drawn again, and read back: pictures by their digests alone, which
whoever records it keeps somewhere and fetches from there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from catalog.errors import RenderError
from generation.base_model import BaseModel
from generation.family import Pixels
from generation.inpainting import Inpainting
from generation.references import picture_digest

FetchPicture = Callable[[str], npt.NDArray[np.uint8]]
"""A picture by its digest: uint8, (H, W, 3), or (H, W) with 0 and 255 for where a picture was drawn."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PlateRequest:
    """One plate that is wanted.

    `references` are pictures to go by, uint8 (H, W, 3) sRGB of any size, in the order in which the prompt speaks of them; only families that edit
    take any. `inpainting` is what the plate is drawn around. `width_px` and `height_px` (both or neither) are left out for the size of the
    inpainting's picture, or else the square the model is made for. Pictures must not be changed once they are asked with.
    """

    prompt: str
    seed: int
    references: Sequence[Pixels] = field(default=(), repr=False)
    inpainting: Inpainting | None = None
    width_px: int | None = None
    height_px: int | None = None

    def __post_init__(self) -> None:
        assert (self.width_px is None) == (self.height_px is None), "a width and a height, or neither"
        for picture in self.references:
            assert picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 3, (
                f"{picture.dtype} {picture.shape} is no picture"
            )

    def size_px(self, base_model: BaseModel) -> tuple[int, int]:
        """Width and height that are drawn."""
        if self.width_px is not None and self.height_px is not None:
            return self.width_px, self.height_px
        if self.inpainting is not None:
            height, width = self.inpainting.drawn_HW.shape
            return width, height
        return base_model.size_px, base_model.size_px

    @property
    def pictures(self) -> dict[str, npt.NDArray[np.uint8]]:
        """Everything beside prompt and seed that it is drawn from, by digest: what must be kept for it to be drawn again."""
        around = () if self.inpainting is None else (self.inpainting.picture_HW3, _levels(self.inpainting.drawn_HW))
        return {picture_digest(picture): picture for picture in (*self.references, *around)}

    @property
    def as_recorded(self) -> dict[str, Any]:
        """What it is drawn from beside prompt and seed, as plain data; empty for a plate of words alone in the model's own size."""
        found: dict[str, Any] = {}
        if self.references:
            found["references"] = [picture_digest(picture) for picture in self.references]
        if self.inpainting is not None:
            found["inpainting"] = {
                "picture": picture_digest(self.inpainting.picture_HW3),
                "drawn": picture_digest(_levels(self.inpainting.drawn_HW)),
                "strength": self.inpainting.strength,
            }
        if self.width_px is not None:
            found["size_px"] = [self.width_px, self.height_px]
        return found


def check_size(request: PlateRequest, base_model: BaseModel, pipeline: Any) -> None:
    """Raise RenderError for a size that the loaded model cannot draw to the pixel, or a picture to draw around of another size."""
    width, height = request.size_px(base_model)
    down, across = (cells * base_model.latent_scale for cells in base_model.behavior.latent_shape(pipeline, width, height)[1:])
    if min(width, height) <= 0 or (across, down) != (width, height):
        raise RenderError(
            f"A plate of {width} x {height} px was asked for; this base model ({base_model.family}) draws whole latent cells only, so "
            f"{across} x {down} px. Ask for a size that it draws."
        )
    if request.inpainting is not None and request.inpainting.drawn_HW.shape != (height, width):
        around = request.inpainting.drawn_HW.shape
        raise RenderError(
            f"A plate of {width} x {height} px was asked for around a picture of {around[1]} x {around[0]} px. Bring the picture to the plate's size."
        )


def company_of(drawn: Sequence[PlateRequest]) -> dict[str, Any]:
    """What was drawn in one batch, in order, so that it can be drawn again: `prompts` and, where there are any, `inputs` once each, and per place its
    prompt's number and its seed, and with `inputs` its inputs' number."""
    prompts = list(dict.fromkeys(one.prompt for one in drawn))
    places = [[prompts.index(one.prompt), one.seed] for one in drawn]
    recorded = [one.as_recorded for one in drawn]
    inputs = [one for place, one in enumerate(recorded) if one not in recorded[:place]]
    if inputs == [{}]:
        return {"prompts": prompts, "places": places}
    return {
        "prompts": prompts,
        "inputs": inputs,
        "places": [[*place, inputs.index(one)] for place, one in zip(places, recorded, strict=True)],
    }


def digests_of(inputs: dict[str, Any]) -> list[str]:
    """The digests of the pictures that one entry of a recorded batch's `inputs` names."""
    around = inputs.get("inpainting")
    return [*inputs.get("references", ()), *(() if around is None else (around["picture"], around["drawn"]))]


def requests_of(batch: dict[str, Any], fetch: FetchPicture | None = None) -> list[PlateRequest]:
    """The requests of a recorded batch, its pictures fetched and compared with their digests, each once.

    Raises RenderError when a picture is needed and nothing fetches them, or when what comes is another one; and what `fetch` raises.
    """
    found: dict[str, npt.NDArray[np.uint8]] = {}

    def picture(digest: str) -> npt.NDArray[np.uint8]:
        if digest not in found:
            if fetch is None:
                raise RenderError(f"The batch was drawn from picture {digest[:12]}, and it is not said where it lies. Nothing was drawn.")
            fetched = fetch(digest)
            if picture_digest(fetched) != digest:
                raise RenderError(f"Picture {digest[:12]}, of which the batch was drawn, has other pixels now. Nothing was drawn.")
            found[digest] = fetched
        return found[digest]

    inputs = batch.get("inputs", [{}])
    return [
        _request(batch["prompts"][prompt], seed, inputs[of_inputs[0] if of_inputs else 0], picture)
        for prompt, seed, *of_inputs in batch["places"]
    ]


def _request(prompt: str, seed: int, inputs: dict[str, Any], picture: FetchPicture) -> PlateRequest:
    around = inputs.get("inpainting")
    width, height = inputs.get("size_px", (None, None))
    return PlateRequest(
        prompt=prompt,
        seed=seed,
        references=tuple(picture(digest) for digest in inputs.get("references", ())),
        inpainting=None
        if around is None
        else Inpainting(
            picture_HW3=picture(around["picture"]), drawn_HW=picture(around["drawn"]) >= 128, strength=float(around["strength"])
        ),
        width_px=width,
        height_px=height,
    )


def _levels(drawn_HW: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """A mask as a picture that a PNG can hold: 255 where the model draws."""
    return np.asarray(drawn_HW, np.uint8) * np.uint8(255)
