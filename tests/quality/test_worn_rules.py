"""The gate of pictures on synthetic people: a kept garment goes to a person and no further, another color and a missing product are rejected."""

import cv2
import numpy as np
import pandas as pd
import pytest

from catalog.brand_kit import Bound
from quality.gate import judge_table
from quality.measurements import RenderEvidence, measure_render
from quality.rules import read_rules
from tests.worn_garments import garment, hue_turned, worn


def judged(picture, photo, alpha, rules=None):
    size = (picture.shape[1], picture.shape[0])
    placed = (cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in (photo, alpha))
    rgb, cover = placed
    facts = {"kind": "on_model", "background": "scene", "prompt": "somebody"}
    made = RenderEvidence(
        pixels_HW3=picture, product_rgb_HW3=rgb, product_alpha_HW=cover, changes_product=True, facts=facts, file_format="PNG"
    )
    found = judge_table(pd.DataFrame([{"render_id": "r", **measure_render(made)}]), rules or read_rules("on_model"))[0]
    return str(found.verdict), {reason.code for reason in found.reasons}


def shown(picture):
    """Large enough for a shop."""
    return cv2.resize(picture, None, fx=1.1, fy=1.1, interpolation=cv2.INTER_CUBIC)


@pytest.fixture(scope="module")
def cases():
    photo, alpha = garment()
    return {
        "kept": (shown(worn(photo, alpha)), photo, alpha),
        "plain": (shown(worn(*garment(printed=False))), *garment(printed=False)),
        "other hue": (shown(worn(hue_turned(photo), alpha)), photo, alpha),
        "missing": (shown(worn(photo, np.zeros_like(alpha))), photo, alpha),
    }


def test_a_garment_that_was_kept_is_looked_at_for_the_person_alone(cases):
    assert judged(*cases["kept"]) == ("review", {"SYNTHETIC_PERSON"})


def test_a_plain_garment_has_nothing_to_be_recognized_by_and_is_looked_at(cases):
    assert judged(*cases["plain"]) == ("review", {"SYNTHETIC_PERSON", "PRODUCT_NOT_RECOGNIZED"})


def test_another_color_and_a_missing_product_are_rejected(cases):
    for name, code in (("other hue", "PRODUCT_COLOR_CHANGED"), ("missing", "PRODUCT_MISSING")):
        verdict, codes = judged(*cases[name])
        assert verdict == "rejected" and code in codes, (name, codes)


def test_a_brand_that_trusts_its_model_says_so_and_nothing_else_is_loosened(cases):
    from catalog.brand_kit import read_brand_kit
    from tools.demo_product import CATALOG

    kit = read_brand_kit(CATALOG / "brand.yaml").model_copy(update={"rules": {"on_model": {"synthetic_performer": Bound(max=1.0)}}})
    trusting = read_rules("on_model", kit)
    assert judged(*cases["kept"], rules=trusting)[0] == "approved"
    assert judged(*cases["other hue"], rules=trusting)[0] == "rejected"
