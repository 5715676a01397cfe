"""A LoRA that was trained elsewhere, taken in as one of ours: in diffusers keys, whole, finite, and with metadata that stays true of it.

Its names are translated by generation/foreign_lora.py; whether it fits a base model is for generation/adapter.py.
"""

from collections.abc import Mapping
from typing import Any

from catalog.errors import ModelError
from generation.foreign_lora import in_diffusers_keys
from generation.lora_strength import ADAPTER_METADATA
from training.lora_export import layers_of
from training.lora_metadata import OWN


def imported(
    tensors: Mapping[str, Any],
    family: str,
    unet_config: Mapping[str, Any] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The tensors of a foreign LoRA in diffusers keys, alpha worked in, in order of their names; see `in_diffusers_keys`.

    Raises ModelError like it, and for halves of layers and values that are not finite.
    """
    import torch

    try:
        named = in_diffusers_keys(tensors, family, unet_config, metadata)
        layers_of(named)  # pairs are whole, names as expected
    except ModelError as error:
        raise ModelError(f"{error} Nothing was imported.") from error
    bad = [name for name, tensor in named.items() if not bool(torch.isfinite(tensor).all())]
    if bad:
        raise ModelError(
            f"The LoRA holds NaN or infinite weights in {len(bad)} tensors (first: {bad[0]}). Choose another file; nothing was imported."
        )
    return dict(sorted(named.items()))


def as_imported(metadata: Mapping[str, str]) -> dict[str, str]:
    """A foreign file's metadata without what its matrices, alpha worked in, would make wrong: who read it would apply alpha twice."""
    kept = {name: value for name, value in metadata.items() if name != ADAPTER_METADATA}
    if "ss_network_alpha" in kept and f"{OWN}alpha" not in kept:
        kept["ss_network_alpha"] = kept.get("ss_network_dim", "")
    return {name: value for name, value in kept.items() if value}
