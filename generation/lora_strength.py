"""Alpha / rank worked into a LoRA's matrices, and taken out again: the update is the same, whoever reads the file.

A file in diffusers keys has no place for alpha that all its readers look at: diffusers reads `lora_adapter_metadata` from a path but not from tensors,
ComfyUI reads it not at all. So alpha is in the matrices there, and acts at full strength everywhere; kohya's keys have an `.alpha` per layer.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

from catalog.errors import ModelError

DOWN = ".lora_A.weight"
ADAPTER_METADATA = "lora_adapter_metadata"
"""Where diffusers' `save_lora_weights` writes peft's configuration, and with it alpha (diffusers/loaders/lora_base.py)."""


def worked_in(weights: Mapping[str, Any], strength: float) -> dict[str, Any]:
    """Weights in diffusers keys whose down matrices are multiplied by alpha / rank; the same tensors where that is 1."""
    return {name: scaled(tensor, strength) if name.endswith(DOWN) else tensor for name, tensor in weights.items()}


def scaled(tensor: Any, factor: float) -> Any:
    """A tensor times a factor, in its own type where that is exact, else in float32."""
    import torch

    if factor == 1.0:
        return tensor
    exact = tensor.float() * factor
    narrow = exact.to(tensor.dtype)
    return narrow if torch.equal(narrow.float(), exact) else exact


def with_told_strength(weights: Mapping[str, Any], metadata: Mapping[str, str]) -> dict[str, Any]:
    """Weights in diffusers keys with the alpha worked in that diffusers' own metadata tells; unchanged where it tells none.

    Raises ModelError for metadata that cannot be read, because its LoRA would act at another strength than it was made for.
    """
    raw = metadata.get(ADAPTER_METADATA)
    if not raw:
        return dict(weights)
    try:
        told = json.loads(raw)
        return {name: scaled(tensor, _strength(name, tensor, told)) if name.endswith(DOWN) else tensor for name, tensor in weights.items()}
    except (ValueError, TypeError, AttributeError, ZeroDivisionError) as error:
        raise ModelError(
            f"The LoRA's metadata `{ADAPTER_METADATA}` cannot be read ({error}), and its strength is told there. Save it again with diffusers."
        ) from error


def _strength(name: str, down: Any, told: Mapping[str, Any]) -> float:
    """Alpha / rank of a layer as peft has it (LoraLayer.update_layer): rank-stabilized ones divide by the rank's root."""
    from peft.utils.other import get_pattern_key

    part, _, layer = name.removesuffix(DOWN).partition(".")
    own = {key.removeprefix(f"{part}."): value for key, value in told.items() if key.startswith(f"{part}.")}
    if "lora_alpha" not in own:
        return 1.0
    patterns = own.get("alpha_pattern") or {}
    alpha = float(patterns.get(get_pattern_key(list(patterns), layer), own["lora_alpha"]))
    rank = int(down.shape[0])
    return alpha / (math.sqrt(rank) if own.get("use_rslora") else rank)
