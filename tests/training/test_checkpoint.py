"""Which checkpoints are kept: the newest that this training wrote, whatever unusable ones of later steps lie beside them."""

import torch

from resources.folder_files import FolderFiles
from training.checkpoint import TrainingState, load_newest_checkpoint, save_checkpoint

TRAINING = "ab" * 32


def save(folder, step, mirror=None):
    weights = {"adapter/a": torch.full((4,), float(step))}
    save_checkpoint(folder, TRAINING, TrainingState(step=step, best_step=0, curve=[], losses_since_point=[0.1], tensors=weights), mirror)


def damage(folder):
    for path in folder.rglob("step-*.safetensors"):
        path.write_bytes(path.read_bytes()[:-1])


def steps(folder):
    return sorted(int(path.stem.removeprefix("step-")) for path in folder.rglob("step-*.json"))


def test_a_new_checkpoint_is_kept_beside_damaged_ones_of_later_steps(tmp_path):
    """A disk that damaged both that were kept: the training begins anew, and what it keeps from then on must outlive the next kill."""
    here, there = tmp_path / "here", tmp_path / "there"
    mirror = FolderFiles(there)
    for step in (80, 90, 100):
        save(here, step, mirror)
    assert steps(here) == steps(there) == [90, 100]
    damage(tmp_path)
    assert load_newest_checkpoint(here, TRAINING, mirror) is None
    for step in (10, 20, 30):
        save(here, step, mirror)
        assert load_newest_checkpoint(here, TRAINING).step == step
        assert load_newest_checkpoint(tmp_path / "elsewhere", TRAINING, mirror).step == step
    assert steps(here) == steps(there) == [20, 30, 90, 100]
    for step in (90, 100, 110):
        save(here, step, mirror)
    assert steps(here) == steps(there) == [100, 110], "in the end no more than two are left"
    assert len(list(here.iterdir())) == 4 and len(list(there.rglob("step-*"))) == 4
