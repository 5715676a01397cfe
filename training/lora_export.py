"""A LoRA in the keys that other programs read: kohya's (A1111, Forge, sd-scripts) and ComfyUI's. The weights stay what they are, bit for bit
where alpha equals the rank.

Key names were read in sd-scripts 0.10, musubi-tuner and ComfyUI (comfy/lora.py, September 2026), and are held by loading each export with
stock diffusers (tests/training/test_lora_export.py). What comes from elsewhere is read by lora_import.py.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from catalog.errors import ModelError
from generation.lora_strength import scaled
from training.lora_names import FLUX2_FUSED, UnetLayout, flux2_name, sgm_name

KeyFormat = Literal["diffusers", "kohya", "comfyui"]

DOWN, UP = ".lora_A.weight", ".lora_B.weight"
PREFIXES = ("unet.", "transformer.")
KOHYA_PREFIX, COMFY_PREFIX = "lora_unet_", "diffusion_model."
QKV = 3

Layers = dict[str, tuple[Any, Any]]
"""Each adapted layer's name in the denoiser, with its two matrices: down (rank, in, ...) and up (out, rank, ...)."""


def exported(
    weights: Mapping[str, Any], family: str, key_format: KeyFormat, layout: UnetLayout | None = None, strength: float = 1.0
) -> dict[str, Any]:
    """The tensors of a LoRA in diffusers keys (`unet.` or `transformer.` before each) under the names of another format.

    `layout` is the UNet's, needed for SDXL. ComfyUI reads kohya's keys for UNet models, and its own names after `diffusion_model.` for
    transformers. `strength` is the alpha / rank that is worked into the weights: kohya's keys tell it as each layer's alpha and have the matrices as
    they were trained, other keys keep it in them. Raises ModelError for tensors in other keys, and for layers that the format has no name for.
    """
    if key_format == "diffusers":
        return dict(weights)
    layers = layers_of(weights)
    if family in ("sd", "sdxl"):
        return _kohya({_unet_name(name, family, layout): pair for name, pair in layers.items()}, strength)
    named = _flux2(layers) if family.startswith("flux2") else layers
    if key_format == "kohya":
        return _kohya(named, strength)
    return {f"{COMFY_PREFIX}{name}{end}": tensor for name, pair in named.items() for end, tensor in zip((DOWN, UP), pair, strict=True)}


def layers_of(weights: Mapping[str, Any]) -> Layers:
    """The pairs of matrices in a LoRA with diffusers keys. Raises ModelError when a name or its partner is not as expected."""
    layers: Layers = {}
    for name in sorted(weights):
        prefix = next((prefix for prefix in PREFIXES if name.startswith(prefix)), None)
        if prefix is None or not name.endswith((DOWN, UP)):
            raise ModelError(f"The LoRA holds {name}, which is no key of diffusers ('unet.… .lora_A.weight'). Import it first.")
        layer, full = name.removeprefix(prefix).removesuffix(DOWN).removesuffix(UP), name.removesuffix(DOWN).removesuffix(UP)
        if full + DOWN not in weights or full + UP not in weights:
            raise ModelError(f"The LoRA holds one half of the layer {layer} and lacks the other. It is damaged; train or fetch it again.")
        layers[layer] = (weights[full + DOWN], weights[full + UP])
    return layers


def _unet_name(layer: str, family: str, layout: UnetLayout | None) -> str:
    """sd-scripts trains SD 1.x on a UNet with diffusers' names, and SDXL on one with the original's."""
    if family == "sd":
        return layer
    assert layout is not None, "SDXL's names need the UNet's layout"
    return sgm_name(layer, layout)


def _kohya(layers: Layers, strength: float) -> dict[str, Any]:
    """kohya's keys, whose readers multiply up times down by alpha / rank. Alpha is float32 whatever the matrices are: bfloat16 has no 297."""
    import torch

    tensors = {}
    for name, (down, up) in layers.items():
        flat = KOHYA_PREFIX + name.replace(".", "_")
        tensors[f"{flat}.alpha"] = torch.tensor(strength * down.shape[0], dtype=torch.float32)
        tensors[f"{flat}.lora_down.weight"], tensors[f"{flat}.lora_up.weight"] = scaled(down, 1 / strength), up
    return tensors


def _flux2(layers: Layers) -> Layers:
    """FLUX.2's layers under their original names, the three attention projections put together as one of three times the rank."""
    named: Layers = {}
    fused: dict[str, dict[int, tuple[Any, Any]]] = {}
    for layer, pair in layers.items():
        name, third = flux2_name(layer)
        if third is None:
            named[name] = pair
        else:
            fused.setdefault(name, {})[third] = pair
    assert all(name.endswith(tuple(FLUX2_FUSED)) for name in fused)
    return {**named, **{name: _put_together(parts) for name, parts in fused.items()}}


def _put_together(parts: Mapping[int, tuple[Any, Any]]) -> tuple[Any, Any]:
    """One pair of matrices that does what three do side by side: downs below each other, ups along the diagonal, zeros where one lacks."""
    import torch

    down, up = next(iter(parts.values()))
    rank, outputs = max(pair[0].shape[0] for pair in parts.values()), up.shape[0]
    whole_down = torch.zeros((QKV * rank, down.shape[1]), dtype=down.dtype)
    whole_up = torch.zeros((QKV * outputs, QKV * rank), dtype=up.dtype)
    for third, (one_down, one_up) in parts.items():
        own = one_down.shape[0]
        whole_down[third * rank : third * rank + own] = one_down
        whole_up[third * outputs : (third + 1) * outputs, third * rank : third * rank + own] = one_up
    return whole_down, whole_up


def ranks_of(layers: Layers) -> Iterator[int]:
    """The rank of each layer."""
    return (int(down.shape[0]) for down, _ in layers.values())
