"""Colorways: targets by hex, name and photo; parts by color and by mask; what is refused and why."""

import hashlib

import cv2
import numpy as np
import pytest

from catalog.brand_kit import BrandKit, CategoryStyle, Colorway, PartMask, Swatch
from catalog.errors import RenderError
from catalog.product import Product
from generation import part
from generation.kind import RenderSource
from generation.known_parts import KNOWN
from generation.recipe_book import read_recipe_book
from generation.recolor import with_room
from generation.render import render_group
from generation.resolve import resolve
from generation.swatch import COLORS, color_of_swatch
from imaging.color import delta_e2000, srgb_to_lab
from imaging.dominant_region import find_dominant_region
from tests.drawn_products import bag, mug

RECIPE = read_recipe_book()["recolor"].model_copy(update={"width_px": 400, "height_px": 400})
PRODUCT = Product(sku="P-1", title="Product", category="things", photos=("p.jpg",))
RUST = (168, 72, 40)


def png(pixels):
    return cv2.imencode(".png", pixels[..., ::-1] if pixels.ndim == 3 else pixels)[1].tobytes()


def swatch_photo(color=RUST):
    """A woven swatch on a table, with a shadow."""
    photo = np.full((200, 300, 3), 235, np.uint8)
    noise = np.random.default_rng(1).normal(0, 6, (170, 260, 1))
    photo[15:185, 20:280] = np.clip(np.array(color) + noise, 0, 255)
    return png(photo)


class Files:
    """Brand files by sha256."""

    def __init__(self, **files):
        self.data = {hashlib.sha256(data).hexdigest(): data for data in files.values()}
        self.named = {name: {"file": f"{name}.png", "sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()}

    def __call__(self, sha256):
        return self.data[sha256]


def kit(**changes):
    style = CategoryStyle(trigger="wall look", scenes=("oak table",), backdrops=("#c9d2bf",))
    return BrandKit(brand="b", palette=("#ffffff",), recipes=("recolor",), categories={"things": style}, **changes)


def made(drawn, brand_kit, files=None, index=0, **params):
    resolved = resolve(RECIPE.with_params({"upscale_max": 4} | params), PRODUCT, brand_kit, index)
    source = RenderSource(foreground_HW3=drawn[0], alpha_HW=drawn[1], **({"brand_file": files} if files else {}))
    return render_group([resolved], [1], source, None)[0]


def test_a_swatch_is_found_by_its_name_however_it_is_written():
    brand = kit(swatches=(Swatch(name="18-1248 Rust", hex="#a84828"),))
    assert made(mug(), brand, swatch="18 1248 rust").facts["target_hex"] == "#a84828"
    with pytest.raises(RenderError, match="asks for swatch 'rusty'; the brand kit has: 18-1248 Rust"):
        made(mug(), brand, swatch="rusty")


def test_a_photographed_swatch_gives_its_median_color():
    files = Files(rust=swatch_photo())
    brand = kit(swatches=(Swatch(name="Rust", photo=files.named["rust"]),))
    picture = made(mug(), brand, files, swatch="Rust")
    reached = srgb_to_lab(np.array([[[int(picture.facts["target_hex"][i : i + 2], 16) for i in (1, 3, 5)]]], np.uint8))
    assert delta_e2000(reached, srgb_to_lab(np.array([[RUST]], np.uint8)))[0, 0] < 1.0
    assert picture.facts["target_photo"] == files.named["rust"]["sha256"]


def test_a_colorway_may_be_a_photo_and_another_photo_is_another_render():
    keys = []
    for color in (RUST, (40, 80, 120)):
        files = Files(c=swatch_photo(color))
        keys.append(resolve(RECIPE, PRODUCT, kit(colorways=(Colorway(name="rust", photo=files.named["c"]),)), 0))
    assert keys[0] != keys[1] and "target_hex" not in keys[0]


def test_a_photo_of_several_swatches_is_refused():
    photo = np.full((200, 200, 3), 235, np.uint8)
    photo[:100], photo[100:] = (200, 40, 40), (40, 60, 160)
    files = Files(two=png(photo))
    with pytest.raises(RenderError, match="shows several colors"):
        made(mug(), kit(swatches=(Swatch(name="Two", photo=files.named["two"]),)), files, swatch="Two")


def test_a_swatch_photo_is_read_once_and_known_by_its_bytes_whatever_recipe_asks():
    """It was known by its bytes, 64 of up to 32 MB kept as keys, and by the name of the recipe: each recipe decoded it anew."""
    COLORS.forget()
    data, read = swatch_photo(), []
    sha256 = hashlib.sha256(data).hexdigest()
    colors = {color_of_swatch(sha256, lambda asked: read.append(asked) or data, f"Recipe '{name}'") for name in ("a", "b", "b")}
    assert len(colors) == 1 and read == [sha256]
    with pytest.raises(RenderError, match=r"^Recipe 'c': the photo cannot be read"):
        color_of_swatch("0" * 64, lambda _: b"no picture", "Recipe 'c': the photo")


@pytest.mark.parametrize("given", [{}, {"hex": "#aabbcc", "photo": {"file": "a.png", "sha256": "0" * 64}}])
def test_a_swatch_is_either_written_or_shown(given):
    with pytest.raises(ValueError, match="either `hex` or the `photo`"):
        Swatch(name="x", **given)


def part_mask(alpha, *, box):
    mask = np.zeros_like(alpha)
    rows, columns = box
    mask[rows, columns] = alpha[rows, columns]
    return mask


LABEL = (slice(165, 215), slice(110, 190))


def test_a_part_given_by_its_mask_is_changed_and_nothing_else():
    drawn = bag()
    files = Files(label=png(part_mask(drawn[1], box=LABEL)))
    brand = kit(part_masks=(PartMask(sku="P-1", part="label", file=files.named["label"]),))
    before = made(drawn, brand, hex="#123456").pixels_HW3
    picture = made(drawn, brand, files, part="label", hex="#a84828")
    scale, left, top = picture.placement.scale, picture.placement.left_px, picture.placement.top_px
    packshot = read_recipe_book()["packshot_white"].model_copy(update={"width_px": 400, "height_px": 400})
    packshot = packshot.with_params({"upscale_max": 4.0, "fill_pct": 86, "shadow": 0.5})
    plain = render_group(
        [resolve(packshot, PRODUCT, brand, 0)],
        [1],
        RenderSource(foreground_HW3=drawn[0], alpha_HW=drawn[1]),
        None,
    )[0].pixels_HW3
    changed = np.abs(picture.pixels_HW3.astype(int) - plain).max(axis=-1) > 2
    rows, columns = np.nonzero(changed)
    assert (rows.min() - top) / scale > 163 and (rows.max() - top) / scale < 217
    assert (columns.min() - left) / scale > 108 and (columns.max() - left) / scale < 192
    assert picture.facts["part"] == "label" and picture.facts["part_map"]
    assert not np.array_equal(before, picture.pixels_HW3)


def test_the_mask_of_the_main_part_is_used_without_being_asked_for():
    drawn = bag()
    files = Files(main=png(part_mask(drawn[1], box=LABEL)))
    brand = kit(part_masks=(PartMask(sku="P-1", file=files.named["main"]),))
    assert "part_mask" in resolve(RECIPE.with_params({"hex": "#a84828"}), PRODUCT, brand, 0)
    other = PRODUCT.model_copy(update={"sku": "P-2"})
    assert "part_mask" not in resolve(RECIPE.with_params({"hex": "#a84828"}), other, brand, 0)


def test_a_part_without_a_mask_is_refused():
    with pytest.raises(RenderError, match=r"changes part 'sole', and the brand kit has no mask of it for product P-1 \(it has: none\)"):
        made(mug(), kit(), part="sole", hex="#a84828")


def test_a_mask_of_another_photo_is_refused():
    drawn = mug()
    beside = np.where(drawn[1] == 0, 255, 0).astype(np.uint8)
    files = Files(beside=png(beside), wide=png(np.full((100, 300), 255, np.uint8)))
    for name, said in (("beside", "lies beside the product"), ("wide", "300 x 100 px, the photo")):
        brand = kit(part_masks=(PartMask(sku="P-1", file=files.named[name]),))
        with pytest.raises(RenderError, match=said):
            made(drawn, brand, files, hex="#a84828")


def test_ten_colorways_of_a_photo_look_for_its_material_once(monkeypatch):
    KNOWN.forget()
    found = []
    monkeypatch.setattr(part, "find_dominant_region", lambda *photo: found.append(1) or find_dominant_region(*photo))
    pictures = [made(mug(), kit(), hex=f"#4{number}6f8f").pixels_HW3 for number in range(10)]
    assert len(found) == 1 and not np.array_equal(pictures[0], pictures[9])
    KNOWN.forget()
    assert np.array_equal(pictures[9], made(mug(), kit(), hex="#496f8f").pixels_HW3), "known or not, the same picture"


def test_another_photo_or_mask_of_the_same_size_is_another_part():
    KNOWN.forget()
    made(mug(), kit(), hex="#a84828")
    foreground, alpha = mug()
    made((foreground // 2, alpha), kit(), hex="#a84828")
    files = Files(main=png(part_mask(alpha, box=(slice(120, 200), slice(90, 170)))))
    made(mug(), kit(part_masks=(PartMask(sku="P-1", file=files.named["main"]),)), files, hex="#a84828")
    assert len(KNOWN) == 3


@pytest.mark.parametrize(("target_hex", "lightness"), [("#ffffff", 96.75), ("#000000", 3.25), ("#8a9a7b", None)])
def test_a_nearly_white_or_black_target_leaves_light_and_shade_some_room(target_hex, lightness):
    goal = srgb_to_lab(np.array([[[int(target_hex[i : i + 2], 16) for i in (1, 3, 5)]]], np.uint8))[0, 0]
    aimed = with_room(goal)
    assert delta_e2000(aimed, goal) <= 2 and np.array_equal(aimed[1:], goal[1:])
    assert aimed[0] == pytest.approx(goal[0] if lightness is None else lightness, abs=0.01)


def test_cloth_in_deep_shade_takes_the_new_color_whole():
    """A navy shirt was told as three quarters of itself, and was refused every lighter color for it."""
    foreground, alpha = mug()
    dark = np.clip(foreground.astype(float) * [0.12, 0.2, 0.6] + np.random.default_rng(2).normal(0, 5, (300, 300, 1)), 0, 255)
    picture = made((dark.astype(np.uint8), alpha), kit(), hex="#d9a520")
    assert picture.facts["target_delta_e"] < 1


def test_a_product_whose_color_shades_off_into_another_is_refused_and_made_by_a_mask():
    """A gray cap came out with a speckled brim."""
    gray = np.full((240, 240), 255.0)
    gray[40:120, 40:200], gray[120:200, 40:200] = 150, np.linspace(150, 20, 80)[:, None]
    foreground, alpha = np.repeat(gray[..., None], 3, axis=2).astype(np.uint8), np.zeros((240, 240), np.uint8)
    alpha[40:200, 40:200] = 255
    with pytest.raises(RenderError, match=r"cannot tell the main color.*looks alike.*`part_masks`"):
        made((foreground, alpha), kit(), hex="#a84828")
    upper = np.zeros((240, 240), np.uint8)
    upper[40:120, 40:200] = 255
    files = Files(upper=png(upper))
    assert made((foreground, alpha), kit(part_masks=(PartMask(sku="P-1", part="main", file=files.named["upper"]),)), files, hex="#a84828")
