"""Size cards and advertisements in a cell: planned, made, judged; a changed price makes the advertisement again and nothing else."""

import pytest

from assets.catalog import refresh_catalog
from assets.cutouts import cut_out_cell
from assets.generated_variants import render_groups, unfinished_groups
from assets.planning import known_cells, plan_cell
from assets.source_photos import screen_cell
from assets.validated_renders import judge_cell
from resources.project import open_project
from tests.tiny_project import draw_mug, product_row, write_photo, write_table

BRAND = """\
brand: cards
title: Card Shop
palette: ["#c4704c", "#3c5a46", "#efeae0"]
recipes: [scale_card, ad_poster]
ads: {headlines: ["Hello {title}", "{title}, at last"], calls_to_action: ["Get yours"]}
categories:
  mugs: {trigger: mugs look, scenes: ["a table"], backdrops: ["#e8c39a", "#f3e2c8"]}
channels:
  - {name: web, recipes: [scale_card, ad_poster], format: jpeg, long_side_px: 400, quality: 90}
"""
POSTER = """\
name: ad_poster
kind: ad_poster
title: Advertisement
engine: studio
variants: 2
width_px: 540
height_px: 540
digital_source_type: compositeSynthetic
params: {layouts: [classic, price], formats: []}
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cards")
    (folder / "recipes").mkdir()
    (folder / "recipes" / "ad_poster.yaml").write_text(POSTER)
    (folder / "brand.yaml").write_text(BRAND)
    (folder / "vitrine.yaml").write_text(
        "catalog: {kind: folder, path: catalog}\nbrand_kit: brand.yaml\nrecipes: recipes\nscreening: {min_side_px: 400}\n"
        "gate: {min_approved_share: 0.0}\n"
    )
    write_photo(folder / "catalog" / "photos" / "MUG-1.jpg", draw_mug((190, 60, 50)))
    write_table(folder, [product_row("MUG-1") | {"height_cm": "13"}])
    return folder


def test_cards_are_planned_made_and_judged(shop):
    project = open_project(shop)
    refresh_catalog(project)
    (cell,) = known_cells(project)
    screen_cell(project, *cell)
    cut_out_cell(project, *cell)
    plan = plan_cell(project, *cell)
    assert sorted(wanted.variant.name for wanted in plan.wanted) == [
        "MUG-1.ad_poster.0", "MUG-1.ad_poster.1", "MUG-1.scale_card.0",
    ]  # fmt: skip
    render_groups(project, *cell, unfinished_groups(project, plan))
    judge_cell(project, *cell)
    judged = plan_cell(project, *cell)
    verdicts = {w.variant.name: (judged.judged[w.render_key][1] or {}) for w in judged.wanted}
    found = {name: [reason["code"] for reason in row["reasons"]] for name, row in verdicts.items()}
    unmeasured = {name: [code for code in codes if code.endswith("_not_measured")] for name, codes in found.items()}
    assert not any(unmeasured.values()), unmeasured
    own = {"SCALE_MISMATCH", "LINE_OFF_EDGE", "TEXT_CONTRAST", "TEXT_ON_PRODUCT", "WORDS_MISSING", "LOGO_CROWDED"}
    assert not any(own & set(codes) for codes in found.values()), found


def test_a_new_price_makes_advertisements_again_and_no_size_card(shop):
    project = open_project(shop)
    (cell,) = known_cells(project)
    before = {w.variant.name: w.render_key for w in plan_cell(project, *cell).wanted}
    write_table(shop, [product_row("MUG-1") | {"height_cm": "13", "price": "19.00"}])
    refresh_catalog(project)
    after = {w.variant.name: w.render_key for w in plan_cell(project, *cell).wanted}
    changed = {name for name, key in after.items() if before[name] != key}
    assert changed == {"MUG-1.ad_poster.0", "MUG-1.ad_poster.1"}


def test_an_advertisement_that_cannot_be_leaves_the_others_of_its_product(shop):
    (shop / "recipes" / "ad_poster.yaml").write_text(POSTER.replace("[classic, price]", "[classic, band]"))
    title = "Handmade speckled stoneware breakfast mug with walnut lid, 350 ml, dishwasher safe"
    write_table(shop, [product_row("MUG-1", title=title) | {"height_cm": "13"}])
    project = open_project(shop)
    refresh_catalog(project)
    (cell,) = known_cells(project)
    plan = plan_cell(project, *cell)
    done = render_groups(project, *cell, unfinished_groups(project, plan))
    assert done["refused"] == 1
    after = plan_cell(project, *cell)
    made = {w.variant.name for w in after.wanted if w.render_key in after.judged}
    assert "MUG-1.ad_poster.1" in made and "MUG-1.ad_poster.0" not in made
    assert not after.to_render
