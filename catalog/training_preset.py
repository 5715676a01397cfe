"""What a base model is trained well with: the part of the trainer's settings that a models.yaml entry, or its family, may give defaults for.

Plain data with the ranges that the trainer itself holds; which value is in force is decided by training/presets.py.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Steps = Annotated[int, Field(ge=1, le=100_000)]
BatchSize = Annotated[int, Field(ge=1, le=256)]
LearningRate = Annotated[float, Field(gt=0, le=1)]
Rank = Annotated[int, Field(ge=1, le=256)]
Alpha = Annotated[float, Field(gt=0, le=1024)]
Share = Annotated[float, Field(ge=0, le=1)]
SnrGamma = Annotated[float, Field(gt=0, le=100)]
Density = Literal["auto", "uniform", "logit-normal"]
LogitMean = Annotated[float, Field(ge=-5, le=5)]
LogitStd = Annotated[float, Field(gt=0, le=5)]
Shift = Literal["family"] | Annotated[float, Field(ge=0.1, le=20)]
Decay = Annotated[float, Field(gt=0, lt=1)]
Interval = Annotated[int, Field(ge=1)]


class TrainingPreset(BaseModel):
    """Defaults of LoRA trainings on one base model or family; what is left out is left to the next wider default.

    Each means what it means under `training:` in vitrine.yaml (docs/how-to/training.md). A `null` that is written switches something off
    that the family switches on (`min_snr_gamma: null`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: Steps | None = None
    batch_size: BatchSize | None = None
    learning_rate: LearningRate | None = None
    rank: Rank | None = None
    alpha: Alpha | None = None
    target_modules: str | tuple[str, ...] | None = None
    caption_dropout: Share | None = None
    min_snr_gamma: SnrGamma | None = None
    timestep_density: Density | None = None
    logit_mean: LogitMean | None = None
    logit_std: LogitStd | None = None
    timestep_shift: Shift | None = None
    ema_decay: Decay | None = None
    gradient_checkpointing: bool | None = None
    validate_every: Interval | None = None
    checkpoint_every: Interval | None = None
