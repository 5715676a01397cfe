"""Pictures to go by inside a `Conditioning`: how their latents are named, found again, and compared for batching.

What a family does with them is its own; nothing is encoded here. Shape legend: C latent channels, h and w latent cells.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

from PIL import Image

from catalog.errors import RenderError
from generation.family import Conditioning, Pixels

MAX_REFERENCES = 10
"""More pictures than any model here was trained to go by; it also keeps their names in order."""
_PREFIX = "reference_"


def opened(references: Sequence[Pixels]) -> list[Image.Image]:
    """Pictures to go by as the pipelines of diffusers take them. Raises RenderError for more than any model takes."""
    if len(references) > MAX_REFERENCES:
        raise RenderError(f"{len(references)} pictures to go by were given; at most {MAX_REFERENCES} can be. Give fewer.")
    return [Image.fromarray(pixels) for pixels in references]


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


def conditioning_key(prompt: str, references: Sequence[Pixels] = ()) -> str:
    """A key under which what the denoiser is told may be kept: changes with the prompt and with any pixel, size or order of the references."""
    key = hashlib.sha256(prompt.encode())
    for pixels in references:
        key.update(f"\0{pixels.shape}".encode())
        key.update(pixels.tobytes())
    return key.hexdigest()


def _told(sizes: tuple[tuple[int, int], ...]) -> str:
    return ", ".join(f"{width} x {height}" for height, width in sizes) or "none"
