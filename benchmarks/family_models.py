"""One base model per family with random weights, built where it is to run: of its true size (true_sizes.yaml), or scaled down for a CPU.

Denoiser, autoencoder and scheduler of the real classes in their stock pipeline, so that our families' code finds what it finds elsewhere. Without
text encoders: what they make of a prompt is random here, too, of the true length. Nothing is written to disk; what comes out is colored noise.
"""

from collections.abc import Mapping
from contextlib import contextmanager
from typing import Any

from benchmarks.random_models import read_sizes
from generation.families import family_named

FAMILIES = ("sd", "sdxl", "flux2-klein", "z-image", "qwen-image-edit")
TEXT_PARTS = ("text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "processor", "safety_checker", "feature_extractor")
"""Parts of stock pipelines that are left out; a pipeline is built without those of them that it has."""


def sizes_of(family: str, *, small: bool = False) -> dict[str, Any]:
    """A family's row of true_sizes.yaml, with its scaled-down parts' values in place of the true ones if `small`."""
    told = read_sizes(family)
    changed = told.pop("small")
    if small:
        for part, values in changed.items():
            told[part] = told[part] | values
    return told


def build_pipeline(
    family: str, *, device: str = "cpu", small: bool = False, half: bool | None = None, lora_rank: int | None = None, seed: int = 0
) -> Any:
    """A stock pipeline of random weights, made on `device` ("meta": without any memory), in bfloat16 if `half` (None: on CUDA), else in float32.

    With `lora_rank` the denoiser wears a random LoRA in layers of its own on the family's attention, as LoRAs are worn in bfloat16.
    """
    import inspect

    import diffusers
    import torch

    told = sizes_of(family, small=small)
    scheduler, part = dict(told["scheduler"]), family_named(family).denoiser_part
    with torch.random.fork_rng(devices=[]), torch.device(device), _default_dtype(device.startswith("cuda") if half is None else half):
        torch.manual_seed(seed)
        parts = {part: _made(told[part], "UNet2DConditionModel"), "vae": _made(told["vae"], "AutoencoderKL")}
    stock = getattr(diffusers, told["pipeline"])
    absent = {name: None for name in TEXT_PARTS if name in inspect.signature(stock).parameters}
    parts["scheduler"] = getattr(diffusers, scheduler.pop("class"))(**scheduler)
    pipeline = stock(**parts, **absent, **told.get("pipeline_settings", {}))
    if lora_rank is not None:
        _wear_random_lora(pipeline, family, lora_rank, seed)
    return pipeline


def random_conditioning(family: str, pipeline: Any, *, small: bool = False, seed: int = 0) -> dict[str, Any]:
    """What a text encoder would have told the denoiser of one prompt: random numbers of the true shape, on the pipeline's device."""
    import torch

    told = sizes_of(family, small=small)["told"]
    denoiser = getattr(pipeline, family_named(family).denoiser_part)
    generator = torch.Generator("cpu").manual_seed(seed)
    shapes = {"prompt": (1, told["tokens"], told["width"])} | ({"pooled": (1, told["pooled"])} if "pooled" in told else {})
    return {name: torch.randn(shape, generator=generator).to(denoiser.device, denoiser.dtype) for name, shape in shapes.items()}


def parameters_of(pipeline: Any, family: str) -> int:
    """How many weights the denoiser has."""
    return sum(weight.numel() for weight in getattr(pipeline, family_named(family).denoiser_part).parameters())


def _made(settings: Mapping[str, Any], usual_class: str) -> Any:
    import diffusers

    values = dict(settings)
    return getattr(diffusers, values.pop("class", usual_class))(**values).eval().requires_grad_(False)


def _wear_random_lora(pipeline: Any, family: str, rank: int, seed: int) -> None:
    import torch
    from peft import LoraConfig

    behavior = family_named(family)
    denoiser = getattr(pipeline, behavior.denoiser_part)
    ends = tuple(f".{end}" for end in behavior.target_presets["attention"])
    # By their full names: FLUX.2's `to_out` is a layer in one kind of block and a list of layers in the other.
    layers = [name for name, layer in denoiser.named_modules() if isinstance(layer, torch.nn.Linear) and name.endswith(ends)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed + 1)
        denoiser.add_adapter(LoraConfig(r=rank, lora_alpha=rank, target_modules=layers, init_lora_weights=False))
    for name, weight in denoiser.named_parameters():
        if "lora_" in name:
            weight.data = weight.data.to(denoiser.device, denoiser.dtype)
    denoiser.requires_grad_(False)


@contextmanager
def _default_dtype(half: bool) -> Any:
    """New weights are made in bfloat16 if `half`: made in float32 first, the largest model would need twice its memory."""
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16 if half else torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
