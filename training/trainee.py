"""The denoiser while a LoRA is trained on it: inject the adapter, predict under the chosen precision, move its weights in and out.

Knows nothing of data, steps or files, and of the model only what its family tells.

Shape legend: B batch, C latent channels, h and w latent cells.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from catalog.errors import TrainingError
from generation.adapter import ADAPTER_NAME
from generation.family import Conditioning, Family
from training.objective import Objective, objective_of
from training.settings import LoraSettings, resolve_precision


@dataclass(frozen=True, kw_only=True)
class Trainee:
    """A pipeline whose denoiser has a trainable adapter; `parameters` maps the adapter's names in a LoRA file to its live tensors.

    Without parameters it can only be measured, with whatever adapter is attached.
    """

    family: Family
    pipeline: Any
    parameters: dict[str, Any]
    device: str
    autocast: bool

    @property
    def layers(self) -> int:
        """How many layers the adapter changes."""
        return len(self.parameters) // 2

    @property
    def objective(self) -> Objective:
        """What the denoiser is trained to predict."""
        return objective_of(self.family, self.pipeline)

    def loss(self, latents_BChw: Any, noise_BChw: Any, timesteps_B: Any, prompts: Sequence[Conditioning]) -> Any:
        """Mean squared error of the prediction (noise, velocity or flow, as the model predicts) per sample, float32 (B,)."""
        import torch

        latents, noise, timesteps = latents_BChw.to(self.device), noise_BChw.to(self.device), timesteps_B.to(self.device)
        told = {name: tensor.to(self.device) for name, tensor in self.family.join(prompts).items()}
        objective = self.objective
        target = objective.target(latents, noise, timesteps)
        noisy = objective.noisy(latents, noise, timesteps)
        with torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=self.autocast):
            predicted = self.family.predict(self.pipeline, noisy, timesteps, told)
        return (predicted.float() - target).square().mean((1, 2, 3))

    def copy_weights(self) -> dict[str, Any]:
        """The adapter's weights now, float32 on the CPU, by their names in a LoRA file."""
        return {name: tensor.detach().float().cpu().clone() for name, tensor in self.parameters.items()}

    def set_weights(self, weights: dict[str, Any]) -> None:
        """Put weights as `copy_weights` gives them back into the adapter."""
        import torch

        assert weights.keys() == self.parameters.keys(), "weights of another adapter"
        with torch.no_grad():
            for name, tensor in self.parameters.items():
                tensor.copy_(weights[name])


def inject_adapter(family: Family, pipeline: Any, settings: LoraSettings, seed: int) -> Trainee:
    """Add an adapter to the pipeline's denoiser: A small and random from `seed`, B zero, so that nothing changes before the first step.

    Raises TrainingError if a wanted layer name matches no layer, or the model predicts what no objective here has.
    """
    import torch
    from peft import LoraConfig

    objective_of(family, pipeline)
    denoiser = getattr(pipeline, family.denoiser_part)
    layers = _layers_to_adapt(denoiser, target_names(family, settings))
    denoiser.requires_grad_(False)
    family.prepare_for_training(pipeline, settings.device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        denoiser.add_adapter(
            LoraConfig(r=settings.rank, lora_alpha=settings.rank, init_lora_weights="gaussian", target_modules=layers),
            adapter_name=ADAPTER_NAME,
        )
    parameters = {
        f"{family.denoiser_part}." + name.replace(f".{ADAPTER_NAME}.", "."): parameter
        for name, parameter in sorted(denoiser.named_parameters())
        if parameter.requires_grad
    }
    for parameter in parameters.values():
        parameter.data = parameter.data.float()
    return Trainee(
        family=family,
        pipeline=pipeline,
        parameters=parameters,
        device=settings.device,
        autocast=resolve_precision(settings) == "bfloat16",
    )


def target_names(family: Family, settings: LoraSettings) -> tuple[str, ...]:
    """The ends of the names of the layers to adapt. Raises TrainingError for a preset that the family does not have."""
    if not isinstance(settings.target_modules, str):
        return settings.target_modules
    if settings.target_modules not in family.target_presets:
        raise TrainingError(
            f"Family '{family.name}' has no preset {settings.target_modules!r} of layers; it has {', '.join(sorted(family.target_presets))}. "
            "Correct `target_modules`, or name the ends of layers; nothing was trained."
        )
    return family.target_presets[settings.target_modules]


def _layers_to_adapt(denoiser: Any, targets: tuple[str, ...]) -> list[str]:
    """Full names of the layers whose names end so. Raises TrainingError for an end that no layer has.

    Full, because an end may be the name of a layer in one block and of a list of layers in another (`to_out` in FLUX.2), and peft refuses lists.
    """
    import torch

    layers = [name for name, module in denoiser.named_modules() if isinstance(module, torch.nn.Linear | torch.nn.Conv2d)]
    matched = {end: [name for name in layers if name == end or name.endswith(f".{end}")] for end in targets}
    missing = [end for end, names in matched.items() if not names]
    if missing or not targets:
        ends = sorted({name.rsplit(".", 1)[-1] for name in layers})
        raise TrainingError(
            f"The LoRA would match no layer for {missing or 'an empty list'}: the base model's layers end in {', '.join(ends)}. "
            "Correct `target_modules`; nothing was trained."
        )
    return sorted({name for names in matched.values() for name in names})
