"""Photos beside the main one, in a cell: a garment's inside fills its neck, a mask tells its mannequin, and a photo that comes or changes makes its
picture anew and no other."""

import cv2
import numpy as np
import pytest
import sqlalchemy as sa

from assets.catalog import refresh_catalog
from assets.cutouts import cut_out_cell
from assets.generated_variants import render_groups, unfinished_groups
from assets.planning import known_cells, plan_cell
from assets.reproducing import reproduce
from assets.source_photos import screen_cell
from assets.validated_renders import evidence_of
from imaging.storage_format import decode_rgb
from quality.measurements import measure_render
from resources.ledger_tables import product, refused_render, render
from resources.project import open_project
from tests.tiny_project import BRAND, write_project
from tools.drawn_mannequins import draw, draw_inside

RECIPE = """\
name: ghost_mannequin
kind: ghost_mannequin
title: Hollow garment
engine: studio
changes_product: true
width_px: 400
height_px: 400
digital_source_type: compositeSynthetic
params: {garments: {mugs: top}, upscale_max: 4}
"""


def write_photo(path, pixels_HW3):
    cv2.imwrite(str(path), pixels_HW3[..., ::-1])


def write_row(folder, photos):
    (folder / "catalog" / "products.csv").write_text(f"sku,title,category,photos\nTEE-1,Cotton T-shirt,mugs,{photos}\n")


@pytest.fixture
def shop(tmp_path):
    """One T-shirt on a mannequin; only hollow garments are asked for."""
    folder = write_project(tmp_path / "shop", skus=("TEE-1",), base_model=tmp_path / "none", looks=False)
    (folder / "recipes").mkdir(exist_ok=True)
    (folder / "recipes" / "ghost_mannequin.yaml").write_text(RECIPE)
    brand = BRAND.replace("recipes: [packshot_white, staged_scene]", "recipes: [ghost_mannequin]", 1).replace(
        "recipes: [packshot_white, staged_scene], format", "recipes: [ghost_mannequin], format"
    )
    (folder / "brand.yaml").write_text(brand.split("rules:")[0])
    photos = folder / "catalog" / "photos"
    write_photo(photos / "tee.png", draw("tee", side_px=420)[0])
    write_row(folder, "tee.png")
    return folder


def worked(folder):
    """The project after its one product went through intake and rendering, and what was wanted of it."""
    project = open_project(folder)
    refresh_catalog(project)
    (cell,) = [cell for cell in known_cells(project) if plan_cell(project, *cell).rows]
    screen_cell(project, *cell)
    cut_out_cell(project, *cell)
    plan = plan_cell(project, *cell)
    render_groups(project, *cell, unfinished_groups(project, plan))
    assert not plan.refused, plan.refused[0]["why"]
    (wanted,) = plan.wanted
    return project, wanted


def made(project, wanted):
    return project.ledger.by_keys(render, [wanted.render_key])[wanted.render_key]


def test_an_inside_photo_fills_the_neck_and_one_that_comes_or_changes_makes_the_picture_anew(shop):
    photos = shop / "catalog" / "photos"
    project, drawn = worked(shop)
    facts = made(project, drawn)["facts"]
    assert facts["inside_from"] == "drawn" and facts["inside_why"] == "the catalog has no inside photo"

    write_photo(photos / "tee-inside.png", draw_inside("tee", side_px=420)[0])
    write_row(shop, "tee.png;tee-inside.png")
    project, first = worked(shop)
    row = made(project, first)
    assert first.render_key != drawn.render_key and row["facts"]["inside_from"] == "photo", row["facts"]
    digests = project.ledger.one(sa.select(product.c.photo_digests))["photo_digests"]
    assert first.resolved["inside"]["photo"] == digests[1] and row["cutout_digest"] == drawn.cutout_digest
    assert reproduce(project, row["render_key"]).bit_equal
    with_label, without = (decode_rgb(project.store.get(made(project, one)["render_digest"])) for one in (first, drawn))
    apart = np.abs(with_label.astype(int) - without).max(axis=2) > 24
    rows, columns = np.nonzero(apart)
    assert apart.mean() < 0.03 and rows.max() < 130 and 120 < columns.mean() < 280, "only the neck is another"

    write_photo(photos / "tee-inside.png", draw_inside("tee", color=(205, 170, 90), side_px=420)[0])
    project, second = worked(shop)
    assert second.render_key not in (first.render_key, drawn.render_key)
    assert made(project, second)["facts"]["inside_relit"] is False, "a lining keeps its own color"


def test_an_inside_photo_that_cannot_be_used_is_said_and_the_neck_is_drawn(shop):
    noise = np.random.default_rng(0).integers(0, 255, (420, 420, 3), np.uint8)
    write_photo(shop / "catalog" / "photos" / "tee-inside.png", noise)
    write_row(shop, "tee.png;tee-inside.png")
    project, wanted = worked(shop)
    facts = made(project, wanted)["facts"]
    assert facts["inside_from"] == "drawn" and facts["inside_why"].startswith("its inside photo was refused: ")


def test_a_mask_tells_a_mannequin_of_the_garments_own_color_and_the_gate_measures_by_it(shop):
    photos = shop / "catalog" / "photos"
    photo, alpha, own = draw("tee", color=(225, 200, 180), side_px=420)
    write_photo(photos / "tee.png", photo)
    project, wanted = worked(shop)
    assert "has the garment's own color" in project.ledger.by_keys(refused_render, [wanted.render_key])[wanted.render_key]["message"]

    mask = np.where((alpha >= 128) & (own < 128), 255, 0).astype(np.uint8)
    cv2.imwrite(str(photos / "tee-mannequin.png"), mask)
    write_row(shop, "tee.png;tee-mannequin.png")
    project, masked = worked(shop)
    row = made(project, masked)
    assert row["facts"]["mannequin_from"] == "mask"
    columns = measure_render(evidence_of(project, row, changes_product=True))
    assert columns["mannequin_left_pct"] < 0.5 and columns["garment_changed_pct"] < 0.2 and columns["garment_loose_pct"] < 0.3


@pytest.mark.parametrize(("side_px", "level", "why"), [(300, 255, "has 300 x 300 px, its photo 420 x 420 px"), (420, 128, "not_a_mask")])
def test_a_mask_that_fits_no_photo_is_refused_in_words_and_never_passed_over(shop, side_px, level, why):
    mask = np.zeros((side_px, side_px), np.uint8)
    mask[: side_px // 3] = level
    mask[side_px // 3 : side_px // 2] = 0 if level == 255 else 100
    cv2.imwrite(str(shop / "catalog" / "photos" / "tee-mannequin.png"), mask)
    write_row(shop, "tee.png;tee-mannequin.png")
    project, wanted = worked(shop)
    message = project.ledger.by_keys(refused_render, [wanted.render_key])[wanted.render_key]["message"]
    assert why in message
