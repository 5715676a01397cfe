"""Whether a LoRA file fits a base model, told from the model's configuration alone: no weights are loaded.

Attaches nothing; what really draws compares again what came into the denoiser (adapter.py).
"""

import json
from pathlib import Path
from typing import Any

from catalog.errors import ModelError
from generation.base_model import BaseModel, quiet_libraries
from generation.lora_tensors import read_lora, refuse_foreign_keys

DOWN, UP = ".lora_A.weight", ".lora_B.weight"


def refuse_unfitting(base_model: BaseModel, path: Path, digest: str) -> None:
    """Raise ModelError unless each layer of a LoRA in diffusers keys is a layer of the base model's denoiser, and of its shape."""
    part = base_model.behavior.denoiser_part
    tensors = read_lora(path, digest)
    refuse_foreign_keys(tensors, path, part)
    shapes = _weight_shapes(base_model.folder / part)
    layers = sorted({name.removesuffix(DOWN).removesuffix(UP) for name in tensors})
    for layer in layers:
        down, up, there = tensors.get(layer + DOWN), tensors.get(layer + UP), shapes.get(layer.removeprefix(f"{part}."))
        if down is None or up is None:
            raise ModelError(f"The LoRA {path.name} does not fit this base model: {layer} lacks one of its two matrices.")
        if there is None:
            raise ModelError(f"The LoRA {path.name} does not fit this base model, which has no layer {layer}.")
        adapted = (int(up.shape[0]), *map(int, down.shape[1:]))
        if adapted != there or up.shape[1] != down.shape[0]:
            raise ModelError(
                f"The LoRA {path.name} does not fit this base model: {layer} is {list(there)} there, {list(adapted)} in the file."
            )


def _weight_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Shapes of all layers' weights of a denoiser, by the layer's name; built from its configuration, without memory for them."""
    import diffusers
    import torch

    config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    with quiet_libraries(), torch.device("meta"):
        model = getattr(diffusers, config["_class_name"]).from_config(config)
    return {name.removesuffix(".weight"): tuple(tensor.shape) for name, tensor in model.named_parameters() if name.endswith(".weight")}
