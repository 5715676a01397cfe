"""Train one category's LoRA, from a look and a base model to the file, its card and its sample sheet.

Killed at any moment and started again with the same inputs, it ends with the same LoRA bytes. The steps are in training_run.py; whether the
LoRA replaces the one in use is decided elsewhere.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from catalog.errors import TrainingError
from catalog.failpoint import failpoint
from catalog.keys import digest_bytes
from generation.base_model import BaseModel, load_pipeline, torch_threads
from generation.lora_strength import worked_in
from generation.resident import release
from training.atomic_files import write_atomic
from training.checkpoint import CheckpointMirror, CurvePoint, TrainingState, with_prefix
from training.curve_picture import curve_picture
from training.determinism import deterministic
from training.latents import encode_training_set, encodings_below, let_go_of_encoders
from training.lora_file import lora_bytes
from training.lora_metadata import NOTHING_KNOWN, BaseOrigin, lora_metadata
from training.model_card import write_card
from training.plan import TrainingPlan, plan_training
from training.processes import Crew
from training.sample_sheet import before_after_sheet
from training.settings import LoraSettings, resolve_precision
from training.target_layers import target_names
from training.trainee import inject_adapter
from training.training_run import Progress, TrainingRun
from training.training_set import TrainingSet

__all__ = ["LoraSettings", "Progress", "TrainedLora", "train_lora"]


@dataclass(frozen=True, kw_only=True)
class TrainedLora:
    """A finished LoRA: its files, and the facts on its card.

    `path` is a safetensors file in diffusers keys, named by `digest`; `curve` starts at step 0, the base model itself; the file holds the
    weights of `best_step`, the lowest held-out loss.
    """

    path: Path
    digest: str
    trigger: str
    training_digest: str
    training_set_digest: str
    base_model_digest: str
    rank: int
    layers: int
    best_step: int
    curve: tuple[CurvePoint, ...]
    sample_sheet: Path
    curve_picture: Path
    card: str


def train_lora(
    settings: LoraSettings,
    training_set: TrainingSet,
    base_model: BaseModel,
    work_dir: Path,
    on_progress: Callable[[Progress], None] = lambda _: None,
    mirror: CheckpointMirror | None = None,
    origin: BaseOrigin = NOTHING_KNOWN,
) -> TrainedLora:
    """Train a LoRA of `training_set`'s look on a base model, resuming from the newest whole checkpoint in `work_dir` or in `mirror`.

    `mirror` keeps checkpoints where they outlive this machine; None: `work_dir` alone. `origin` is what the file says of the base model.

    Raises TrainingError for settings that match no layer, a loss that is not finite, or a LoRA that hardly came below the base model's
    held-out loss; ModelError if the base model does not load.
    """
    plan = plan_training(settings, training_set, base_model, origin)
    folder = work_dir / plan.digest[:16]
    with torch_threads(settings.threads), deterministic():
        learned = _learn(plan, folder, work_dir, on_progress, mirror)
        release()
        path, file_digest = folder / "lora.safetensors", digest_bytes(learned.data)
        write_atomic(path, learned.data)
        failpoint("training.lora_written")
        write_atomic(folder / "samples.webp", before_after_sheet(plan, path, file_digest))
        failpoint("training.sheet_written")
    state = learned.state
    write_atomic(folder / "curve.png", curve_picture(state.curve, state.best_step, f"LoRA: {training_set.trigger}"))
    failpoint("training.curve_written")
    card = write_card(plan, state, file_digest, layers=learned.layers, truncated_prompts=learned.truncated_prompts)
    write_atomic(folder / "card.md", card.encode())
    failpoint("training.card_written")
    return TrainedLora(
        path=path,
        digest=file_digest,
        trigger=training_set.trigger,
        training_digest=plan.digest,
        training_set_digest=training_set.digest,
        base_model_digest=base_model.digest,
        rank=settings.rank,
        layers=learned.layers,
        best_step=state.best_step,
        curve=tuple(state.curve),
        sample_sheet=folder / "samples.webp",
        curve_picture=folder / "curve.png",
        card=card,
    )


@dataclass(frozen=True, kw_only=True)
class _Learned:
    """What is left of a training when its pipeline is gone: where it ended, and the LoRA file's bytes."""

    state: TrainingState
    data: bytes
    layers: int
    truncated_prompts: int


def _learn(
    plan: TrainingPlan, folder: Path, work_dir: Path, on_progress: Callable[[Progress], None], mirror: CheckpointMirror | None
) -> _Learned:
    """All steps. The pipeline, optimizer and encodings end with this function, because a sheet is drawn with a pipeline of its own."""
    settings, base_model = plan.settings, plan.base_model
    release()  # what was drawn with before would lie beside the pipeline that is trained
    pipeline = load_pipeline(base_model, settings.threads, settings.device, float32=resolve_precision(settings) == "float32")
    encoded = encode_training_set(pipeline, plan.training_set, base_model, encodings_below(work_dir), mask_floor=settings.mask_floor)
    let_go_of_encoders(pipeline, base_model)
    trainee = inject_adapter(base_model.behavior, pipeline, settings, plan.seed("init"))
    with Crew(plan, work_dir, encoded, trainee) as crew:
        state = TrainingRun(plan, folder, crew, mirror).finish(on_progress)
    data = _lora_file(state, plan, str(pipeline.scheduler.config.get("prediction_type", "")))
    return _Learned(state=state, data=data, layers=trainee.layers, truncated_prompts=encoded.truncated_prompts)


def _lora_file(state: TrainingState, plan: TrainingPlan, prediction_type: str) -> bytes:
    """The best weights as a LoRA file; its metadata says what it is, and nothing of when or where it was made."""
    import torch

    weights = with_prefix(state.tensors, "best/")
    if not all(bool(torch.isfinite(tensor).all()) for tensor in weights.values()):
        raise TrainingError("The best weights are not finite. Lower `learning_rate`; no LoRA was written.")
    targets = target_names(plan.base_model.behavior, plan.settings)
    return lora_bytes(worked_in(weights, plan.settings.strength), lora_metadata(plan.file_facts(state.best_step, targets, prediction_type)))
