"""Files that were lost and came out otherwise when they were made again, as another kind of machine may make them."""

import pytest
import sqlalchemy as sa

from assets import category_lora, cutouts, generated_variants, group_pictures, shard_drawing
from assets.catalog import refresh_catalog
from assets.catalog_needs import catalog_needs
from assets.cutouts import cut_out_cell
from assets.generated_variants import render_groups, unfinished_groups
from assets.planning import known_cells, plan_cell, promoted_lora
from assets.source_photos import screen_cell, screening_sheet
from assets.validated_renders import judge_cell
from resources.ledger_tables import cutout, render, source_photo
from resources.object_store import blob_path
from resources.project import open_project
from tests.tiny_project import write_project
from training.lora_file import lora_bytes, read_lora_bytes


@pytest.fixture
def shop(tmp_path):
    """Two mugs, rendered and judged; packshots only, so that no model is needed."""
    folder = write_project(tmp_path / "shop", looks=False)
    brand = folder / "brand.yaml"
    brand.write_text(brand.read_text().replace("[packshot_white, staged_scene]", "[packshot_white]"))
    project = open_project(folder)
    refresh_catalog(project)
    screen_cell(project, *cell_of(project))
    cut_out_cell(project, *cell_of(project))
    draw(project)
    judge_cell(project, *cell_of(project))
    return project


def cell_of(project):
    (cell,) = known_cells(project)
    return cell


def draw(project):
    cell = cell_of(project)
    return render_groups(project, *cell, unfinished_groups(project, plan_cell(project, *cell)))


def lose(project, name):
    project.store.files.remove([blob_path(name)])


def test_a_lost_render_that_comes_out_otherwise_takes_its_place_and_is_judged_anew(shop, monkeypatch):
    """The ledger went on naming the lost file: the cell could never be published, and each run drew the picture in vain."""
    before, other = shop.ledger.rows(sa.select(render).order_by(render.c.sku))
    lose(shop, before["render_digest"])

    def elsewhere(*args):
        drawn = generated_variants_draw(*args)
        for one in drawn:
            one.pixels_HW3[0, 0, 0] ^= 1
        return drawn

    generated_variants_draw = group_pictures._draw
    monkeypatch.setattr(group_pictures, "_draw", elsewhere)
    assert draw(shop)["rendered"] == 1
    after, same = shop.ledger.rows(sa.select(render).order_by(render.c.sku))
    assert after["render_digest"] != before["render_digest"]
    assert (shop.store.has(after["render_digest"]), same) == (True, other)
    assert draw(shop)["rendered"] == 0
    (need,) = catalog_needs(shop)
    assert need.judgments == 1
    judged = {row["sku"]: row["render_digest"] for row in judge_cell(shop, *cell_of(shop))}
    assert judged[after["sku"]] == after["render_digest"]


def test_a_lost_cutout_that_comes_out_otherwise_takes_its_place(shop, monkeypatch):
    before, _ = shop.ledger.rows(sa.select(cutout).order_by(cutout.c.key))
    lose(shop, before["cutout_digest"])
    cut_one, other_bytes = cutouts._cut_one, shop.store.put(b"another cut-out")

    def elsewhere(*args):
        row = cut_one(*args)
        lose(shop, row["cutout_digest"])
        return row | {"cutout_digest": other_bytes}

    monkeypatch.setattr(cutouts, "_cut_one", elsewhere)
    cut_out_cell(shop, *cell_of(shop))
    after, _ = shop.ledger.rows(sa.select(cutout).order_by(cutout.c.key))
    assert after["cutout_digest"] == other_bytes
    (need,) = catalog_needs(shop)
    assert need.renders == 1


def test_the_small_picture_of_a_photo_is_made_again(shop):
    """Its sheet could not be drawn, at any run: the cell was stuck for a picture that nobody needs."""
    row, _ = shop.ledger.rows(sa.select(source_photo))
    lose(shop, row["thumbnail_digest"])
    outcomes = screen_cell(shop, *cell_of(shop))
    assert shop.store.has(row["thumbnail_digest"])
    lose(shop, row["thumbnail_digest"])
    assert screening_sheet(shop, outcomes) is not None


@pytest.mark.slow
def test_a_lost_lora_that_is_trained_to_other_bytes_goes_into_use(tmp_path, monkeypatch):
    """The ledger went on naming the lost file: the new LoRA was compared with it, and each training ended in an error."""
    folder = write_project(tmp_path / "shop", skus=("MUG-1",))
    settings = folder / "vitrine.yaml"
    settings.write_text(settings.read_text().replace("steps: 30", "steps: 9").replace("_every: 10", "_every: 3"))
    project = open_project(folder)
    refresh_catalog(project)
    first, _ = category_lora.train_category(project, "mugs")
    tensors, facts = read_lora_bytes(project.store.get(first["lora_digest"]), "the first LoRA")
    lose(project, first["lora_digest"])
    row_of, other_bytes = category_lora._row, project.store.put(lora_bytes(tensors, {**facts, "vitrine.machine": "another"}))

    def elsewhere(*args, **named):
        row = row_of(*args, **named)
        lose(project, row["lora_digest"])
        return row | {"lora_digest": other_bytes}

    monkeypatch.setattr(category_lora, "_row", elsewhere)
    assert category_lora.train_category(project, "mugs")[1]
    assert promoted_lora(project, "mugs")["lora_digest"] == other_bytes
    assert not category_lora.train_category(project, "mugs")[1]


def test_what_is_there_is_never_replaced(shop, monkeypatch):
    before = shop.ledger.rows(sa.select(render))
    drawn = group_pictures._draw
    monkeypatch.setattr(shard_drawing, "_open", lambda project, group: group)
    monkeypatch.setattr(group_pictures, "_draw", lambda *args: [inverted(one) for one in drawn(*args)])
    plan = plan_cell(shop, *cell_of(shop))
    assert render_groups(shop, *cell_of(shop), generated_variants.groups_of(plan.wanted))["rendered"] == 2
    assert shop.ledger.rows(sa.select(render)) == before


def inverted(one):
    one.pixels_HW3[:] = 255 - one.pixels_HW3
    return one
