"""Checkpoints of a LoRA training: everything that the next step depends on, written so that a kill at any moment loses no good one.

Tensors are safetensors, the rest is JSON; no pickle. The JSON is written last and names the digest of the tensors, so a checkpoint exists
once its JSON does. Tensors are named by their content: the last step is kept twice, before its validation and after, and two workers at one
training can overwrite facts, but never mix facts with foreign tensors. Random states are not kept: every step's randomness is derived from the training digest and the step number.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from catalog.failpoint import failpoint
from training.atomic_files import PARTIAL_SUFFIX, write_atomic

log = logging.getLogger(__name__)

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
    """Where a training stands after `step` steps; `tensors` are grouped by prefix: adapter/, best/, average and optimizer/."""

    step: int
    best_step: int
    curve: list[CurvePoint]
    losses_since_point: list[float]
    tensors: dict[str, Any] = field(repr=False)


def with_prefix(tensors: dict[str, Any], prefix: str) -> dict[str, Any]:
    """The tensors of one group, by their names within it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


class CheckpointMirror(Protocol):
    """Files kept elsewhere than on this machine, so that a checkpoint outlives it; paths are relative, files appear whole."""

    def read(self, path: str) -> bytes | None:
        """A file's bytes, or None when there is none."""

    def write(self, path: str, data: bytes) -> None:
        """Write a file, in place of another one if there is one."""

    def remove(self, paths: Sequence[str]) -> None:
        """Remove files; those that are not there are no error."""

    def below(self, folder: str) -> list[str]:
        """Paths of all files below a folder."""


def save_checkpoint(folder: Path, training_digest: str, state: TrainingState, mirror: CheckpointMirror | None = None) -> None:
    """Write a checkpoint of `state`, then remove all but the newest two; to `mirror` too, when there is one."""
    from safetensors.torch import save

    data = save(state.tensors)
    facts = _sealed(
        {
            "training": training_digest,
            "step": state.step,
            "best_step": state.best_step,
            "curve": [asdict(point) for point in state.curve],
            "losses_since_point": state.losses_since_point,
            "tensors": hashlib.sha256(data).hexdigest(),
        }
    )
    name = tensors_name(state.step, hashlib.sha256(data).hexdigest())
    write_atomic(folder / name, data)
    failpoint("checkpoint.tensors_written")
    write_atomic(folder / f"step-{state.step:08d}.json", facts)
    failpoint("checkpoint.facts_written")
    _remove_old(folder, state.step, name)
    if mirror is not None:
        _mirror_checkpoint(mirror, training_digest, state.step, data, facts)


def _remove_old(folder: Path, step: int, name: str) -> None:
    """Remove all but the newest two, facts first, and what else was kept of this step; what cannot be removed stays and costs only space.

    Those of later steps do not count and stay until this training gets there: they were damaged when it began, or it would have begun there.
    """
    old = [path for path in sorted(folder.glob("step-*.json")) if path.stem <= f"step-{step:08d}"][:-KEEP]
    tensors = [path for facts in old for path in folder.glob(f"{facts.stem}-*.safetensors")]
    tensors += [path for path in folder.glob(f"step-{step:08d}-*.safetensors") if path.name != name]
    try:
        for facts in old:
            facts.unlink()
            failpoint("checkpoint.old_facts_removed")
        for path in tensors:
            path.unlink()
            failpoint("checkpoint.old_removed")
    except OSError as error:
        log.warning("The old checkpoint %s cannot be removed: %s. Training goes on.", error.filename, error.strerror)


def _mirror_checkpoint(mirror: CheckpointMirror, training_digest: str, step: int, data: bytes, facts: bytes) -> None:
    home = mirror_folder(training_digest)
    mirror.write(f"{home}/{tensors_name(step, hashlib.sha256(data).hexdigest())}", data)
    failpoint("mirror.tensors_written")
    mirror.write(f"{home}/step-{step:08d}.json", facts)
    failpoint("mirror.facts_written")
    there = mirror.below(home)
    mine = f"{home}/step-{step:08d}.json"
    kept = sorted(path for path in there if path.endswith(".json") and path <= mine)[-KEEP:]
    oldest = kept[0].removesuffix(".json")
    old = [path for path in there if path < oldest]
    mirror.remove([path for path in old if path.endswith(".json")])
    failpoint("mirror.old_facts_removed")
    mirror.remove([path for path in old if not path.endswith(".json")])


def forget_mirrored(mirror: CheckpointMirror, training_digest: str) -> None:
    """Remove a training's checkpoints from the mirror: it is finished and its file is kept elsewhere."""
    there = mirror.below(mirror_folder(training_digest))
    mirror.remove([path for path in there if path.endswith(".json")])
    failpoint("mirror.facts_forgotten")
    mirror.remove([path for path in there if not path.endswith(".json")])


def mirror_folder(training_digest: str) -> str:
    """Where a training's checkpoints lie in the mirror: under what is trained, not under who trains it."""
    return f"checkpoints/{training_digest}"


def tensors_name(step: int, tensors_digest: str) -> str:
    """The file beside `step-….json` that holds a checkpoint's tensors."""
    return f"step-{step:08d}-{tensors_digest[:16]}.safetensors"


def load_newest_checkpoint(folder: Path, training_digest: str, mirror: CheckpointMirror | None = None) -> TrainingState | None:
    """The newest checkpoint of this training that is whole, here or in the mirror, or None; a damaged one is passed over for the one before."""
    for leftover in folder.glob(f"*{PARTIAL_SUFFIX}"):
        leftover.unlink()
    found: list[tuple[str, Callable[[], TrainingState | None]]] = [
        (path.stem, partial(_load_local, path, training_digest)) for path in folder.glob("step-*.json")
    ]
    if mirror is not None:
        there = (path for path in mirror.below(mirror_folder(training_digest)) if path.endswith(".json"))
        found += [(PurePosixPath(path).stem, partial(_load_mirrored, mirror, path, training_digest)) for path in there]
    for _, load in sorted(found, key=lambda one: one[0], reverse=True):  # stable: of one step, the local one first
        state = load()
        if state is not None:
            return state
    return None


def _load_local(path: Path, training_digest: str) -> TrainingState | None:
    def read(name: str) -> bytes | None:
        try:
            return path.with_name(name).read_bytes()
        except OSError:
            return None

    return _loaded(read, path.name, training_digest)


def _load_mirrored(mirror: CheckpointMirror, path: str, training_digest: str) -> TrainingState | None:
    home, _, name = path.rpartition("/")
    return _loaded(lambda file: mirror.read(f"{home}/{file}"), name, training_digest)


def _loaded(read: Callable[[str], bytes | None], name: str, training_digest: str) -> TrainingState | None:
    """A checkpoint by the name of its facts; None when facts or tensors are missing, damaged, or of another training."""
    raw = read(name)
    facts = None if raw is None else _unsealed(raw)
    if facts is None or facts["training"] != training_digest:
        return None
    data = read(tensors_name(facts["step"], facts["tensors"]))
    return None if data is None else _state(facts, data)


def _state(facts: dict[str, Any], data: bytes) -> TrainingState | None:
    """The state that facts and tensors hold; None when these are not the tensors the facts name."""
    from safetensors.torch import load

    if facts["tensors"] != hashlib.sha256(data).hexdigest():
        return None
    return TrainingState(
        step=facts["step"],
        best_step=facts["best_step"],
        curve=[CurvePoint(**point) for point in facts["curve"]],
        losses_since_point=facts["losses_since_point"],
        tensors=load(data),
    )


def _sealed(facts: dict[str, Any]) -> bytes:
    """Facts as JSON with the digest of themselves."""
    return json.dumps({**facts, "seal": _seal(facts)}, indent=1).encode()


def _unsealed(raw: bytes) -> dict[str, Any] | None:
    """Facts whose seal is whole, without it; None when they are damaged."""
    try:
        facts: dict[str, Any] = json.loads(raw)
        seal = facts.pop("seal", None)
    except (ValueError, AttributeError):
        return None
    return facts if seal == _seal(facts) else None


def _seal(facts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
