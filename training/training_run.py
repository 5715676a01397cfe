"""One training under way: where it stands, the next step, validation, checkpoints, and exact resume after a kill at any moment.

Makes no files beside checkpoints; what is unusable (NaN, nothing learned) is refused here.
"""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from catalog.errors import TrainingError
from catalog.failpoint import failpoint
from catalog.preemption import Preempted, stop_point
from training.checkpoint import CheckpointMirror, CurvePoint, TrainingState, load_newest_checkpoint, save_checkpoint, with_prefix
from training.optimizers import build_optimizer, optimizer_tensors, restore_optimizer
from training.pace import Pace, in_words
from training.plan import TrainingPlan
from training.processes import Crew
from training.step_plan import learning_rate
from training.validation import fixed_validation, validation_loss
from training.weight_average import WeightAverage

MIN_IMPROVEMENT_SHARE = 0.01
"""A LoRA that lowers the held-out loss by less than 1 % has not learned its look; the demo's looks fall by half."""
MAX_GRADIENT_NORM = 1.0
"""Gradients are scaled down to this norm, so that one odd batch cannot throw the adapter off."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Progress:
    """A message to whoever watches: `step` of `steps` done, the step's training loss, and the newest held-out loss.

    `images_per_s` and `remaining_s` are from this process's own steps, whatever was done before it.
    """

    step: int
    steps: int
    train_loss: float
    validation_loss: float
    images_per_s: float
    remaining_s: float

    def __str__(self) -> str:
        losses = f"loss {self.train_loss:.4f}, held out {self.validation_loss:.4f}"
        return f"step {self.step} of {self.steps}, {losses}, {self.images_per_s:.3g} images/s, {in_words(self.remaining_s)} left"


class TrainingRun:
    """A training that stands somewhere between its first and its last step."""

    def __init__(self, plan: TrainingPlan, folder: Path, crew: Crew, mirror: CheckpointMirror | None) -> None:
        self.plan, self.settings, self.mirror = plan, plan.settings, mirror
        self.folder, self.crew, self.trainee = folder, crew, crew.trainee
        self.pace = Pace()
        self.optimizer = build_optimizer(self.settings, self.trainee.flat)
        self.average = None if self.settings.ema_decay is None else WeightAverage(self.settings.ema_decay, self.trainee.flat)
        self.problem = fixed_validation(crew.encoded, self.trainee.objective)
        self.state = self._resumed() or self._begun()

    def finish(self, on_progress: Callable[[Progress], None]) -> TrainingState:
        """Take all remaining steps. Raises TrainingError if what came out is unusable."""
        state, settings = self.state, self.settings
        try:
            while not self._is_done():
                stop_point()
                self._go_on(on_progress)
        except Preempted:
            self._stop()
        base_loss, lowest = state.curve[0].validation_loss, min(point.validation_loss for point in state.curve)
        if lowest > (1 - MIN_IMPROVEMENT_SHARE) * base_loss:
            raise TrainingError(
                f"The LoRA learned nothing: its held-out loss is {lowest:.4f} at best, the base model's {base_loss:.4f}, after "
                f"{state.step} steps with learning rate {settings.learning_rate:g}. Change `learning_rate` or allow more steps; "
                "no LoRA was written."
            )
        return state

    def _go_on(self, on_progress: Callable[[Progress], None]) -> None:
        """Take a step, keep it, and validate where that is due; a step of an earlier attempt that was not validated is validated only.

        Kept before it is validated: validation takes minutes on a large model, and a machine that is taken away leaves seconds.
        """
        state = self.state
        if not self._is_validation_due():
            loss = self._step()
            state.step += 1
            failpoint("training.stepped")
            state.losses_since_point.append(loss)
            if state.step % self.settings.checkpoint_every == 0:
                self._save()
                failpoint("training.saved")
        loss = state.losses_since_point[-1]
        if self._is_validation_due():
            self._validate()
            failpoint("training.validated")
            if self._is_done():
                self._save()
                failpoint("training.end_saved")
        on_progress(self._progress(loss))

    def _is_validation_due(self) -> bool:
        """Whether the step that was taken last is one to validate after, and no validation of it is known."""
        step, settings = self.state.step, self.settings
        return (step % settings.validate_every == 0 or step == settings.steps) and self.state.curve[-1].step < step

    def _is_done(self) -> bool:
        """All steps taken and validated, or as many validations without a new best as `early_stop` allows."""
        if self._is_validation_due():
            return False
        patience = self.settings.early_stop
        waited = sum(point.step > self.state.best_step for point in self.state.curve)
        return self.state.step >= self.settings.steps or (patience is not None and waited >= patience)

    def _progress(self, loss: float) -> Progress:
        state, settings, steps_left = self.state, self.settings, self.settings.steps - self.state.step
        validations = math.ceil(settings.steps / settings.validate_every) - math.ceil(state.step / settings.validate_every)
        return Progress(
            step=state.step,
            steps=settings.steps,
            train_loss=loss,
            validation_loss=state.curve[-1].validation_loss,
            images_per_s=self.pace.images_per_s(settings.batch_size) or 0.0,
            remaining_s=0.0 if self._is_done() else self.pace.remaining_s(steps_left, validations) or 0.0,
        )

    def _stop(self) -> NoReturn:
        """Keep a checkpoint of this very step, validated or not, and end: no step is taken twice."""
        if self.state.step > 0:
            self._save()
        raise Preempted(f"SIGTERM after step {self.state.step} of {self.settings.steps}: the next attempt goes on from there")

    def _step(self) -> float:
        import torch

        begun = time.perf_counter()
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.state.step, self.settings)
        flat = self.trainee.flat
        flat.grad.zero_()
        loss = self.crew.add_gradients(self.state.step)
        self._refuse_unless_finite(loss, "training")
        torch.nn.utils.clip_grad_norm_([flat], MAX_GRADIENT_NORM)
        self.optimizer.step()
        if self.average is not None:
            self.average.update(flat, self.state.step)
        self.pace.steps_s.append(time.perf_counter() - begun)
        return loss

    def _validate(self) -> None:
        """Measure what a file would hold now, the average where there is one, and keep it if it is the best so far.

        Raises Preempted, with the adapter as it was, once SIGTERM has come.
        """
        begun, state, now = time.perf_counter(), self.state, self.trainee.flat.detach().clone()
        kept = now if self.average is None else self.average.flat
        self.trainee.set_flat(kept)
        try:
            value = validation_loss(self.trainee, self.problem)
        finally:
            self.trainee.set_flat(now)
        self.pace.validations_s.append(time.perf_counter() - begun)
        self._refuse_unless_finite(value, "held-out")
        recent = state.losses_since_point
        state.curve.append(CurvePoint(step=state.step, train_loss=sum(recent) / len(recent) if recent else None, validation_loss=value))
        state.losses_since_point = []
        if value <= min(point.validation_loss for point in state.curve):  # the point just added included
            state.best_step = state.step
            state.tensors = {f"best/{name}": tensor for name, tensor in self.trainee.weights_of(kept).items()}

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
        """Keep a checkpoint: the adapter now, its average, what the optimizer knows, and the best weights so far."""
        tensors = {name: tensor for name, tensor in self.state.tensors.items() if name.startswith("best/")}
        tensors |= {f"adapter/{name}": tensor for name, tensor in self.trainee.copy_weights().items()}
        tensors |= {f"optimizer/{name}": tensor for name, tensor in optimizer_tensors(self.optimizer, self.trainee.flat).items()}
        if self.average is not None:
            tensors["average"] = self.average.flat.cpu().clone()
        self.state.tensors = tensors
        save_checkpoint(self.folder, self.plan.digest, self.state, self.mirror)

    def _resumed(self) -> TrainingState | None:
        state = load_newest_checkpoint(self.folder, self.plan.digest, self.mirror)
        if state is None:
            return None
        self.trainee.set_weights(with_prefix(state.tensors, "adapter/"))
        restore_optimizer(self.optimizer, self.trainee.flat, with_prefix(state.tensors, "optimizer/"))
        if self.average is not None:
            self.average.flat.copy_(state.tensors["average"])
        log.info("Resuming training %s after step %d of %d.", self.plan.digest[:12], state.step, self.settings.steps)
        return state
