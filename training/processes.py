"""A step shared by several processes, one GPU (or CPU) each: every process computes the gradient of its share of the pictures.

The process that called keeps everything else: weights, optimizer, average, validation, checkpoints and files. It sends its weights out before
each step and gathers the gradients, which costs what an all-reduce does. So the others have no state: nothing of them is in a
checkpoint, they can be killed at any moment, and a resumed training is exact.

Plain torch.distributed, not accelerate: docs/decisions/0052-processes-without-accelerate.md.
"""

import logging
import os
import shutil
import signal
import tempfile
import threading
from datetime import timedelta
from multiprocessing import connection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from catalog.errors import TrainingError
from generation.base_model import load_pipeline, torch_threads
from training.determinism import deterministic
from training.gradients import add_gradients
from training.latents import Encoded, encode_training_set, encodings_below, let_go_of_encoders
from training.plan import TrainingPlan
from training.settings import LoraSettings, resolve_precision
from training.step_plan import step_samples
from training.timesteps import NoiseLevels, noise_levels
from training.trainee import Trainee, inject_adapter
from training.watched_processes import READY, WatchedProcesses

END = -1
"""In place of a step's number: there are no more."""
END_S = 10.0
PATIENCE = timedelta(hours=6)
"""The others wait this long for the next step; a validation of a large model takes minutes."""

log = logging.getLogger(__name__)


class Crew:
    """The processes of one training; with one process, this one alone. The others are started by the first step."""

    def __init__(self, plan: TrainingPlan, work_dir: Path, encoded: Encoded, trainee: Trainee) -> None:
        self.plan, self.work_dir, self.encoded, self.trainee = plan, work_dir, encoded, trainee
        self.levels = noise_levels(plan.settings, trainee.family, trainee.pipeline)
        self.others = WatchedProcesses()
        self.meeting: Path | None = None

    def add_gradients(self, step: int) -> float:
        """Add the gradients of a whole step to the trainee's; its loss. Raises TrainingError when another process is gone."""
        plan, trainee = self.plan, self.trainee
        if plan.settings.processes == 1:
            return _share(plan, step, self.encoded, self.levels, trainee, 0)
        if not self.others:
            self._start()
        when = f"at step {step + 1}"
        self.others.wait_for(lambda: _send_out(step, trainee, plan.settings), when)
        loss = _share(plan, step, self.encoded, self.levels, trainee, 0)
        return float(self.others.wait_for(lambda: _gather(loss, trainee), when))

    def _start(self) -> None:
        """Start the others, wait until each has loaded the model, and join them."""
        from torch import multiprocessing

        settings = self.plan.settings
        _check_devices(settings)
        self.meeting = Path(tempfile.mkdtemp(prefix="vitrine-training-")) / "meeting"
        context = multiprocessing.get_context("spawn")
        for number in range(1, settings.processes):
            self.others.start(context, _work, number, self.plan, self.work_dir, self.meeting)
        self.others.wait_until_ready()
        meeting = self.meeting
        self.others.wait_for(lambda: _join(settings, meeting, 0), "while they met")
        log.info("Training %s runs in %d processes.", self.plan.digest[:12], settings.processes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End the others: by word when all went well, else at once, as they may be waiting in the middle of a step."""
        try:
            if self.others:
                self._end(in_peace=kind is None)
        finally:
            if self.meeting is not None:
                shutil.rmtree(self.meeting.parent, ignore_errors=True)

    def _end(self, *, in_peace: bool) -> None:
        import torch.distributed as dist

        if in_peace:
            try:
                self.others.wait_for(lambda: dist.broadcast(_number(END, self.plan.settings, 0), src=0), "after the last step")
            except TrainingError as error:  # all steps are taken: what is gone is not missed
                log.warning("%s", error)
        self.others.end(END_S if in_peace else 0.0)
        if dist.is_initialized():
            if not in_peace and dist.get_backend() == "nccl":  # an exchange that never ends would be waited for
                dist.distributed_c10d._abort_process_group()
            else:
                dist.destroy_process_group()


def _share(plan: TrainingPlan, step: int, encoded: Encoded, levels: NoiseLevels, trainee: Trainee, number: int) -> float:
    """Gradients and loss of one process's share of a step: every `processes`-th sample."""
    samples = step_samples(plan, step, encoded, levels)
    return add_gradients(trainee, samples[number :: plan.settings.processes], plan.settings)


def _send_out(step: int, trainee: Trainee, settings: LoraSettings) -> None:
    """The number of a step and the weights, from process 0 to all others."""
    import torch.distributed as dist

    dist.broadcast(_number(step, settings, 0), src=0)
    dist.broadcast(trainee.flat.detach(), src=0)


def _gather(loss: float, trainee: Trainee) -> float:
    """All gradients and losses of a step, added up at process 0; the sum of the losses there."""
    import torch
    import torch.distributed as dist

    total = torch.tensor(loss, dtype=torch.float64, device=trainee.flat.device)
    dist.reduce(trainee.flat.grad, dst=0)
    dist.reduce(total, dst=0)
    return float(total)


def _work(number: int, plan: TrainingPlan, work_dir: Path, meeting: Path, sender: Any) -> None:
    """Another process's whole life: load, say so, and take its share of steps until told to end; or say why it cannot."""
    for sent in (signal.SIGTERM, signal.SIGINT):  # process 0 keeps a checkpoint first, then ends this one
        signal.signal(sent, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, args=(meeting.parent,), daemon=True).start()
    settings = plan.settings.model_copy(update={"device": _device(plan.settings, number)})
    with torch_threads(settings.threads), deterministic():
        try:
            pipeline = load_pipeline(plan.base_model, settings.threads, settings.device, float32=resolve_precision(settings) == "float32")
            encoded = encode_training_set(
                pipeline, plan.training_set, plan.base_model, encodings_below(work_dir), mask_floor=settings.mask_floor
            )
            let_go_of_encoders(pipeline, plan.base_model)
            trainee = inject_adapter(plan.base_model.behavior, pipeline, settings, plan.seed("init"))
            levels = noise_levels(settings, trainee.family, pipeline)
            sender.send(READY)
            _join(settings, meeting, number)
            _take_shares(number, plan, encoded, levels, trainee)
        except Exception as error:  # whatever it is, process 0 is to tell it
            sender.send(f"{type(error).__name__}: {error}")
            raise


def _take_shares(number: int, plan: TrainingPlan, encoded: Encoded, levels: NoiseLevels, trainee: Trainee) -> None:
    """Each step's share, until process 0 says that there are no more."""
    import torch
    import torch.distributed as dist

    while True:
        told = _number(END, plan.settings, number)
        dist.broadcast(told, src=0)
        if int(told) == END:
            break
        dist.broadcast(trainee.flat.detach(), src=0)
        trainee.flat.grad.zero_()
        _gather(_share(plan, int(told), encoded, levels, trainee, number), trainee)
    dist.destroy_process_group()
    assert torch.isfinite(trainee.flat).all()


def _join(settings: LoraSettings, meeting: Path, number: int) -> None:
    import torch
    import torch.distributed as dist

    if settings.device != "cpu":
        torch.cuda.set_device(number)
    backend = "gloo" if settings.device == "cpu" else "nccl"
    store = dist.FileStore(str(meeting), settings.processes)
    dist.init_process_group(backend, store=store, rank=number, world_size=settings.processes, timeout=PATIENCE)


def _number(value: int, settings: LoraSettings, number: int) -> Any:
    """A number as the tensor it is sent in."""
    import torch

    return torch.tensor(value, dtype=torch.int64, device=_device(settings, number))


def _device(settings: LoraSettings, number: int) -> str:
    return "cpu" if settings.device == "cpu" else f"cuda:{number}"


def missing_devices(settings: LoraSettings) -> str:
    """Which GPUs of those that a training asks for this machine lacks, in words; '' when it has them."""
    if settings.device == "cpu":
        return ""
    import torch

    count = torch.cuda.device_count()
    if count == 0:
        return f"`device` is {settings.device}, but torch sees no GPU here. Set `device: cpu`, or mend the driver."
    number = int(settings.device.partition(":")[2] or 0)
    if number >= count:
        return f"`device` is {settings.device}, but this machine has {count} GPUs, counted from 0. Name one that is there."
    if settings.processes > count:
        return f"`processes` is {settings.processes}, but this machine has {count} GPUs, and each process needs one. Lower it."
    return ""


def _check_devices(settings: LoraSettings) -> None:
    if lacking := missing_devices(settings):
        raise TrainingError(f"{lacking} Nothing was trained.")


def _end_with_parent(meeting_dir: Path) -> None:
    """A killed process 0 leaves nobody behind who waits for hours, and no folder."""
    from multiprocessing import parent_process

    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        shutil.rmtree(meeting_dir, ignore_errors=True)
        os._exit(1)
