"""Train one category's LoRA: steps, validation, checkpoints with exact resume, and the file, card and sample sheet that come out.

Killed at any moment and started again with the same inputs, it ends with the same LoRA bytes. Whether the LoRA replaces the one in use is
decided elsewhere; what is unusable (NaN, nothing learned, no layer matched) is refused here.
"""

import json
import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from catalog.errors import TrainingError
from catalog.failpoint import failpoint
from catalog.keys import digest_bytes
from catalog.preemption import Preempted, is_preempted
from generation.base_model import BaseModel, load_pipeline, torch_threads
from training.atomic_files import write_atomic
from training.checkpoint import CheckpointMirror, CurvePoint, TrainingState, load_newest_checkpoint, save_checkpoint
from training.latents import Encoded, encode_training_set
from training.lora_file import lora_bytes
from training.model_card import write_card
from training.plan import TrainingPlan, plan_training
from training.sample_sheet import before_after_sheet
from training.settings import LoraSettings
from training.step_plan import learning_rate, step_batch
from training.trainee import Trainee, inject_adapter, target_names
from training.training_set import TrainingSet
from training.validation import Validation, fixed_validation, validation_loss

__all__ = ["LoraSettings", "Progress", "TrainedLora", "train_lora"]

MIN_IMPROVEMENT_SHARE = 0.01
"""A LoRA that lowers the held-out loss by less than 1 % has not learned its look; the demo's looks fall by half."""
MAX_GRADIENT_NORM = 1.0
"""Gradients are scaled down to this norm, so that one odd batch cannot throw the adapter off."""
ADAM_BETAS = (0.9, 0.99)
"""A second moment of 0.99 forgets in 100 steps; the usual 0.999 remembers longer than a whole training lasts here."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Progress:
    """A message to whoever watches: `step` of `steps` done, the step's training loss, and the newest held-out loss."""

    step: int
    steps: int
    train_loss: float
    validation_loss: float


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
    card: str


def train_lora(
    settings: LoraSettings,
    training_set: TrainingSet,
    base_model: BaseModel,
    work_dir: Path,
    on_progress: Callable[[Progress], None] = lambda _: None,
    mirror: CheckpointMirror | None = None,
) -> TrainedLora:
    """Train a LoRA of `training_set`'s look on a base model, resuming from the newest whole checkpoint in `work_dir` or in `mirror`.

    `mirror` keeps checkpoints where they outlive this machine; None: `work_dir` alone.

    Raises TrainingError for settings that match no layer, a loss that is not finite, or a LoRA that hardly came below the base model's
    held-out loss; ModelError if the base model does not load.
    """
    plan = plan_training(settings, training_set, base_model)
    folder = work_dir / plan.digest[:16]
    with torch_threads(settings.threads), _deterministic():
        pipeline = load_pipeline(base_model, settings.threads, settings.device)
        encoded = encode_training_set(pipeline, training_set, base_model, folder / "latents.safetensors")
        trainee = inject_adapter(base_model.behavior, pipeline, settings, plan.seed("init"))
        state = _Run(plan, folder, trainee, encoded, mirror).finish(on_progress)
        data = _lora_file(state, plan)
        path, file_digest = folder / "lora.safetensors", digest_bytes(data)
        write_atomic(path, data)
        failpoint("training.lora_written")
        write_atomic(folder / "samples.webp", before_after_sheet(plan, path, file_digest))
        failpoint("training.sheet_written")
    card = write_card(plan, state, file_digest, layers=trainee.layers, truncated_prompts=encoded.truncated_prompts)
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
        layers=trainee.layers,
        best_step=state.best_step,
        curve=tuple(state.curve),
        sample_sheet=folder / "samples.webp",
        card=card,
    )


class _Run:
    """One training under way: where it stands, and what it needs to take the next step."""

    def __init__(self, plan: TrainingPlan, folder: Path, trainee: Trainee, encoded: Encoded, mirror: CheckpointMirror | None) -> None:
        import torch

        self.plan, self.settings, self.mirror = plan, plan.settings, mirror
        self.folder, self.trainee, self.encoded = folder, trainee, encoded
        self.optimizer = torch.optim.AdamW(
            list(trainee.parameters.values()), lr=self.settings.learning_rate, betas=ADAM_BETAS, weight_decay=0.0, foreach=False
        )
        self.problem: Validation = fixed_validation(encoded, trainee.objective)
        self.state = self._resumed() or self._begun()

    def finish(self, on_progress: Callable[[Progress], None]) -> TrainingState:
        """Take all remaining steps. Raises TrainingError if what came out is unusable."""
        state, settings = self.state, self.settings
        while state.step < settings.steps:
            if is_preempted():
                self._stop()
            loss = self._step()
            state.step += 1
            failpoint("training.stepped")
            state.losses_since_point.append(loss)
            if state.step % settings.validate_every == 0 or state.step == settings.steps:
                self._validate()
                failpoint("training.validated")
            if state.step % settings.checkpoint_every == 0 or state.step == settings.steps:
                self._save()
                failpoint("training.saved")
            on_progress(Progress(step=state.step, steps=settings.steps, train_loss=loss, validation_loss=state.curve[-1].validation_loss))
        base_loss, lowest = state.curve[0].validation_loss, min(point.validation_loss for point in state.curve)
        if lowest > (1 - MIN_IMPROVEMENT_SHARE) * base_loss:
            raise TrainingError(
                f"The LoRA learned nothing: its held-out loss is {lowest:.4f} at best, the base model's {base_loss:.4f}, after "
                f"{settings.steps} steps with learning rate {settings.learning_rate:g}. Change `learning_rate` or allow more steps; "
                "no LoRA was written."
            )
        return state

    def _stop(self) -> NoReturn:
        """Keep a checkpoint of this very step and end: no step is taken twice."""
        if self.state.step > 0:
            self._save()
        raise Preempted(f"SIGTERM after step {self.state.step} of {self.settings.steps}: the next attempt goes on from there")

    def _step(self) -> float:
        import torch

        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.state.step, self.settings)
        batch = step_batch(self.plan, self.state.step, self.encoded, self.trainee.objective)
        loss = self.trainee.loss(batch.latents_BChw, batch.noise_BChw, batch.timesteps_B, batch.prompts).mean()
        value = float(loss.detach())
        self._refuse_unless_finite(value, "training")
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(list(self.trainee.parameters.values()), MAX_GRADIENT_NORM)
        self.optimizer.step()
        return value

    def _validate(self) -> None:
        state = self.state
        value = validation_loss(self.trainee, self.problem)
        self._refuse_unless_finite(value, "held-out")
        recent = state.losses_since_point
        state.curve.append(CurvePoint(step=state.step, train_loss=sum(recent) / len(recent) if recent else None, validation_loss=value))
        state.losses_since_point = []
        if value <= min(point.validation_loss for point in state.curve):  # the point just added included
            state.best_step = state.step
            state.tensors = {f"best/{name}": tensor for name, tensor in self.trainee.copy_weights().items()}

    def _refuse_unless_finite(self, value: float, kind: str) -> None:
        if not math.isfinite(value):
            raise TrainingError(
                f"The {kind} loss became {value} at step {self.state.step + 1} of {self.settings.steps} with learning rate "
                f"{self.settings.learning_rate:g}. Lower `learning_rate`. Checkpoints before this step are kept; no LoRA was written."
            )

    def _begun(self) -> TrainingState:
        self.state = TrainingState(step=0, best_step=0, curve=[], losses_since_point=[], tensors={})
        self._validate()
        return self.state

    def _save(self) -> None:
        """Keep a checkpoint: the adapter now, its two Adam moments, and the best weights so far."""
        best = {name: tensor for name, tensor in self.state.tensors.items() if name.startswith("best/")}
        now = {f"adapter/{name}": tensor for name, tensor in self.trainee.copy_weights().items()}
        for name, parameter in self.trainee.parameters.items():
            kept = self.optimizer.state[parameter]
            now |= {f"{moment}/{name}": kept[moment].detach().cpu().contiguous() for moment in ("exp_avg", "exp_avg_sq")}
        self.state.tensors = best | now
        save_checkpoint(self.folder, self.plan.digest, self.state, self.mirror)

    def _resumed(self) -> TrainingState | None:
        import torch

        state = load_newest_checkpoint(self.folder, self.plan.digest, self.mirror)
        if state is None:
            return None
        self.trainee.set_weights(_with_prefix(state.tensors, "adapter/"))
        moments = {kind: _with_prefix(state.tensors, f"{kind}/") for kind in ("exp_avg", "exp_avg_sq")}
        for name, parameter in self.trainee.parameters.items():
            self.optimizer.state[parameter] = {
                "step": torch.tensor(float(state.step)),
                **{kind: tensors[name].to(parameter.device) for kind, tensors in moments.items()},
            }
        log.info("Resuming training %s after step %d of %d.", self.plan.digest[:12], state.step, self.settings.steps)
        return state


def _with_prefix(tensors: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _lora_file(state: TrainingState, plan: TrainingPlan) -> bytes:
    """The best weights as a LoRA file; its metadata says what it is, and nothing of when or where it was made."""
    import torch

    weights = _with_prefix(state.tensors, "best/")
    if not all(bool(torch.isfinite(tensor).all()) for tensor in weights.values()):
        raise TrainingError("The best weights are not finite. Lower `learning_rate`; no LoRA was written.")
    facts = {
        "format": "pt",
        "trigger": plan.training_set.trigger,
        "rank": str(plan.settings.rank),
        "alpha": str(plan.settings.rank),
        "target_modules": json.dumps(target_names(plan.base_model.behavior, plan.settings)),
        "best_step": str(state.best_step),
        "training": plan.digest,
        "training_set": plan.training_set.digest,
        "base_model": plan.base_model.digest,
    }
    return lora_bytes(weights, facts)


@contextmanager
def _deterministic() -> Iterator[None]:
    """Refuse kernels that give other sums each time while training; CUDA then needs CUBLAS_WORKSPACE_CONFIG=:4096:8 and says so."""
    import torch

    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
