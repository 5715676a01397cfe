"""Prompts of different lengths in one batch: padded, with a mask where anything was, for families whose denoisers read as many tokens as there are.

Encodes nothing. Shape legend: B batch, N tokens, D numbers per token.
"""

from collections.abc import Sequence

from generation.family import Conditioning


def padded_prompts(conditionings: Sequence[Conditioning]) -> Conditioning:
    """`prompt` (B, N, D) with zeros up to the longest, and `prompt_mask` (B, N), True where there is a token.

    No mask where nothing was padded: attention without one is the faster.
    """
    import torch

    prompts = [one["prompt"] for one in conditionings]
    longest = max(prompt.shape[1] for prompt in prompts)
    pad = torch.nn.functional.pad
    joined = torch.cat([pad(prompt, (0, 0, 0, longest - prompt.shape[1])) for prompt in prompts])
    if all("prompt_mask" not in one and one["prompt"].shape[1] == longest for one in conditionings):
        return {"prompt": joined}
    masks = [
        one.get("prompt_mask", prompt.new_ones(prompt.shape[:2], dtype=torch.bool))
        for one, prompt in zip(conditionings, prompts, strict=True)
    ]
    return {"prompt": joined, "prompt_mask": torch.cat([pad(mask, (0, longest - mask.shape[1])) for mask in masks])}
