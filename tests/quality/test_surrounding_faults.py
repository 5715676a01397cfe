"""Faults of what surrounds a product, judged by the shipped rules with a brand's palette; and harmless changes of the same scenes."""

import pandas as pd
import pytest

from benchmarks.surrounding_faults import (
    HARMLESS,
    PALETTE,
    SURROUNDING_FAULTS,
    drawn_backdrop,
    drawn_room,
    evidence_in,
    standing,
)
from catalog.brand_kit import BrandKit
from catalog.verdict import Verdict
from quality.gate import judge_table
from quality.measurements import measure_render
from quality.rules import read_rules
from tests.judged_pictures import SIDE_PX, textured_bottle

RECIPES = {"scene": "staged_scene", "backdrop": "backdrop"}


def brand_of(palette) -> BrandKit:
    style = {"trigger": "mug look", "scenes": ["a wall"], "backdrops": ["#ffffff"]}
    return BrandKit.model_validate(
        {"brand": "north", "palette": list(palette), "recipes": list(RECIPES.values()), "categories": {"mugs": style}}
    )


@pytest.fixture(scope="module")
def scenes():
    bottle = textured_bottle()
    return {
        "scene": standing(bottle, SIDE_PX, background_HW3=drawn_room(SIDE_PX, 3), seed=3),
        "backdrop": standing(bottle, SIDE_PX, background_HW3=drawn_backdrop(SIDE_PX, 3), seed=3, fill=0.7),
    }


@pytest.fixture(scope="module")
def rows(scenes):
    """Kind -> rows of every harmless variant and fault on it."""
    found = {kind: [] for kind in RECIPES}
    for kind, scene in scenes.items():
        for name, make in HARMLESS.items():
            found[kind].append({"render_id": f"ok {name}", **measure_render(evidence_in(scene, make(scene), kind))})
    for name, fault in SURROUNDING_FAULTS.items():
        scene = scenes[fault.on]
        found[fault.on].append({"render_id": name, **measure_render(evidence_in(scene, fault.make(scene), fault.on))})
    return found


@pytest.fixture(scope="module")
def judged(rows):
    brand = brand_of(PALETTE)
    return {
        (kind, j.render_id): j
        for kind, table in rows.items()
        for j in judge_table(pd.DataFrame(table), read_rules(RECIPES[kind], brand))
    }  # fmt: skip


@pytest.mark.parametrize("kind", RECIPES)
@pytest.mark.parametrize("name", HARMLESS)
def test_a_harmless_change_of_the_surroundings_is_approved(judged, kind, name):
    assert judged[kind, f"ok {name}"].verdict == Verdict.APPROVED, judged[kind, f"ok {name}"].reasons


@pytest.mark.parametrize("name", SURROUNDING_FAULTS)
def test_a_fault_of_the_surroundings_is_seen_and_called_by_its_name(judged, name):
    fault = SURROUNDING_FAULTS[name]
    judgment = judged[fault.on, name]
    assert judgment.verdict != Verdict.APPROVED
    assert fault.code in [reason.code for reason in judgment.reasons], judgment.reasons


def test_a_changed_palette_judges_stored_measurements_anew_without_a_picture(rows):
    blue = brand_of(["#2060a0", "#a0c8e8"])
    table = pd.DataFrame([row for row in rows["scene"] if row["render_id"] in ("ok jpeg_92", "hue_turned")])
    codes = {
        j.render_id: [reason.code for reason in j.reasons if reason.code == "OFF_PALETTE"]
        for j in judge_table(table, read_rules("staged_scene", blue))
    }
    assert codes == {"ok jpeg_92": ["OFF_PALETTE"], "hue_turned": []}
    assert table["palette_delta_e"].isna().all(), "the table that was measured stays as it was"


def test_the_palette_is_part_of_what_rules_are_told_apart_by_only_where_a_rule_compares_with_it():
    one, other = brand_of(PALETTE), brand_of(["#2060a0"])
    assert read_rules("staged_scene", one).digest != read_rules("staged_scene", other).digest
    assert read_rules("packshot_white", one).digest == read_rules("packshot_white", other).digest


def test_without_a_brand_kit_there_is_no_palette_and_no_rule_that_asks_for_one(rows):
    rules = read_rules("staged_scene")
    assert not {"palette_delta_e", "palette_off_share_pct"} & {rule.column for rule in rules.rules} and rules.palette == ()
    judgment = judge_table(pd.DataFrame(rows["scene"][:1]), rules)[0]
    assert judgment.verdict == Verdict.APPROVED, judgment.reasons


def test_a_render_of_unknown_placement_has_no_surroundings_and_is_refused_by_their_rules(scenes):
    evidence = evidence_in(scenes["scene"], scenes["scene"].flat(), "scene")
    blind = measure_render(type(evidence)(pixels_HW3=evidence.pixels_HW3, facts=evidence.facts))
    assert blind["surroundings_hex"] is None and blind["scene_repeat"] is None and blind["shadow_gap_pct"] is None
    judgment = judge_table(pd.DataFrame([{"render_id": "a", **blind}]), read_rules("staged_scene", brand_of(PALETTE)))[0]
    assert "OFF_PALETTE_not_measured" in [reason.code for reason in judgment.reasons]
