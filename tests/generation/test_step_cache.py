"""Step caches: fewer blocks are asked, the picture stays near, and where it would do harm or nothing it is refused."""

import numpy as np
import pytest

from catalog.errors import ModelError
from generation.base_model import load_pipeline, read_base_model
from generation.plates import DiffusionPlates
from generation.resident import KEPT
from generation.step_cache import can_skip_blocks
from tests.tiny_klein import write_tiny_klein
from tests.tiny_model import write_tiny_base_model
from tests.tiny_qwen_edit import write_tiny_qwen_edit
from tests.tiny_z_image import write_tiny_z_image

STEPS, CACHE = 20, 0.5
PROMPTS, SEEDS = ["oak table", "navy wall"], [3, 4]


@pytest.fixture(scope="module")
def qwen(tmp_path_factory):
    return read_base_model(write_tiny_qwen_edit(tmp_path_factory.mktemp("qwen") / "tiny"))


def drawn(base_model, step_cache, prompts=PROMPTS, seeds=SEEDS):
    """The plates, and how often the last block of the transformer was asked."""
    plates = DiffusionPlates(
        base_model, None, None, steps=STEPS, guidance=2.0, step_cache=step_cache, batch_images=None if step_cache else 1
    )
    plates.load()
    asked = []
    attention = KEPT[0].pipeline.transformer.transformer_blocks[-1].attn
    hook = attention.register_forward_pre_hook(lambda *_: asked.append(1))
    pictures = np.stack(plates.draw(prompts, seeds)).astype(int)
    hook.remove()
    return pictures, len(asked)


def test_blocks_of_steps_that_are_alike_are_skipped_and_the_picture_stays_near(qwen):
    whole, all_blocks = drawn(qwen, None)
    cached, fewer = drawn(qwen, CACHE)
    assert all_blocks == STEPS * len(SEEDS) and fewer < 0.8 * all_blocks
    assert 0 < np.abs(cached - whole).mean() < 12, (fewer, np.abs(cached - whole).mean())
    again, _ = drawn(qwen, None)
    assert np.array_equal(again, whole), "nothing of the cache stays behind"


def test_a_cached_picture_does_not_depend_on_what_else_is_drawn(qwen):
    both, _ = drawn(qwen, CACHE)
    alone, _ = drawn(qwen, CACHE, PROMPTS[1:], SEEDS[1:])
    assert np.array_equal(both[1], alone[0])


@pytest.mark.parametrize(
    ("write", "given", "told"),
    [
        (write_tiny_base_model, {}, "denoises with a UNet"),
        (write_tiny_klein, {}, "does not work with family 'flux2-klein' in this version of diffusers"),
        (write_tiny_z_image, {}, "does not work with family 'z-image' in this version of diffusers"),
        (write_tiny_qwen_edit, {"steps": 8}, "in 8 steps: none are alike"),
        (write_tiny_qwen_edit, {"batch_images": 4}, "`batch_images` is 4"),
    ],
)
def test_it_is_refused_where_it_does_harm_or_nothing(write, given, told, tmp_path):
    base_model = read_base_model(write(tmp_path / "tiny"))
    with pytest.raises(ModelError, match=told):
        DiffusionPlates(base_model, None, None, **{"steps": STEPS, "step_cache": 0.1, **given})


@pytest.mark.parametrize("write", [write_tiny_z_image, write_tiny_klein, write_tiny_qwen_edit])
def test_a_family_says_what_diffusers_can_do_with_its_denoiser(write, tmp_path):
    base_model = read_base_model(write(tmp_path / "tiny"))
    assert can_skip_blocks(load_pipeline(base_model, 1).transformer) == base_model.behavior.skips_blocks
