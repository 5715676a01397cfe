"""Advertisements: different ideas, words that fit and can be read, never over the product; the gate sees what is wrong with one."""

import io
from functools import lru_cache

import cv2
import numpy as np
import pytest
from PIL import Image

from catalog.ad_style import AdCopy, AdStyle
from catalog.brand_files import _File
from catalog.brand_kit import BrandKit, CategoryStyle
from catalog.errors import RenderError, SettingsError
from catalog.product import Product
from catalog.recipe import parse_model
from generation.kind import RenderSource
from generation.poster import layout_difference
from generation.poster_colors import choose
from generation.poster_copy import written_price
from generation.poster_frame import STORY_BOTTOM, STORY_TOP, Frame
from generation.poster_layouts import LAYOUTS
from generation.poster_type import CLEAR_SHARE, Pen, read_logo
from generation.recipe_book import read_recipe_book
from generation.render import render_group
from generation.resolve import resolve
from generation.typefaces import chosen_fonts, typefaces
from imaging.color import srgb_to_lab
from imaging.placing import place
from quality.measurements import RenderEvidence, measure_render
from quality.rules import read_rules
from tests.drawn_products import bag, mug
from tests.poison_photos import encode, exif_block, swapped_profile
from tests.rule_bounds import broken_codes

RECIPE = read_recipe_book()["ad_poster"]
FORMATS = ("1080x1350", "1080x1080", "1200x628", "1080x1920", "1200x1800")
LEAST_DIFFERENCE = 0.5
"""Any two concepts have at most half of their places in common; see `layout_difference`."""


def kit(**changes):
    known = {"brand": "b", "title": "North Light", "palette": ("#c4704c", "#3c5a46", "#efeae0"), "recipes": ("ad_poster",)}
    style = CategoryStyle(trigger="look", scenes=("s",), backdrops=("#e8c39a", "#f3e2c8"), ads=changes.pop("category_ads", None))
    return BrandKit(**{**known, "categories": {"mugs": style}, **changes})


def product(**told):
    return Product(**{"sku": "P-1", "title": "Dune Stoneware Mug", "category": "mugs", "price": 28.0, "photos": ("p.jpg",), **told})


def source(drawn, brand_file=None):
    foreground, alpha = (cv2.resize(picture, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC) for picture in drawn())
    return RenderSource(foreground_HW3=foreground, alpha_HW=alpha, **({"brand_file": brand_file} if brand_file else {}))


def poster(index=0, *, item=None, brand=None, drawn=mug, brand_file=None, size=(540, 675), **params):
    """A poster at half the usual size in each direction: a quarter of the work."""
    recipe = RECIPE.with_params({"formats": [], **params}).model_copy(update={"width_px": size[0], "height_px": size[1]})
    return render_group([resolve(recipe, item or product(), brand or kit(), index)], [1], source(drawn, brand_file), None)[0]


def texts(rendered):
    return [text["text"] for text in rendered.facts["texts"]]


@lru_cache
def first_poster():
    return poster()


OWN = {"TEXT_CONTRAST", "WORDS_MISSING", "TEXT_TOO_SMALL", "TEXT_ON_PRODUCT", "WORDS_OVERLAP", "TEXT_AT_EDGE", "STORY_TOP", "STORY_BOTTOM",
       "STORY_COVERED", "LOGO_CROWDED", "CROPPED"}  # fmt: skip
"""What is judged of advertisements alone; the drawn products are too plain for what is judged of every product's pixels."""


def codes(rendered, pixels=None, drawn=mug, **facts):
    placed = source(drawn)
    rgb, alpha = place(placed.foreground_HW3, placed.alpha_HW, rendered.placement)
    evidence = RenderEvidence(
        pixels_HW3=rendered.pixels_HW3 if pixels is None else pixels,
        product_rgb_HW3=rgb,
        product_alpha_HW=alpha,
        facts=rendered.facts | facts,
        file_bytes=1000,
        file_format="PNG",
        icc="sRGB",
    )
    row = measure_render(evidence)
    return {code for code in broken_codes(row, read_rules("ad_poster")) if code.removesuffix("_not_measured") in OWN}


def test_any_two_of_six_concepts_differ_in_layout():
    made = [poster(index).facts for index in range(6)]
    differences = [layout_difference(a, b) for i, a in enumerate(made) for b in made[i + 1 :]]
    assert len(differences) == 15
    assert min(differences) >= LEAST_DIFFERENCE, sorted(differences)[:3]
    assert layout_difference(made[0], made[0]) == 0


@pytest.mark.parametrize("size", FORMATS)
def test_every_layout_keeps_words_logo_and_product_apart_and_inside_the_safe_area(size):
    frame = Frame(*map(int, size.split("x")))
    for name, lay_out in LAYOUTS.items():
        layout = lay_out(frame)
        boxes = {**{role: slot.box for role, slot in layout.slots.items()}, "logo": layout.logo.box, "product": layout.product}
        for i, (role, a) in enumerate(boxes.items()):
            assert a[0] < a[2] and a[1] < a[3], (name, role)
            assert a[0] >= -1 and a[2] <= frame.width + 1 and a[1] >= 0 and a[3] <= frame.height, (name, role)
            if frame.is_story:
                assert a[1] >= STORY_TOP * frame.height and a[3] <= (1 - STORY_BOTTOM) * frame.height, (name, role)
            for other, b in list(boxes.items())[i + 1 :]:
                assert not (a[0] < b[2] - 1 and b[0] < a[2] - 1 and a[1] < b[3] - 1 and b[1] < a[3] - 1), (name, role, other)


@pytest.mark.parametrize("size", FORMATS)
def test_every_layout_leaves_half_of_its_height_free_around_a_logo_as_large_as_its_place(size):
    frame = Frame(*map(int, size.split("x")))
    crowded = []
    for name, lay_out in LAYOUTS.items():
        layout = lay_out(frame)
        left, top, right, bottom = layout.logo.box
        free = CLEAR_SHARE * (bottom - top) - 1
        wide = left - free, top - free, right + free, bottom + free
        if min(wide[0], wide[1], frame.width - wide[2], frame.height - wide[3]) < 0:
            crowded.append((name, "edge"))
        for role, b in {**{role: slot.box for role, slot in layout.slots.items()}, "product": layout.product}.items():
            if wide[0] < b[2] and b[0] < wide[2] and wide[1] < b[3] and b[1] < wide[3]:
                crowded.append((name, role))
    assert not crowded


def test_variants_go_through_the_layouts_first_and_then_the_formats():
    recipe = RECIPE.with_params({"layouts": ["band", "disc"], "formats": ["1080x1080", "1200x628"]})
    order = [(r["layout"], r["width_px"], r["height_px"]) for r in (resolve(recipe, product(), kit(), i) for i in range(4))]
    assert order == [("band", 1080, 1080), ("disc", 1080, 1080), ("band", 1200, 628), ("disc", 1200, 628)]
    with pytest.raises(RenderError, match="wants poster number 5, but 2 layouts in 2 formats make 4"):
        resolve(recipe, product(), kit(), 4)


def test_without_formats_a_poster_has_the_recipes_own_size():
    recipe = RECIPE.with_params({"formats": []}).model_copy(update={"width_px": 900, "height_px": 1000})
    resolved = resolve(recipe, product(), kit(), 0)
    assert (resolved["width_px"], resolved["height_px"]) == (900, 1000)


def test_the_categorys_words_go_before_the_brands():
    brand = kit(
        ads=AdStyle(headlines=("Brand says {title}",), calls_to_action=("Buy",)), category_ads=AdCopy(headlines=("Mugs say hello",))
    )
    assert {"Mugs say hello", "Buy", "Dune Stoneware Mug", "$28"} <= set(texts(poster(brand=brand)))


def test_a_recipes_own_words_go_before_the_kits():
    """`--set call_to_action=Buy` became the kit's "See it"."""
    brand = kit(ads=AdStyle(headlines=("Brand",), calls_to_action=("See it",)), category_ads=AdCopy(headlines=("Mugs",)))
    said = resolve(RECIPE.with_params({"headline": "Mine", "call_to_action": "Get {title}"}), product(), brand, 0)["words"]
    assert (said["headline"], said["call_to_action"]) == ("Mine", "Get Dune Stoneware Mug")
    assert [resolve(RECIPE, product(), one, 0)["words"]["call_to_action"] for one in (brand, kit())] == ["See it", "Shop now"]


@pytest.mark.parametrize(
    ("amount", "currency", "style", "written"),
    [
        (28.0, "USD", {}, "$28"),
        (1299.5, "USD", {}, "$1,299.50"),
        (64.0, "EUR", {"price_pattern": "{amount} {symbol}", "decimal_mark": ","}, "64,00\u00a0€"),
        (4900.0, "JPY", {}, "¥4,900"),
        (250.0, "CHF", {}, "250\u00a0CHF"),
        (12.345, "KWD", {}, "12.345\u00a0KWD"),
        (0.995, "BHD", {"decimal_mark": ","}, "0,995\u00a0BHD"),
        (12.5, "TND", {}, "12.500\u00a0TND"),
        (1299.5, "HUF", {}, "1,299.50\u00a0HUF"),
        (1299.0, "HUF", {"decimal_mark": ","}, "1.299\u00a0HUF"),
        (4900.0, "ISK", {"decimal_mark": ","}, "4.900\u00a0ISK"),
        (0.1 + 0.2, "USD", {}, "$0.30"),
    ],
)
def test_prices_are_written_as_their_currency_is(amount, currency, style, written):
    """KWD 12.345 was written 12.35."""
    assert written_price(amount, currency, AdStyle(**style), "P-1") == written


@pytest.mark.parametrize(
    ("amount", "currency", "allowed"),
    [
        (19.99, "ISK", "whole amounts alone"),
        (4900.5, "JPY", "whole amounts alone"),
        (28.005, "USD", "2 digits behind"),
        (0.9995, "BHD", "3 digits behind"),
        (float("inf"), "USD", "2 digits"),
    ],
)
def test_a_price_that_its_currency_cannot_write_is_refused_and_not_rounded(amount, currency, allowed):
    """ISK 19.99 was shown as 20, HUF 1298.5 as 1,298 and 1299.5 as 1,300."""
    with pytest.raises(RenderError, match=rf"P-1 costs {amount} {currency}.*{allowed}.*`price: false`"):
        resolve(RECIPE, product(price=amount, currency=currency), kit(), 0)
    assert resolve(RECIPE.with_params({"price": False}), product(price=amount, currency=currency), kit(), 0)


@pytest.mark.parametrize(
    ("ads", "told"),
    [
        (
            {"headlines": ["{title}", "Meet {product} now"]},
            r"ads\.headlines\.1: holds \{product\}, which stands for nothing; there are \{title\}",
        ),
        ({"calls_to_action": ["Get {title!r}"]}, r"holds \{title!r\}"),
        ({"headlines": ["{title.upper}"]}, r"holds \{title\.upper\}"),
        ({"headlines": ["50 % off {"]}, r"a brace that belongs to nothing .*written braces are \{\{ and \}\}"),
        ({"price_pattern": "{amount} {Symbol}"}, r"holds \{Symbol\}.*there are \{amount\}, \{symbol\}, \{currency\}"),
        ({"price_pattern": "only {symbol}"}, r"must hold \{amount\}"),
        ({"price_pattern": "{{amount}}"}, r"must hold \{amount\}"),
    ],
)
def test_a_placeholder_that_stands_for_nothing_is_an_error_of_the_brand_kit(ads, told):
    """`Meet {product} now` was printed on posters as it stands."""
    with pytest.raises(SettingsError, match=told):
        parse_model(BrandKit, kit().model_dump() | {"ads": ads}, "brand.yaml")


def test_placeholders_are_filled_once_and_doubled_braces_are_written_braces():
    brand = kit(ads=AdStyle(headlines=("{title} {{new}}",), price_pattern="{currency} {amount}"))
    words = resolve(RECIPE, product(title="A {symbol} {x} mug"), brand, 0)["words"]
    assert words["headline"] == "A {symbol} {x} mug {new}" and words["price"] == "USD\u00a028"
    with pytest.raises(SettingsError, match=r"holds \{product\}"):
        resolve(RECIPE.with_params({"headline": "Meet {product}"}), product(), kit(), 0)


def test_a_product_without_a_price_gets_a_poster_without_one():
    assert not [text for text in texts(poster(item=product(price=None))) if "$" in text]


def test_a_headline_without_glyphs_is_refused_with_its_characters():
    with pytest.raises(RenderError, match=r"no glyph for แ \(U\+0E41\), ก \(U\+0E01\).*Name a font with this script"):
        poster(headline="แก้ว", brand=kit())


def test_a_headline_that_is_too_long_is_refused_and_one_that_is_long_is_set_smaller():
    short, long = (
        poster(headline=words, price=False, subline=False) for words in ("Mugs", "A mug for every one of your mornings and evenings")
    )
    sizes = [next(t["height"] / t["lines"] for t in one.facts["texts"] if "mug" in t["text"].lower()) for one in (short, long)]
    assert sizes[1] < sizes[0]
    assert "A mug for every one of your mornings and evenings" in texts(long), "whole, nothing cut off"
    with pytest.raises(RenderError, match=r"does not fit.*Shorten it"):
        poster(headline="A mug for every morning " * 8)


def test_a_photo_that_would_be_enlarged_too_much_is_refused():
    foreground, alpha = (cv2.resize(picture, (60, 60)) for picture in mug())
    with pytest.raises(RenderError, match="would be enlarged"):
        render_group([resolve(RECIPE, product(), kit(), 0)], [1], RenderSource(foreground_HW3=foreground, alpha_HW=alpha), None)


def logo_file(rgb):
    """A logo as PNG bytes: a bar with a notch on nothing."""
    picture = np.zeros((60, 200, 4), np.uint8)
    picture[5:55, 5:195] = (*rgb, 255)
    picture[20:40, 80:120] = 0
    written = io.BytesIO()
    Image.fromarray(picture).save(written, "PNG")
    return written.getvalue()


def test_a_logo_is_drawn_with_its_clear_space_and_on_a_plate_where_it_could_not_be_seen():
    brand = kit(logo=_File(file="logo.png", sha256="a" * 64))
    for rgb in ((20, 20, 20), (232, 195, 154)):  # the second is the ground's own color
        made = poster(brand=brand, brand_file=lambda _, rgb=rgb: logo_file(rgb))
        assert "logo" in made.facts["boxes"]
        assert codes(made) == set()
        box = made.facts["boxes"]["logo"]
        part = made.pixels_HW3[round(box[1] * 675) : round(box[3] * 675), round(box[0] * 540) : round(box[2] * 540)]
        assert np.abs(part.astype(int) - part[0, 0]).max() > 40, "it can be seen"


def picture_file(picture, kind="PNG"):
    written = io.BytesIO()
    picture.save(written, kind)
    return written.getvalue()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "is an SVG file.*Export it as PNG"),
        (b"no picture at all", r"cannot be read as a picture \(it is no picture\)"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "cannot be read as a picture"),
        (logo_file((20, 20, 20))[:120], "cannot be read as a picture"),
        (picture_file(Image.new("RGBA", (400, 100))), "transparent all over"),
        (picture_file(Image.new("RGB", (400, 100), (200, 10, 10))), "one color all over"),
        (picture_file(Image.new("P", (8000, 6000))), "8000 x 6000 px; 40 megapixels are allowed"),
    ],
)
def test_a_logo_that_cannot_be_shown_is_refused_with_what_to_do(data, told):
    """A transparent logo was drawn as nothing, a damaged PNG went through as SyntaxError, an SVG was named by its place in memory."""
    with pytest.raises(RenderError, match=told):
        read_logo(data)


def test_a_logo_that_would_be_a_hairline_is_refused_and_a_small_one_stays_small():
    brand = kit(logo=_File(file="logo.png", sha256="a" * 64))
    hairline = Image.new("RGBA", (3000, 40), (0, 0, 0, 255))
    hairline.putpixel((0, 0), (0, 0, 0, 0))
    with pytest.raises(RenderError, match="or one that is less wide"):
        poster(brand=brand, brand_file=lambda _: picture_file(hairline))
    small = Image.open(io.BytesIO(logo_file((20, 20, 20)))).resize((50, 15))
    box = poster(brand=brand, brand_file=lambda _: picture_file(small)).facts["boxes"]["logo"]
    assert (box[3] - box[1]) * 675 <= 2 * 15 + 1


def test_an_opaque_logo_stands_on_a_plate_of_its_own_ground():
    """A JPEG's white ground lay on the poster as a hard box as large as its empty border."""
    mark = np.full((120, 400, 3), 255, np.uint8)
    mark[50:70, 100:300] = (20, 20, 120)
    picture, ground = read_logo(picture_file(Image.fromarray(mark), "JPEG"))
    assert ground == (255, 255, 255)
    assert picture.size == pytest.approx((200, 20), abs=10)


def marked(mode="RGBA"):
    """A wide logo, red on the left and blue on the right, on nothing or on white."""
    mark = np.full((120, 400, 4), (255, 255, 255, 255 if mode == "RGB" else 0), np.uint8)
    mark[30:90, 50:200], mark[30:90, 200:350] = (200, 20, 20, 255), (20, 20, 200, 255)
    return Image.fromarray(mark).convert(mode)


@pytest.mark.parametrize(("mode", "kind"), [("RGB", "JPEG"), ("RGBA", "PNG"), ("RGBA", "WEBP")])
def test_a_logo_is_turned_upright_and_its_colors_are_read_by_its_profile(mode, kind):
    """Orientation and profile were passed over: a logo lay on its side, one in Display P3 or CMYK had wrong colors."""
    plain = marked(mode)
    stored = plain.transpose(Image.Transpose.ROTATE_90)
    made, _ = read_logo(encode(stored, kind, exif=exif_block(6), icc_profile=swapped_profile(), quality=95))
    assert made.size == pytest.approx((300, 60), abs=4), "upright"
    left, right = (np.asarray(made)[30, column, :3].astype(int) for column in (75, 225))
    assert left[1] > 150 > 100 > left[0], "the profile exchanges red and green"
    assert right[2] > 150 > 100 > right[0]
    as_is, _ = read_logo(encode(plain, kind, quality=95))
    assert np.abs(np.asarray(as_is)[30, 75, :3].astype(int) - (200, 20, 20)).max() <= 6


def test_a_logo_in_cmyk_or_in_sixteen_bits_of_gray_keeps_its_colors():
    printed, _ = read_logo(encode(marked("RGB").convert("CMYK"), "JPEG", quality=95))
    assert np.abs(np.asarray(printed)[30, 75, :3].astype(int) - (200, 20, 20)).max() <= 8
    deep = np.full((120, 400), 65535, np.uint16)
    deep[30:90, 50:350] = 128 * 257
    gray, ground = read_logo(picture_file(Image.fromarray(deep)))
    assert ground == (255, 255, 255) and tuple(np.asarray(gray)[30, 75, :3]) == (128, 128, 128)


@pytest.mark.parametrize("size", FORMATS)
def test_the_line_below_the_headline_follows_it_at_one_distance(size):
    """Their places were fixed: below a headline of one line stood a gap of another."""
    frame, gaps = Frame(*map(int, size.split("x"))), {}
    for name in ("classic", "band", "disc", "editorial", "split"):
        layout = LAYOUTS[name](frame)
        for words in ("Mugs", "A mug for each of your slow mornings"):
            pen = pen_for(frame)
            assert not pen.stack([("headline", words, layout.slots["headline"]), ("subline", "Wide", layout.slots["subline"])], "subline")
            assert max(box[3] for box in pen.boxes.values()) <= layout.slots["subline"].box[3] / frame.height + 0.002
            gaps[name, words] = (pen.boxes["subline"][1] - pen.boxes["headline"][3]) * frame.height / frame.unit
    assert all(0.012 <= gap <= 0.05 for gap in gaps.values()), gaps


def pen_for(frame):
    canvas = np.full((frame.height, frame.width, 3), 240, np.uint8)
    scheme = choose(["#f3e2c8"], ["#c4704c", "#3c5a46"], np.zeros((0, 3), np.float32), 0, dark=False)
    return Pen(canvas=canvas, scheme=scheme, faces=typefaces(chosen_fonts(kit()), lambda _: b""), unit=frame.unit, texts=[], boxes={})


def test_a_pale_product_gets_more_than_one_ground():
    """Of light grounds one alone stood out from a cream bag: six of eight concepts had it."""
    outline = np.tile(srgb_to_lab(np.array([[(236, 226, 205)]], np.uint8))[0], (50, 1))
    grounds, palette = ["#f3e2c8", "#efe6d8"], ["#c4704c", "#3c5a46", "#efeae0"]
    schemes = [choose(grounds, palette, outline, concept, dark=False) for concept in range(4)]
    assert len({scheme.ground for scheme in schemes}) == 2


def test_a_fifth_of_an_outline_is_not_lost_on_the_color_behind_it():
    """The terracotta foot of a teal mug stood on terracotta."""
    outline = srgb_to_lab(np.array([[(40, 120, 120)] * 80 + [(196, 112, 76)] * 20], np.uint8))[0]
    for concept in range(6):
        scheme = choose(["#f3e2c8"], ["#c4704c", "#2a1a4a", "#efeae0"], outline, concept, dark=False)
        assert scheme.accent != (196, 112, 76) and scheme.ground != (196, 112, 76)


@pytest.mark.parametrize("size", [(540, 675), (600, 314)])
def test_without_a_price_the_headline_takes_its_place_and_the_button_starts_at_the_edge(size):
    number = tuple(RECIPE.params["layouts"]).index("price")
    with_price, without = (poster(number, item=product(price=price), size=size).facts["boxes"] for price in (28.0, None))
    assert without["headline"][3] - without["headline"][1] > 1.4 * (with_price["headline"][3] - with_price["headline"][1])
    split = tuple(RECIPE.params["layouts"]).index("split")
    assert poster(split, item=product(price=None), size=(600, 314)).facts["boxes"]["call_to_action"][0] == pytest.approx(0.034, abs=0.005)


@pytest.mark.parametrize("drawn", [mug, bag])
def test_a_story_passes_its_own_gate(drawn):
    assert codes(poster(3, drawn=drawn, size=(540, 960)), drawn=drawn) == set()


def test_product_pixels_are_the_photos_own():
    made = first_poster()
    placed = source(mug)
    rgb, alpha = place(placed.foreground_HW3, placed.alpha_HW, made.placement)
    assert (made.pixels_HW3[alpha == 255] == rgb[alpha == 255]).all()


def test_words_that_lose_their_contrast_are_rejected_and_those_that_keep_it_are_not():
    made = first_poster()
    assert codes(made) == set()
    pixels, box = made.pixels_HW3.copy(), made.facts["boxes"]["headline"]
    rows, columns = slice(round(box[1] * 675) - 4, round(box[3] * 675) + 4), slice(round(box[0] * 540) - 4, round(box[2] * 540) + 4)
    ground = pixels[rows.start, columns.start].astype(int)
    for share, expected in ((0.45, True), (0.06, False)):  # the ground behind the letters darkens towards the ink
        damaged = pixels.copy()
        part = damaged[rows, columns].astype(float)
        light = part.mean(axis=2) > ground.mean() * 0.6
        part[light] *= 1 - share
        damaged[rows, columns] = part
        assert ("TEXT_CONTRAST" in codes(made, damaged)) is expected, share


def test_words_of_thin_letters_are_seen_on_a_small_poster():
    """Letters of 8 px have hardly a pixel of their full color: they were called missing."""
    number = tuple(RECIPE.params["layouts"]).index("editorial")
    made = poster(
        number, item=product(description="A generous 12 oz mug thrown in stoneware and dipped in speckled teal glaze."), size=(600, 314)
    )
    assert "left_out" not in made.facts
    assert "WORDS_MISSING" not in codes(made)


def test_words_that_were_not_drawn_are_rejected():
    made = first_poster()
    pixels, box = made.pixels_HW3.copy(), made.facts["boxes"]["price"]
    rows, columns = slice(round(box[1] * 675) - 2, round(box[3] * 675) + 2), slice(round(box[0] * 540) - 2, round(box[2] * 540) + 2)
    pixels[rows, columns] = pixels[rows.start - 2, columns.start - 2]
    assert "WORDS_MISSING" in codes(made, pixels)


def test_something_beside_the_logo_is_rejected_nearer_than_half_its_height_and_taken_beyond():
    made = first_poster()
    box = made.facts["boxes"]["logo"]
    right, top, bottom = round(box[2] * 540), round(box[1] * 675), round(box[3] * 675)
    for share, expected in ((0.3, True), (0.7, False)):
        pixels = made.pixels_HW3.copy()
        left = right + round(share * (bottom - top))
        pixels[top:bottom, left : left + 12] = (200, 30, 30)
        assert ("LOGO_CROWDED" in codes(made, pixels)) is expected, share


def test_letters_under_the_buttons_of_apps_are_rejected():
    made = poster(3, size=(540, 960))
    pixels = made.pixels_HW3.copy()
    cv2.putText(pixels, "SALE TODAY", (100, 900), cv2.FONT_HERSHEY_SIMPLEX, 1.5, (255, 255, 255), 4, cv2.LINE_AA)
    assert "STORY_COVERED" in codes(made, pixels)


def test_words_over_the_product_are_rejected():
    made = first_poster()
    product_box = made.facts["boxes"]["product"]
    over = {"left": product_box[0] + 0.1, "top": product_box[1] + 0.1, "width": 0.2, "height": 0.03, "color": "#ffffff", "lines": 1}
    assert "TEXT_ON_PRODUCT" in codes(made, texts=[*made.facts["texts"], over])
