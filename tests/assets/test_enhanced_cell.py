"""Enhanced photos in a cell: planned, rendered from the kept original, judged with what a correction may do, and made again bit for bit."""

import copy
import shutil
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
import yaml

from assets.catalog import refresh_catalog
from assets.cutouts import cut_out_cell
from assets.generated_variants import render_groups, unfinished_groups
from assets.planning import plan_cell
from assets.reproducing import reproduce
from assets.source_photos import screen_cell
from assets.validated_renders import evidence_of, judge_cell
from resources.ledger_tables import render
from resources.project import open_project
from tests.imaging.test_upscaler import write_tiny_upscaler
from tests.scene_shop import cell_of
from tests.tiny_project import write_project

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("enhance", "enhance_uniform")


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """One mug, its photo screened and cut out, both ways of enhancing it rendered."""
    # Nothing here is drawn by a model: the shipped one is linked, for making a tiny one takes most of this file's time.
    folder = write_project(
        tmp_path_factory.mktemp("enhanced") / "shop", skus=("MUG-1",), base_model=ROOT / "demo" / "base-model", looks=False
    )
    kit = yaml.safe_load((folder / "brand.yaml").read_text())
    kit |= {"recipes": list(NAMES), "channels": [], "rules": {}}
    (folder / "brand.yaml").write_text(yaml.safe_dump(kit))
    for name in NAMES:
        recipe = {"name": name, "kind": name, "title": name, "engine": "studio", "width_px": 600, "height_px": 600}
        text = yaml.safe_dump(recipe | {"digital_source_type": "algorithmicallyEnhanced"})
        (folder / "recipes" / f"{name}.yaml").write_text(text)
    project = open_project(folder)
    refresh_catalog(project)
    screen_cell(project, *cell_of(project))
    cut_out_cell(project, *cell_of(project))
    cell = cell_of(project)
    render_groups(project, *cell, unfinished_groups(project, plan_cell(project, *cell)))
    return project


def test_both_recipes_are_rendered_judged_and_approved(shop):
    rows = judge_cell(shop, *cell_of(shop))
    assert {row["recipe"] for row in rows} == set(NAMES)
    for row in rows:
        assert str(row["verdict"]) == "approved", (row["recipe"], row["reasons"])


def test_a_render_names_the_photo_it_was_made_of_and_is_made_again_from_it(shop):
    for row in shop.ledger.rows(sa.select(render)):
        assert not shop.store.missing([row["facts"]["photo_digest"]])
        assert reproduce(shop, row["render_key"]).bit_equal


def test_the_gate_sees_the_photo_of_a_render_whose_light_was_corrected(shop):
    """And of no other, and no photo that the store has lost: what it then cannot check counts as none."""
    row = shop.ledger.rows(sa.select(render))[0]
    for witness, digest, is_seen in (("background", None, True), ("none", None, False), ("background", "0" * 64, False)):
        facts = copy.deepcopy(row["facts"])
        facts["enhanced"]["white_balance"]["witness"] = witness
        facts["photo_digest"] = digest or facts["photo_digest"]
        photo = evidence_of(shop, {**row, "facts": facts}, changes_product=False).photo
        assert (photo is not None) == is_seen
        assert photo is None or photo[0].shape[:2] == photo[1].shape


def test_a_published_file_tells_the_histograms_before_and_after(shop):
    """Thirty-two bins of each color, found in the file's own metadata again."""
    from assets.picture_metadata import picture_metadata
    from imaging.encode import encode_jpeg
    from publishing.metadata import read_metadata, xmp_packet

    [wanted] = [one for one in plan_cell(shop, *cell_of(shop)).wanted if one.recipe.name == "enhance"]
    [row] = shop.ledger.rows(sa.select(render).where(render.c.render_key == wanted.render_key))
    found = read_metadata(encode_jpeg(np.zeros((9, 9, 3), np.uint8), xmp=xmp_packet(picture_metadata(shop, wanted, row))))
    for side, told in (("before", found.histogram_before), ("after", found.histogram_after)):
        assert [[int(one) for one in plane.split()] for plane in str(told).split(";")] == row["facts"]["enhanced"]["histogram"][side]


def test_weights_that_cannot_be_loaded_leave_everything_else_to_be_made(shop, tmp_path, caplog):
    """Found out by the worker that composes, beside other recipes' pictures: the shard ended."""
    folder = Path(shutil.copytree(shop.settings.project_dir, tmp_path / "shop", symlinks=True))
    weights = write_tiny_upscaler(folder / "twice", faithful=True) / "model.safetensors"
    whole = weights.read_bytes()
    (folder / "vitrine.yaml").write_text(
        (folder / "vitrine.yaml").read_text() + "upscalers: {twice: {model: twice, license: Apache-2.0}}\n"
    )
    for name in NAMES:
        recipe = yaml.safe_load((folder / "recipes" / f"{name}.yaml").read_text())
        asks = {"params": {"upscale": "twice", "max_upscale": 4}} if name == "enhance" else {}
        (folder / "recipes" / f"{name}.yaml").write_text(yaml.safe_dump(recipe | asks | {"width_px": 800, "height_px": 800}))
    weights.write_bytes(whole[:-100])
    project = open_project(folder)
    cell = cell_of(project)
    made = render_groups(project, *cell, unfinished_groups(project, plan_cell(project, *cell)))
    assert (made["rendered"], made["refused"]) == (1, 0) and "cannot be loaded" in made["unusable"]["enhance"]
    assert "recipe enhance is not made here, everything else is: Upscaler 'twice'" in caplog.text
    weights.write_bytes(whole)
    project = open_project(folder)
    assert [w.variant.recipe for w in plan_cell(project, *cell).to_render] == ["enhance"]
    assert render_groups(project, *cell, unfinished_groups(project, plan_cell(project, *cell))) == {"rendered": 1, "refused": 0}
