"""Materials that the project's edit model draws over, in a cell: without a LoRA, the model part of the key, and what is said where none is installed."""

import pytest
import sqlalchemy as sa

from assets.generated_variants import render_groups, unfinished_groups
from assets.picture_metadata import picture_metadata
from assets.planning import plan_cell
from assets.reproducing import reproduce
from catalog.errors import ModelError
from generation.base_model import read_base_model
from resources.ledger_tables import render
from resources.project import open_project
from tests.scene_shop import cell_of, write_scene_shop
from tests.tiny_project import BRAND
from tests.tiny_qwen_edit import write_tiny_qwen_edit

RECIPE = """\
name: material_refined
kind: material
title: Material, refined
engine: diffusion
changes_product: true
width_px: 128
height_px: 128
digital_source_type: compositeWithTrainedAlgorithmicMedia
params: {material: wood, refine: edit, refine_px: 64}
"""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """One mug in wood, drawn over by a tiny Qwen-Image-Edit."""
    folder = write_scene_shop(tmp_path_factory.mktemp("refined") / "shop", ("MUG-1",), with_lora=False)
    (folder / "recipes" / "material_refined.yaml").write_text(RECIPE)
    (folder / "brand.yaml").write_text(BRAND.replace("staged_scene]", "material_refined]"))
    with pytest.raises(
        ModelError, match=r"Recipes of kind 'material' .* Install one that edits .*`edit_model: \{name: ID\}` in vitrine.yaml"
    ):
        open_project(folder).drawing("material")
    write_tiny_qwen_edit(folder / "edit-model")
    settings = folder / "vitrine.yaml"
    settings.write_text(settings.read_text() + "edit_model: {name: ./edit-model, steps: 4, guidance: 1.0}\n")
    project = open_project(folder)
    plan = plan_cell(project, *cell_of(project))
    made = render_groups(project, *cell_of(project), unfinished_groups(project, plan))
    return project, [w for w in plan.wanted if w.variant.recipe == "material_refined"], made


def test_a_material_is_refined_in_a_cell_by_the_edit_model_and_its_key_knows_the_model(drawn):
    project, wanted, made = drawn
    assert made["refused"] == 0
    (row,) = project.ledger.rows(sa.select(render).where(render.c.recipe == "material_refined"))
    edit_model = read_base_model(project.settings.project_dir / "edit-model")
    assert row["facts"]["refined"] is True and row["lora_digest"] is None
    assert row["facts"]["plate"]["circumstances"]["base_model"] == edit_model.digest
    assert "edit-model" in picture_metadata(project, wanted[0], row).ai_system
    found = reproduce(project, row["render_key"])
    assert found.bit_equal and found.differs == ()
    write_tiny_qwen_edit(project.settings.project_dir / "edit-model", seed=21)
    other = open_project(project.settings.project_dir)
    again = [w for w in plan_cell(other, *cell_of(other)).to_render if w.variant.recipe == "material_refined"]
    assert len(again) == 1 and again[0].render_key != row["render_key"]
