"""Two processes on the CPU train what one does, leave files to the first, end when it ends, and are missed at once when they are gone."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from multiprocessing import active_children
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from catalog.errors import TrainingError
from generation.base_model import read_base_model
from tests.tiny_model import TINY_SIZE_PX, write_tiny_base_model
from tests.training.tiny_look import TRIGGER, look_files, resized
from training import processes
from training.checkpoint import load_newest_checkpoint
from training.lora import LoraSettings, train_lora
from training.training_set import build_training_set

ROOT = Path(__file__).parents[2]
SETTINGS = LoraSettings(
    steps=4, rank=2, learning_rate=1e-2, batch_size=3, validate_every=2, checkpoint_every=2, precision="float32", aspects="buckets"
)
TOGETHER = SETTINGS.model_copy(update={"processes": 2})


@pytest.fixture(scope="module")
def base_model(tmp_path_factory):
    return read_base_model(write_tiny_base_model(tmp_path_factory.mktemp("base") / "tiny"))


def build():
    pictures, captions = look_files(8)
    pictures = [(name, resized(data, 112, 70) if index % 3 == 0 else data) for index, (name, data) in enumerate(pictures)]
    return build_training_set(pictures, captions, TRIGGER, size_px=TINY_SIZE_PX, aspects="buckets")


@pytest.fixture(autouse=True)
def no_folder_stays(tmp_path_factory, monkeypatch):
    """Whatever happens to the processes, the folder that they meet in is gone afterwards."""
    folder = tmp_path_factory.mktemp("meetings")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    assert not list(folder.glob("vitrine-training-*"))


@pytest.fixture(scope="module")
def together(base_model, tmp_path_factory):
    seen = []
    lora = train_lora(TOGETHER, build(), base_model, tmp_path_factory.mktemp("together"), lambda _: seen.append(len(active_children())))
    assert seen == [1] * 4 and not active_children() and not torch.distributed.is_initialized()
    return lora


def test_two_processes_train_what_one_does(together, base_model, tmp_path):
    """Three pictures a step on two processes: one takes two of them, the other one."""
    alone = train_lora(SETTINGS, build(), base_model, tmp_path)

    states = [load_newest_checkpoint(lora.path.parent, lora.training_digest).tensors for lora in (alone, together)]
    for group in ("adapter/", "best/", "optimizer/"):  # as vectors: Adam divides by gradients, which turns rounding of tiny ones into more
        ours, expected = (torch.cat([kept[name].double().flatten() for name in sorted(kept) if name.startswith(group)]) for kept in states)
        assert float((ours - expected).norm() / expected.norm()) < 1e-3, group
    losses = [[(point.train_loss, point.validation_loss) for point in lora.curve[1:]] for lora in (alone, together)]
    torch.testing.assert_close(torch.tensor(losses[1]), torch.tensor(losses[0]), rtol=1e-4, atol=1e-6)
    assert load_file(together.path).keys() == load_file(alone.path).keys()


@pytest.mark.slow  # two more starts of a process
def test_processes_that_are_interrupted_end_and_resume_exactly(together, base_model, tmp_path):
    def die(progress):
        if progress.step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_lora(TOGETHER, build(), base_model, tmp_path, die)
    assert not active_children() and not torch.distributed.is_initialized()
    assert train_lora(TOGETHER, build(), base_model, tmp_path).digest == together.digest


@pytest.mark.slow  # another start of a process
def test_a_process_that_is_killed_in_mid_training_is_told_and_checkpoints_stay(base_model, tmp_path):
    def kill_other(progress):
        if progress.step == 2:
            (other,) = active_children()
            other.kill()

    told = r"ended at step 3: process 2 of 2 was killed with signal 9 \(SIGKILL\).*memory is short. The next attempt goes on after"
    with pytest.raises(TrainingError, match=told):
        train_lora(TOGETHER, build(), base_model, tmp_path, kill_other)
    assert list(tmp_path.rglob("step-00000002.json")) and not active_children() and not torch.distributed.is_initialized()


CHILD = """
import os, sys
from pathlib import Path
import tests.training.test_processes as t

def tell(progress):
    if progress.step == 2:
        print(t.active_children()[0].pid, flush=True)
        os.kill(os.getpid(), int(sys.argv[3]))

if __name__ == "__main__":
    t.train_lora(t.TOGETHER, t.build(), t.read_base_model(Path(sys.argv[1])), Path(sys.argv[2]), tell)
"""


@pytest.mark.slow  # two processes that import everything
def test_a_killed_first_process_leaves_nobody_behind(base_model, tmp_path):
    script = tmp_path / "child.py"
    script.write_text(CHILD)
    command = [sys.executable, str(script), str(base_model.folder), str(tmp_path / "work"), str(int(signal.SIGKILL))]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert ended.returncode == -signal.SIGKILL, ended.stderr[-2000:]
    other = int(ended.stdout.split()[0])
    end = time.monotonic() + 30
    while time.monotonic() < end and Path(f"/proc/{other}").exists():
        time.sleep(0.1)
    assert not Path(f"/proc/{other}").exists()


def test_more_processes_than_gpus_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(TrainingError, match="`processes` is 2, but this machine has 1 GPUs, and each process needs one"):
        processes._check_devices(LoraSettings(device="cuda", processes=2))
