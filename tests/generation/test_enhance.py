"""Enhanced photos: spoiled on purpose, they come back as they were; what nothing tells is left alone; what cannot be had is refused."""

import re
from functools import cache

import cv2
import numpy as np
import pytest

from catalog.brand_kit import BrandKit, CategoryStyle
from catalog.errors import RenderError, SettingsError
from catalog.placement import Placement
from catalog.product import Product
from generation.enlarging import refuse_enlarging
from generation.kind import RenderSource
from generation.recipe_book import read_recipe_book
from generation.render import render_group
from generation.resolve import resolve
from imaging.color import delta_e2000, srgb_to_lab
from imaging.cutout import cut_out
from imaging.linear_light import to_levels, to_light
from imaging.placing import product_box
from imaging.tilt import Tilt
from imaging.upscaler import read_upscaler
from quality.measurements import RenderEvidence, measure_render
from quality.placed_product import placed_product
from quality.rules import read_rules
from tests.imaging.test_upscaler import write_tiny_upscaler
from tests.picture_letters import shown_on_failure
from tests.sample_photos import studio_photo

BOOK = read_recipe_book()
PRODUCT = Product(sku="P-1", title="Product", category="things", photos=("p.jpg",))
STYLE = CategoryStyle(trigger="wall look", scenes=("a table",), backdrops=("#c4704c",))
KIT = BrandKit(brand="b", palette=("#24355c", "#f1efec"), recipes=tuple(BOOK), categories={"things": STYLE})
SIZE = 480
WARM = np.array([1.0, 0.86, 0.62], np.float32)
"""A lamp of about 3,600 K, as it shines on a sensor balanced for daylight."""


@cache
def photo():
    return studio_photo(SIZE, noise=0.4)


@cache
def alpha():
    return cut_out(photo()).alpha_HW


def leaning(picture, clockwise_deg, border=cv2.BORDER_REPLICATE):
    turn = cv2.getRotationMatrix2D((SIZE / 2, SIZE / 2), -clockwise_deg, 1.0)
    return cv2.warpAffine(picture, turn, (SIZE, SIZE), flags=cv2.INTER_CUBIC, borderMode=border)


def enhanced(spoiled, name="enhance", alpha_HW=None, kit=KIT, **params):
    recipe = BOOK[name].model_copy(update={"width_px": SIZE, "height_px": SIZE}).with_params(params)
    source = RenderSource(foreground_HW3=spoiled, alpha_HW=alpha() if alpha_HW is None else alpha_HW, photo=lambda: spoiled)
    [made] = render_group([resolve(recipe, PRODUCT, kit, 0)], [5], source, None)
    return made


def delta_e(one, other, where=None):
    apart = delta_e2000(srgb_to_lab(one), srgb_to_lab(other))
    return float(apart[(alpha() > 200) if where is None else where].mean())


def done(made):
    return made.facts["enhanced"]


def test_a_photo_that_lacks_nothing_stays_as_it_is():
    neutral = studio_photo(SIZE, paper=(236, 236, 236), noise=0.4)
    made = enhanced(neutral)
    assert done(made)["exposure"]["ev"] == 0 and done(made)["geometry"]["tilt_deg"] == 0 and not done(made)["blur"]["taken_back"]
    assert delta_e(made.pixels_HW3, neutral, np.ones((SIZE, SIZE), bool)) < 0.5


def test_a_dark_photo_comes_back_as_bright_as_it_was():
    dark = to_levels(to_light(photo()) * np.float32(0.4))
    made = enhanced(dark, white_balance="off")
    with shown_on_failure("enhance-dark", before=dark, after=made.pixels_HW3):
        assert delta_e(dark, photo()) > 12
        assert delta_e(made.pixels_HW3, photo()) < 3
        assert 1.0 < done(made)["exposure"]["ev"] < 1.6


def test_brightening_burns_nothing_out_and_turns_no_hue():
    photo_HW3 = np.full((200, 300, 3), 90, np.uint8)
    photo_HW3[60:140, 80:220] = (120, 30, 20)
    photo_HW3[90:110, 100:200] = (130, 128, 60)
    mask = np.zeros((200, 300), np.uint8)
    mask[60:140, 80:220] = 255
    recipe = BOOK["enhance"].model_copy(update={"width_px": 300, "height_px": 300}).with_params({"max_exposure_ev": 2.5})
    source = RenderSource(foreground_HW3=photo_HW3, alpha_HW=mask, photo=lambda: photo_HW3)
    [made] = render_group([resolve(recipe, PRODUCT, KIT, 0)], [5], source, None)
    assert done(made)["exposure"]["ev"] > 1
    assert made.pixels_HW3.max() < 255
    before, after = (srgb_to_lab(one)[70, 90] for one in (photo_HW3, made.pixels_HW3))
    assert abs(np.degrees(np.arctan2(before[2], before[1]) - np.arctan2(after[2], after[1]))) < 2.5


def test_a_gray_point_takes_out_the_light_of_a_lamp():
    neutral = studio_photo(SIZE, paper=(236, 236, 236), noise=0.4)
    yellow = to_levels(to_light(neutral) * WARM)
    made = enhanced(yellow, white_balance="gray_point", gray_point=[0.1, 0.1], exposure="off")
    with shown_on_failure("enhance-yellow", before=yellow, after=made.pixels_HW3):
        assert delta_e(yellow, neutral) > 6
        paper = srgb_to_lab(made.pixels_HW3)[40:120, 40:120].reshape(-1, 3).mean(axis=0)
        assert np.hypot(paper[1], paper[2]) < 1.0
        assert done(made)["white_balance"]["witness"] == "gray_point"


def test_a_shop_that_says_its_paper_is_white_gets_it_white():
    yellow = to_levels(to_light(photo()) * WARM)
    made = enhanced(yellow, white_balance="background")
    paper = srgb_to_lab(made.pixels_HW3)[40:120, 40:120].reshape(-1, 3).mean(axis=0)
    assert np.hypot(paper[1], paper[2]) < 1.5


def test_a_colored_backdrop_is_not_taken_for_a_colored_light():
    peach = studio_photo(SIZE, paper=(240, 210, 180), noise=0.4)
    made = enhanced(peach, alpha_HW=cut_out(peach).alpha_HW)
    assert done(made)["white_balance"]["gains"] == [1.0, 1.0, 1.0]
    assert "color of its own" in done(made)["white_balance"]["why"]


def test_a_gray_point_that_no_lamp_explains_is_refused_in_words():
    blue = photo().copy()
    blue[:100, :100] = (20, 40, 230)
    with pytest.raises(RenderError, match=r"gray_point`: no light makes gray look like .* Nothing was made"):
        enhanced(blue, white_balance="gray_point", gray_point=[0.05, 0.05])


def test_a_gray_point_belongs_to_its_white_balance():
    with pytest.raises(SettingsError, match="give both or neither"):
        enhanced(photo(), gray_point=[0.5, 0.5])


@pytest.mark.parametrize("lean_deg", [4, -3])
def test_a_leaning_photo_is_stood_upright(lean_deg):
    made = enhanced(leaning(photo(), lean_deg), alpha_HW=leaning(alpha(), lean_deg, cv2.BORDER_CONSTANT))
    assert done(made)["geometry"]["tilt_deg"] == pytest.approx(lean_deg, abs=0.3)


def test_noise_is_taken_out_and_edges_stay():
    noisy = np.clip(photo() + np.random.default_rng(1).normal(0, 6, photo().shape), 0, 255).astype(np.uint8)
    made = enhanced(noisy, white_balance="off")
    assert done(made)["noise"]["before"] > 3 > 1.6 > done(made)["noise"]["after"]
    assert np.abs(made.pixels_HW3.astype(int) - photo()).mean() < 0.5 * np.abs(noisy.astype(int) - photo()).mean()


def test_a_slight_blur_is_taken_back_without_halos():
    soft = to_levels(cv2.GaussianBlur(to_light(photo()), (0, 0), 1.5))
    made = enhanced(soft, white_balance="off", deblur=1.0)
    level, before = (cv2.cvtColor(one, cv2.COLOR_RGB2GRAY).astype(np.float32) for one in (made.pixels_HW3, soft))
    around = np.ones((9, 9), np.uint8)
    assert done(made)["blur"]["sigma_px"] == pytest.approx(1.4, abs=0.45)
    assert (
        np.abs(made.pixels_HW3.astype(int) - photo())[alpha() > 200].mean()
        < 0.95 * np.abs(soft.astype(int) - photo())[alpha() > 200].mean()
    )
    assert (level - cv2.dilate(before, around)).max() < 8 and (cv2.erode(before, around) - level).max() < 8


def test_a_blur_that_was_not_looked_for_is_not_told_as_none():
    """With `deblur: 0` the facts said `sigma_px: 0.0`, as if the photo had been measured and found sharp."""
    soft = to_levels(cv2.GaussianBlur(to_light(photo()), (0, 0), 1.5))
    assert done(enhanced(soft, deblur=0.0))["blur"] == {"sigma_px": None, "taken_back": False}


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"denoise": 0.5, "deblur": 1.0}, "Lower `denoise` or `deblur`, set `exposure: off`, or photograph the product in better light."),
        ({"denoise": 0.0, "deblur": 1.0, "exposure": "off"}, "Lower `deblur`, or photograph the product in better light."),
        ({"denoise": 0.0, "deblur": 0.0}, "Set `exposure: off`, or photograph the product in better light."),
        ({"denoise": 0.0, "deblur": 0.0, "exposure": "off"}, "Photograph the product in better light."),
    ],
)
def test_a_hue_that_would_be_turned_is_refused_with_what_can_be_done_less(monkeypatch, params, told):
    """It said "Lower `denoise`" where that was 0, and never named `deblur`."""
    measured = []
    monkeypatch.setattr("generation.enhance_photo.measure_enhancement", lambda *_: measured.append(1) or {"hue_kept_delta_e": 3.0})
    soft = to_levels(cv2.GaussianBlur(to_light(photo()), (0, 0), 1.5))
    with pytest.raises(RenderError, match=re.escape(f"Nothing was made. {told}") + "$"):
        enhanced(soft, **params)
    assert len(measured) == (2 if params["denoise"] else 1), "half of no denoising is none again"


def test_a_photo_too_small_for_the_look_is_refused_where_nothing_may_enlarge_it():
    small = cv2.resize(photo(), (200, 200), interpolation=cv2.INTER_AREA)
    mask = cv2.resize(alpha(), (200, 200), interpolation=cv2.INTER_AREA)
    with pytest.raises(RenderError, match=r"would enlarge this photo .* times; `upscale: none`"):
        enhanced(small, "enhance_uniform", alpha_HW=mask, upscale="none")
    assert enhanced(small, alpha_HW=mask, upscale="none", straighten=False).pixels_HW3.shape == (200, 200, 3)
    assert enhanced(small, alpha_HW=mask, straighten=False).pixels_HW3.shape == (400, 400, 3)


def test_a_packshot_sends_a_small_photo_to_enhance_where_its_recipe_says_so():
    """Refused with the way out in words; mended, enlarged and told in facts where that is asked for; refused again beyond what is allowed."""
    small = cv2.resize(photo(), (240, 240), interpolation=cv2.INTER_AREA)
    noisy = np.clip(small + np.random.default_rng(1).normal(0, 5, small.shape), 0, 255).astype(np.uint8)
    mask = cv2.resize(alpha(), (240, 240), interpolation=cv2.INTER_AREA)
    with pytest.raises(RenderError, match=r"`small_photos: enhance`"):
        enhanced(noisy, "packshot_white", alpha_HW=mask)
    made = enhanced(noisy, "packshot_white", alpha_HW=mask, small_photos="enhance", enhanced_upscale_max=4)
    plain = enhanced(noisy, "packshot_white", alpha_HW=mask, upscale_max=4)
    truth = enhanced(small, "packshot_white", alpha_HW=mask, upscale_max=4)
    assert made.facts["small_photo"]["noise"]["before"] > 3 and made.placement == plain.placement
    with shown_on_failure("packshot-small", plain=plain.pixels_HW3, enhanced=made.pixels_HW3):
        apart = [float(np.abs(one.pixels_HW3.astype(int) - truth.pixels_HW3).mean()) for one in (made, plain)]
        assert apart[0] < 0.95 * apart[1]
    with pytest.raises(RenderError, match=r"its `enhanced_upscale_max` allows 1\.1"):
        enhanced(noisy, "packshot_white", alpha_HW=mask, small_photos="enhance", enhanced_upscale_max=1.1, upscale_max=1.0)


def test_a_way_out_that_is_named_is_one_that_the_recipe_may_take():
    """A photo that had to be enlarged 6.3 times was told to set `enhanced_upscale_max: 6.29`, which may be 4 at most."""
    place = Placement(scale=6.29, left_px=0, top_px=0, frame_width_px=100, frame_height_px=100)
    with pytest.raises(RenderError, match=r"or set a smaller `width_px`"):
        refuse_enlarging(place, recipe="r", upscale_max=2, named="enhanced_upscale_max", most=4)
    with pytest.raises(RenderError, match=r"`upscale_max: 6.29`, or a smaller `width_px`"):
        refuse_enlarging(place, recipe="r", upscale_max=2)


def test_a_packshot_that_refuses_small_photos_has_the_key_that_it_always_had():
    resolved = resolve(BOOK["packshot_white"], PRODUCT, KIT, 0)
    assert set(resolved["params"]) == {"fill_pct", "shadow", "upscale_max"}


def test_an_upscaler_that_is_not_there_is_named_and_lanczos_does_not_take_its_place():
    with pytest.raises(RenderError, match="asks for upscaler 'real-esrgan'"):
        enhanced(photo(), upscale="real-esrgan")


def test_a_registered_upscaler_enlarges_and_its_bytes_are_in_the_key(tmp_path):
    """Its name and digest are resolved before anything is made; other weights than were planned with are refused."""
    twice = read_upscaler("twice", write_tiny_upscaler(tmp_path / "twice", faithful=True))
    other = read_upscaler("twice", write_tiny_upscaler(tmp_path / "other", faithful=False))
    small, mask = (cv2.resize(one, (120, 120), interpolation=cv2.INTER_AREA) for one in (photo(), alpha()))
    source = RenderSource(foreground_HW3=small, alpha_HW=mask, photo=lambda: small, upscaler=lambda name: twice)
    for name in ("enhance", "enhance_uniform"):
        params = {"upscale": "twice", "max_upscale": 4, "straighten": False, "perspective": False}
        recipe = BOOK[name].model_copy(update={"width_px": 240, "height_px": 240}).with_params(params)
        resolved = resolve(recipe, PRODUCT, KIT, 0, upscaler=lambda asked: {"twice": twice}[asked])
        assert resolved["upscaler"] == twice.identity
        [made] = render_group([resolved], [5], source, None)
        [plain] = render_group([resolve(recipe.with_params({"upscale": "lanczos"}), PRODUCT, KIT, 0)], [5], source, None)
        assert done(made)["size"]["method"] == "upscaler" and done(made)["upscaler"]["p95_delta_e"] < 1
        assert made.pixels_HW3.shape == (240, 240, 3) and made.placement == plain.placement
        assert np.abs(made.pixels_HW3.astype(int) - plain.pixels_HW3).mean() < 3
        with pytest.raises(RenderError, match="planned with other weights"):
            render_group(
                [resolved], [5], RenderSource(foreground_HW3=small, alpha_HW=mask, photo=lambda: small, upscaler=lambda name: other), None
            )


def test_one_look_puts_dark_and_bright_photos_in_one_light_and_at_one_size():
    dark = to_levels(to_light(photo()) * np.float32(0.5))
    bright, lifted = (enhanced(one, "enhance_uniform") for one in (photo(), dark))
    assert bright.facts["background_hex"] == "#f1efec"
    with shown_on_failure("enhance-one-look", bright=bright.pixels_HW3, lifted=lifted.pixels_HW3):
        assert delta_e(bright.pixels_HW3, lifted.pixels_HW3, np.ones((SIZE, SIZE), bool)) < 1.5
    assert bright.placement == lifted.placement


@pytest.mark.parametrize("paper_hex", ["#efeae0", "#e8e4dc"])
def test_the_backdrop_of_one_look_shows_no_bands(paper_hex):
    """A gradient of ten levels was called banded by the gate, and a brand with a cream backdrop had every picture rejected."""
    made = enhanced(photo(), "enhance_uniform", backdrop_hex=paper_hex)
    rgb, mask = placed_product(photo(), alpha(), made.placement, made.facts)
    shown = {"pixels_HW3": made.pixels_HW3, "product_rgb_HW3": rgb, "product_alpha_HW": mask, "facts": made.facts}
    columns = measure_render(RenderEvidence(**shown, file_format="PNG", icc="sRGB", file_bytes=9))
    [bound] = [rule.max for rule in read_rules("enhance_uniform").rules if rule.column == "banding_comb"]
    assert columns["banding_comb"] < 0.8 * bound


def test_a_brand_without_a_neutral_color_is_asked_for_one():
    kit = KIT.model_copy(update={"palette": ("#24355c", "#c4704c")})
    with pytest.raises(RenderError, match="needs a neutral light backdrop"):
        enhanced(photo(), "enhance_uniform", kit=kit)
    assert enhanced(photo(), "enhance_uniform", kit=kit, backdrop_hex="#eeeeee").facts["background_hex"] == "#eeeeee"


def test_histograms_before_and_after_are_kept_in_thirty_two_bins():
    shown = done(enhanced(photo()))["histogram"]
    for side in ("before", "after"):
        assert [len(plane) for plane in shown[side]] == [32, 32, 32]
        assert all(990 <= sum(plane) <= 1010 for plane in shown[side])


def test_the_photo_itself_is_asked_for_in_words_where_only_its_cutout_is_at_hand():
    recipe = BOOK["enhance"]
    with pytest.raises(RenderError, match="photo with its own background is needed"):
        render_group([resolve(recipe, PRODUCT, KIT, 0)], [5], RenderSource(foreground_HW3=photo(), alpha_HW=alpha()), None)


@pytest.mark.parametrize(("tilt_deg", "keystone_deg"), [(7.0, 0.0), (-7.0, 0.0), (0.0, 6.0)])
def test_a_leaning_product_at_the_edge_of_its_photo_fills_the_frame_as_asked(monkeypatch, tilt_deg, keystone_deg):
    """It was measured after a warp into the photo's own frame, which cut off its corners: too large then, and off the middle."""
    photo_HW3, mask = np.full((900, 500, 3), 235, np.uint8), np.zeros((900, 500), np.uint8)
    mask[8:892, 8:200] = 255
    photo_HW3[mask > 0] = (60, 110, 90)
    found = Tilt(tilt_deg=tilt_deg, keystone_deg=keystone_deg, witness="lines", why="")
    monkeypatch.setattr("generation.enhance.find_tilt", lambda *_: found)
    made = enhanced(photo_HW3, "enhance_uniform", alpha_HW=mask, shadow=0, fill_pct=80)
    _, placed = placed_product(photo_HW3, mask, made.placement, made.facts)
    left, top, right, bottom = product_box(placed)
    with shown_on_failure("enhance-leaning-at-edge", photo=photo_HW3, made=made.pixels_HW3):
        assert bottom - top == pytest.approx(0.8 * SIZE, abs=2)
        assert ((left + right) / 2, (top + bottom) / 2) == pytest.approx((SIZE / 2, SIZE / 2), abs=1.5)
