"""A step shared by several processes, one GPU (or CPU) each: every process computes the gradient of its share of the pictures.

The process that called keeps everything else: weights, optimizer, average, validation, checkpoints and files. It sends its weights out before
each step and gathers the gradients, which costs what an all-reduce does. So the others have no state: nothing of them is in a
checkpoint, they can be killed at any moment, and a resumed training is exact.

Plain torch.distributed, not accelerate's launcher: its state is one per process and read from the environment, while one worker here trains
category after category and is started by an orchestrator.
"""

import logging
import os
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
from training.latents import Encoded, encode_training_set, encodings_below
from training.plan import TrainingPlan
from training.settings import LoraSettings
from training.step_plan import step_samples
from training.timesteps import NoiseLevels, noise_levels
from training.trainee import Trainee, inject_adapter

END = -1
"""In place of a step's number: there are no more."""
READY = "ready"
PATIENCE = timedelta(hours=6)
"""The others wait this long for the next step; a validation of a large model takes minutes."""
END_S = 10.0

log = logging.getLogger(__name__)


class Crew:
    """The processes of one training; with one process, this one alone. The others are started by the first step."""

    def __init__(self, plan: TrainingPlan, work_dir: Path, encoded: Encoded, trainee: Trainee) -> None:
        self.plan, self.work_dir, self.encoded, self.trainee = plan, work_dir, encoded, trainee
        self.levels = noise_levels(plan.settings, trainee.family, trainee.pipeline)
        self.others: list[Any] = []

    def add_gradients(self, step: int) -> float:
        """Add the gradients of a whole step to the trainee's; its loss. Raises TrainingError when another process is gone."""
        if self.plan.settings.processes == 1:
            return _share(self.plan, step, self.encoded, self.levels, self.trainee, 0)
        try:
            if not self.others:
                self._start()
            return _step_together(self.plan, step, self.encoded, self.levels, self.trainee, 0)
        except RuntimeError as error:
            raise TrainingError(
                f"A process of this training ended at step {step + 1}: {error}. The log above says why (out of memory?). The next attempt "
                "goes on after the last checkpoint."
            ) from error

    def _start(self) -> None:
        """Start the others, wait until each has loaded the model, and join them."""
        from torch import multiprocessing

        settings = self.plan.settings
        _check_devices(settings)
        meeting = Path(tempfile.mkdtemp(prefix="vitrine-training-")) / "meeting"
        context = multiprocessing.get_context("spawn")
        pipes = [context.Pipe(duplex=False) for _ in range(1, settings.processes)]
        for number, (_, sender) in enumerate(pipes, start=1):
            other = context.Process(target=_work, args=(number, self.plan, self.work_dir, meeting, sender), daemon=True)
            other.start()
            sender.close()
            self.others.append(other)
        for other, (receiver, _) in zip(self.others, pipes, strict=True):
            connection.wait([receiver, other.sentinel])
            told = receiver.recv() if receiver.poll() else f"it ended with exit code {other.exitcode}"
            if told != READY:
                raise TrainingError(f"A process of this training could not begin: {told}. Nothing was trained.")
        _join(settings, meeting, 0)
        log.info("Training %s runs in %d processes.", self.plan.digest[:12], settings.processes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End the others: by word when all went well, else at once, as they may be waiting in the middle of a step."""
        if not self.others:
            return
        import torch.distributed as dist

        if kind is None:
            dist.broadcast(_number(END, self.plan.settings, 0), src=0)
            for other in self.others:
                other.join(END_S)
        for other in self.others:
            other.kill()
            other.join()
        if dist.is_initialized():
            dist.destroy_process_group()


def _share(plan: TrainingPlan, step: int, encoded: Encoded, levels: NoiseLevels, trainee: Trainee, number: int) -> float:
    """Gradients and loss of one process's share of a step: every `processes`-th sample."""
    samples = step_samples(plan, step, encoded, levels)
    return add_gradients(trainee, samples[number :: plan.settings.processes], plan.settings)


def _step_together(plan: TrainingPlan, step: int, encoded: Encoded, levels: NoiseLevels, trainee: Trainee, number: int) -> float:
    """One step from any process's side: weights go out, gradients and losses come in at process 0."""
    import torch
    import torch.distributed as dist

    if number == 0:
        dist.broadcast(_number(step, plan.settings, 0), src=0)
    dist.broadcast(trainee.flat.detach(), src=0)
    loss = torch.tensor(_share(plan, step, encoded, levels, trainee, number), dtype=torch.float64, device=trainee.flat.device)
    dist.reduce(trainee.flat.grad, dst=0)
    dist.reduce(loss, dst=0)
    return float(loss)


def _work(number: int, plan: TrainingPlan, work_dir: Path, meeting: Path, sender: Any) -> None:
    """Another process's whole life: load, say so, and take its share of steps until told to end."""
    import torch
    import torch.distributed as dist

    for sent in (signal.SIGTERM, signal.SIGINT):  # process 0 keeps a checkpoint first, then ends this one
        signal.signal(sent, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    settings = plan.settings.model_copy(update={"device": _device(plan.settings, number)})
    with torch_threads(settings.threads), deterministic():
        try:
            pipeline = load_pipeline(plan.base_model, settings.threads, settings.device)
            encoded = encode_training_set(
                pipeline, plan.training_set, plan.base_model, encodings_below(work_dir), mask_floor=settings.mask_floor
            )
            trainee = inject_adapter(plan.base_model.behavior, pipeline, settings, plan.seed("init"))
            levels = noise_levels(settings, trainee.family, pipeline)
        except Exception as error:  # whatever it is, process 0 is to tell it
            sender.send(f"{type(error).__name__}: {error}")
            raise
        sender.send(READY)
        _join(settings, meeting, number)
        while True:
            told = _number(END, plan.settings, number)
            dist.broadcast(told, src=0)
            if int(told) == END:
                break
            trainee.flat.grad.zero_()
            _step_together(plan, int(told), encoded, levels, trainee, number)
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


def _check_devices(settings: LoraSettings) -> None:
    import torch

    if settings.device != "cpu" and torch.cuda.device_count() < settings.processes:
        raise TrainingError(
            f"`processes` is {settings.processes}, but this machine has {torch.cuda.device_count()} GPUs, and each process needs one. "
            "Lower it; nothing was trained."
        )


def _end_with_parent() -> None:
    """A killed process 0 leaves nobody behind who waits for hours."""
    from multiprocessing import parent_process

    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
