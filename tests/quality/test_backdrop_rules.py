"""Golden pictures of packshots and backdrops: a render on either side of each bound on fill, pure white and contrast, measured as in a cell."""

import io
from functools import cache

import cv2
import numpy as np
import pytest
from PIL import Image

from catalog.brand_kit import BrandKit, CategoryStyle
from catalog.product import Product
from generation.kind import RenderSource
from generation.recipe_book import read_recipe_book
from generation.render import render_group
from generation.resolve import resolve
from imaging.edge_contrast import edge_contrast
from imaging.placing import place
from quality.margins import margins_of
from quality.measurements import RenderEvidence, measure_render
from quality.rules import read_rules
from tests.drawn_products import mug
from tests.picture_letters import shown_on_failure

SIZE = 560
BOOK = read_recipe_book()
PRODUCT = Product(sku="P-1", title="Product", category="things", photos=("p.jpg",))
STYLE = CategoryStyle(trigger="wall look", scenes=("oak table",), backdrops=("#c9d2bf",))
KIT = BrandKit(brand="b", palette=("#c9d2bf",), recipes=("packshot_white",), categories={"things": STYLE})


@cache
def rendered(name, color=None, **params):
    """A render of the mug and its cut-out, and what a cell knows of it; `color`: a mug of one color."""
    foreground, alpha = mug()
    if color is not None:
        foreground = np.full_like(foreground, color)
    recipe = BOOK[name].model_copy(update={"width_px": SIZE, "height_px": SIZE}).with_params({"upscale_max": 4} | params)
    source = RenderSource(foreground_HW3=foreground, alpha_HW=alpha)
    [picture] = render_group([resolve(recipe, PRODUCT, KIT, 0)], [5], source, None)
    return picture, place(foreground, alpha, picture.placement)


def codes(name, picture, product, pixels=None, **facts):
    """The codes of the rules that a picture breaks, or other pixels in its place, and what was measured."""
    evidence = RenderEvidence(
        pixels_HW3=picture.pixels_HW3 if pixels is None else pixels,
        product_rgb_HW3=product[0],
        product_alpha_HW=product[1],
        facts=picture.facts | facts,
        file_format="PNG",
        file_bytes=100_000,
        icc="sRGB",
    )
    row = measure_render(evidence)
    return {one.code for one in margins_of(row, read_rules(name)) if one.is_broken}, row


@pytest.mark.parametrize(("fill_pct", "is_wanted"), [(80, False), (86, True), (94, True), (97, False)])
def test_a_packshot_fills_85_to_95_percent(fill_pct, is_wanted):
    picture, product = rendered("packshot_white", fill_pct=fill_pct, upscale_max=4)
    found, row = codes("packshot_white", picture, product)
    with shown_on_failure(f"fill-{fill_pct}", render=picture.pixels_HW3):
        assert row["fill_pct"] == pytest.approx(fill_pct, abs=0.5)
        assert ("FILL" not in found) is is_wanted


def as_jpeg(pixels, quality):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling=0)
    return np.asarray(Image.open(buffer))


def with_gray_corner(pixels, share):
    """So much of the frame one level off white, in the upper corners, where neither product nor shadow is."""
    gray = pixels.copy()
    gray[: round(share * SIZE * SIZE / 120), :60] = gray[: round(share * SIZE * SIZE / 120), -60:] = 254
    return gray


WHITE = [
    pytest.param(lambda pixels: pixels, True, id="as rendered"),
    pytest.param(lambda pixels: as_jpeg(pixels, 92), True, id="JPEG 92"),
    pytest.param(lambda pixels: with_gray_corner(pixels, 0.03), False, id="three percent at 254"),
    pytest.param(lambda pixels: np.minimum(pixels, 254), False, id="all of it at 254"),
]


@pytest.mark.parametrize(("damage", "is_white"), WHITE)
def test_a_packshot_is_exactly_white_away_from_the_product(damage, is_white):
    picture, product = rendered("packshot_white", upscale_max=4)
    pixels = damage(picture.pixels_HW3)
    found, row = codes("packshot_white", picture, product, pixels)
    with shown_on_failure("pure-white", render=pixels):
        assert ("NOT_PURE_WHITE" not in found) is is_white, row["pure_white_pct"]


def test_beyond_16_px_and_its_shadow_a_packshot_is_255_without_exception():
    picture, (_, alpha) = rendered("packshot_white", upscale_max=4, shadow=0)
    beyond = cv2.dilate((alpha > 0).astype(np.uint8), np.ones((33, 33), np.uint8)) == 0
    assert (picture.pixels_HW3[beyond] == 255).all()


@pytest.mark.parametrize("shadow", [0, 0.8])
def test_gray_under_a_packshot_is_its_shadow_only_where_one_was_asked_for(shadow):
    picture, product = rendered("packshot_white", upscale_max=4, shadow=shadow)
    rows, columns = np.nonzero(product[1] >= 128)
    gray = picture.pixels_HW3.copy()
    middle = (columns.min() + columns.max()) // 2
    gray[rows.max() + 18 : rows.max() + 33, middle - 88 : middle + 88] = 236
    found, row = codes("packshot_white", picture, product, gray, resolved={"params": {"shadow": shadow}})
    assert ("NOT_PURE_WHITE" in found) is (shadow == 0), row["pure_white_pct"]


@pytest.mark.parametrize(("lightness_off", "is_clear"), [(-6, False), (-34, True)])
@pytest.mark.parametrize("name", ["backdrop", "backdrop_table"])
def test_a_product_that_fades_into_its_backdrop_is_rejected(name, lightness_off, is_clear):
    color = tuple(level + lightness_off for level in (0xC9, 0xD2, 0xBF))
    picture, product = rendered(name, color=color, contrast_min=0)
    found, row = codes(name, picture, product)
    with shown_on_failure(f"contrast-{name}", render=picture.pixels_HW3):
        assert ("BLENDS_IN" not in found) is is_clear, row["edge_contrast_delta_e"]
        assert row["edge_contrast_delta_e"] == pytest.approx(edge_contrast(picture.pixels_HW3, product[1]))
