"""A LoRA that was made elsewhere, brought into diffusers keys: kohya's, ComfyUI's, older diffusers' and diffusers' own are understood.

The names are translated by diffusers' own loaders, the ones that would read the file; alpha is worked into the weights before they see them, so
that what comes into a model can be compared with the file name for name. Whether it fits a base model is for adapter.py. Left out: what is no
plain LoRA (LyCORIS, DoRA), and LoRAs of text encoders, which could not be attached.
"""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from catalog.errors import ModelError
from catalog.sentences import clause
from generation.lora_strength import DOWN, scaled, with_told_strength

UP = ".lora_B.weight"
PREFIXES = ("unet.", "transformer.")
DOWN_ENDS = (".lora_down.weight", DOWN, ".lora.down.weight", "_lora.down.weight", ".lora_A.default.weight")
OTHER_KINDS = {"hada_": "LoHa", "lokr_": "LoKr", "dora_scale": "DoRA", "lora_mid": "LoCon with a middle matrix", "diff_b": "bias differences",
               "lora_magnitude_vector": "DoRA"}  # fmt: skip
TEXT_ENCODER_STARTS = ("lora_te_", "lora_te1_", "lora_te2_", "text_encoder")


def in_diffusers_keys(
    tensors: Mapping[str, Any], family: str, unet_config: Mapping[str, Any] | None = None, metadata: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The tensors of a foreign LoRA in diffusers keys, alpha worked in, be it a tensor per layer or told in the file's metadata.

    `unet_config` is the base model's, needed for SDXL's block numbers. A tensor keeps its type unless alpha makes it inexact there. Raises
    ModelError for another kind of adapter, text-encoder parts, and names that are not understood.
    """
    _refuse_other_kinds(tensors)
    named = _renamed(_without_alpha(tensors), family, unet_config)
    prefix = PREFIXES[0] if family in ("sd", "sdxl") else PREFIXES[1]
    named = {name if name.startswith(PREFIXES) else prefix + name: tensor.contiguous() for name, tensor in named.items()}
    return with_told_strength(named, metadata or {})


def _refuse_other_kinds(tensors: Mapping[str, Any]) -> None:
    for part, kind in OTHER_KINDS.items():
        found = next((name for name in tensors if part in name), None)
        if found:
            raise ModelError(f"The file is no plain LoRA: {found} belongs to a {kind}. Only LoRA matrices can be used.")
    found = next((name for name in tensors if name.startswith(TEXT_ENCODER_STARTS)), None)
    if found:
        raise ModelError(
            f"The LoRA changes a text encoder, too ({found}), which is frozen here: prompts are encoded once for all LoRAs. Export it again "
            "for the denoiser alone (sd-scripts: --network_train_unet_only)."
        )


def _without_alpha(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """The matrices with each layer's alpha / rank worked into its down matrix, and the alphas gone."""
    kept = {name: tensor for name, tensor in tensors.items() if not name.endswith(".alpha")}
    for name, tensor in tensors.items():
        if not name.endswith(".alpha"):
            continue
        layer = name.removesuffix(".alpha")
        down = next((layer + end for end in DOWN_ENDS if layer + end in kept), None)
        if down is None:
            raise ModelError(f"The LoRA holds {name} without matrices of that layer. It is damaged; fetch it again.")
        kept[down] = scaled(kept[down], float(tensor.float()) / kept[down].shape[0])
    return kept


def _renamed(tensors: dict[str, Any], family: str, unet_config: Mapping[str, Any] | None) -> dict[str, Any]:
    """Names as diffusers' loader of this family makes them, in the style of peft."""
    from diffusers.loaders.lora_pipeline import (
        Flux2LoraLoaderMixin,
        QwenImageLoraLoaderMixin,
        StableDiffusionLoraLoaderMixin,
        ZImageLoraLoaderMixin,
    )

    try:
        if family in ("sd", "sdxl"):
            config = SimpleNamespace(**unet_config) if unet_config is not None else None
            found = StableDiffusionLoraLoaderMixin.lora_state_dict(tensors, unet_config=config)[0]
            return _as_peft(found)
        loaders = {"flux2": Flux2LoraLoaderMixin, "z-image": ZImageLoraLoaderMixin, "qwen-image": QwenImageLoraLoaderMixin}
        loader = next((loader for start, loader in loaders.items() if family.startswith(start)), None)
        if loader is None:
            raise ModelError(f"LoRAs of family {family} from elsewhere cannot be used; known are sd, sdxl, {', '.join(loaders)}.")
        renamed: dict[str, Any] = loader.lora_state_dict(tensors)
    except (ValueError, KeyError, IndexError, AttributeError) as error:
        raise ModelError(f"The LoRA's names are not understood for a base model of family {family}: {clause(error)}.") from error
    # Diffusers' names with kohya's ends (the Qwen Lightning files): its loader takes them for its own once there is no alpha.
    return {name.replace(".lora_down.weight", DOWN).replace(".lora_up.weight", UP): tensor for name, tensor in renamed.items()}


def _as_peft(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Old diffusers names (`attn1.processor.to_q_lora.down.weight`) in the style of peft (`attn1.to_q.lora_A.weight`)."""
    from diffusers.utils import convert_unet_state_dict_to_peft

    prefix = PREFIXES[0]
    bare = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    if not all(name.endswith((DOWN, UP)) for name in bare):
        bare = convert_unet_state_dict_to_peft(bare)
    return {f"{prefix}{name.replace('.processor.', '.')}": tensor for name, tensor in bare.items()}
