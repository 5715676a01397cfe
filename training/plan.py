"""One training's plan: its inputs together with the digest that names it. Same digest, same LoRA bytes."""

import hashlib
from dataclasses import dataclass

from catalog.errors import TrainingError
from catalog.keys import digest
from generation.base_model import BaseModel
from training.settings import TRAINER_VERSION, LoraSettings, resolve_precision
from training.training_set import TrainingSet


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """Settings, data and base model of one training, with its digest and the precision it computes in on this machine."""

    settings: LoraSettings
    training_set: TrainingSet
    base_model: BaseModel
    precision: str
    digest: str

    def seed(self, purpose: str, number: int = 0) -> int:
        """A 63-bit seed for one purpose and number (a step, a round) of this training."""
        return int.from_bytes(hashlib.sha256(f"{self.digest}/{purpose}/{number}".encode()).digest()[:8], "big") >> 1


def plan_training(settings: LoraSettings, training_set: TrainingSet, base_model: BaseModel) -> TrainingPlan:
    """The plan of a training. Its digest also covers the library versions that its sums depend on.

    Raises TrainingError if the training set was cut for another size than the base model draws.
    """
    import diffusers
    import peft
    import torch

    if training_set.size_px != base_model.size_px:
        raise TrainingError(
            f"The training set is cut to {training_set.size_px} px, the base model draws {base_model.size_px} px. Build the training set "
            f"with size_px={base_model.size_px}."
        )
    precision = resolve_precision(settings)
    name = digest(
        {
            "trainer": TRAINER_VERSION,
            "settings": settings.model_dump(mode="json"),
            "precision": precision,
            "data": training_set.digest,
            "base_model": base_model.digest,
            "versions": [torch.__version__, diffusers.__version__, peft.__version__],
        }
    )
    return TrainingPlan(settings=settings, training_set=training_set, base_model=base_model, precision=precision, digest=name)
