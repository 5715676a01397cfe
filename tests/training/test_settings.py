"""What a person may ask of a training, and what is refused before it begins."""

import pytest
from pydantic import ValidationError

from training.settings import LoraSettings


def test_a_batch_cannot_be_parted_into_more_than_its_pictures():
    assert LoraSettings(batch_size=4, accumulation=4).accumulation == 4
    with pytest.raises(ValidationError, match="accumulation x processes is 6, but a step has only batch_size=4 pictures"):
        LoraSettings(batch_size=4, accumulation=3, processes=2)


def test_prodigy_with_the_rate_of_another_optimizer_is_refused():
    assert LoraSettings(optimizer="prodigy", learning_rate=1).learning_rate == 1
    with pytest.raises(ValidationError, match="set learning_rate: 1"):
        LoraSettings(optimizer="prodigy")


@pytest.mark.parametrize(
    "setting", [{"ema_decay": 1.0}, {"min_snr_gamma": 0}, {"timestep_shift": "shop"}, {"mask_floor": 1.1}, {"early_stop": 0}]
)
def test_values_that_mean_nothing_are_refused(setting):
    with pytest.raises(ValidationError):
        LoraSettings(**setting)


def test_processes_that_should_share_one_gpu_are_refused():
    with pytest.raises(ValidationError, match="device is cuda:1, one GPU, but processes is 2: set device: cuda"):
        LoraSettings(device="cuda:1", processes=2)
