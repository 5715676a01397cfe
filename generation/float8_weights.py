"""A denoiser whose weights are stored in eight bits and computed with in the type it was loaded in: half of bfloat16's memory, another picture.

diffusers' layerwise casting does the work: each layer's weights are brought to the computing type for its call and put back, which loses nothing more.
Normalization and position layers, and those that a class of diffusers names, stay as loaded.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from catalog.errors import ModelError


def store_in_float8(denoiser: Any) -> None:
    """Round a denoiser's weights to float8 (e4m3: four significant bits) once and for all. Raises ModelError where diffusers cannot do it."""
    import torch

    if not hasattr(denoiser, "enable_layerwise_casting"):
        raise ModelError(
            f"`weights: float8` does not work with {type(denoiser).__name__}, whose layers diffusers does not cast. Leave `generation.weights` out."
        )
    denoiser.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=denoiser.dtype)
    if not is_stored_in_float8(denoiser):
        raise ModelError(
            f"`weights: float8` casts no layer of {type(denoiser).__name__} in this version of diffusers. Leave `generation.weights` out."
        )


def is_stored_in_float8(denoiser: Any) -> bool:
    """Whether any weight is stored so."""
    return next(_float8_weights(denoiser), None) is not None


@contextmanager
def seen_in_computing_type(denoiser: Any) -> Iterator[None]:
    """Run a block in which weights stored in float8 look as if they had the computing type, and hold no numbers.

    For attaching LoRAs: peft gives their layers the type of the weights beside them, and eight bits would round a LoRA away. Takes no memory.
    """
    import torch

    hidden = [(weight, weight.data) for weight in _float8_weights(denoiser)]
    try:
        for weight, stored in hidden:
            weight.data = torch.zeros(1, dtype=denoiser.dtype, device=stored.device).expand(stored.shape)
        yield
    finally:
        for weight, stored in hidden:
            weight.data = stored


def _float8_weights(denoiser: Any) -> Iterator[Any]:
    import torch

    return (weight for weight in denoiser.parameters() if weight.dtype == torch.float8_e4m3fn)
