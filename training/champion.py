"""Measure a finished LoRA on today's held-out pictures, so that a new one can be compared with the one in use.

Decides nothing: which of the two goes into use is the asset's part.
"""

from pathlib import Path

from generation.adapter import attach_lora
from generation.base_model import BaseModel, load_pipeline, torch_threads
from training.latents import encode_training_set, encodings_below
from training.settings import LoraSettings, resolve_precision
from training.trainee import Trainee
from training.training_set import TrainingSet
from training.validation import fixed_validation, validation_loss


def held_out_loss(
    settings: LoraSettings, training_set: TrainingSet, base_model: BaseModel, lora_path: Path, lora_digest: str, work_dir: Path
) -> float:
    """Held-out loss of a LoRA file on a training set's held-out pictures: the number the trainer's curve holds, v-MSE.

    Comparable between LoRAs of one base model on one training set, because noise and timesteps are fixed. Raises ModelError when the
    file is not the LoRA of that digest, or does not fit the base model.
    """
    with torch_threads(settings.threads):
        pipeline = load_pipeline(base_model, settings.threads, settings.device)
        encoded = encode_training_set(pipeline, training_set, base_model, encodings_below(work_dir), mask_floor=settings.mask_floor)
        attach_lora(pipeline, lora_path, lora_digest)
        family = base_model.behavior
        family.prepare_for_training(pipeline, settings.device)
        autocast = resolve_precision(settings) == "bfloat16"
        trainee = Trainee(family=family, pipeline=pipeline, parameters={}, flat=None, device=settings.device, autocast=autocast)
        return validation_loss(trainee, fixed_validation(encoded, trainee.objective))
