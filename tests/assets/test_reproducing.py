"""`vitrine reproduce`: a render made again bit for bit from the ledger alone, and told when it cannot be or comes out otherwise."""

import json
import shutil

import numpy as np
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from assets.reproducing import reproduce
from catalog.errors import ModelError, RenderError, SettingsError
from catalog.keys import digest_bytes
from generation.circumstances import NAMES
from generation.resident import KEPT
from imaging.storage_format import decode_rgb, encode_rgb_png
from orchestration.cli import app
from resources.ledger_tables import render
from resources.object_store import blob_path
from resources.project import open_project
from resources.settings import PROJECT_VARIABLE
from tests.scene_shop import draw, write_scene_shop
from tests.tiny_model import write_tiny_base_model


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Two mugs with a packshot and two scenes each, drawn in one batch of four."""
    folder = write_scene_shop(tmp_path_factory.mktemp("drawn") / "shop", ("MUG-1", "MUG-2"))
    draw(open_project(folder))
    return folder


@pytest.fixture
def shop(drawn, tmp_path):
    return open_project(shutil.copytree(drawn, tmp_path / "shop", symlinks=True))


def made(project, recipe="staged_scene", sku="MUG-2", idx=1):
    query = sa.select(render).where(render.c.recipe == recipe, render.c.sku == sku, render.c.idx == idx)
    return project.ledger.one(query)


def change_facts(project, row, change):
    facts = json.loads(json.dumps(row["facts"]))
    change(facts)
    with project.ledger.writing("a test") as connection:
        connection.execute(sa.update(render).where(render.c.render_key == row["render_key"]).values(facts=facts))


def test_a_scene_says_how_it_was_drawn(shop):
    plate = made(shop)["facts"]["plate"]
    assert plate["circumstances"].keys() == NAMES.keys()
    named = plate["circumstances"]
    assert (named["base_model"], named["lora"]) == (shop.base_model_digest, made(shop)["lora_digest"])
    assert (named["steps"], named["guidance"], named["threads"], named["dtype"], named["device"]) == (2, 2.0, 1, "float32", "cpu")
    assert "AttnProcessor" in named["attention"] and named["torch"][0].isdigit() and named["device_name"]
    assert plate["spent"]["cpu_seconds"] > 0 and made(shop)["facts"]["usd"] > 0
    assert made(shop)["seconds"] >= plate["spent"]["seconds"]


@pytest.mark.parametrize("recipe", ["staged_scene", "packshot_white"])
def test_a_render_is_made_again_bit_for_bit_after_recipe_catalog_and_settings_changed(shop, recipe):
    """What it was made of is in the ledger, not in today's files."""
    folder, row = shop.settings.project_dir, made(shop, recipe, idx=0)
    for file, old, new in (
        ("brand.yaml", "oak table", "steel table"),
        ("vitrine.yaml", "steps: 2, guidance: 2.0, batch_images: 4", "steps: 9"),
        (f"recipes/{recipe}.yaml", "version: ", "version: 9"),
    ):
        text = (folder / file).read_text()
        assert old in text
        (folder / file).write_text(text.replace(old, new))
    (folder / "catalog" / "products.csv").write_text("")
    found = reproduce(open_project(folder), row["render_key"][:12])
    assert found.bit_equal and (found.max_levels, found.differing_share, found.differs) == (0, 0.0, ())
    assert digest_bytes(found.png) == row["render_digest"]


def test_a_scene_drawn_in_another_process_state_is_still_the_same(shop):
    KEPT.clear()
    assert reproduce(shop, made(shop)["render_key"]).bit_equal


def test_another_batch_size_or_version_is_told_and_the_picture_is_the_same_within_the_tolerance(shop):
    row = made(shop)

    def elsewhere(facts):
        batch = facts["plate"]["batch"]
        batch["places"], batch["index"] = [batch["places"][batch["index"]]], 0
        facts["plate"]["circumstances"] |= {"torch": "2.99.0", "device_name": "Another CPU"}

    change_facts(shop, row, elsewhere)
    found = reproduce(shop, row["render_key"])
    assert found.is_same_picture and found.max_levels <= found.tolerance_levels
    assert [sentence.partition(":")[0] for sentence in found.differs] == ["torch", "device"]
    assert "2.99.0 then" in found.differs[0]


def test_another_picture_is_told_with_how_far_it_is_off(shop):
    row = made(shop)
    pixels = decode_rgb(shop.store.get(row["render_digest"]))
    pixels[: len(pixels) // 4] += 60  # wraps around in places: somebody's other picture
    with shop.ledger.writing("a test") as connection:
        other = shop.store.put(encode_rgb_png(pixels))
        connection.execute(sa.update(render).where(render.c.render_key == row["render_key"]).values(render_digest=other))
    found = reproduce(shop, row["render_key"])
    assert not found.bit_equal and not found.is_same_picture and found.max_levels > 50
    assert found.differing_share == pytest.approx(0.25, abs=0.01)


def test_a_lost_picture_is_compared_by_its_digest(shop):
    row = made(shop)
    shop.store.files.remove([blob_path(row["render_digest"])])
    found = reproduce(shop, row["render_key"])
    assert found.bit_equal and found.max_levels is None


def test_what_is_not_there_any_more_is_named(shop):
    row = made(shop)
    shop.store.files.remove([blob_path(row["cutout_digest"])])
    with pytest.raises(RenderError, match=r"cut-out .* of MUG-2 .* not in the store any more.*Run the"):
        reproduce(shop, row["render_key"])
    shop.store.local_file(row["lora_digest"]).unlink()
    with pytest.raises(ModelError, match=r"The LoRA .* not in the store any more"):
        reproduce(shop, row["render_key"])
    write_tiny_base_model(shop.settings.project_dir / "base-model", seed=99)
    with pytest.raises(ModelError, match=r"was drawn with base model .* the project's is"):
        reproduce(open_project(shop.settings.project_dir), row["render_key"])


def test_a_few_step_adapter_that_is_not_the_projects_any_more_is_named(shop):
    row = made(shop)
    change_facts(shop, row, lambda facts: facts["plate"]["circumstances"].update(few_step={"digest": "5" * 64}))
    with pytest.raises(ModelError, match=r"drawn with the few-step adapter 555555555555; the project's is none"):
        reproduce(shop, row["render_key"])


def test_a_render_of_before_says_that_it_cannot_be_made_again(shop):
    row = made(shop)
    change_facts(shop, row, lambda facts: facts.pop("resolved"))
    with pytest.raises(RenderError, match="recorded before"):
        reproduce(shop, row["render_key"])


def test_a_key_that_names_none_or_several_is_refused(shop):
    for wrong in ("abc", "mug-2-scene", "0" * 63 + "1"):
        with pytest.raises(SettingsError, match="Nothing was made"):
            reproduce(shop, wrong)
    row = made(shop)
    shop.ledger.record(render, {**row, "render_key": row["render_key"][:10] + "0" * 54})
    with pytest.raises(SettingsError, match=r"Several renders.*MUG-2 staged_scene 1.*Give more"):
        reproduce(shop, row["render_key"][:8])


def test_the_command_tells_writes_and_exits_by_what_it_found(shop, tmp_path, monkeypatch):
    monkeypatch.setenv(PROJECT_VARIABLE, str(shop.settings.project_dir))
    row, out = made(shop), tmp_path / "again.png"
    run = CliRunner().invoke(app, ["reproduce", row["render_key"][:10], "--out", str(out)])
    assert run.exit_code == 0, run.output
    assert "MUG-2 staged_scene 1" in run.output and "Bit-equal" in run.output
    assert np.array_equal(decode_rgb(out.read_bytes()), decode_rgb(shop.store.get(row["render_digest"])))
    change_facts(shop, row, lambda facts: facts["plate"]["batch"]["places"].__setitem__(slice(None), [[0, 1]] * 4))
    run = CliRunner().invoke(app, ["reproduce", row["render_key"], "--json"])
    assert run.exit_code == 1 and json.loads(run.stdout)["same_picture"] is False
