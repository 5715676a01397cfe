"""Step caches: late blocks of a transformer are skipped in steps in which its first block says nearly what it said before.

Uses diffusers' First Block Cache; off unless asked for, because it changes pictures. It decides for a whole batch at once, so that a picture would
depend on its neighbors: with it, pictures are drawn one by one (docs/decisions/0051-fixed-batches.md).
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from catalog.errors import ModelError
from generation.family import Family

MIN_STEPS = 20
"""Fewer steps differ too much from one another for any to be skipped; distilled models draw in 4 to 8 (reports for FLUX.1 and Qwen-Image)."""


def check_step_cache(family: Family, steps: int, batch_images: int | None) -> None:
    """Raise ModelError where a step cache has no effect, or would make pictures depend on one another."""
    if family.denoiser_part != "transformer":
        raise ModelError(
            f"`step_cache` skips blocks of transformers, and family '{family.name}' denoises with a UNet, whose blocks differ in size. Leave it out."
        )
    if not family.skips_blocks:
        raise ModelError(
            f"`step_cache` does not work with family '{family.name}' in this version of diffusers, which caches transformers whose blocks are all of "
            "one kind (Qwen-Image-Edit's are). Nothing was drawn. Leave it out."
        )
    if steps < MIN_STEPS:
        raise ModelError(
            f"`step_cache` is of no use in {steps} steps: none are alike. Leave it out, or draw in at least {MIN_STEPS} steps."
        )
    if batch_images is not None and batch_images > 1:
        raise ModelError(
            f"`step_cache` decides for a whole batch, and `batch_images` is {batch_images}: a picture would depend on what else is drawn. Set "
            "`batch_images: 1` or leave it out."
        )


@contextmanager
def skipping_blocks(denoiser: Any, threshold: float | None) -> Iterator[Callable[[str], AbstractContextManager[None]]]:
    """Draw within: yields what to wrap each question to the denoiser in. Nothing is skipped where `threshold` is None.

    `threshold` is how far the first block's residual may be from the last one that was computed, relative, for the others to be skipped.
    """
    if threshold is None:
        yield lambda _: nullcontext()
        return
    from diffusers.hooks import FirstBlockCacheConfig

    denoiser.enable_cache(FirstBlockCacheConfig(threshold=threshold))
    try:
        yield denoiser.cache_context
    finally:
        denoiser.disable_cache()  # the next drawing begins with nothing remembered


def can_skip_blocks(denoiser: Any) -> bool:
    """Whether diffusers can do this to a denoiser: what families declare with `skips_blocks` is held against it.

    FLUX.2's blocks are of two kinds, of which the second takes both streams as one, and the cache subtracts one from the other.
    """
    import torch

    lists = [child for child in denoiser.children() if isinstance(child, torch.nn.ModuleList)]
    kinds = {type(block) for blocks in lists for block in blocks if hasattr(block, "attn")}
    return hasattr(denoiser, "enable_cache") and len(kinds) == 1
