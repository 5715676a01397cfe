"""LoRA adapters on a loaded pipeline: attach one or several, and prove before each batch that they are really at work.

Training is in training/lora.py, reading files in lora_tensors.py. A LoRA that silently did nothing would give every category the base model's
look, so nothing here trusts a loader's success: the attached tensors are compared with the file's.
"""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catalog.errors import ModelError
from catalog.sentences import clause
from generation.base_model import quiet_libraries
from generation.batch_sizes import is_out_of_memory
from generation.families import family_of_pipeline
from generation.lora_tensors import (
    read_foreign_lora,
    read_lora,
    refuse_foreign_keys,
    refuse_unless_as_stored,
)

ADAPTER_NAME = "look"


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """A LoRA file to wear: under which name, how strongly (1 is as trained), and whether it comes from elsewhere, in anybody's keys."""

    path: Path
    digest: str
    name: str = ADAPTER_NAME
    scale: float = 1.0
    foreign: bool = False


@dataclass(frozen=True, kw_only=True)
class WornAdapter:
    """What a pipeline wears: an adapter's name, how many layers it changes, and how strongly."""

    name: str
    layers: int
    scale: float = 1.0


def attach_lora(pipeline: Any, path: Path, expected_digest: str) -> int:
    """Replace whatever adapters the pipeline has by the look in a file; returns how many layers it changes. Raises like `attach_adapters`."""
    return attach_adapters(pipeline, [Adapter(path=path, digest=expected_digest)])[0].layers


def attach_adapters(pipeline: Any, adapters: Sequence[Adapter]) -> tuple[WornAdapter, ...]:
    """Replace whatever adapters the pipeline has by these, all at work at once.

    They are unloaded and loaded anew (not hot-swapped): a failed hot swap in diffusers 0.42 deletes the adapter and goes on with the
    base model. Raises ModelError if a file is missing, altered, not finite, or does not match the pipeline's layers one to one, and what torch
    raises when memory does not suffice; the pipeline then wears none.
    """
    assert len({adapter.name for adapter in adapters}) == len(adapters) > 0, "adapters, each with a name of its own"
    part = denoiser_of(pipeline)[0]
    read = []
    for adapter in adapters:
        tensors = _foreign(pipeline, adapter) if adapter.foreign else read_lora(adapter.path, adapter.digest)
        refuse_foreign_keys(tensors, adapter.path, part)
        read.append(tensors)
    detach_lora(pipeline)
    try:
        for adapter, tensors in zip(adapters, read, strict=True):
            _attach(pipeline, adapter, tensors)
        if len(adapters) > 1 or adapters[0].scale != 1.0:
            pipeline.set_adapters([adapter.name for adapter in adapters], [adapter.scale for adapter in adapters])
        tuned = _tuned_layers(pipeline)
        worn = tuple(
            WornAdapter(name=adapter.name, layers=sum(adapter.name in layer.lora_A for layer in tuned), scale=adapter.scale)
            for adapter in adapters
        )
        check_adapters_active(pipeline, worn)
    except Exception:
        detach_lora(pipeline)
        raise
    return worn


def denoiser_of(pipeline: Any) -> tuple[str, Any]:
    """Name and module of the part of a pipeline that denoises, which is the one a LoRA changes: `unet` or `transformer`."""
    family = family_of_pipeline(type(pipeline).__name__)
    assert family is not None, f"a pipeline of no family: {type(pipeline).__name__}"
    return family.denoiser_part, getattr(pipeline, family.denoiser_part)


def detach_lora(pipeline: Any) -> None:
    """Take any adapters off the pipeline; the base weights come back bit for bit."""
    pipeline.unload_lora_weights()


def check_lora_active(pipeline: Any, layers: int) -> None:
    """Raise ModelError unless exactly `layers` layers of the denoiser run with our adapter at full strength (0: no adapter at all)."""
    check_adapters_active(pipeline, [WornAdapter(name=ADAPTER_NAME, layers=layers)] if layers else [])


def check_adapters_active(pipeline: Any, worn: Sequence[WornAdapter]) -> None:
    """Raise ModelError unless the denoiser runs with exactly these adapters, each in all its layers and at its strength (none: bare)."""
    tuned, names = _tuned_layers(pipeline), {adapter.name for adapter in worn}
    strangers = sum(not set(layer.lora_A) <= names or not set(layer.lora_A) for layer in tuned)
    for adapter in worn:
        active = sum(_is_active(layer, adapter) for layer in tuned)
        attached = sum(adapter.name in layer.lora_A for layer in tuned)
        if active != adapter.layers or attached != adapter.layers:
            raise ModelError(
                f"{active} of {attached} layers adapted by '{adapter.name}' are active, expected {adapter.layers}: this batch would have "
                "lacked its category's look. Nothing was drawn. Run it again; if it happens again, restart the worker."
            )
    if strangers:
        raise ModelError(
            f"{strangers} layers wear adapters that nobody asked for, beside {sorted(names) or 'none'}: this batch would have had another "
            "look. Nothing was drawn. Run it again; if it happens again, restart the worker."
        )


def _tuned_layers(pipeline: Any) -> list[Any]:
    from peft.tuners.tuners_utils import BaseTunerLayer

    return [module for module in denoiser_of(pipeline)[1].modules() if isinstance(module, BaseTunerLayer)]


def _is_active(layer: Any, adapter: WornAdapter) -> bool:
    name = adapter.name
    if name not in layer.lora_A or name not in layer.active_adapters or layer.disable_adapters or layer.merged:
        return False
    return math.isclose(layer.scaling[name], adapter.scale * layer.lora_alpha[name] / layer.r[name], rel_tol=1e-6)


def _attach(pipeline: Any, adapter: Adapter, tensors: dict[str, Any]) -> None:
    """Load one adapter beside those there are, and compare what came into the denoiser with its file."""
    from peft.utils import get_peft_model_state_dict

    try:
        with quiet_libraries(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Already found a `peft_config`", UserWarning)  # a second adapter is what is wanted
            pipeline.load_lora_weights(dict(tensors), adapter_name=adapter.name)
    except (ValueError, RuntimeError, KeyError) as error:
        if is_out_of_memory(error):
            raise
        raise ModelError(
            f"The LoRA {adapter.path.name} does not fit this base model: {clause(error)}. Train the category again on it."
        ) from error
    part, denoiser = denoiser_of(pipeline)
    if adapter.name not in getattr(denoiser, "peft_config", {}):
        raise ModelError(f"The LoRA {adapter.path.name} matched no layer of this base model. Train the category again on it.")
    attached = {f"{part}.{name}": tensor for name, tensor in get_peft_model_state_dict(denoiser, adapter_name=adapter.name).items()}
    refuse_unless_as_stored(tensors, attached, adapter.path)


def _foreign(pipeline: Any, adapter: Adapter) -> dict[str, Any]:
    """A file in anybody's keys as tensors in this pipeline's: alpha, where it tells one, is in the matrices."""
    family = family_of_pipeline(type(pipeline).__name__)
    assert family is not None, f"a pipeline of no family: {type(pipeline).__name__}"
    part, denoiser = denoiser_of(pipeline)
    return read_foreign_lora(adapter.path, adapter.digest, family.name, dict(denoiser.config) if part == "unet" else None)
