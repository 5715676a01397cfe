"""Scale cards: one scale for both things, lines as long as what they measure, refusals that say what to do; the gate sees what is wrong."""

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from catalog.brand_kit import BrandKit, CategoryStyle
from catalog.errors import RenderError
from catalog.product import Product
from generation import scale_words
from generation.kind import RenderSource
from generation.recipe_book import read_recipe_book
from generation.render import render_group
from generation.resolve import resolve
from imaging.measure_scale_card import measure_scale_card
from imaging.placing import place
from imaging.reference_objects import NAMES, draw_reference, reference_object
from quality.gate import judge_table
from quality.measurements import RenderEvidence, measure_render
from quality.proportions import compare_with_size
from quality.rules import read_rules
from tests.drawn_products import mug
from tests.picture_letters import shown_on_failure
from tests.rule_bounds import broken_codes

DEMO = Path(__file__).parents[2] / "demo" / "catalog"
RECIPE = read_recipe_book()["scale_card"]
KIT = BrandKit(
    brand="b",
    palette=("#ffffff",),
    recipes=("scale_card",),
    categories={"mugs": CategoryStyle(trigger="look", scenes=("s",), backdrops=("#ffffff",))},
)


def mug_source():
    foreground, alpha = mug()
    return RenderSource(foreground_HW3=foreground, alpha_HW=alpha)


def sized(**size):
    """A product with a size; the drawn mug's own proportions unless told otherwise."""
    alpha = mug()[1]
    rows, columns = np.flatnonzero((alpha >= 128).any(axis=1)), np.flatnonzero((alpha >= 128).any(axis=0))
    wide, high = columns[-1] + 1 - columns[0], rows[-1] + 1 - rows[0]
    size = size or {"width_cm": 12.0, "height_cm": round(12.0 * high / wide, 2)}
    return Product(sku="P-1", title="Dune Mug", category="mugs", photos=("p.jpg",), **size)


def card(product, *, frame=(900, 900), source=None, **params):
    recipe = RECIPE.model_copy(update={"width_px": frame[0], "height_px": frame[1]}).with_params({"upscale_max": 5} | params)
    return render_group([resolve(recipe, product, KIT, 0)], [1], source or mug_source(), None)[0]


@lru_cache
def plain_card():
    return card(sized())


def measured(pixels, rendered, product, source=None):
    source = source or mug_source()
    rgb, alpha = place(source.foreground_HW3, source.alpha_HW, rendered.placement)
    evidence = RenderEvidence(
        pixels_HW3=pixels, product_rgb_HW3=rgb, product_alpha_HW=alpha, facts=rendered.facts, file_bytes=1000, file_format="PNG", icc="sRGB"
    )
    row = measure_render(evidence)
    compare_with_size(row, product.size_cm)
    return row


def judged(pixels, rendered, product, source=None):
    row = measured(pixels, rendered, product, source)
    return judge_table(pd.DataFrame([{"render_id": "r", **row}]), read_rules("scale_card"))[0]


@pytest.mark.parametrize("frame", [(900, 900), (800, 1000), (1200, 628)])
def test_product_and_reference_measure_the_same_scale_from_pixels(frame):
    rendered = card(sized(), frame=frame)
    row = measured(rendered.pixels_HW3, rendered, sized())
    assert row["scale_mismatch_pct"] < 1, row["scale_mismatch_pct"]
    assert row["dimension_gap_pct"] < 1.2 and row["dimension_error_pct"] < 1.5
    assert row["reference_px_per_cm"] == pytest.approx(rendered.facts["px_per_cm"], rel=0.005)


def test_a_photographed_mug_is_approved_at_its_catalog_size():
    photo = cv2.cvtColor(cv2.imread(str(DEMO / "photos" / "DRK-001.jpg")), cv2.COLOR_BGR2RGB)
    alpha = cv2.imread(str(DEMO / "alphas" / "DRK-001.png"), cv2.IMREAD_GRAYSCALE)
    alpha = cv2.resize(alpha, photo.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    source = RenderSource(foreground_HW3=photo, alpha_HW=alpha)
    product = sized(width_cm=12.1, height_cm=9.4, depth_cm=8.4)
    rendered = card(product, source=source)
    judgment = judged(rendered.pixels_HW3, rendered, product, source)
    assert str(judgment.verdict) == "approved", judgment.reasons


@pytest.mark.parametrize("name", NAMES)
def test_every_reference_object_is_as_large_as_it_says(name):
    thing, canvas = reference_object(name), np.full((700, 700, 3), 246, np.uint8)
    scale = 600 / max(thing.width_cm, thing.height_cm)
    draw_reference(canvas, thing, left_px=20.3, ground_px=660.6, px_per_cm=scale)
    dark = canvas.min(axis=2) < 202
    rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
    assert np.ptp(rows) + 1 == pytest.approx(thing.height_cm * scale, abs=1.2)
    assert np.ptp(columns) + 1 == pytest.approx(thing.width_cm * scale, abs=1.2)
    assert rows[-1] + 1 == pytest.approx(660.6, abs=1)


def test_words_do_not_overlap_one_another_nor_the_product():
    for frame in ((900, 900), (800, 1000), (1200, 628), (500, 1000)):
        rendered = card(sized(), frame=frame)
        boxes = [(t["left"], t["top"], t["left"] + t["width"], t["top"] + t["height"]) for t in rendered.facts["texts"]]
        for i, a in enumerate(boxes):
            assert a[0] > 0 and a[2] < 1 and a[1] > 0 and a[3] < 1
            assert not any(a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3] for b in boxes[i + 1 :]), (frame, boxes)


def test_a_product_without_a_size_is_refused_with_what_to_do():
    with pytest.raises(RenderError, match=r"neither its width nor its height.*`width_cm` or `height_cm`"):
        card(Product(sku="P-1", title="T", category="mugs", photos=("p.jpg",)))


def test_one_known_length_is_enough_and_the_other_gets_no_line():
    rendered = card(sized(height_cm=9.0))
    assert list(rendered.facts["dimension_lines"]) == ["height"]
    assert "W " not in " ".join(text["text"] for text in rendered.facts["texts"])


def test_a_size_that_the_photo_cannot_show_is_refused():
    with pytest.raises(RenderError, match=r"cannot look like that.*Correct width_cm and height_cm"):
        card(sized(width_cm=12.0, height_cm=30.0))


def test_a_reference_that_dwarfs_the_product_is_refused():
    with pytest.raises(RenderError, match="Choose another `reference`"):
        card(sized(), reference="door")


def test_a_tall_product_of_known_width_is_compared_with_something_tall():
    """A thing 20 cm wide that is seen 150 cm high got a hand, was refused, and was told to choose `auto`, on which it was."""
    alpha = np.zeros((900, 200), np.uint8)
    alpha[60:810, 50:150] = 255
    source = RenderSource(foreground_HW3=np.full((900, 200, 3), (150, 70, 60), np.uint8), alpha_HW=alpha)
    made = card(sized(width_cm=20.0), source=source)
    assert made.facts["reference"] == "person" and list(made.facts["dimension_lines"]) == ["width"]


def seen_from_above(pct):
    """The drawn mug with a catalog height so that it is seen this much higher than it is."""
    return sized(width_cm=12.0, height_cm=round(sized().height_cm / (1 + pct / 100), 3), depth_cm=12.0)


@pytest.mark.parametrize("pct", [0, 0.8, 5, 9, 15])
def test_a_height_line_is_as_long_as_it_says_at_the_drawn_objects_scale(pct):
    """A mug of 9.4 cm, seen 10.5 cm high, got a line of 10.5 cm labeled 9.4 cm beside a true hand."""
    product = seen_from_above(pct)
    rendered = card(product)
    row = measured(rendered.pixels_HW3, rendered, product)
    told = product.height_cm * row["reference_px_per_cm"]
    with shown_on_failure(f"card-from-above-{pct}", card=rendered.pixels_HW3):
        assert row["dimension_height_px"] == pytest.approx(told, rel=0.012)
        assert row["dimension_gap_pct"] < 1.2 and row["dimension_error_pct"] < 1.5
        assert row["scale_mismatch_pct"] < 1


def test_a_line_as_long_as_the_product_looks_from_above_is_rejected():
    product = seen_from_above(9)
    rendered = card(product)
    row = measured(rendered.pixels_HW3, rendered, product)
    row["dimension_height_px"] = row["product_height_px"]
    compare_with_size(row, product.size_cm)
    assert "LINE_TOO_LONG_OR_SHORT" in broken_codes(row, read_rules("scale_card"))


def test_units_are_as_asked_for():
    said = {units: " ".join(t["text"] for t in card(sized(), units=units).facts["texts"]) for units in ("cm", "in", "both")}
    assert "12\u00a0cm" in said["cm"] and " in" not in said["cm"] and "\u00a0in" not in said["cm"]
    assert "4.7\u00a0in" in said["in"] and "cm" not in said["in"]
    assert "12\u00a0cm / 4.7\u00a0in" in said["both"]


def test_size_in_words_speaks_the_shops_language_and_cards_made_before_keep_their_keys():
    said = [text["text"] for text in card(sized(), units="cm", size_letters=["B", "T", "H"], decimal_mark=",").facts["texts"]]
    assert any(one.startswith("B 12 × H ") and "," in one and "." not in one for one in said), said
    plain = resolve(RECIPE.with_params({"size_letters": ["W", "D", "H"]}), sized(), KIT, 0)
    assert plain["params"] == resolve(RECIPE, sized(), KIT, 0)["params"] and "size_letters" not in plain["params"]


@pytest.mark.parametrize(("longest", "reference"), [(12, "hand"), (40, "a4"), (120, "person"), (300, "door")])
def test_the_reference_follows_the_products_size(longest, reference):
    assert card(sized(width_cm=float(longest))).facts["reference"] == reference


def test_who_counts_in_inches_alone_gets_a_sheet_of_letter():
    made = card(sized(width_cm=40.0), units="in")
    assert made.facts["reference"] == "letter"
    assert "Letter sheet, 8.5 × 11 in" in [text["text"] for text in made.facts["texts"]]
    assert card(sized(width_cm=40.0), units="cm").facts["reference"] == "a4"


@pytest.mark.parametrize(
    ("cm", "unit", "told"),
    [(0.2, "in", "0.08"), (0.2, "cm", "0.2"), (10.0, "cm", "10"), (254.0, "in", "100"), (9.4, "in", "3.7"), (100.0, "cm", "100")],
)
def test_lengths_are_told_to_what_can_be_relied_on(cm, unit, told):
    """2 mm were told as 0.1 in, a quarter too much."""
    assert scale_words._number(cm, unit) == told


def test_a_long_title_stands_on_two_lines_and_leaves_the_rest_where_it_is():
    long = sized().model_copy(
        update={"title": "Dune Stoneware Mug with a Bare Clay Foot and a Broad Handle, Dishwasher Safe, 12 oz, Set of Four, Speckled Teal"}
    )
    made = card(long)
    title, told = made.facts["texts"][:2]
    assert title["lines"] == 2 and title["top"] + title["height"] < told["top"]
    assert made.placement == plain_card().placement


@pytest.mark.parametrize("longest", [0.2, 2000.0])
def test_a_product_too_small_or_too_large_for_every_object_is_refused(longest):
    with pytest.raises(RenderError, match="too small or too large for every object there is"):
        card(sized(width_cm=longest))


@pytest.mark.parametrize("longest", [12.0, 120.0])
def test_words_of_a_card_of_600_px_can_be_read(longest):
    """Strokes of 15 px letters have no pixel of their full color, and were taken for what is behind them."""
    rendered, product = card(sized(width_cm=longest), frame=(600, 600)), sized(width_cm=longest)
    assert measured(rendered.pixels_HW3, rendered, product)["text_contrast"] >= 4.5


def squeezed(pixels, scale_x, scale_y):
    """The card with its reference object drawn at another scale, the ground line kept."""
    made = pixels.copy()
    drawn = (np.abs(pixels.astype(int) - (158, 175, 196)).max(axis=2) < 22) | (
        np.abs(pixels.astype(int) - (203, 213, 225)).max(axis=2) < 18
    )
    drawn[:, : pixels.shape[1] // 2] = False
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    part = pixels[rows[0] - 2 : rows[-1] + 1, columns[0] - 2 : columns[-1] + 3]
    made[rows[0] - 2 : rows[-1] + 1, columns[0] - 2 : columns[-1] + 3] = pixels[0, 0]
    part = cv2.resize(part, None, fx=scale_x, fy=scale_y, interpolation=cv2.INTER_CUBIC)
    made[rows[-1] + 1 - part.shape[0] : rows[-1] + 1, columns[0] - 2 : columns[0] - 2 + part.shape[1]] = part
    return made


OWN = {"SCALE_MISMATCH", "REFERENCE_DAMAGED", "LINE_OFF_EDGE", "LINE_TOO_LONG_OR_SHORT", "SCALE_MISMATCH_not_measured", "TEXT_CONTRAST"}
"""What is judged of scale cards alone. The drawn mug is too plain for what is judged of every product's pixels; a photograph is judged below."""


def codes(pixels):
    return broken_codes(measured(pixels, plain_card(), sized()), read_rules("scale_card")) & OWN


def test_a_reference_at_another_scale_is_rejected_from_2_percent_on_and_taken_at_half_a_percent():
    made = plain_card().pixels_HW3
    assert "SCALE_MISMATCH" in codes(squeezed(made, 0.98, 0.98))
    assert "SCALE_MISMATCH" in codes(squeezed(made, 1.02, 1.02))
    assert codes(squeezed(made, 1.004, 1.004)) == set()


def test_a_squashed_or_covered_reference_is_rejected():
    made = plain_card().pixels_HW3
    assert "REFERENCE_DAMAGED" in codes(squeezed(made, 0.92, 1.0))
    bitten = made.copy()
    bitten[430:560, 640:860] = bitten[0, 0]
    assert "REFERENCE_DAMAGED" in codes(bitten)


def test_a_card_without_its_reference_is_rejected_as_unmeasured():
    made = plain_card().pixels_HW3.copy()
    made[(np.abs(made.astype(int) - (158, 175, 196)).max(axis=2) < 40)] = made[0, 0]
    assert "SCALE_MISMATCH_not_measured" in codes(made)


def test_a_dimension_line_that_stops_before_the_edge_is_rejected():
    made, line = plain_card().pixels_HW3.copy(), (36, 92, 158)
    drawn = np.abs(made.astype(int) - line).max(axis=2) < 40
    rows, columns = np.nonzero(drawn)
    level = rows > rows.max() - 24
    made[rows.max() - 24 :, columns[level].max() - 14 : columns[level].max() + 2] = made[0, 0]
    found = codes(made)
    assert {"LINE_OFF_EDGE", "LINE_TOO_LONG_OR_SHORT"} <= found, found


@pytest.mark.parametrize(
    ("name", "width_cm", "frame"), [("door", 45.0, (1200, 1200)), ("mug", 26.0, (1200, 1200)), ("mug", 22.0, (1000, 1000))]
)
def test_an_object_that_its_drawn_lines_part_is_found_whole(name, width_cm, frame):
    """A door was taken for what lies around its panels (overlap .54), a mug for what lies below its rim (.86), and good cards were rejected."""
    rendered = card(sized(width_cm=width_cm), frame=frame, reference=name)
    found = measure_scale_card(rendered.pixels_HW3, None, place(*mug(), rendered.placement)[1])
    assert found["reference_shape_iou"] > 0.97
    assert found["reference_px_per_cm"] == pytest.approx(rendered.facts["px_per_cm"], rel=0.01)


@pytest.mark.parametrize("ground", ["#202020", "#2f7f86", "#808080"])
def test_a_ground_on_which_dark_words_cannot_be_read_is_refused(ground):
    recipe = read_recipe_book()["scale_card"].with_params({"background_hex": ground})
    with pytest.raises(RenderError, match=f"on a ground of {ground} they have a contrast of .*such as #f6f6f4"):
        resolve(recipe, sized(), KIT, 0)
