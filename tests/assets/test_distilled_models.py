"""A distilled base model draws with LoRAs that were trained on the undistilled one: which of the two is asked for what."""

import json

import pytest
import sqlalchemy as sa
import yaml

from assets.category_lora import train_category
from assets.lora_key import base_origin, lora_key
from assets.planning import known_cells, plan_cell, promoted_lora
from assets.render_keys import sampler
from catalog.errors import ModelError
from generation.base_model import read_base_model
from orchestration.checking import check_project
from orchestration.running import refresh, run_category, tasks_for
from resources.ledger_tables import lora, render
from resources.project import open_project
from tests.made_up_work import Shop, made_up
from tests.tiny_model import write_tiny_base_model
from tests.tiny_project import SETTINGS, registered, write_project


def distilled(shop, **changes):
    """The shop's project with a second model that draws with LoRAs of the first."""
    shop.open()
    fast = {**shop.base_model, "trains_on": "made-up", "files": {"model_index.json": made_up("fast")}, **changes}
    (shop.folder / "models.yaml").write_text(json.dumps({"models": {"made-up": shop.base_model, "fast": fast}}))
    settings = (shop.folder / "vitrine.yaml").read_text().replace("base_model: made-up", "base_model: fast")
    (shop.folder / "vitrine.yaml").write_text(settings)
    return open_project(shop.folder)


@pytest.fixture
def shop(tmp_path):
    """A shop of made-up pictures whose mugs have a LoRA of its base model."""
    shop = Shop(tmp_path / "shop")
    shop.catalog = {"MUG-1": ({"category": "mugs", "title": "A mug"}, "photo")}
    shop.sync()
    shop.promote_lora("mugs", 1)
    shop.work_everywhere()
    return shop


def test_the_loras_of_the_undistilled_model_are_drawn_with_and_every_scene_is_drawn_anew(shop):
    (cell,) = known_cells(shop.open())
    before = {w.render_key for w in plan_cell(shop.open(), *cell).wanted if w.variant.recipe == "staged_scene"}
    project = distilled(shop)
    assert promoted_lora(project, "mugs")["base_model_digest"] == project.training_model_digest != project.base_model_digest
    plan = plan_cell(project, *cell)
    scenes = {w.render_key for w in plan.wanted if w.variant.recipe == "staged_scene"}
    assert scenes and scenes.isdisjoint(before) and {w.render_key for w in plan.to_render} >= scenes
    assert {w.lora_digest for w in plan.wanted if w.variant.recipe == "staged_scene"} == {promoted_lora(project, "mugs")["lora_digest"]}


def test_a_training_is_named_by_the_model_it_is_done_on(shop, monkeypatch):
    monkeypatch.setattr("assets.lora_key.look_digest", lambda *_: "look")  # the shop has no look pictures
    plain = shop.open()
    assert lora_key(plain, "mugs") == lora_key(distilled(shop), "mugs") != lora_key(distilled(shop, trains_on=None), "mugs")
    assert (base_origin(plain).name, base_origin(distilled(shop)).name, base_origin(distilled(shop, trains_on=None)).name) == (
        "made-up",
        "made-up",
        "fast",
    )


def test_a_distilled_model_whose_undistilled_one_is_not_pinned_says_so(shop):
    shop.base_model = {**shop.base_model, "files": {}}
    with pytest.raises(ModelError, match=r"Model 'made-up' is registered but not pinned"):
        _ = distilled(shop).training_model_digest


@pytest.mark.slow  # trains and draws with two models: some 15 CPU seconds
def test_looks_are_trained_on_one_model_and_drawn_with_the_other(tmp_path):
    folder = write_project(tmp_path / "project", skus=("MUG-1",))
    write_tiny_base_model(folder / "fast-model", seed=77)
    fast = yaml.safe_load(registered(folder / "fast-model", name="fast"))["models"]["fast"]
    del fast["training"]
    models = yaml.safe_load((folder / "models.yaml").read_text())["models"]
    (folder / "models.yaml").write_text(json.dumps({"models": {**models, "fast": {**fast, "folder": "fast-model", "trains_on": "tiny"}}}))
    (folder / "vitrine.yaml").write_text(SETTINGS.replace("base_model: base-model", "base_model: fast"))
    assert [one for one in check_project(folder) if one.severity == "error"] == []
    refresh(open_project(folder))
    row, trained_now = train_category(open_project(folder), "mugs")
    assert trained_now and row["base_model_digest"] == read_base_model(folder / "base-model").digest
    for task in tasks_for(open_project(folder)):
        assert run_category(str(folder), task) == []
    project = open_project(folder)
    assert len(project.ledger.rows(sa.select(lora))) == 1, "nothing is trained on the distilled model"
    scenes = project.ledger.rows(sa.select(render).where(render.c.recipe == "staged_scene"))
    assert scenes and {scene["lora_digest"] for scene in scenes} == {row["lora_digest"]}
    weights = folder / "base-model" / "unet" / "config.json"
    weights.write_text(weights.read_text() + " ")
    (told,) = [one.message for one in check_project(folder) if one.severity == "error"]
    assert "Base model 'tiny'" in told and "unet/config.json has other bytes" in told


@pytest.mark.parametrize(("is_distilled", "guidance", "refused"), [(True, 4.0, True), (True, 1.0, False), (False, 4.0, False)])
def test_guidance_with_a_model_that_was_distilled_to_do_without_is_refused_before_anything_is_planned(
    tmp_path, is_distilled, guidance, refused
):
    """It would draw the same pictures under other keys."""
    folder = write_project(tmp_path / "project", skus=("MUG-1",), looks=False)
    index = folder / "base-model" / "model_index.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | {"is_distilled": is_distilled}))
    settings = yaml.safe_load((folder / "vitrine.yaml").read_text())
    told = settings | {"base_model": "base-model", "generation": {"steps": 4, "guidance": guidance}}
    (folder / "vitrine.yaml").write_text(yaml.safe_dump(told))
    project = open_project(folder)
    recipe = next(recipe for recipe in project.recipes if recipe.engine == "diffusion")
    if refused:
        with pytest.raises(ModelError, match=r"drawn without guidance, and `generation.guidance` in vitrine.yaml asks for 4.*Set it to 1"):
            sampler(project, recipe)
        assert any("drawn without guidance" in told.message for told in check_project(folder))
    else:
        assert sampler(project, recipe)["guidance"] == guidance


def test_a_model_for_drawing_only_is_not_trained_on(shop):
    assert distilled(shop, role="inference").training_model.id == "made-up"
    with pytest.raises(ModelError, match=r"'fast' .* is registered for drawing only .*Name the undistilled one in `trains_on`"):
        _ = distilled(shop, role="inference", trains_on=None).training_model_digest
    shop.base_model = {**shop.base_model, "role": "inference"}
    with pytest.raises(ModelError, match=r"'made-up' .* is registered for drawing only"):
        _ = distilled(shop, role="both").training_model


def test_a_model_for_training_only_is_not_drawn_with(shop):
    shop.base_model = {**shop.base_model, "role": "training"}
    project = distilled(shop, role="inference")
    assert project.base_model_digest != project.training_model_digest
    settings = shop.folder / "vitrine.yaml"
    settings.write_text(settings.read_text().replace("base_model: fast", "base_model: made-up"))
    with pytest.raises(ModelError, match=r"'made-up' .* for training only .*Set `base_model` to fast, or say `role: both`"):
        _ = open_project(shop.folder).base_model_digest
