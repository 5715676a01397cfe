"""Checkpoints of a LoRA training: everything that the next step depends on, written so that a kill at any moment loses no good one.

Tensors are safetensors, the rest is JSON; no pickle. The JSON is written last and names the digest of the tensors, so a checkpoint exists
once its JSON does. Random states are not kept: every step's randomness is derived from the training digest and the step number.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from training.atomic_files import PARTIAL_SUFFIX, write_atomic

KEEP = 2
"""Checkpoints kept: the newest, and the one before in case the newest turns out damaged."""


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """One point of a training curve: mean training loss since the point before (None at step 0), and the held-out loss; both v-MSE."""

    step: int
    train_loss: float | None
    validation_loss: float


@dataclass(kw_only=True)
class TrainingState:
    """Where a training stands after `step` steps; `tensors` are grouped by prefix: adapter/, best/, and one per optimizer moment."""

    step: int
    best_step: int
    curve: list[CurvePoint]
    losses_since_point: list[float]
    tensors: dict[str, Any] = field(repr=False)


def save_checkpoint(folder: Path, training_digest: str, state: TrainingState) -> None:
    """Write a checkpoint of `state`, then remove all but the newest two."""
    from safetensors.torch import save

    data = save(state.tensors)
    facts = {
        "training": training_digest,
        "step": state.step,
        "best_step": state.best_step,
        "curve": [asdict(point) for point in state.curve],
        "losses_since_point": state.losses_since_point,
        "tensors": hashlib.sha256(data).hexdigest(),
    }
    stem = f"step-{state.step:08d}"
    write_atomic(folder / f"{stem}.safetensors", data)
    write_atomic(folder / f"{stem}.json", json.dumps(facts, indent=1).encode())
    for old in sorted(folder.glob("step-*.json"))[:-KEEP]:
        old.unlink()
        old.with_suffix(".safetensors").unlink(missing_ok=True)


def load_newest_checkpoint(folder: Path, training_digest: str) -> TrainingState | None:
    """The newest checkpoint of this training that is whole, or None; a damaged one is passed over for the one before."""
    from safetensors.torch import load

    for leftover in folder.glob(f"*{PARTIAL_SUFFIX}"):
        leftover.unlink()
    for path in sorted(folder.glob("step-*.json"), reverse=True):
        try:
            facts = json.loads(path.read_bytes())
            data = path.with_suffix(".safetensors").read_bytes()
        except (OSError, ValueError):
            continue
        if facts.get("training") == training_digest and facts.get("tensors") == hashlib.sha256(data).hexdigest():
            return TrainingState(
                step=facts["step"],
                best_step=facts["best_step"],
                curve=[CurvePoint(**point) for point in facts["curve"]],
                losses_since_point=facts["losses_since_point"],
                tensors=load(data),
            )
    return None
