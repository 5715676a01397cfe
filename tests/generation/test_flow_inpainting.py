"""Drawing around a product with flow families: each picture of a batch around its own, and Qwen-Image-Edit as its stock pipeline at strength 1.

FLUX.2 klein and Z-Image are held to theirs in test_inpainting_flows.py.
"""

import numpy as np
import pytest
import torch
from diffusers import QwenImageEditInpaintPipeline
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from PIL import Image

from generation.base_model import load_pipeline, read_base_model
from generation.inpainting import Inpainting, encode_known, join_known
from tests.generation.flow_contract import LEVEL, PROMPTS, SEEDS, drawn, furthest, product, stock
from tests.tiny_klein import write_tiny_klein
from tests.tiny_qwen_edit import write_tiny_qwen_edit
from tests.tiny_z_image import write_tiny_z_image

RED, BLUE = product((200, 30, 30)), product((20, 40, 220))
DRAWN = np.ones((64, 64), bool)
DRAWN[16:48, 16:48] = False
"""Along klein's cells of 16 px, the widest."""
WRITERS = {
    "flux2-klein": write_tiny_klein,
    "z-image": write_tiny_z_image,
    "qwen-image-edit": lambda folder: write_tiny_qwen_edit(folder, plus=False),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    made = {}

    def model(name):
        if name not in made:
            base_model = read_base_model(WRITERS[name](tmp_path_factory.mktemp("flow") / "tiny"))
            made[name] = base_model, load_pipeline(base_model)
        return made[name]

    return model


@pytest.fixture(autouse=True)
def small_references_and_no_sampling(monkeypatch):
    """Qwen-Image-Edit's references in 64 x 64 px instead of a megapixel; its stock pipeline samples latents of the picture, ours takes their mean."""
    from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit as first
    from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_inpaint as inpaint

    for module in (first, inpaint):
        monkeypatch.setattr(module, "calculate_dimensions", lambda _area, _ratio: (64, 64, None))
    monkeypatch.setattr(DiagonalGaussianDistribution, "sample", lambda self, generator=None: self.mode())


def stock_inpainting(pipeline, picture, guidance):
    made = QwenImageEditInpaintPipeline(**pipeline.components)
    made.text_encoder.register_forward_pre_hook(_tell_pictures, with_kwargs=True)
    made.set_progress_bar_config(disable=True)
    pictures = {"image": Image.fromarray(picture), "mask_image": Image.fromarray(DRAWN.astype(np.uint8) * 255), "strength": 1.0}
    return stock(made, PROMPTS[:1], SEEDS[:1], true_cfg_scale=guidance, negative_prompt="" if guidance > 1 else None, **pictures)


def _tell_pictures(encoder, _args, kwargs):
    """See test_qwen_image_edit_family.py."""
    kwargs.setdefault("mm_token_type_ids", (kwargs["input_ids"] == encoder.config.image_token_id).int())
    return (), kwargs


def ours(base_model, pipeline, pictures, guidance, known=True):
    family, count = base_model.behavior, len(pictures)
    kept = join_known([encode_known(family, pipeline, Inpainting(picture_HW3=one, drawn_HW=DRAWN)) for one in pictures])
    references = [[] if base_model.family == "z-image" else [one] for one in pictures]
    return drawn(base_model, pipeline, guidance, PROMPTS[:count], SEEDS[:count], references, kept if known else None)


@pytest.mark.parametrize("guidance", [1.0, 4.0])
def test_qwen_image_edit_draws_around_a_product_as_its_stock_pipeline_does(models, guidance):
    """That one also goes by the picture it paints into: in ours it is given as a reference."""
    base_model, pipeline = models("qwen-image-edit")
    around = ours(base_model, pipeline, [RED], guidance)
    assert furthest(around, stock_inpainting(pipeline, RED, guidance)) < LEVEL / 10
    assert furthest(around, ours(base_model, pipeline, [RED], guidance, known=False)) > LEVEL


@pytest.mark.parametrize("name", WRITERS)
def test_each_picture_of_a_batch_is_drawn_around_its_own_product(models, name):
    base_model, pipeline = models(name)
    batch = ours(base_model, pipeline, [RED, BLUE], 1.0)
    assert furthest(batch[:1], ours(base_model, pipeline, [RED], 1.0)) < LEVEL / 10
    assert not torch.equal(batch[1:, :, 24:40, 24:40], batch[:1, :, 24:40, 24:40])
