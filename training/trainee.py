"""The UNet while a LoRA is trained on it: inject the adapter, predict under the chosen precision, move its weights in and out.

Knows nothing of data, steps or files.

Shape legend: B batch, C latent channels, h and w latent cells, T tokens, D embedding width.
"""

from dataclasses import dataclass
from typing import Any

from catalog.errors import TrainingError
from generation.adapter import ADAPTER_NAME, UNET_PREFIX
from training.settings import LoraSettings, resolve_precision


@dataclass(frozen=True, kw_only=True)
class Trainee:
    """A pipeline whose UNet has a trainable adapter; `parameters` maps the adapter's names in a LoRA file to its live tensors.

    Without parameters it can only be measured, with whatever adapter is attached.
    """

    pipeline: Any
    parameters: dict[str, Any]
    device: str
    autocast: bool

    @property
    def layers(self) -> int:
        """How many layers the adapter changes."""
        return len(self.parameters) // 2

    def v_loss(self, latents_BChw: Any, noise_BChw: Any, timesteps_B: Any, prompts_BTD: Any) -> Any:
        """Mean squared error of the predicted velocity (Salimans and Ho 2022, v-prediction) per sample, float32 (B,)."""
        import torch

        scheduler = self.pipeline.scheduler
        latents, noise = latents_BChw.to(self.device), noise_BChw.to(self.device)
        timesteps, prompts = timesteps_B.to(self.device), prompts_BTD.to(self.device)
        target = scheduler.get_velocity(latents, noise, timesteps)
        noisy = scheduler.add_noise(latents, noise, timesteps)
        with torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=self.autocast):
            predicted = self.pipeline.unet(noisy, timesteps, prompts).sample
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


def inject_adapter(pipeline: Any, settings: LoraSettings, seed: int) -> Trainee:
    """Add an adapter to the pipeline's UNet: A small and random from `seed`, B zero, so that nothing changes before the first step.

    Raises TrainingError if a wanted layer name matches no layer, or the model does not predict velocity.
    """
    import torch
    from peft import LoraConfig

    if pipeline.scheduler.config.prediction_type != "v_prediction":
        raise TrainingError(
            f"The base model predicts {pipeline.scheduler.config.prediction_type}; this trainer supports "
            "v_prediction. Choose another model."
        )
    unet = pipeline.unet
    _check_targets(unet, settings)
    unet.requires_grad_(False)
    prefer_eager_attention(pipeline, settings)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        unet.add_adapter(
            LoraConfig(
                r=settings.rank, lora_alpha=settings.rank, init_lora_weights="gaussian", target_modules=list(settings.target_names)
            ),
            adapter_name=ADAPTER_NAME,
        )  # fmt: skip
    parameters = {
        UNET_PREFIX + name.replace(f".{ADAPTER_NAME}.", "."): parameter
        for name, parameter in sorted(unet.named_parameters())
        if parameter.requires_grad
    }
    for parameter in parameters.values():
        parameter.data = parameter.data.float()
    return Trainee(
        pipeline=pipeline,
        parameters=parameters,
        device=settings.device,
        autocast=resolve_precision(settings) == "bfloat16",
    )


def prefer_eager_attention(pipeline: Any, settings: LoraSettings) -> None:
    """Use plain attention on a CPU: the backward pass of the fused one costs 31 ms against 26 per sample and step there.

    Measured on the embedded model in bfloat16. Running GroupNorm contiguous in a channels-last model, known to speed up full training, was
    measured too (25 to 28 ms) and is not worth its code.
    """
    from diffusers.models.attention_processor import AttnProcessor

    if settings.device == "cpu":
        pipeline.unet.set_attn_processor(AttnProcessor())


def _check_targets(unet: Any, settings: LoraSettings) -> None:
    import torch

    layers = [name for name, module in unet.named_modules() if isinstance(module, torch.nn.Linear | torch.nn.Conv2d)]
    missing = [end for end in settings.target_names if not any(name == end or name.endswith(f".{end}") for name in layers)]
    if missing or not settings.target_names:
        ends = sorted({name.rsplit(".", 1)[-1] for name in layers})
        raise TrainingError(
            f"The LoRA would match no layer for {missing or 'an empty list'}: the base model's layers end in {', '.join(ends)}. "
            "Correct `target_modules`; nothing was trained."
        )
