"""One batch drawn by the pipeline at hand: what its pictures are told and drawn around, the loop, and pixels.

Which requests share a batch is said here, because it is the family's to say; how many do, and what becomes of those that fail, is plates.py's.

Shape legend: B batch, C channels, H and W pixels, h and w latent cells.
"""

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from catalog.preemption import patient_stop_point
from generation.denoise import Sampling, denoise, noise_of_seeds
from generation.flow import flow_family
from generation.inpainting import join_known
from generation.plate_requests import PlateRequest, check_size
from generation.resident import Resident


def lot_of(kept: Resident, request: PlateRequest, sampling: Sampling) -> Hashable:
    """What requests must have in common to be drawn in one batch, each to the same bytes whatever the others are.

    Reads the prompt and encodes the pictures to go by, which then lie ready. Raises RenderError for a request that this model cannot draw.
    """
    import torch

    check_size(request, kept.base_model, kept.pipeline)
    family = flow_family(kept.base_model.behavior)
    told: Hashable = len(request.references)
    if family is not None or request.references:
        with torch.inference_mode():
            conditioning = kept.condition(request.prompt, request.references)
            if sampling.guided_steps:
                kept.condition("", request.references)  # while the text encoder is there
        told = told if family is None else family.batch_key(conditioning)
    strength = None if request.inpainting is None else request.inpainting.strength
    return request.size_px(kept.base_model), strength, told


def draw_batch(kept: Resident, requests: Sequence[PlateRequest], sampling: Sampling) -> tuple[list[npt.NDArray[np.uint8]], list[bool]]:
    """Pixels of one batch, all of one lot, and which of them come from finite numbers."""
    import torch

    family, pipeline = kept.base_model.behavior, kept.pipeline
    with torch.inference_mode():
        shape = family.latent_shape(pipeline, *requests[0].size_px(kept.base_model))
        noise_BChw = noise_of_seeds([one.seed for one in requests], shape, kept.device)
        with kept.staying():
            conditioning = family.join([kept.condition(one.prompt, one.references) for one in requests])
            unconditional = family.join([kept.condition("", one.references) for one in requests]) if sampling.guided_steps else None
            around = [kept.known(one.inpainting) for one in requests if one.inpainting is not None]
        known = join_known(around) if around else None
        with kept.during("predict"):
            latents_BChw = denoise(family, pipeline, noise_BChw, conditioning, unconditional, sampling, patient_stop_point, known)
        # One by one: the decoder fills caches and cores with one picture, and batches only take memory.
        with kept.during("decode"):
            pictures_B3HW = torch.cat([family.decode(pipeline, latents_1Chw).float() for latents_1Chw in latents_BChw.split(1)])
        # Both are checked: AutoencoderTiny squashes latents with tanh and would paint an infinite one as a plausible color.
        finite_B = torch.isfinite(latents_BChw).flatten(1).all(1) & torch.isfinite(pictures_B3HW).flatten(1).all(1)
        levels_BHW3 = ((pictures_B3HW / 2 + 0.5).clamp(0, 1) * 255).round().nan_to_num().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    return [np.ascontiguousarray(picture_HW3) for picture_HW3 in levels_BHW3], finite_B.tolist()
