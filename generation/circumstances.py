"""What a plate's bytes depend on beside its prompt, seed and batch: models, sampling, versions, device; recorded with each render.

Compares what was recorded with what is here now; draws nothing.
"""

import importlib.metadata
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from generation.adapter import denoiser_of
from generation.denoise import Sampling
from generation.resident import Resident

NAMES: Mapping[str, str] = {
    "base_model": "base model",
    "lora": "LoRA",
    "few_step": "few-step adapter",
    "steps": "sampler steps",
    "guidance": "guidance",
    "guided_share": "guided share of the steps",
    "step_cache": "step cache",
    "drawing": "drawing code",
    "torch": "torch",
    "diffusers": "diffusers",
    "device": "kind of device",
    "device_name": "device",
    "dtype": "number format",
    "weights": "storage of the weights",
    "compile": "compiled blocks",
    "attention": "attention",
    "threads": "CPU threads",
}
"""What is recorded, and what people call it."""


def circumstances(kept: Resident, *, lora_digest: str | None, sampling: Sampling, threads: int) -> dict[str, Any]:
    """The circumstances in which a loaded model draws now; plain data."""
    from generation.render import DRAWING_VERSION

    denoiser = denoiser_of(kept.pipeline)[1]
    return {
        "base_model": kept.base_model.digest,
        "lora": lora_digest,
        "steps": sampling.steps,
        "guidance": sampling.guidance,
        "guided_share": sampling.guided_share,
        "step_cache": sampling.step_cache,
        "drawing": DRAWING_VERSION,
        "torch": importlib.metadata.version("torch"),
        "diffusers": importlib.metadata.version("diffusers"),
        "device": kept.device,
        "device_name": device_name(kept.device),
        "dtype": str(denoiser.dtype).removeprefix("torch."),
        "weights": kept.execution.weights,
        "compile": kept.execution.compile or None,
        "attention": attention_of(denoiser),
        "threads": threads,
    }


def differing(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What is another now than when it was recorded, one sentence each."""
    return [f"{name}: {then.get(key)} then, {now.get(key)} now" for key, name in NAMES.items() if then.get(key) != now.get(key)]


def device_name(device: str) -> str:
    """The processor or GPU by its maker's name."""
    if device.startswith("cuda"):
        import torch

        return str(torch.cuda.get_device_name(device))
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def attention_of(denoiser: Any) -> str:
    """Which code computes attention: the class of its processors, and the backend that was chosen for them, if one was."""
    found = set()
    for module in denoiser.modules():
        processor = getattr(module, "processor", None)
        if processor is not None:
            backend = getattr(processor, "_attention_backend", None)
            found.add(type(processor).__name__ + (f" on {getattr(backend, 'value', backend)}" if backend else ""))
    return ", ".join(sorted(found)) or "none"
