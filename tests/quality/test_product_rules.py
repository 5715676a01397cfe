"""Golden pictures: for each rule on the product's outline, company, tint, marks, fringe and scale a picture on either side of its bound."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest

from benchmarks.corruptions import FAULTS, Scene, jpeg, shift_lab
from benchmarks.further_corruptions import bite, colored, half_halo, knob, marked, prop, squashed_by, stage, twin
from quality.gate import judge_table
from quality.measurements import measure_render
from quality.rules import read_rules
from tests.judged_pictures import SIDE_PX, Known, evidence, sloped_scene, textured_bottle, white_scene

SCENES: dict[str, Callable[[], Scene]] = {
    "packshot_white": white_scene,
    "backdrop": sloped_scene,
    "staged_scene": lambda: stage(textured_bottle(), SIDE_PX, 3),
}


def tinted(delta: float) -> Callable[[Scene], np.ndarray]:
    return lambda s: jpeg(replace(s, rgb_HW3=shift_lab(s.rgb_HW3, 0, 0.6 * delta, 0.8 * delta)).flat(), 92)


def plain(s: Scene) -> np.ndarray:
    return jpeg(s.flat(), 92)


def sized(width_off_pct: float) -> dict:
    """Catalog sizes without a depth: the true proportions of the bottle's box, its width off by so many percent."""
    x0, y0, x1, y1 = white_scene().box
    return {"size_cm": {"width": (x1 - x0) / (y1 - y0) * 20 * (1 + width_off_pct / 100), "height": 20.0, "depth": None}}


@dataclass(frozen=True, kw_only=True)
class Golden:
    """A rule, and pictures within and outside its bound; `facts` go with each."""

    code: str
    recipe: str
    within: Callable[[Scene], np.ndarray]
    outside: Callable[[Scene], np.ndarray]
    facts: tuple[dict, dict] = ({}, {})


GOLDEN = [
    Golden(code="PRODUCT_GREW", recipe="packshot_white", within=knob(1 / 40), outside=knob(1 / 12)),
    Golden(code="PRODUCT_EATEN", recipe="packshot_white", within=bite(1 / 40), outside=bite(1 / 12)),
    Golden(code="PRODUCT_EATEN", recipe="staged_scene", within=bite(1 / 40), outside=bite(1 / 9)),
    Golden(code="SECOND_OBJECT", recipe="backdrop", within=prop((60, 90, 140), 0.008), outside=prop((60, 90, 140), 0.03)),
    Golden(code="TINTED", recipe="packshot_white", within=tinted(1.9), outside=tinted(2.7)),
    Golden(code="HUE_TURNED", recipe="packshot_white", within=colored(3.5, 1.0), outside=colored(5.5, 1.0)),
    Golden(code="CHROMA_CHANGED", recipe="packshot_white", within=colored(0, 0.96), outside=colored(0, 0.88)),
    Golden(code="CHROMA_CHANGED", recipe="packshot_white", within=colored(0, 1.04), outside=colored(0, 1.12)),
    Golden(code="WATERMARK", recipe="packshot_white", within=marked(0.02, "SAMPLE"), outside=marked(0.15, "SAMPLE SAMPLE")),
    Golden(code="PRODUCT_TWICE", recipe="staged_scene", within=plain, outside=twin(0.5)),
    Golden(code="FRINGE_ALONG_EDGE", recipe="backdrop", within=plain, outside=half_halo(3, 255)),
    Golden(code="SQUASHED", recipe="packshot_white", within=squashed_by(0.01), outside=squashed_by(0.02)),
    Golden(code="PROPORTIONS", recipe="packshot_white", within=plain, outside=plain, facts=(sized(9), sized(16))),
]


@pytest.fixture(scope="module")
def judged():
    """(recipe, number, side) -> judgment, without the expected picture, as in a cell; one table per recipe."""
    rows: dict[str, list[dict]] = {recipe: [] for recipe in SCENES}
    for number, golden in enumerate(GOLDEN):
        scene = SCENES[golden.recipe]()
        known = Known(expected=False, background=read_rules(golden.recipe).background)
        for side, make, facts in zip(("within", "outside"), (golden.within, golden.outside), golden.facts, strict=True):
            rows[golden.recipe].append({"render_id": f"{number} {side}", **measure_render(evidence(make(scene), scene, known, **facts))})
    return {
        judgment.render_id: judgment for recipe, table in rows.items() for judgment in judge_table(pd.DataFrame(table), read_rules(recipe))
    }


@pytest.mark.parametrize("number", range(len(GOLDEN)), ids=lambda n: f"{GOLDEN[n].code}-{GOLDEN[n].recipe}")
def test_the_picture_within_passes_the_rule_and_the_one_outside_breaks_it(judged, number):
    code = GOLDEN[number].code
    within, outside = judged[f"{number} within"], judged[f"{number} outside"]
    assert code not in [reason.code for reason in within.reasons], within.reasons
    (said,) = [reason for reason in outside.reasons if reason.code == code]
    assert said.measured is not None and said.required in said.message


def test_a_product_without_a_size_in_the_catalog_is_not_held_to_it_and_one_that_is_tells_its_scale():
    scene = white_scene()
    known = Known(expected=False)
    unknown, sizeless = (measure_render(evidence(plain(scene), scene, known, **facts)) for facts in (sized(0), {}))
    assert (unknown["size_known"], sizeless["size_known"], sizeless["px_per_cm"], sizeless["aspect_error_pct"]) == (1.0, 0.0, None, None)
    _, y0, _, y1 = scene.box
    assert unknown["px_per_cm"] == pytest.approx((y1 - y0) / 20, rel=0.01)
    (judgment,) = judge_table(pd.DataFrame([{"render_id": "a", **sizeless}]), read_rules("packshot_white"))
    assert not [reason for reason in judgment.reasons if "PROPORTIONS" in reason.code]


def test_a_patch_is_no_watermark_and_a_watermark_is_named_first():
    scene, known = white_scene(), Known(expected=False)
    rows = [
        {"render_id": name, **measure_render(evidence(FAULTS[name].make(scene), scene, known))}
        for name in ("local_patch", "watermark_35pct")
    ]
    patch, mark = judge_table(pd.DataFrame(rows), read_rules("packshot_white"))
    assert "WATERMARK" not in [reason.code for reason in patch.reasons]
    assert mark.reasons[0].code == "WATERMARK", mark.reasons
