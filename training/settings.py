"""Settings of a LoRA training: what a person may choose, and what "auto" comes to on this machine.

The defaults are for the embedded base model on a CPU and were tuned by benchmarks/lora.py; docs/lora/ shows what they reach. Other models have
defaults of their own: presets.py.
"""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from catalog.training_preset import (
    Alpha,
    BatchSize,
    Decay,
    Density,
    Interval,
    LearningRate,
    LogitMean,
    LogitStd,
    Rank,
    Share,
    Shift,
    SnrGamma,
    Steps,
)

TRAINER_VERSION = 2
"""Bump when the same settings and data should give another LoRA; unfinished trainings then start over."""


SAME_STEPS = {
    "processes", "accumulation", "gradient_checkpointing", "threads", "validate_every", "checkpoint_every", "early_stop", "author", "license",
}  # fmt: skip
"""Settings that do not change what a step sees: its randomness does not follow them, so that trainings with and without them compare."""
PRODIGY_MIN_RATE = 0.1
"""Below, Prodigy's multiplier was meant as another optimizer's rate, and nothing would be learned."""


class LoraSettings(BaseModel):
    """How one LoRA is trained.

    `steps` optimizer steps of `batch_size` pictures; `rank` of every adapted layer; `target_modules` is a preset of the base model's
    family or the ends of layer names; `caption_dropout` is the share of samples trained with the trigger phrase alone; validation and checkpoints
    come every so many steps; `precision` "auto" is bfloat16 where the CPU computes in it, else float32. docs/how-to/training.md tells when
    to use which.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: Steps = 240
    rank: Rank = 8
    learning_rate: LearningRate = 6e-3
    batch_size: BatchSize = 4
    target_modules: str | tuple[str, ...] = "all"
    caption_dropout: Share = 0.5
    seed: int = Field(default=0, ge=0)
    validate_every: Interval = 60
    checkpoint_every: Interval = 60
    threads: int = Field(default=1, ge=1, le=256)
    device: str = Field(default="cpu", pattern=r"^(cpu|cuda(:\d+)?)$")
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    author: str = Field(default="", max_length=200)
    license: str = Field(default="", max_length=200)
    """Both are written into the file and change nothing else."""

    min_snr_gamma: SnrGamma | None = None
    """Weigh noise levels by min(SNR, gamma) (Hang et al. 2023; 5 is theirs); None: all the same. Diffusion models only."""
    timestep_density: Density = "auto"
    """How noise levels are drawn: "auto" is uniform for diffusion models and logit-normal for flows (Esser et al. 2024)."""
    logit_mean: LogitMean = 0.0
    logit_std: LogitStd = 1.0
    """Mean and standard deviation of the logit of the noise share, for logit-normal; a mean below 0 trains details more."""
    timestep_shift: Shift = "family"
    """Flows only: moves noise levels toward noise, s t / (1 + (s - 1) t); "family" shifts by resolution as the family draws, 1 not at all."""
    optimizer: Literal["adamw", "adamw8bit", "prodigy"] = "adamw"
    """AdamW; with states of 8 bits (bitsandbytes, for GPUs); or Prodigy, which finds the rate itself (Mishchenko and Defazio 2023)."""
    ema_decay: Decay | None = None
    """Validate and write an average of the weights over steps instead of the last ones: each step keeps this share of it."""
    early_stop: int | None = Field(default=None, ge=1)
    """End after so many validations in a row without a new lowest held-out loss; None: take all steps."""
    accumulation: int = Field(default=1, ge=1, le=256)
    """Parts that a step's batch is computed in, one after the other: less memory, the same step."""
    processes: int = Field(default=1, ge=1, le=64)
    """Processes that share each step's pictures, one GPU each (or on the CPU, each with `threads`); `batch_size` stays the whole step's."""
    gradient_checkpointing: bool = False
    """Compute activations again in the backward pass: a third slower, and a large model fits a smaller GPU."""

    aspects: Literal["square", "buckets"] = "square"
    """Pictures are cut to the square in their middle, or to the nearest of several aspects of about the same area."""
    mask_floor: Share = 0.0
    """How much a picture counts where its mask is black; 0: not at all."""
    alpha: Alpha | None = None
    """The adapter's update counts alpha / rank while it is trained; None: once, as with alpha = rank. The file has it worked in."""

    @property
    def adapter_alpha(self) -> float:
        """Alpha, also where it is left out."""
        return float(self.rank) if self.alpha is None else self.alpha

    @property
    def strength(self) -> float:
        """What the product of the adapter's matrices is multiplied by while it is trained."""
        return self.adapter_alpha / self.rank

    @model_serializer(mode="wrap")
    def _an_alpha_that_changes_nothing_is_not_told(self, as_usual: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """So that a training has one name, whether or not it was said that alpha equals the rank, and those of before there was an alpha keep theirs."""
        told: dict[str, Any] = as_usual(self)
        if self.strength == 1.0:
            told.pop("alpha", None)
        return told

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        parts = self.accumulation * self.processes
        if parts > self.batch_size:
            raise ValueError(
                f"accumulation x processes is {parts}, but a step has only batch_size={self.batch_size} pictures to part. Raise batch_size."
            )
        if self.processes > 1 and ":" in self.device:
            raise ValueError(
                f"device is {self.device}, one GPU, but processes is {self.processes}: set device: cuda, and each takes its own."
            )
        if self.optimizer == "prodigy" and self.learning_rate < PRODIGY_MIN_RATE:
            raise ValueError(
                f"Prodigy finds the learning rate itself and multiplies it by learning_rate={self.learning_rate:g}; set learning_rate: 1 "
                f"(at least {PRODIGY_MIN_RATE:g})."
            )
        return self


def resolve_precision(settings: LoraSettings) -> Literal["float32", "bfloat16"]:
    """The precision training computes in on this machine.

    Measured on the embedded model, CPU-ms per sample and step: with bfloat16 instructions 26 against 34 in float32; without them 74
    (AVX-512) and 464 (AVX2) against 35, because every product is then emulated. Hence "auto".
    """
    if settings.precision != "auto":
        return settings.precision
    import torch

    if settings.device != "cpu":
        return "bfloat16"
    found = torch.cpu.get_capabilities()
    return "bfloat16" if found.get("avx512_bf16") or found.get("amx_bf16") else "float32"
