"""LoRA training on a tiny base model of the real classes: it learns, it resumes to the same bytes, and it fails loudly."""

import hashlib
import re

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from pydantic import ValidationError
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from catalog.errors import TrainingError
from generation.base_model import read_base_model
from generation.plates import DiffusionPlates
from tests import warm_start
from tests.tiny_model import TINY_SIZE_PX, write_tiny_base_model
from tests.training.tiny_look import TRIGGER, look_files
from training.champion import held_out_losses
from training.entrants import LoraFile, feature_measure, measured_entrants
from training.look_distance import palette_distance
from training.lora import LoraSettings, train_lora
from training.training_set import build_training_set
from training.validation import CHOOSING, JUDGING

SETTINGS = LoraSettings(steps=12, rank=2, learning_rate=1e-2, batch_size=4, validate_every=4, checkpoint_every=3, precision="float32")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_tiny_base_model(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture(scope="module")
def base_model(folder):
    return read_base_model(folder)


@pytest.fixture(scope="module")
def training_set():
    return build_training_set(*look_files(10), TRIGGER, size_px=TINY_SIZE_PX)


@pytest.fixture(scope="module")
def trained(base_model, training_set, tmp_path_factory):
    seen = []
    lora = train_lora(SETTINGS, training_set, base_model, tmp_path_factory.mktemp("trained"), seen.append)
    return lora, seen


def test_training_lowers_the_held_out_loss_and_keeps_the_best_step(trained):
    lora, seen = trained
    losses = {point.step: point.validation_loss for point in lora.curve}
    assert list(losses) == [0, 4, 8, 12]
    assert losses[lora.best_step] == min(losses.values()) < 0.9 * losses[0]
    assert [progress.step for progress in seen] == list(range(1, 13))
    assert all(progress.images_per_s > 0 for progress in seen) and seen[0].remaining_s > 0 == seen[-1].remaining_s
    assert re.fullmatch(r"step 6 of 12, loss \d\.\d{4}, held out \d\.\d{4}, \S+ images/s, \d+ s left", str(seen[5]))


def test_the_same_training_gives_the_same_bytes(trained, base_model, training_set, tmp_path):
    again = train_lora(SETTINGS, training_set, base_model, tmp_path)
    assert again.digest == trained[0].digest == hashlib.sha256(again.path.read_bytes()).hexdigest()
    assert again.card == trained[0].card and again.curve == trained[0].curve


def test_other_settings_data_or_seed_give_another_lora(trained, base_model, training_set, tmp_path):
    others = [
        train_lora(SETTINGS.model_copy(update={"seed": 1}), training_set, base_model, tmp_path),
        train_lora(SETTINGS, build_training_set(*look_files(10, seed=5), TRIGGER, size_px=TINY_SIZE_PX), base_model, tmp_path),
    ]
    assert len({trained[0].digest, *(lora.digest for lora in others)}) == 3
    assert len({trained[0].training_digest, *(lora.training_digest for lora in others)}) == 3


def test_the_file_says_what_it_is_and_loads_with_stock_diffusers(trained, folder):
    lora, _ = trained
    with safe_open(lora.path, "pt") as stream:
        facts = stream.metadata()
    assert facts["modelspec.trigger_phrase"] == TRIGGER and facts["vitrine.alpha"] == facts["vitrine.rank"] == "2"
    assert facts["vitrine.base_model"] == lora.base_model_digest and facts["vitrine.training_set"] == lora.training_set_digest
    assert (facts["modelspec.prediction_type"], facts["ss_steps"]) == ("v", str(lora.best_step))
    assert len(load_file(lora.path)) == 2 * lora.layers
    pipeline = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None, requires_safety_checker=False)

    def draw():
        generator = torch.Generator().manual_seed(3)
        return pipeline(TRIGGER, num_inference_steps=2, height=64, width=64, generator=generator, output_type="np").images[0]

    before = draw()
    pipeline.load_lora_weights(lora.path)
    assert np.abs(draw() - before).mean() > 0.01


def test_an_earlier_lora_is_measured_as_training_measures_its_own(trained, base_model, training_set, tmp_path):
    lora, _ = trained
    losses = {point.step: point.validation_loss for point in lora.curve}
    both = held_out_losses(SETTINGS, training_set, base_model, [LoraFile(path=lora.path, digest=lora.digest), None], tmp_path)
    assert [part.mean() for part in both] == pytest.approx([losses[lora.best_step], losses[0]], rel=1e-6)


def test_a_contest_judges_by_other_noise_and_timesteps_than_training_chose_by(trained, base_model, training_set, tmp_path):
    """The lowest of many losses judged the step that was chosen for being the lowest."""
    lora, _ = trained
    files = [LoraFile(path=lora.path, digest=lora.digest)]
    plates = DiffusionPlates(base_model, None, None, steps=2)
    (entrant,) = measured_entrants(SETTINGS, training_set, base_model, files, feature_measure(None), tmp_path, plates)
    chosen_by, judged_by = (held_out_losses(SETTINGS, training_set, base_model, files, tmp_path, draw)[0] for draw in (CHOOSING, JUDGING))
    assert np.array_equal(entrant.losses_NK, judged_by) and chosen_by.shape[1] == 8 and judged_by.shape[1] == 9


def test_pictures_come_nearer_to_the_look(trained, base_model, training_set):
    lora, _ = trained
    look = [picture.pixels_HW3 for picture in training_set.held_out]
    distances = [
        palette_distance(DiffusionPlates(base_model, *which, steps=6).draw([TRIGGER] * 4, range(4)), look)
        for which in [(None, None), (lora.path, lora.digest)]
    ]
    assert distances[1] < distances[0]


def test_the_card_and_sheet_are_written_beside_the_file(trained):
    lora, _ = trained
    assert lora.card == (lora.path.parent / "card.md").read_text()
    for fact in (lora.digest, lora.base_model_digest, lora.training_set_digest, TRIGGER, f"step {lora.best_step}"):
        assert fact in lora.card
    assert lora.sample_sheet.read_bytes()[8:12] == b"WEBP" and lora.curve_picture.read_bytes()[1:4] == b"PNG"


CHILD = """
import os, signal, sys
from pathlib import Path
import tests.training.test_lora as t
import training.atomic_files as files

step, write = int(sys.argv[3]), int(sys.argv[4])
def die(): os.kill(os.getpid(), signal.SIGKILL)

calls = 0
def dying_replace(path, target, replace=Path.replace):
    global calls
    counts = not path.match("*/encodings/*")
    calls += counts
    die() if counts and calls == write else replace(path, target)
files.Path.replace = dying_replace
base_model = t.read_base_model(Path(sys.argv[1]))
training_set = t.build_training_set(*t.look_files(10), t.TRIGGER, size_px=t.TINY_SIZE_PX)
t.train_lora(t.SETTINGS, training_set, base_model, Path(sys.argv[2]), lambda progress: progress.step == step and die())
"""


def train_until_killed(folder, work_dir, *, step=0, write=0):
    """Train in a process of its own that is killed (-9) after a step, or just before a file would be moved into place."""
    return warm_start.run("-c", CHILD, str(folder), str(work_dir), str(step), str(write)).returncode


def test_a_training_killed_twice_ends_with_the_same_bytes(trained, folder, base_model, training_set, tmp_path):
    """Killed after step 4, between two checkpoints, and after step 10; then left alone."""
    assert train_until_killed(folder, tmp_path, step=4) == -9
    assert train_until_killed(folder, tmp_path, step=10) == -9
    seen = []
    lora = train_lora(SETTINGS, training_set, base_model, tmp_path, seen.append)
    assert seen[0].step == 10, "resumed after the checkpoint at step 9, not from the start"
    assert lora.digest == trained[0].digest and lora.curve == trained[0].curve


@pytest.mark.slow
@pytest.mark.parametrize("write", range(1, 13))
def test_a_kill_during_any_write_loses_no_good_checkpoint(trained, folder, base_model, training_set, tmp_path, write):
    """Writes: four checkpoints of two files, the LoRA, sheet, curve and card; encodings are test_encoding_cache.py's."""
    assert train_until_killed(folder, tmp_path, write=write) == -9
    lora = train_lora(SETTINGS, training_set, base_model, tmp_path)
    assert lora.digest == trained[0].digest and lora.card == trained[0].card
    assert not list(tmp_path.rglob("*.partial"))


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(trained, folder, base_model, training_set, tmp_path):
    assert train_until_killed(folder, tmp_path, step=8) == -9
    newest = max(tmp_path.rglob("step-*.safetensors"))
    assert newest.name.startswith("step-00000006-")
    data = bytearray(newest.read_bytes())
    data[-1] ^= 1
    newest.write_bytes(data)
    seen = []
    lora = train_lora(SETTINGS, training_set, base_model, tmp_path, seen.append)
    assert seen[0].step == 4 and lora.digest == trained[0].digest


def test_a_finished_training_is_not_repeated(trained, base_model, training_set, tmp_path):
    train_lora(SETTINGS, training_set, base_model, tmp_path)
    seen = []
    assert train_lora(SETTINGS, training_set, base_model, tmp_path, seen.append).digest == trained[0].digest
    assert not seen


def test_a_training_ends_early_once_the_held_out_loss_stops_falling(base_model, training_set, tmp_path):
    """At a rate that is far too high it does not fall at every step."""
    settings = SETTINGS.model_copy(update={"steps": 60, "learning_rate": 0.8, "validate_every": 1, "checkpoint_every": 60, "early_stop": 1})
    seen = []
    lora = train_lora(settings, training_set, base_model, tmp_path, seen.append)
    losses = [point.validation_loss for point in lora.curve]
    assert losses[-1] > losses[-2] == min(losses) and lora.best_step == lora.curve[-2].step
    assert len(seen) == lora.curve[-1].step < 60 and seen[-1].remaining_s == 0
    again = []
    assert train_lora(settings, training_set, base_model, tmp_path, again.append).digest == lora.digest and not again


def test_a_lora_that_matches_no_layer_is_refused(base_model, training_set, tmp_path):
    with pytest.raises(TrainingError, match=r"match no layer for 'to_qkv': .* layers end in .*, to_q, .*Correct `target_modules`"):
        train_lora(SETTINGS.model_copy(update={"target_modules": ("to_q", "to_qkv")}), training_set, base_model, tmp_path)
    with pytest.raises(TrainingError, match="match no layer"):
        train_lora(SETTINGS.model_copy(update={"target_modules": ()}), training_set, base_model, tmp_path)


def test_a_loss_that_is_not_finite_stops_the_training(folder, training_set, tmp_path):
    weights = folder / "unet/diffusion_pytorch_model.safetensors"
    poisoned = write_tiny_base_model(tmp_path / "poisoned")
    tensors = load_file(weights)
    tensors["conv_out.bias"][0] = float("nan")
    save_file(tensors, poisoned / "unet/diffusion_pytorch_model.safetensors", metadata={"format": "pt"})
    with pytest.raises(TrainingError, match="loss became nan at step 1 of 12"):
        train_lora(SETTINGS, training_set, read_base_model(poisoned), tmp_path / "work")
    assert not list((tmp_path / "work").rglob("lora.safetensors"))


def test_a_lora_that_learned_nothing_is_refused(base_model, training_set, tmp_path):
    with pytest.raises(TrainingError, match=r"learned nothing.*Change `learning_rate`"):
        train_lora(SETTINGS.model_copy(update={"learning_rate": 1e-9}), training_set, base_model, tmp_path)


def test_a_training_set_of_another_size_is_refused(base_model, tmp_path):
    training_set = build_training_set(*look_files(8, size_px=128), TRIGGER, size_px=128)
    with pytest.raises(TrainingError, match="cut to 128 px, the base model draws 64 px"):
        train_lora(SETTINGS, training_set, base_model, tmp_path)


def test_a_misspelt_setting_is_an_error():
    with pytest.raises(ValidationError, match="lerning_rate"):
        LoraSettings(lerning_rate=1e-3)


@pytest.fixture
def mirror(tmp_path):
    """Files elsewhere than in the work folder."""
    from resources.folder_files import FolderFiles

    return FolderFiles(tmp_path / "elsewhere")


def train_and_die(base_model, training_set, work_dir, mirror, *, step):
    """Train with a mirror until an error after a step."""

    def die(progress):
        if progress.step == step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_lora(SETTINGS, training_set, base_model, work_dir, die, mirror)


def test_a_training_whose_machine_is_gone_goes_on_from_the_mirror(trained, base_model, training_set, tmp_path, mirror):
    train_and_die(base_model, training_set, tmp_path / "first", mirror, step=10)
    assert sorted(path.rsplit("/", 1)[-1][:13] for path in mirror.below("checkpoints") if path.endswith(".json")) == [
        "step-00000006",
        "step-00000009",
    ], "the last two are kept"
    assert len(mirror.below("checkpoints")) == 4
    seen = []
    lora = train_lora(SETTINGS, training_set, base_model, tmp_path / "second", seen.append, mirror)
    assert seen[0].step == 10
    assert lora.digest == trained[0].digest and lora.curve == trained[0].curve


@pytest.mark.parametrize("damaged", [".json", ".safetensors"])
def test_a_damaged_mirrored_checkpoint_is_passed_over_for_the_one_before(trained, base_model, training_set, tmp_path, mirror, damaged):
    train_and_die(base_model, training_set, tmp_path / "first", mirror, step=10)
    newest = max(path for path in mirror.below("checkpoints") if path.endswith(damaged))
    data = mirror.read(newest)
    wrong = data.replace(b'"best_step": 8', b'"best_step": 7') if damaged == ".json" else data[:-1] + bytes([data[-1] ^ 1])
    assert wrong != data
    mirror.write(newest, wrong)
    seen = []
    lora = train_lora(SETTINGS, training_set, base_model, tmp_path / "second", seen.append, mirror)
    assert seen[0].step == 7 and lora.digest == trained[0].digest


def test_the_newer_of_local_and_mirrored_checkpoints_is_used(base_model, training_set, tmp_path, mirror):
    train_and_die(base_model, training_set, tmp_path / "work", mirror, step=7)
    for path in mirror.below("checkpoints"):
        if "step-00000006" in path:
            mirror.remove([path])
    seen = []
    train_lora(SETTINGS, training_set, base_model, tmp_path / "work", seen.append, mirror)
    assert seen[0].step == 7, "the local one of step 6, not the mirrored one of step 3"


def test_a_finished_trainings_checkpoints_are_forgotten(base_model, training_set, tmp_path, mirror):
    from training.checkpoint import forget_mirrored

    lora = train_lora(SETTINGS, training_set, base_model, tmp_path / "work", mirror=mirror)
    assert mirror.below("checkpoints")
    forget_mirrored(mirror, lora.training_digest)
    assert mirror.below("checkpoints") == []
