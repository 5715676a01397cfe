"""Plates by request on tiny models of the real classes: by pictures to go by, around a product, in other sizes; batched, recorded, drawn again."""

import json
from dataclasses import replace

import numpy as np
import pytest

from catalog.errors import RenderError
from generation import batch_sizes
from generation.base_model import read_base_model
from generation.inpainting import Inpainting
from generation.plate_requests import PlateRequest, company_of, requests_of
from generation.plates import DiffusionPlates
from generation.references import picture_digest
from generation.resident import KEPT
from tests.generation.flow_contract import product
from tests.tiny_klein import write_tiny_klein
from tests.tiny_model import write_tiny_base_model
from tests.tiny_qwen_edit import write_tiny_qwen_edit
from tests.tiny_sdxl import write_tiny_sd_inpaint
from tests.tiny_z_image import write_tiny_z_image

WRITERS = {
    "flux2-klein": write_tiny_klein,
    "z-image": write_tiny_z_image,
    "sd": write_tiny_base_model,
    "sd that reads masks": write_tiny_sd_inpaint,
    "qwen-image-edit": write_tiny_qwen_edit,
}
RED, BLUE = (product(color) for color in ((200, 30, 30), (20, 40, 220)))
WIDE = np.ascontiguousarray(np.tile(RED, (1, 2, 1)))
SHORT, LONG = "oak", "a walnut table before a dark green wall, seen from the left, in evening light from a high window"


@pytest.fixture(scope="module", autouse=True)
def small_references():
    """As in test_qwen_image_edit_family.py: 64 x 64 px instead of a megapixel."""
    from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_plus as plus

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plus, "CONDITION_IMAGE_SIZE", 64 * 64)
        patch.setattr(plus, "VAE_IMAGE_SIZE", 64 * 64)
        yield


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    made = {}

    def model(name):
        if name not in made:
            made[name] = read_base_model(WRITERS[name](tmp_path_factory.mktemp("model") / "tiny"))
        return made[name]

    return model


@pytest.fixture(autouse=True)
def _nothing_remembered():
    batch_sizes._FITTING.clear()


def plates_of(base_model, **given):
    return DiffusionPlates(base_model, None, None, **{"steps": 2, "guidance": 2.0, "batch_images": 2, **given})


def around(picture, left=16, strength=1.0):
    drawn = np.ones(picture.shape[:2], bool)
    drawn[16:48, left : left + 32] = False
    return Inpainting(picture_HW3=picture, drawn_HW=drawn, strength=strength)


def asked(prompt, seed, *references, **more):
    return PlateRequest(prompt=prompt, seed=seed, references=references, **more)


EDITS = [
    asked(SHORT, 70, RED),
    asked(SHORT, 71, WIDE),
    asked(LONG, 72, RED, inpainting=around(RED)),
    asked(LONG, 73, BLUE),
    asked(SHORT, 74, RED, BLUE),
    asked(SHORT, 75, width_px=64, height_px=32),
    asked(SHORT, 76, BLUE),
    asked(SHORT, 77, BLUE, RED),
]
DRAWN_AROUND = [
    asked(SHORT, 70, inpainting=around(RED)),
    asked(SHORT, 71, inpainting=around(BLUE, left=0)),
    asked(LONG, 72, inpainting=around(RED, strength=0.5)),
    asked(SHORT, 73, inpainting=around(WIDE)),
    asked(SHORT, 74),
    asked(LONG, 75, inpainting=around(BLUE)),
    asked(SHORT, 76, inpainting=around(BLUE, strength=0.5)),
]
ASKED = {name: EDITS if name in ("qwen-image-edit", "flux2-klein") else DRAWN_AROUND for name in WRITERS}


def pixels(plates):
    return [plate.pixels_HW3 for plate in plates]


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("name", WRITERS)
def test_a_plate_has_the_same_bytes_wherever_and_with_whomever_it_is_drawn(models, name):
    """Decision 51 for edits and inpaintings: other neighbors, other order, alone; by pictures and prompts of several sizes, numbers and lengths."""
    plates, requests = plates_of(models(name)), ASKED[name]
    together = pixels(plates.draw_requests(requests))
    assert {picture.shape[:2] for picture in together} > {(64, 64)}
    assert same(together, pixels(plates.draw_requests(requests[::-1]))[::-1])
    assert same(together[1:4], [pixels(plates.draw_requests([one]))[0] for one in requests[1:4]])
    assert len({picture_digest(picture) for picture in together}) == len(requests)


def test_each_reference_its_order_and_the_strength_decide_what_is_drawn(models):
    plates = plates_of(models("qwen-image-edit"))
    half = asked(SHORT, 7, RED, inpainting=around(RED, strength=0.5))
    others = [replace(one, seed=7, prompt=SHORT) for one in (EDITS[0], EDITS[2], EDITS[4], EDITS[6], EDITS[7])]
    drawn = pixels(plates.draw_requests([half, asked(SHORT, 7), *others]))
    assert len({picture_digest(picture) for picture in drawn}) == 7


def test_batches_hold_what_can_be_drawn_together_and_are_filled_up(models):
    plates = plates_of(models("flux2-klein"), batch_images=2)
    drawn = plates.draw_requests([asked(SHORT, 1, RED), asked(SHORT, 2, WIDE), asked(LONG, 3, BLUE), asked(SHORT, 4), asked(SHORT, 5, RED)])
    seeds = [[seed for _, seed, *_ in plate.batch["places"]] for plate in drawn]
    assert seeds == [[1, 3], [2, 2], [1, 3], [4, 4], [5, 5]], "by size and number of references, in the order asked, two at a time"
    assert [plate.batch["images"] for plate in drawn] == [2] * 5


@pytest.mark.parametrize("name", ["sd that reads masks", "qwen-image-edit"])
def test_a_recorded_batch_is_drawn_again_from_its_digests(models, name):
    plates, requests = plates_of(models(name)), ASKED[name]
    store = {digest: picture for one in requests for digest, picture in one.pictures.items()}
    for plate in plates.draw_requests(requests)[1::4]:
        batch = json.loads(json.dumps(plate.batch))  # as the ledger gives it back
        again, now = plates.replay(batch, store.__getitem__)
        assert np.array_equal(again, plate.pixels_HW3) and now == plate.circumstances


def test_a_batch_is_recorded_by_digests_each_thing_once_and_plain_plates_as_before():
    plain = company_of([asked("a", 1), asked("b", 2), asked("a", 3)])
    assert plain == {"prompts": ["a", "b"], "places": [[0, 1], [1, 2], [0, 3]]}
    batch = company_of([asked("a", 1, RED), asked("a", 2), asked("b", 3, RED), asked("b", 4, inpainting=around(BLUE, strength=0.5))])
    assert [place[2] for place in batch["places"]] == [0, 1, 0, 2]
    assert batch["inputs"][:2] == [{"references": [picture_digest(RED)]}, {}]
    assert batch["inputs"][2]["inpainting"]["strength"] == 0.5
    sized = company_of([asked("a", 1, width_px=64, height_px=32)])
    assert requests_of(sized)[0].size_px(None) == (64, 32)


def test_a_batch_whose_pictures_are_gone_or_others_is_not_drawn_again(models):
    plates = plates_of(models("flux2-klein"))
    batch = plates.draw_requests([EDITS[0]])[0].batch
    with pytest.raises(RenderError, match=rf"picture {picture_digest(RED)[:12]}, and it is not said where it lies"):
        plates.replay(batch)
    with pytest.raises(RenderError, match="has other pixels now"):
        plates.replay(batch, lambda _: BLUE)


def test_what_a_model_cannot_draw_is_refused_with_the_reason_and_the_others_are_drawn(models):
    plates = plates_of(models("z-image"))
    wrong_size = asked(SHORT, 3, width_px=72, height_px=64)
    misfit = asked(SHORT, 4, width_px=64, height_px=64, inpainting=around(WIDE))
    drawn = plates.draw_requests([asked(SHORT, 1), asked(SHORT, 2, RED), wrong_size, misfit, asked(SHORT, 1, *[RED] * 11)])
    assert [plate.pixels_HW3 is not None for plate in drawn] == [True] + [False] * 4
    assert "draws from words alone, but 1 pictures" in drawn[1].why
    assert "72 x 64 px was asked for" in drawn[2].why and "so 64 x 64 px" in drawn[2].why
    assert "around a picture of 128 x 64 px" in drawn[3].why
    assert all(plate.batch == {} and plate.tries == () for plate in drawn[1:])
    many = plates_of(models("flux2-klein")).draw_requests([asked(SHORT, 1, *[RED] * 11)])[0]
    assert "at most 10 can be" in many.why


def test_variants_of_one_product_cost_one_pass_through_the_encoders(models, monkeypatch):
    base_model = models("qwen-image-edit")
    plates = plates_of(base_model, guidance=1.0)
    KEPT.clear()
    plates.load()
    pipeline, seen, read = KEPT[0].pipeline, [], []
    encode, reader = pipeline.vae.encode, pipeline.text_encoder.forward
    monkeypatch.setattr(pipeline.vae, "encode", lambda *given: seen.append(1) or encode(*given))
    monkeypatch.setattr(pipeline.text_encoder, "forward", lambda *given, **named: read.append(1) or reader(*given, **named))
    plates.draw_requests([asked(SHORT, seed, RED.copy()) for seed in range(6)])
    assert (len(seen), len(read)) == (1, 1), "six variants: one picture encoded, and read with its prompt once"
    plates.draw_requests([asked(LONG, 6, RED), asked(SHORT, 7, BLUE)])
    assert (len(seen), len(read)) == (2, 3), "another prompt is read anew, another product both"
