"""Measure finished LoRAs on today's held-out pictures, so that a new one can be compared with the one in use.

Decides nothing: which of them goes into use is contest.py's part.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from generation.adapter import attach_lora, detach_lora
from generation.base_model import BaseModel, load_pipeline, torch_threads
from generation.resident import release
from training.latents import encode_training_set, encodings_below, let_go_of_encoders
from training.settings import LoraSettings, resolve_precision
from training.trainee import Trainee
from training.training_set import TrainingSet
from training.validation import CHOOSING, Draw, fixed_validation, validation_losses

if TYPE_CHECKING:
    from training.entrants import LoraFile


def held_out_losses(
    settings: LoraSettings,
    training_set: TrainingSet,
    base_model: BaseModel,
    files: "Sequence[LoraFile | None]",
    work_dir: Path,
    draw: Draw = CHOOSING,
) -> list[npt.NDArray[np.float64]]:
    """Held-out losses of LoRA files (None: the base model alone), float64 (held-out pictures, noise levels of the draw) each.

    By the draw that trainings choose by, their mean is the number the trainer's curve holds. Comparable between LoRAs of one base model on one training set, because noise and
    timesteps are fixed. Raises ModelError when a file is not the LoRA of its digest, or does not fit the base model.
    """
    release()  # what was drawn with before would lie beside the pipeline that measures
    found = _losses(settings, training_set, base_model, files, work_dir, draw)
    release()  # and this one beside what is drawn with next
    return found


def _losses(
    settings: LoraSettings,
    training_set: TrainingSet,
    base_model: BaseModel,
    files: "Sequence[LoraFile | None]",
    work_dir: Path,
    draw: Draw,
) -> list[npt.NDArray[np.float64]]:
    """The losses; the pipeline ends with this function."""
    found, family = [], base_model.behavior
    with torch_threads(settings.threads):
        pipeline = load_pipeline(base_model, settings.threads, settings.device, float32=resolve_precision(settings) == "float32")
        encoded = encode_training_set(pipeline, training_set, base_model, encodings_below(work_dir), mask_floor=settings.mask_floor)
        let_go_of_encoders(pipeline, base_model)
        autocast = resolve_precision(settings) == "bfloat16"
        trainee = Trainee(family=family, pipeline=pipeline, parameters={}, flat=None, device=settings.device, autocast=autocast)
        problem = fixed_validation(encoded, trainee.objective, draw)
        for file in files:
            detach_lora(pipeline)
            if file is not None:
                attach_lora(pipeline, file.path, file.digest)
            family.prepare_for_training(pipeline, settings.device)
            found.append(np.asarray(validation_losses(trainee, problem), np.float64).reshape(-1, draw.levels))
    return found
