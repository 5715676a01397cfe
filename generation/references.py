"""Pictures to go by inside a `Conditioning`: how their latents are named, found again, and compared for batching.

What a family does with them is its own; nothing is encoded here. Shape legend: C latent channels, h and w latent cells.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from catalog.errors import RenderError
from generation.family import Conditioning, Family, Pixels
from generation.flow import FlowFamily

MAX_REFERENCES = 10
"""More pictures than any model here was trained to go by; it also keeps their names in order."""
_PREFIX = "reference_"


class EditFamily(FlowFamily, Protocol):
    """A family that goes by pictures; its `condition` is what `read` and `encode_reference` give, apart so that each can be kept."""

    def read(self, pipeline: Any, prompt: str, references: Sequence[Pixels]) -> Conditioning:
        """What the text encoder makes of a prompt, and of the pictures where it sees them (`memory.prompts_repeat` is then False).

        Raises RenderError for references that the family cannot take."""

    def encode_reference(self, pipeline: Any, picture: Pixels) -> Any:
        """One picture to go by as latents (1, C, h, w), in the size that the family brings it to. Raises RenderError for one it cannot take."""


def edit_family(family: Family) -> EditFamily | None:
    """The family with what edit families tell; None for one that draws from words alone."""
    return cast(EditFamily, family) if hasattr(family, "encode_reference") else None


def check_count(references: Sequence[Pixels]) -> None:
    """Raise RenderError for more pictures to go by than any model takes."""
    if len(references) > MAX_REFERENCES:
        raise RenderError(f"{len(references)} pictures to go by were given; at most {MAX_REFERENCES} can be. Give fewer.")


def named_references(latents: Sequence[Any]) -> Conditioning:
    """References' latents (1, C, h, w), in order, as entries of a Conditioning."""
    return {f"{_PREFIX}{place:02d}": latents_1Chw for place, latents_1Chw in enumerate(latents)}


def references_of(conditioning: Conditioning) -> list[Any]:
    """The references' latents (B, C, h, w) of a Conditioning, in order; empty when there are none."""
    return [conditioning[name] for name in sorted(conditioning) if name.startswith(_PREFIX)]


def reference_sizes(conditioning: Conditioning) -> tuple[tuple[int, int], ...]:
    """(h, w) of each reference, in order."""
    return tuple((int(latents.shape[-2]), int(latents.shape[-1])) for latents in references_of(conditioning))


def check_same_references(conditionings: Sequence[Conditioning]) -> None:
    """Raise RenderError unless all have as many references of the same sizes: a denoiser has one set of positions for a whole batch."""
    sizes = [reference_sizes(one) for one in conditionings]
    differing = [one for one in sizes if one != sizes[0]]
    if differing:
        raise RenderError(
            f"One batch cannot hold pictures to go by of different sizes or numbers (latent cells: {_told(sizes[0])} and "
            f"{_told(differing[0])}). Bring them to one size, or draw them in batches of their own."
        )


def picture_digest(picture: npt.NDArray[np.uint8]) -> str:
    """Digest of a picture's pixels: changes with any value and with its shape, and not with how a file holds it."""
    key = hashlib.sha256(f"{picture.shape}\0".encode())
    key.update(np.ascontiguousarray(picture).data)
    return key.hexdigest()


def _told(sizes: tuple[tuple[int, int], ...]) -> str:
    return ", ".join(f"{width} x {height}" for height, width in sizes) or "none"
