"""LoRA adapters on a loaded pipeline: verify the file, attach it, and prove before each batch that it is really at work.

Training is in training/lora.py. A LoRA that silently did nothing would give every category the base model's look, so nothing here trusts
a loader's success: the attached tensors are compared with the file's.
"""

from pathlib import Path
from typing import Any

from catalog.errors import ModelError
from catalog.keys import digest_bytes
from generation.base_model import quiet_libraries
from generation.families import family_of_pipeline

ADAPTER_NAME = "look"


def attach_lora(pipeline: Any, path: Path, expected_digest: str) -> int:
    """Replace whatever adapter the pipeline has by the LoRA in a file; returns how many layers it changes.

    The adapter is unloaded and loaded anew (not hot-swapped): a failed hot swap in diffusers 0.42 deletes the adapter and goes on with the
    base model. Raises ModelError if the file is missing, altered, not finite, or does not match the pipeline's layers one to one.
    """
    tensors = _read_lora(path, expected_digest, denoiser_of(pipeline)[0])
    detach_lora(pipeline)
    try:
        with quiet_libraries():
            pipeline.load_lora_weights(dict(tensors), adapter_name=ADAPTER_NAME)
    except (ValueError, RuntimeError, KeyError) as error:
        detach_lora(pipeline)
        raise ModelError(f"The LoRA {path.name} does not fit this base model: {error}. Train the category again on it.") from error
    _compare_with_file(pipeline, tensors, path)
    layers = len(tensors) // 2
    check_lora_active(pipeline, layers)
    return layers


def denoiser_of(pipeline: Any) -> tuple[str, Any]:
    """Name and module of the part of a pipeline that denoises, which is the one a LoRA changes: `unet` or `transformer`."""
    family = family_of_pipeline(type(pipeline).__name__)
    assert family is not None, f"a pipeline of no family: {type(pipeline).__name__}"
    return family.denoiser_part, getattr(pipeline, family.denoiser_part)


def detach_lora(pipeline: Any) -> None:
    """Take any adapter off the pipeline; the base weights come back bit for bit."""
    pipeline.unload_lora_weights()


def check_lora_active(pipeline: Any, layers: int) -> None:
    """Raise ModelError unless exactly `layers` layers of the denoiser run with our adapter at full strength (0: no adapter at all)."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    tuned = [module for module in denoiser_of(pipeline)[1].modules() if isinstance(module, BaseTunerLayer)]
    active = [
        module
        for module in tuned
        if module.active_adapters == [ADAPTER_NAME]
        and ADAPTER_NAME in module.lora_A
        and not module.disable_adapters
        and not module.merged
        and module.scaling[ADAPTER_NAME] == 1.0
    ]
    if len(active) != layers or len(tuned) != layers:
        raise ModelError(
            f"{len(active)} of {len(tuned)} adapted layers are active, expected {layers}: this batch would have lacked its category's "
            "look. Nothing was drawn. Run it again; if it happens again, restart the worker."
        )


def _read_lora(path: Path, expected_digest: str, part: str) -> dict[str, Any]:
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"The LoRA {path} cannot be read: {error.strerror}. Train the category again or restore the file.") from error
    found = digest_bytes(data)
    if found != expected_digest:
        raise ModelError(
            f"The LoRA {path} has digest {found[:12]}, expected {expected_digest[:12]}: it was altered or mixed up. "
            "Restore it or train the category again."
        )
    try:
        tensors: dict[str, Any] = load(data)
    except SafetensorError as error:
        raise ModelError(f"The LoRA {path} is not a safetensors file: {error}. Only safetensors are read.") from error
    foreign = [name for name in tensors if not name.startswith(f"{part}.")]
    if not tensors or foreign:
        raise ModelError(
            f"The LoRA {path} holds {foreign[:1] or 'no tensors'}; expected are tensors for the {part} in diffusers keys ('{part}.…')."
        )
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise ModelError(f"The LoRA {path} holds NaN or infinite weights. Train the category again with a lower learning rate.")
    return tensors


def _compare_with_file(pipeline: Any, tensors: dict[str, Any], path: Path) -> None:
    """Raise ModelError unless the adapter in the denoiser is, tensor for tensor, what the file holds."""
    import torch
    from peft.utils import get_peft_model_state_dict

    part, denoiser = denoiser_of(pipeline)
    if ADAPTER_NAME not in getattr(denoiser, "peft_config", {}):
        raise ModelError(f"The LoRA {path.name} matched no layer of this base model. Train the category again on it.")
    attached = {f"{part}.{name}": tensor for name, tensor in get_peft_model_state_dict(denoiser, adapter_name=ADAPTER_NAME).items()}
    differing = {name for name in attached.keys() | tensors.keys() if name not in attached or name not in tensors}
    differing |= {
        name for name in attached.keys() & tensors.keys() if not torch.equal(attached[name].cpu(), tensors[name].to(attached[name].dtype))
    }
    if differing:
        detach_lora(pipeline)
        raise ModelError(
            f"{len(differing)} tensors of the LoRA {path.name} (first: {min(differing)}) are not in the model as stored, of "
            f"{len(tensors)} in the file. It was trained on another base model or is damaged: train the category again."
        )
