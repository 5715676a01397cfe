"""Files of a training: written whole or not at all, and what to do when the disk is full."""

import pytest

from catalog.errors import TrainingError
from training.atomic_files import write_atomic


def test_a_folder_that_cannot_be_written_says_what_now(tmp_path):
    (tmp_path / "work").write_text("a file where the folder should be")
    with pytest.raises(TrainingError, match=r"work/step\.json cannot be written: .*train again: it goes on after the last checkpoint"):
        write_atomic(tmp_path / "work" / "step.json", b"{}")


def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "step.json"
    write_atomic(path, b"old")
    (tmp_path / "step.json.partial").mkdir()
    with pytest.raises(TrainingError, match="cannot be written"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
