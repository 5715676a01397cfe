"""Which layers of a denoiser a LoRA changes: the names that settings and family ask for, and the layers that have them.

Loads no model: layers are told by a loaded denoiser (trainee.py), or by the headers of its files, so that a project can be checked.
"""

from collections.abc import Iterable
from pathlib import Path

from catalog.errors import TrainingError
from generation.family import Family
from generation.safetensors_header import read_header
from training.settings import LoraSettings

ADAPTED_DIMENSIONS = (2, 4)
"""Dimensions of the weights of linear layers and of convolutions, the two kinds of layers that are adapted."""


def target_names(family: Family, settings: LoraSettings) -> tuple[str, ...]:
    """The ends of the names of the layers to adapt. Raises TrainingError for a preset that the family does not have."""
    if not isinstance(settings.target_modules, str):
        return settings.target_modules
    if settings.target_modules not in family.target_presets:
        raise TrainingError(
            f"Family '{family.name}' has no preset {settings.target_modules!r} of layers; it has {', '.join(sorted(family.target_presets))}. "
            "Correct `target_modules`, or name the ends of layers."
        )
    return family.target_presets[settings.target_modules]


def matching_layers(layers: Iterable[str], targets: tuple[str, ...]) -> list[str]:
    """Full names of the layers whose names end so. Raises TrainingError for an end that no layer has.

    Full, because an end may be the name of a layer in one block and of a list of layers in another (`to_out` in FLUX.2), and peft refuses lists.
    """
    layers = list(layers)
    matched = {end: [name for name in layers if name == end or name.endswith(f".{end}")] for end in targets}
    missing = [end for end, names in matched.items() if not names]
    if missing or not targets:
        ends = sorted({name.rsplit(".", 1)[-1] for name in layers})
        what = ", ".join(map(repr, missing)) or "an empty list"
        raise TrainingError(
            f"The LoRA would match no layer for {what}: the base model's layers end in {', '.join(ends)}. Correct `target_modules`."
        )
    return sorted({name for names in matched.values() for name in names})


def layers_in_files(folder: Path) -> list[str]:
    """Names of a denoiser's linear and convolution layers by the headers of its safetensors files; none of them is loaded.

    A table of embeddings looks like a linear layer here, which a training tells apart.
    """
    found = set()
    for path in sorted(folder.glob("*.safetensors")):
        for name, tensor in read_header(path)[1].items():
            if name.endswith(".weight") and len(tensor.get("shape", ())) in ADAPTED_DIMENSIONS:
                found.add(name.removesuffix(".weight"))
    return sorted(found)
