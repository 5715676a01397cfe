"""Drawing around a product with flow families is what their stock inpainting pipelines draw at strength 1, which start from noise alone.

FLUX.2 klein's and Qwen-Image-Edit's also go by the picture they paint into: in ours it is given as a reference.
"""

import numpy as np
import pytest
import torch
from diffusers import Flux2KleinInpaintPipeline, QwenImageEditInpaintPipeline, ZImageInpaintPipeline
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
"""Along klein's cells of 16 px: across them its stock pipeline blurs the mask, and ours does not."""


@pytest.fixture(scope="module", params=["flux2-klein", "z-image", "qwen-image-edit"])
def model(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("flow") / "tiny"
    if request.param == "qwen-image-edit":
        write_tiny_qwen_edit(folder, plus=False)
    else:
        {"flux2-klein": write_tiny_klein, "z-image": write_tiny_z_image}[request.param](folder)
    base_model = read_base_model(folder)
    return base_model, load_pipeline(base_model)


@pytest.fixture(autouse=True)
def small_references_and_no_sampling(monkeypatch):
    """Qwen-Image-Edit's references in 64 x 64 px; Z-Image's stock pipeline samples latents of the picture, ours takes their mean."""
    from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit as first
    from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_inpaint as inpaint

    for module in (first, inpaint):
        monkeypatch.setattr(module, "calculate_dimensions", lambda _area, _ratio: (64, 64, None))
    monkeypatch.setattr(DiagonalGaussianDistribution, "sample", lambda self, generator=None: self.mode())


def stock_inpainting(base_model, pipeline, picture, guidance):
    parts = dict(pipeline.components)
    more = {"image": Image.fromarray(picture), "mask_image": Image.fromarray(DRAWN.astype(np.uint8) * 255), "strength": 1.0}
    if base_model.family == "flux2-klein":
        made, more = Flux2KleinInpaintPipeline(**parts), more | {"guidance_scale": guidance}
    elif base_model.family == "z-image":
        made, more = ZImageInpaintPipeline(**parts), more | {"guidance_scale": guidance - 1}
    else:
        made, more = (
            QwenImageEditInpaintPipeline(**parts),
            more | {"true_cfg_scale": guidance, "negative_prompt": "" if guidance > 1 else None},
        )
        made.text_encoder.register_forward_pre_hook(_tell_pictures, with_kwargs=True)
    made.set_progress_bar_config(disable=True)
    return stock(made, PROMPTS[:1], SEEDS[:1], **more)


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
def test_drawing_around_a_product_is_what_the_stock_pipeline_draws(model, guidance):
    base_model, pipeline = model
    around = ours(base_model, pipeline, [RED], guidance)
    assert furthest(around, stock_inpainting(base_model, pipeline, RED, guidance)) < LEVEL / 10
    assert furthest(around, ours(base_model, pipeline, [RED], guidance, known=False)) > LEVEL


def test_each_picture_of_a_batch_is_drawn_around_its_own_product(model):
    base_model, pipeline = model
    batch = ours(base_model, pipeline, [RED, BLUE], 1.0)
    assert furthest(batch[:1], ours(base_model, pipeline, [RED], 1.0)) < LEVEL / 10
    assert not torch.equal(batch[1:, :, 24:40, 24:40], batch[:1, :, 24:40, 24:40])
