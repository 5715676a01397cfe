"""What a contest of LoRAs measures of each: held-out losses at fixed noise, a handful of plates from fixed seeds, and their features.

Judges nothing; see contest.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from generation.base_model import BaseModel
from generation.plates import DiffusionPlates
from quality.learned import LearnedWeights, picture_embeddings
from training.champion import held_out_losses
from training.settings import LoraSettings
from training.texture_distance import Features, texture_features
from training.training_set import LookPicture, TrainingSet
from training.validation import JUDGING

Pixels = npt.NDArray[np.uint8]
PLATES = 8
"""Plates each entrant draws, prompted by the trigger alone: 0.3 CPU-s each with the embedded model."""
FIRST_SEED = 5200
"""The same seeds for all entrants of all times, so that pairs differ by their LoRA alone; none of the sample sheet's."""
FILL_RADIUS_PX = 3
HALF_LEVEL = 128


@dataclass(frozen=True, kw_only=True)
class LoraFile:
    """A LoRA to measure: where it is and its digest."""

    path: Path
    digest: str


@dataclass(frozen=True, kw_only=True)
class Entrant:
    """One LoRA's measurements: v-MSE by held-out picture and noise level, plates as uint8 sRGB, features by `feature_name` of each plate.

    `faults` say of each plate that is no picture what is wrong with it; such plates are not among the others, which then are not compared.
    """

    losses_NK: npt.NDArray[np.float64]
    plates: tuple[Pixels, ...]
    features_ND: Features
    feature_name: str
    faults: tuple[str, ...] = ()

    @property
    def loss(self) -> float:
        """Mean held-out loss."""
        return float(self.losses_NK.mean())

    @property
    def unfit(self) -> str:
        """Why nothing of it can be compared, in words; '' when all of it can. A NaN is neither more nor less than any number."""
        if self.faults:
            return told_faults(self.faults, len(self.plates) + len(self.faults))
        if not (np.isfinite(self.losses_NK).all() and (self.losses_NK > 0).all()):
            return "its held-out loss is no positive number on every picture"
        if not np.isfinite(self.features_ND).all():
            return f"its plates have no finite features for {self.feature_name}"
        return ""


@dataclass(frozen=True, kw_only=True)
class FeatureMeasure:
    """What plates are seen by: its name as a score, and the function from pictures to features (N, D)."""

    name: str
    of: Callable[[Sequence[Pixels]], Features]


def feature_measure(weights: LearnedWeights | None) -> FeatureMeasure:
    """DINOv2 where its weights are installed, else CLIP, else gradient statistics, which say in their name that nothing learned has looked."""
    families: tuple[Literal["dino", "clip"], ...] = ("dino", "clip")
    for family in families:
        if weights is not None and weights.folder(family) is not None:
            return FeatureMeasure(name=f"{family}_energy", of=partial(picture_embeddings, weights, family))
    return FeatureMeasure(name="gradient_energy", of=texture_features)


def look_pixels(picture: LookPicture) -> Pixels:
    """A held-out picture as plates are compared with it: what its mask leaves out (a product, say) is filled from around it (Telea 2004)."""
    if picture.mask_HW is None:
        return picture.pixels_HW3
    left_out_HW = np.where(picture.mask_HW < HALF_LEVEL, np.uint8(255), np.uint8(0))
    return np.asarray(cv2.inpaint(picture.pixels_HW3, left_out_HW, FILL_RADIUS_PX, cv2.INPAINT_TELEA), np.uint8)


def measured_entrants(
    settings: LoraSettings,
    training_set: TrainingSet,
    base_model: BaseModel,
    files: Sequence[LoraFile | None],
    features: FeatureMeasure,
    work_dir: Path,
    drawn_with: DiffusionPlates,
) -> tuple[Entrant, ...]:
    """Each LoRA (None: the base model alone) measured on today's held-out pictures.

    Losses are of `base_model`, which LoRAs are trained on; `drawn_with` draws the plates, as the shop's pictures are drawn, whichever LoRA it names.
    Raises ModelError for a file that does not fit.
    """
    losses = held_out_losses(settings, training_set, base_model, files, work_dir, JUDGING)
    found = []
    for file, losses_NK in zip(files, losses, strict=True):
        plates, faults = drawn_plates(drawn_with, file, training_set.trigger)
        seen = features.of(plates) if plates else np.empty((0, 0))
        found.append(Entrant(losses_NK=losses_NK, plates=plates, features_ND=seen, feature_name=features.name, faults=faults))
    return tuple(found)


def drawn_plates(drawn_with: DiffusionPlates, file: LoraFile | None, trigger: str) -> tuple[tuple[Pixels, ...], tuple[str, ...]]:
    """The plates that a LoRA draws from the seeds of all contests, and what is wrong with those that are no pictures.

    What another seed made of one of these is left out: plates of two LoRAs are compared seed by seed.
    """
    path, name = (None, None) if file is None else (file.path, file.digest)
    seeds = range(FIRST_SEED, FIRST_SEED + PLATES)
    drawn = replace(drawn_with, lora_path=path, lora_digest=name).draw_plates([trigger] * PLATES, seeds)
    plates = tuple(plate.pixels_HW3 for plate in drawn if plate.pixels_HW3 is not None and not plate.tries)
    faults = (str(plate.tries[0]["why"]) if plate.tries else plate.why for plate in drawn if plate.tries or plate.pixels_HW3 is None)
    return plates, tuple(faults)


def told_faults(faults: Sequence[str], count: int) -> str:
    """What is wrong with the plates of one LoRA, of which it drew `count`, in words."""
    return f"{len(faults)} of its {count} plates {'is no picture' if len(faults) == 1 else 'are no pictures'} ({faults[0]})"
