"""One training's plan: its inputs together with the digest that names it. Same digest, same LoRA bytes."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from catalog.errors import TrainingError
from catalog.keys import digest
from generation.base_model import BaseModel
from training.lora_metadata import NOTHING_KNOWN, BaseOrigin, LoraFacts
from training.settings import SAME_STEPS, TRAINER_VERSION, LoraSettings, resolve_precision
from training.training_set import TrainingSet


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """Settings, data and base model of one training, with its digest and the precision it computes in on this machine."""

    settings: LoraSettings
    training_set: TrainingSet
    base_model: BaseModel
    precision: str
    digest: str
    stream: str
    """Names the randomness: as `digest`, but the same for trainings that only compute the same steps in another way."""
    versions: Mapping[str, str]
    """Of the libraries that its sums depend on."""
    origin: BaseOrigin

    def seed(self, purpose: str, number: int = 0) -> int:
        """A 63-bit seed for one purpose and number (a step, a round) of this training."""
        return int.from_bytes(hashlib.sha256(f"{self.stream}/{purpose}/{number}".encode()).digest()[:8], "big") >> 1

    def file_facts(self, best_step: int, targets: tuple[str, ...], prediction_type: str) -> LoraFacts:
        """What the LoRA file of this training says of itself; `targets` are the ends of its layers' names, `prediction_type` is the scheduler's ('': none)."""
        settings, data, base_model = self.settings, self.training_set, self.base_model
        return LoraFacts(
            family=base_model.family,
            latent_channels=base_model.latent_channels,
            trigger=data.trigger,
            size_px=data.size_px,
            rank=settings.rank,
            alpha=settings.adapter_alpha,
            targets=targets,
            prompts=tuple(picture.prompt for picture in data.train),
            best_step=best_step,
            steps=settings.steps,
            batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
            seed=settings.seed,
            caption_dropout=settings.caption_dropout,
            settings=settings.model_dump(mode="json"),
            precision=self.precision,
            training_digest=self.digest,
            data_digest=data.digest,
            base_digest=base_model.digest,
            base=self.origin,
            prediction_type=prediction_type,
            author=settings.author,
            license=settings.license,
            versions=self.versions,
        )


def plan_training(
    settings: LoraSettings, training_set: TrainingSet, base_model: BaseModel, origin: BaseOrigin = NOTHING_KNOWN
) -> TrainingPlan:
    """The plan of a training. Its digest also covers the library versions that its sums depend on.

    Raises TrainingError if the training set was cut for another size than the base model draws.
    """
    import diffusers
    import peft
    import torch
    import transformers

    if training_set.size_px != base_model.size_px:
        raise TrainingError(
            f"The training set is cut to {training_set.size_px} px, the base model draws {base_model.size_px} px. Build the training set "
            f"with size_px={base_model.size_px}."
        )
    precision = resolve_precision(settings)
    versions = {"torch": str(torch.__version__), "diffusers": diffusers.__version__, "peft": peft.__version__}
    versions["transformers"] = transformers.__version__
    inputs = {
        "trainer": TRAINER_VERSION,
        "precision": precision,
        "data": training_set.digest,
        "base_model": base_model.digest,
        "versions": list(versions.values()),
    }
    told = {"settings": settings.model_dump(mode="json"), "origin": asdict(origin)}
    return TrainingPlan(
        settings=settings,
        training_set=training_set,
        base_model=base_model,
        precision=precision,
        digest=digest(inputs | told),
        stream=digest(inputs | {"settings": settings.model_dump(mode="json", exclude=SAME_STEPS)}),
        versions=versions,
        origin=origin,
    )
