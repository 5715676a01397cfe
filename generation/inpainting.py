"""Inpainting: a picture of which a part is known (the product) and the rest is drawn, for every family.

Nothing here draws: denoise.py keeps to what is known between steps, and a UNet of nine input channels is told of it (families/). Known pixels
come out only about as they were, because they went through the autoencoder: whoever needs them exact puts the original back on top.

Shape legend: B batch, C latent channels, h and w latent cells.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from generation.family import Conditioning, Family, Pixels
from generation.kept_tensors import KeptTensors, Tensors
from generation.references import picture_digest

_ALL_DRAWN: WeakKeyDictionary[Any, dict[tuple[int, ...], Any]] = WeakKeyDictionary()
"""By pipeline and latent shape: latents of a picture of which nothing is known."""


@dataclass(frozen=True, kw_only=True)
class Inpainting:
    """A picture (H, W, 3) uint8 sRGB, and where (H, W) bool the model draws: True is drawn, False is known.

    Both have the size that is drawn, a multiple of the model's latent cell. `strength`, above 0 to 1, is the share of the steps that are taken: 1
    draws from noise alone; less begins with what the picture shows there, noised, and so changes it (a material, a light). At strength 1 what
    the picture shows where the model draws has no effect for UNets that read masks; elsewhere it colors the latent cells at the border, so fill
    it with what will be near (the product's backdrop).
    """

    picture_HW3: Pixels = field(repr=False)
    drawn_HW: npt.NDArray[np.bool_] = field(repr=False)
    strength: float = 1.0

    def __post_init__(self) -> None:
        assert 0 < self.strength <= 1, f"a strength of {self.strength} is no share of the steps"
        assert self.picture_HW3.shape == (*self.drawn_HW.shape, 3), f"{self.picture_HW3.shape} pixels for a mask {self.drawn_HW.shape}"
        assert self.picture_HW3.dtype == np.uint8 and self.drawn_HW.dtype == np.bool_


@dataclass(frozen=True, kw_only=True)
class Known:
    """Inpaintings as latents: (B, C, h, w) of the known, and (B, 1, h, w) with 1 where the model draws; float32.

    For a UNet that reads masks these are latents of the picture with gray where it draws; for all others, of the whole picture. `strength` is
    the whole batch's; below 1, `begun_BChw` are latents of the whole picture, from which drawing begins.
    """

    latents_BChw: Any
    drawn_B1hw: Any
    strength: float = 1.0
    begun_BChw: Any | None = None

    @property
    def for_the_denoiser(self) -> Conditioning:
        """What a UNet that reads masks is told beside its prompt."""
        return {"drawn": self.drawn_B1hw, "known": self.latents_BChw}


def reads_masks(pipeline: Any) -> bool:
    """Whether the denoiser is a UNet made for inpainting: its input is latents, a mask and the latents of what is known."""
    unet = getattr(pipeline, "unet", None)
    return unet is not None and unet.config.in_channels == 2 * pipeline.vae.config.latent_channels + 1


def encode_known(family: Family, pipeline: Any, inpainting: Inpainting, kept: KeptTensors | None = None) -> Known:
    """An inpainting as latents (B = 1): the one pass through the encoder per product and size (4.9 TFLOP for SDXL), found in `kept` if it is there.

    Depends on the mask only for UNets that read masks. The mask of a latent cell is that of its top left pixel, as in the stock pipelines.
    """
    import torch

    # Copied, because a view of a picture that was flipped or cropped has strides that torch refuses.
    drawn_11HW = torch.from_numpy(np.ascontiguousarray(inpainting.drawn_HW))[None, None].float()
    pixels_HW3 = torch.from_numpy(np.ascontiguousarray(inpainting.picture_HW3))
    picture_13HW = pixels_HW3.permute(2, 0, 1)[None].float() / 127.5 - 1

    def encoded(pixels_13HW: Any, *names: str) -> Any:
        def compute() -> Tensors:
            with torch.no_grad():
                return {"latents": family.encode(pipeline, pixels_13HW)}

        return (compute() if kept is None else kept.tensors(("around", *names), compute))["latents"]

    picture = picture_digest(inpainting.picture_HW3)
    masked = picture_13HW * (drawn_11HW < 0.5), picture, picture_digest(inpainting.drawn_HW.view(np.uint8))
    latents = encoded(*masked) if reads_masks(pipeline) else encoded(picture_13HW, picture)
    return Known(
        latents_BChw=latents,
        drawn_B1hw=torch.nn.functional.interpolate(drawn_11HW, size=latents.shape[-2:]).to(latents.device),
        strength=inpainting.strength,
        begun_BChw=encoded(picture_13HW, picture) if inpainting.strength < 1 else None,
    )


def join_known(known: Sequence[Known]) -> Known:
    """Several pictures' knowns, of one strength, as one batch."""
    import torch

    strength = known[0].strength
    assert all(one.strength == strength for one in known), "a batch begins at one step"
    return Known(
        latents_BChw=torch.cat([one.latents_BChw for one in known]),
        drawn_B1hw=torch.cat([one.drawn_B1hw for one in known]),
        strength=strength,
        begun_BChw=None if strength == 1 else torch.cat([one.begun_BChw for one in known]),
    )


def blend_known(scheduler: Any, latents_BChw: Any, known: Known, noise_BChw: Any, next_timestep: Any | None) -> Any:
    """Latents after a step with the known put back: noised to the level of `next_timestep`, or clean after the last step (None).

    As the stock inpainting pipelines do for denoisers that read no mask (RePaint without resampling, Lugmayr et al. 2022).
    """
    proper = known.latents_BChw
    if next_timestep is not None:
        proper = noised(scheduler, proper, noise_BChw, next_timestep)
    return (1 - known.drawn_B1hw) * proper + known.drawn_B1hw * latents_BChw


def noised(scheduler: Any, latents_BChw: Any, noise_BChw: Any, timestep: Any) -> Any:
    """Latents with as much of the noise as drawing still has to take away at a timestep."""
    import torch

    level = torch.tensor([timestep], device=timestep.device)
    if hasattr(scheduler, "scale_noise"):
        return scheduler.scale_noise(latents_BChw, level, noise_BChw)
    return scheduler.add_noise(latents_BChw, noise_BChw, level)


def with_known_channels(family: Family, pipeline: Any, latents_BChw: Any, conditioning: Mapping[str, Any]) -> Any:
    """A UNet's input: the latents alone, or with mask and known latents for one that reads masks; all is drawn where nothing is known."""
    import torch

    if not reads_masks(pipeline):
        return latents_BChw
    size, _, height, width = latents_BChw.shape
    if "drawn" in conditioning:
        drawn, known = conditioning["drawn"], conditioning["known"]
    else:
        drawn = torch.ones(size, 1, height, width)
        known = _all_drawn(family, pipeline, (height, width)).expand(size, -1, -1, -1)
    return torch.cat([latents_BChw, drawn.to(latents_BChw), known.to(latents_BChw)], dim=1)


def _all_drawn(family: Family, pipeline: Any, cells: tuple[int, int]) -> Any:
    """Latents (1, C, h, w) of a picture of which nothing is known, which is gray; encoded once per pipeline and size."""
    import torch

    kept = _ALL_DRAWN.setdefault(pipeline, {})
    if cells not in kept:
        scale = pipeline.vae_scale_factor
        gray_13HW = torch.zeros(1, 3, cells[0] * scale, cells[1] * scale, device=pipeline.vae.device)
        # Neither inference mode nor autocast of the caller: a training in this process may use it, too, and in full precision.
        with torch.inference_mode(False), torch.no_grad(), torch.autocast(gray_13HW.device.type, enabled=False):
            kept[cells] = family.encode(pipeline, gray_13HW)
    return kept[cells]
