"""Materials that an edit model draws over: its part alone, everything else pixel for pixel; off by default and then no part of any key."""

import cv2
import numpy as np
import pytest

from catalog.brand_kit import BrandKit, CategoryStyle
from catalog.errors import RenderError, SettingsError
from catalog.product import Product
from generation import material
from generation.covering import covered_with_part
from generation.kind import RenderSource
from generation.kinds import as_drawn, is_edited, wears_lora
from generation.plates import DiffusionPlates
from generation.recipe_book import check_recipe, read_recipe_book
from generation.refining import refine_request
from generation.render import needs_plates, plate_request, render_group, render_one
from generation.resolve import resolve
from imaging.placing import place
from tests.drawn_products import bag

STYLE = CategoryStyle(trigger="wall look", scenes=("oak table",), backdrops=("#c9d2bf",))
KIT = BrandKit(brand="b", palette=("#ffffff",), recipes=("material",), categories={"things": STYLE})
PRODUCT = Product(sku="P-1", title="Teal bag", category="things", photos=("p.jpg",), width_cm=20, height_cm=18)
SOURCE = RenderSource(foreground_HW3=bag()[0], alpha_HW=bag()[1])
RECIPE = read_recipe_book()["material"].model_copy(update={"width_px": 160, "height_px": 160})


def resolved(**params):
    return resolve(as_drawn(RECIPE.with_params({"material": "leather", **params})), PRODUCT, KIT, 0)


def test_without_being_asked_nothing_is_drawn_and_no_key_knows_of_it():
    plain = resolved()
    assert not needs_plates(plain) and not any("refine" in name for name in plain["params"]) and "prompt" not in plain
    assert resolved(refine="off", refine_strength=0.8) == plain
    assert needs_plates(resolved(refine="edit"))


def test_the_model_begins_with_the_composed_picture_and_goes_by_the_photo():
    asked = plate_request(resolved(refine="edit", refine_px=96, refine_strength=0.5), 3, lambda: SOURCE)
    assert (asked.width_px, asked.height_px) == (96, 96) and asked.inpainting.strength == 0.5
    body, background = (42, 48), (4, 4)
    assert [bool(asked.inpainting.drawn_HW[at]) for at in (body, background)] == [True, False]
    assert not asked.inpainting.drawn_HW[58, 48], "the label"
    composed, photo = asked.inpainting.picture_HW3, asked.references[0]
    assert composed[body][0] > composed[body][2] and photo[body][0] < photo[body][2], "leather over teal"
    assert "Teal bag" in asked.prompt and "full grain leather" in asked.prompt


def test_a_picture_that_is_drawn_over_is_composed_once(monkeypatch):
    """It was composed four times and more, of .5 to 1.1 CPU-seconds each: for the size of batches, for what fits together, to draw, and to lay the
    drawing over it."""
    composed = []
    monkeypatch.setattr(material, "covered_with_part", lambda *given: composed.append(given[0].seed) or covered_with_part(*given))
    material.DRAWN_ON.forget()
    asked = resolved(refine="edit", refine_px=96)
    first, again = (plate_request(asked, 3, lambda: SOURCE) for _ in range(2))
    made = render_one(asked, 3, RenderSource(foreground_HW3=bag()[0], alpha_HW=bag()[1]), first.inpainting.picture_HW3)
    assert composed == [3] and np.array_equal(first.inpainting.picture_HW3, again.inpainting.picture_HW3)
    assert made.facts["refined"] is True and made.pixels_HW3.flags.writeable
    plate_request(asked, 4, lambda: SOURCE)
    plate_request(resolved(refine="edit", refine_px=96, scale=2), 4, lambda: SOURCE)
    assert composed == [3, 4, 4], "another seed, another recipe"


def test_a_real_edit_model_draws_the_part_and_everything_else_stays_pixel_for_pixel(models):
    plates = DiffusionPlates(models("qwen-image-edit"), lora_path=None, lora_digest=None, steps=4)
    plain = render_group([resolved()], [7], SOURCE, None)[0]
    first, again = (render_group([resolved(refine="edit", refine_px=64)], [7], SOURCE, plates)[0] for _ in range(2))
    assert np.array_equal(first.pixels_HW3, again.pixels_HW3) and first.facts["refined"] is True
    changed = (first.pixels_HW3 != plain.pixels_HW3).any(axis=-1)
    colors, alpha = place(SOURCE.foreground_HW3, SOURCE.alpha_HW, first.placement)
    # Pixels at the label's border hold some of the body and take their share.
    label = cv2.erode(((alpha == 255) & (colors.min(axis=-1) > 200)).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    assert label.sum() > 200 and not changed[label].any(), "the label"
    assert not changed[alpha < 255].any(), "background, shadow and soft edge"
    body = (alpha == 255) & (colors[..., 0] < 80)
    assert changed[body].mean() > 0.9


def test_a_model_that_draws_from_words_alone_refuses(models):
    plates = DiffusionPlates(models("sd"), lora_path=None, lora_digest=None, steps=2)
    with pytest.raises(RenderError, match="draws from words alone"):
        render_group([resolved(refine="edit", refine_px=64)], [7], SOURCE, plates)


def test_a_recipe_says_by_its_engine_whether_a_model_draws():
    edited = as_drawn(RECIPE.with_params({"refine": "edit"}))
    assert edited.engine == "diffusion" and edited.digital_source_type == "compositeWithTrainedAlgorithmicMedia"
    assert is_edited(edited) and not wears_lora(edited) and check_recipe(edited, "mine.yaml") == edited
    assert as_drawn(edited.with_params({"refine": "off"})).engine == "studio"
    with pytest.raises(SettingsError, match=r"mine.yaml: recipe 'material' .* `engine: diffusion`, not studio"):
        check_recipe(RECIPE.with_params({"refine": "edit"}), "mine.yaml")
    with pytest.raises(SettingsError, match="`engine: studio`, not diffusion"):
        check_recipe(RECIPE.model_copy(update={"engine": "diffusion"}), "mine.yaml")


def test_a_part_too_small_to_be_drawn_says_so():
    picture, thread = np.full((160, 160, 3), 255, np.uint8), np.zeros((160, 160), np.float32)
    thread[20:140, 80] = 1
    with pytest.raises(RenderError, match="too small to be drawn over at 32 x 32 px"):
        refine_request(resolved(refine="edit", refine_px=32), 1, picture, thread, picture)
