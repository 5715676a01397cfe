"""Licenses before publishing: a picture drawn with a model that is not cleared stays out of channels that sell, with the reason; all else goes on."""

import json
import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa

from assets.catalog_report import write_report
from assets.model_clearance import drawn_in, not_cleared
from assets.planning import known_cells, plan_cell
from assets.published_images import candidates, channel_opinions
from assets.published_place import publish_folder_of
from catalog.errors import ModelError
from catalog.keys import digest_bytes
from orchestration.checking import check_project
from orchestration.running import refresh, run_category, tasks_for
from publishing.manifest import read_manifest
from resources.ledger_tables import lora, lora_choice, render
from resources.project import open_project
from tests.made_up_work import Shop
from tests.tiny_project import BRAND, SETTINGS, registered, write_project

PACKSHOT, SCENE = "web/mugs/MUG-1/packshot_white-0.jpg", "web/mugs/MUG-1/staged_scene-0.jpg"
INTERNAL = "  - {name: internal, recipes: [staged_scene], format: jpeg, long_side_px: 400, quality: 90, commercial: false}\n"


def run_all(folder):
    for task in tasks_for(open_project(folder)):
        assert run_category(str(folder), task) == []


def published(folder):
    return set(read_manifest(Path(publish_folder_of(open_project(folder)))).images)


def renders(folder):
    return {row["render_key"] for row in open_project(folder).ledger.rows(sa.select(render.c.render_key))}


def say(folder, **license):
    """Write what the project knows of its base model's license."""
    (folder / "models.yaml").write_text(registered(folder / "base-model", **license))


@pytest.fixture(scope="module")
def unmade(tmp_path_factory):
    """A project of one mug whose base model's license forbids commercial use: one channel sells, one does not. Nothing was made yet."""
    folder = write_project(tmp_path_factory.mktemp("licenses") / "project", skus=("MUG-1",))
    (folder / "brand.yaml").write_text(BRAND.replace("rules:\n", f"{INTERNAL}rules:\n"))
    settings = SETTINGS.replace("base_model: base-model", "base_model: tiny").replace("steps: 30, rank", "steps: 6, rank")
    (folder / "vitrine.yaml").write_text(
        settings.replace("validate_every: 10, checkpoint_every: 10", "validate_every: 3, checkpoint_every: 6")
    )
    say(folder, commercial_ok="false", license_name="Research-Only")
    return folder


@pytest.fixture(scope="module")
def folder(unmade):
    """The same project, run once: trained, drawn, judged, published."""
    there = Path(shutil.copytree(unmade, unmade.parent / "made"))
    refresh(open_project(there))
    run_all(there)
    return there


@pytest.mark.slow  # trains, draws and judges: some 15 CPU seconds
def test_a_scene_of_a_model_that_may_not_be_sold_with_is_made_and_not_sold(folder):
    found = published(folder)
    assert PACKSHOT in found and SCENE not in found
    assert SCENE.replace("web/", "internal/") in found, "a channel that sells nothing gets it"
    assert any(row["recipe"] == "staged_scene" for row in open_project(folder).ledger.rows(sa.select(render)))


@pytest.mark.slow  # trains, draws and judges: some 15 CPU seconds
def test_the_reason_is_told_where_people_look(folder):
    project = open_project(folder)
    (cell,) = known_cells(project)
    _, held = candidates(project, plan_cell(project, *cell), ())
    (told,) = [words for words in held if words.startswith("license not cleared")]
    assert "tiny is under Research-Only, which forbids commercial use (so say the tests) (channel web)" in told
    refused = [one for one in channel_opinions(project, *cell) if one.verdict == "refused"]
    assert {one.channel for one in refused} == {"web"} and {one.recipe for one in refused} == {"staged_scene"}
    summary = write_report(project, rendered_now=0, seconds=0.0)
    assert f"{len(refused)} refused by their channels" in summary.line()
    page = (project.settings.output_dir / "report.html").read_text()
    section = page[page.index('<section id="channels"') : page.index('<section id="coverage"')]
    for words in ("LICENSE_NOT_CLEARED", "which forbids commercial use (so say the tests)", "Approved pictures that web does not take"):
        assert words in section
    warned = [one.message for one in check_project(folder) if one.where == "base model"]
    assert len(warned) == 1 and "not published to web" in warned[0]


@pytest.mark.slow  # trains, draws and judges: some 15 CPU seconds
def test_nothing_is_left_to_do_after_a_refusal(folder):
    assert tasks_for(open_project(folder)) == []


@pytest.mark.slow  # trains, draws and judges: some 15 CPU seconds
def test_a_license_that_is_cleared_later_publishes_what_was_made_and_another_word_takes_it_back(folder):
    before = renders(folder)
    say(folder, commercial_ok="true")
    assert tasks_for(open_project(folder)) != []
    run_all(folder)
    assert SCENE in published(folder) and tasks_for(open_project(folder)) == []
    say(folder, commercial_ok="false", license_name="Research-Only")
    run_all(folder)
    assert SCENE not in published(folder) and PACKSHOT in published(folder) and tasks_for(open_project(folder)) == []
    assert renders(folder) == before


@pytest.fixture
def shop(tmp_path):
    """A shop whose pictures are made up; its scenes are approved or not as chance would have it."""
    shop = Shop(tmp_path / "shop")
    words = {"category": "mugs", "title": "A mug"}
    shop.catalog = {f"MUG-{number}": (words, f"photo {number}") for number in range(6)}
    shop.sync()
    shop.promote_lora("mugs", 1)
    shop.work_everywhere()
    return shop


def scenes_out(shop):
    project = shop.open()
    plans = [plan_cell(project, *cell) for cell in known_cells(project)]
    return sum(one.wanted.variant.recipe == "staged_scene" for plan in plans for one in candidates(project, plan, ())[0])


def test_what_a_license_keeps_back_is_counted_and_everything_else_goes_on(shop):
    def held_and_found():
        project = shop.open()
        (cell,) = [cell for cell in known_cells(project) if cell[0] == "mugs"][:1]
        found, held = candidates(project, plan_cell(project, *cell), ())
        return held, {one.wanted.variant.recipe for one in found}, channel_opinions(project, *cell)

    held, recipes, opinions = held_and_found()
    assert "staged_scene" in recipes and opinions == [] and not any("license" in words for words in held)
    shop.base_model["license"] = {"name": "NC", "commercial_ok": False, "reason": "No sale."}
    held, others, opinions = held_and_found()
    assert others == recipes - {"staged_scene"}
    (words,) = [words for words in held if "license" in words]
    assert words == "license not cleared: made-up is under NC, which forbids commercial use (No sale) (channel web)"
    assert {one.recipe for one in opinions if one.verdict == "refused"} == {"staged_scene"} and len(opinions) > held[words]
    shop.brand["channels"][0]["commercial"] = False
    assert held_and_found()[1:] == (recipes, [])


def test_conditions_hold_until_somebody_says_that_they_are_kept(shop):
    cleared = scenes_out(shop)
    assert cleared > 0
    shop.base_model["license"] = {"name": "OpenRAIL", "commercial_ok": "conditions", "reason": "Not for the listed uses."}
    assert scenes_out(shop) == 0
    words = shop.open().licenses.refusal(None)
    assert "allows commercial use on conditions (Not for the listed uses)" in words and "`accepted_licenses`" in words
    project = shop.open()
    accepting = type(project)(project.settings.model_copy(update={"accepted_licenses": ("OpenRAIL",)}))
    assert accepting.licenses.refusal(None) == ""


def test_plans_with_and_without_markers_agree_when_a_license_changes(shop):
    shop.needs(markers=True)
    shop.base_model["license"] = {"name": "NC", "commercial_ok": False, "reason": "No."}
    with_markers, without = shop.needs(markers=True), shop.needs(markers=False)
    assert with_markers == without and sum(need.to_publish for need in with_markers) > 0


def test_a_lora_inherits_the_license_of_the_model_it_was_trained_on(shop):
    project = shop.open()
    row = project.ledger.one(sa.select(lora))
    assert project.licenses.refusal(row["lora_digest"]) == ""
    project.ledger.record(lora, {**row, "key": "elsewhere", "lora_digest": "e" * 64, "base_model_digest": "b" * 64})
    assert "base model bbbbbbbbbbbb is not registered, so its license is unknown" in project.licenses.refusal("e" * 64)


@pytest.mark.parametrize(("allowed", "told"), [(True, ""), (False, "was imported from clay.safetensors under CC-BY-NC-4.0, which forbids")])
def test_an_imported_lora_is_sold_with_only_if_its_own_license_allows_it(shop, allowed, told):
    project = shop.open()
    row = project.ledger.one(sa.select(lora))
    origin = {"file": "clay.safetensors", "sha256": "f" * 64, "license": "CC-BY-NC-4.0", "commercial_ok": allowed, "by": "ann"}
    imported = {**row, "key": "imported", "lora_digest": "e" * 64, "data_digest": "", "promoted": False, "facts": {"origin": origin}}
    project.ledger.record(lora, imported)
    assert not project.licenses.may_refuse, "nobody draws with it yet"
    choice = {
        "at": row["made_at"],
        "category": "mugs",
        "lora_key": "imported",
        "look_key": None,
        "action": "promote",
        "chosen_by": "ann",
        "because": "x",
    }
    project.ledger.record(lora_choice, choice)
    project = shop.open()
    assert told in project.licenses.refusal("e" * 64) and bool(project.licenses.refusal("e" * 64)) == bool(told)
    assert project.licenses.may_refuse == bool(told)


def test_a_distilled_model_that_draws_with_its_bases_loras_needs_both_licenses(shop):
    trained_on = shop.open().ledger.one(sa.select(lora))["lora_digest"]
    distilled = {**shop.base_model, "trains_on": "made-up", "files": {"model_index.json": "d" * 64}}
    forbidden = {"name": "NC", "commercial_ok": False, "reason": "No."}
    for held, told in ((shop.base_model["license"], ""), (forbidden, "fast is under NC")):
        models = {"made-up": shop.base_model, "fast": {**distilled, "license": held}}
        (shop.folder / "models.yaml").write_text(json.dumps({"models": models}))
        (shop.folder / "vitrine.yaml").write_text("brand_kit: brand.yaml\nbase_model: fast\n")
        words = open_project(shop.folder).licenses.refusal(trained_on)
        assert words.startswith(told) and bool(words) == bool(told)


def test_a_picture_is_held_to_the_models_that_drew_it_whatever_the_settings_name_now(shop):
    """A picture stands until its successor is drawn, and its successor may be of another model."""
    shop.open()
    fast = {
        **shop.base_model,
        "role": "adapter",
        "adapter_of": ["made-up"],
        "adapter_file": "fast.safetensors",
        "files": {"fast.safetensors": "f" * 64},
    }
    forbidden = {"license": {"name": "NC", "commercial_ok": False, "reason": "No."}}
    former = {**shop.base_model, "files": {"model_index.json": "d" * 64}, **forbidden}
    models = {"made-up": shop.base_model, "former": former, "fast": {**fast, **forbidden}}
    (shop.folder / "models.yaml").write_text(json.dumps({"models": models}))
    project = open_project(shop.folder)
    (channel,) = project.brand_kit.channels
    scene, present, digest = project.recipe_book["staged_scene"], project.base_model_digest, project.models.needed("former").entry.digest()

    def told(**recorded):
        return not_cleared(project, channel, scene, None, drawn_in({"plate": {"circumstances": recorded}}))

    assert told() == told(base_model=present, few_step=None) == not_cleared(project, channel, scene, None, drawn_in({})) == ""
    assert told(base_model=digest).startswith("former is under NC")
    assert told(base_model=present, few_step={"digest": "f" * 64}).startswith("fast is under NC")
    assert "adapter aaaaaaaaaaaa is not registered" in told(base_model=present, few_step={"digest": "a" * 64})
    assert not_cleared(project, channel, project.recipe_book["packshot_white"], None, {"base_model": digest}) == ""


def test_a_lora_from_elsewhere_needs_an_entry_of_its_own(shop):
    weights = digest_bytes(b"few-step adapter")
    assert "was not trained here and is not registered" in shop.open().licenses.refusal(weights)
    entry = {
        "title": "Few steps", "family": "sd", "folder": "adapters", "role": "adapter", "adapter_of": ["made-up"], "adapter_file": "fast.safetensors",
        "files": {"fast.safetensors": weights},
    }  # fmt: skip
    project = shop.open()
    for allowed, told in ((True, ""), (False, "fast is under NC")):
        held = {"name": "NC" if not allowed else "MIT", "commercial_ok": allowed, "reason": "so say the tests"}
        (shop.folder / "models.yaml").write_text(json.dumps({"models": {"made-up": shop.base_model, "fast": {**entry, "license": held}}}))
        project = type(project)(project.settings)
        assert project.licenses.refusal(weights).startswith(told) and bool(project.licenses.refusal(weights)) == bool(told)


def test_an_unregistered_folder_draws_and_trains_but_its_license_is_unknown(unmade, tmp_path):
    there = Path(shutil.copytree(unmade, tmp_path / "copy"))
    (there / "models.yaml").unlink()
    (there / "vitrine.yaml").write_text(SETTINGS)
    project = open_project(there)
    assert project.base_model_dir == there / "base-model"
    (warned,) = [one for one in check_project(there) if one.where == "base model"]
    assert (
        warned.severity == "warning"
        and "is not registered, so its license is unknown" in warned.message
        and "not published to web" in warned.message
    )


def test_a_copy_of_a_registered_model_has_its_license_wherever_it_lies(unmade, tmp_path):
    there = Path(shutil.copytree(unmade, tmp_path / "copy"))
    (there / "vitrine.yaml").write_text(SETTINGS)  # names the folder, and models.yaml its bytes
    say(there, commercial_ok="true")
    assert open_project(there).registered_base_model is None and open_project(there).licenses.refusal(None) == ""


def test_check_notices_weights_that_were_cut_short_and_code_in_the_folder(unmade, tmp_path):
    there = Path(shutil.copytree(unmade, tmp_path / "copy"))
    for settings in (SETTINGS, (unmade / "vitrine.yaml").read_text()):
        (there / "vitrine.yaml").write_text(settings)
        weights = there / "base-model" / "unet" / "diffusion_pytorch_model.safetensors"
        whole = weights.read_bytes()
        weights.write_bytes(whole[:-100])
        (found,) = [one for one in check_project(there) if one.where == "base model"]
        assert found.severity == "error" and "unet/diffusion_pytorch_model.safetensors has" in found.message
        weights.write_bytes(whole)
        (there / "base-model" / "unet" / "model.py").write_text("")
        with pytest.raises(ModelError, match=r"unet/model.py is code"):
            _ = open_project(there).base_model_dir
        (there / "base-model" / "unet" / "model.py").unlink()
