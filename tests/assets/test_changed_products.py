"""Recolor, material and pattern in a cell: planned, rendered with files of the brand kit, judged; one that refuses a product stops nothing else."""

import cv2
import pytest
import sqlalchemy as sa

from assets.catalog import refresh_catalog
from assets.cutouts import cut_out_cell
from assets.planning import plan_cell
from assets.source_photos import screen_cell
from assets.validated_renders import judge_cell
from imaging.drawn_patterns import drawn_pattern
from resources.ledger_tables import judgment, render
from resources.project import open_project
from tests.scene_shop import cell_of, draw
from tests.tiny_project import product_row, write_project, write_table

KIT = """
colorways:
  - {name: moss, hex: "#6f7f55"}
patterns:
  - {name: cherry, file: cherry.png, repeat_cm: 2}
"""


@pytest.fixture(scope="module")
def worked(tmp_path_factory):
    """Two mugs, one of unknown size, in a color, a brand's pattern and a material."""
    folder = write_project(tmp_path_factory.mktemp("changed") / "shop", looks=False)
    rows = [product_row("MUG-1"), product_row("MUG-2") | {"width_cm": "", "height_cm": "", "depth_cm": ""}]
    write_table(folder, rows)
    brand = (folder / "brand.yaml").read_text()
    brand = brand.replace("recipes: [packshot_white, staged_scene]", "recipes: [recolor, pattern, material]")
    (folder / "brand.yaml").write_text(brand.split("rules:")[0] + KIT)
    for name in ("recolor", "pattern", "material"):
        from generation.recipe_book import SHIPPED

        text = (SHIPPED / f"{name}.yaml").read_text().replace("1200", "520").replace("variants: 2", "variants: 1")
        (folder / "recipes" / f"{name}.yaml").write_text(text)
    cv2.imwrite(str(folder / "cherry.png"), drawn_pattern("dots", (230, 220, 190), (40, 60, 160)))
    project = open_project(folder)
    refresh_catalog(project)
    screen_cell(project, *cell_of(project))
    cut_out_cell(project, *cell_of(project))
    made = draw(project)
    judge_cell(project, *cell_of(project))
    return project, made


def test_each_recipe_renders_what_it_can_and_says_why_it_cannot(worked):
    project, made = worked
    assert made == {"rendered": 4, "refused": 0}
    refused = plan_cell(project, *cell_of(project)).refused
    assert {row["sku"] for row in refused} == {"MUG-2"} and len(refused) == 2
    assert all("neither width nor height" in row["why"] for row in refused)


def test_every_render_is_judged_by_the_gate_of_its_recipe(worked):
    project, _ = worked
    renders = {row["render_key"]: row for row in project.ledger.rows(sa.select(render))}
    judged = project.ledger.rows(sa.select(judgment))
    assert len(judged) == 4
    for row in judged:
        name = renders[row["render_key"]]["recipe"]
        assert not [r for r in row["reasons"] if "not measured" in r["message"]], (name, row["reasons"])
        assert row["verdict"] in ("approved", "review"), (name, row["reasons"])


def test_nothing_is_left_to_do(worked):
    project, _ = worked
    plan = plan_cell(project, *cell_of(project))
    assert not [w for w in plan.wanted if not project.ledger.rows(sa.select(render).where(render.c.render_key == w.render_key))]
