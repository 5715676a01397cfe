"""The denoiser while a LoRA is trained on it: inject the adapter, predict under the chosen precision, move its weights in and out.

All adapter weights lie in one vector, and so do their gradients: clipping, the optimizer and averages each work on one tensor instead of
hundreds of small ones.

Knows nothing of data, steps or files, and of the model only what its family tells.

Shape legend: B batch, C latent channels, h and w latent cells.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from catalog.errors import TrainingError
from generation.adapter import ADAPTER_NAME
from generation.family import Family
from training.objective import Objective, objective_of
from training.samples import Sample
from training.settings import LoraSettings, resolve_precision
from training.target_layers import matching_layers, target_names


@dataclass(frozen=True, kw_only=True)
class Trainee:
    """A pipeline whose denoiser has a trainable adapter; `parameters` maps the adapter's names in a LoRA file to its live tensors.

    They are views into `flat`, a vector (float32) whose `grad` their gradients add up in. Without parameters it can only be measured, with
    whatever adapter is attached.
    """

    family: Family
    pipeline: Any
    parameters: dict[str, Any]
    flat: Any
    device: str
    autocast: bool
    objective: Objective = field(init=False)
    """What the denoiser is trained to predict: made once, as SDXL's is a schedule of its own."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "objective", objective_of(self.family, self.pipeline))

    @property
    def layers(self) -> int:
        """How many layers the adapter changes."""
        return len(self.parameters) // 2

    def loss(self, samples: Sequence[Sample]) -> Any:
        """Mean squared error of the prediction (noise, velocity or flow, as the model predicts) per sample, float32 (B,).

        Samples are of one shape. Where a sample has weights, it is the weighted mean over its cells, so that each picture counts the same
        however little of it is to be learned.
        """
        import torch

        latents, noise, timesteps = (
            torch.stack(tensors).to(self.device)
            for tensors in (
                [sample.latents_Chw for sample in samples],
                [sample.noise_Chw for sample in samples],
                [sample.timestep for sample in samples],
            )
        )
        joined = self.family.join([sample.prompt for sample in samples])
        told = {name: tensor.to(self.device) for name, tensor in joined.items()}
        objective = self.objective
        target = objective.target(latents, noise, timesteps)
        noisy = objective.noisy(latents, noise, timesteps)
        with torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=self.autocast), _without_notes_on_kernels():
            predicted = self.family.predict(self.pipeline, noisy, timesteps, told)
        squared_BChw = (predicted.float() - target).square()
        if all(sample.weight_hw is None for sample in samples):
            return squared_BChw.mean((1, 2, 3))
        everywhere = torch.ones(squared_BChw.shape[2:])
        weights = torch.stack([everywhere if sample.weight_hw is None else sample.weight_hw for sample in samples]).to(self.device)
        return (squared_BChw.mean(1) * weights).sum((1, 2)) / weights.sum((1, 2))

    def weights_of(self, flat: Any) -> dict[str, Any]:
        """A vector laid out like `flat` as weights by their names in a LoRA file: copies, float32 on the CPU."""
        sizes = [tensor.numel() for tensor in self.parameters.values()]
        pieces = flat.detach().float().cpu().split(sizes)
        return {name: piece.view(tensor.shape).clone() for (name, tensor), piece in zip(self.parameters.items(), pieces, strict=True)}

    def copy_weights(self) -> dict[str, Any]:
        """The adapter's weights now."""
        return self.weights_of(self.flat)

    def set_weights(self, weights: dict[str, Any]) -> None:
        """Put weights as `copy_weights` gives them back into the adapter."""
        self.set_flat(self.flat_of(weights))

    def flat_of(self, weights: dict[str, Any]) -> Any:
        """Weights as `copy_weights` gives them as one vector laid out like `flat`, on the CPU."""
        import torch

        assert weights.keys() == self.parameters.keys(), "weights of another adapter"
        return torch.cat([weights[name].reshape(-1) for name in self.parameters])

    def set_flat(self, flat: Any) -> None:
        """Put a vector laid out like `flat` into the adapter."""
        import torch

        with torch.no_grad():
            self.flat.copy_(flat)


@contextmanager
def _without_notes_on_kernels() -> Iterator[None]:
    """Run a block without torch's note that a norm with float32 weights has no fused kernel for bfloat16: under autocast none ever has."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Mismatch dtype between input and weight", category=UserWarning)
        yield


def inject_adapter(family: Family, pipeline: Any, settings: LoraSettings, seed: int) -> Trainee:
    """Add an adapter to the pipeline's denoiser: A small and random from `seed`, B zero, so that nothing changes before the first step.

    Raises TrainingError if a wanted layer name matches no layer, or the model predicts what no objective here has.
    """
    import torch
    from peft import LoraConfig

    objective_of(family, pipeline)
    denoiser = getattr(pipeline, family.denoiser_part)
    layers = matching_layers(_layers(denoiser), target_names(family, settings))
    denoiser.requires_grad_(False)
    family.prepare_for_training(pipeline, settings.device)
    autocast = resolve_precision(settings) == "bfloat16"
    if autocast:
        _round_once(denoiser)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        denoiser.add_adapter(
            LoraConfig(r=settings.rank, lora_alpha=settings.adapter_alpha, init_lora_weights="gaussian", target_modules=layers),
            adapter_name=ADAPTER_NAME,
        )
    if settings.gradient_checkpointing:
        _keep_fewer_activations(family, denoiser)
    parameters = {
        f"{family.denoiser_part}." + name.replace(f".{ADAPTER_NAME}.", "."): parameter
        for name, parameter in sorted(denoiser.named_parameters())
        if parameter.requires_grad
    }
    return Trainee(
        family=family,
        pipeline=pipeline,
        parameters=parameters,
        flat=_as_views_of_one_vector(list(parameters.values())),
        device=settings.device,
        autocast=autocast,
    )


def _as_views_of_one_vector(parameters: list[Any]) -> Any:
    """Lay parameters and their gradients into one vector each, float32, and return it; backward passes add to gradients in place."""
    import torch

    flat = torch.nn.Parameter(torch.cat([parameter.data.float().reshape(-1) for parameter in parameters]))
    flat.grad = torch.zeros_like(flat)
    start = 0
    for parameter in parameters:
        end = start + parameter.numel()
        parameter.data = flat.data[start:end].view(parameter.shape)
        parameter.grad = flat.grad[start:end].view(parameter.shape)
        start = end
    return flat


def _round_once(denoiser: Any) -> None:
    """Round frozen matrices to bfloat16 now: autocast would give the same numbers, but round all of them anew at each step."""
    import torch

    for module in denoiser.modules():
        if isinstance(module, torch.nn.Linear | torch.nn.Conv2d):
            module.to(torch.bfloat16)


def _keep_fewer_activations(family: Family, denoiser: Any) -> None:
    """Compute activations again in the backward pass instead of keeping them. Raises TrainingError where the model cannot."""
    if not getattr(denoiser, "_supports_gradient_checkpointing", False):
        raise TrainingError(f"The {family.denoiser_part} of family '{family.name}' has no gradient checkpointing. Set it to false.")
    denoiser.enable_gradient_checkpointing()


def _layers(denoiser: Any) -> list[str]:
    import torch

    return [name for name, module in denoiser.named_modules() if isinstance(module, torch.nn.Linear | torch.nn.Conv2d)]
