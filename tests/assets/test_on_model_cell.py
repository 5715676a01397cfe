"""Products on synthetic people, in a cell: drawn by the project's edit model beside scenes of its base model, without a LoRA, disclosed, reproducible."""

import shutil

import pytest
import sqlalchemy as sa

from assets.expectation import expectation_of, waits_for_lora
from assets.generated_variants import render_groups, unfinished_groups
from assets.model_clearance import may_refuse, not_cleared
from assets.picture_metadata import picture_metadata
from assets.planning import lora_in_use, plan_cell
from assets.render_keys import sampling_of
from assets.reproducing import reproduce
from assets.validated_renders import evidence_of
from catalog.errors import ModelError
from generation.base_model import read_base_model
from imaging.encode import encode
from imaging.storage_format import decode_rgb
from orchestration.checking import check_project
from publishing.metadata import SYNTHETIC_PERFORMER, read_metadata, xmp_packet
from quality.measurements import measure_render
from resources.ledger_tables import render
from resources.project import open_project
from tests.scene_shop import cell_of, write_scene_shop
from tests.tiny_klein import write_tiny_klein
from tests.tiny_project import BRAND, registered

RECIPE = """\
name: on_model
kind: on_model
title: On a synthetic model
engine: diffusion
changes_product: true
variants: 2
width_px: 64
height_px: 64
digital_source_type: trainedAlgorithmicMedia
params: {reference_px: 64, views: [front]}
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Two mugs cut out, no LoRA in use; scenes and pictures on people are asked for, and only the latter can be made."""
    folder = write_scene_shop(tmp_path_factory.mktemp("worn") / "shop", ("MUG-1", "MUG-2"), with_lora=False)
    (folder / "recipes" / "on_model.yaml").write_text(RECIPE)
    (folder / "brand.yaml").write_text(BRAND.replace("staged_scene]", "staged_scene, on_model]"))
    write_tiny_klein(folder / "edit-model")
    settings = folder / "vitrine.yaml"
    settings.write_text(settings.read_text() + "edit_model: {name: ./edit-model, steps: 1, guidance: 1.0}\n")
    return folder


@pytest.fixture(scope="module")
def drawn(shop):
    project = open_project(shop)
    plan = plan_cell(project, *cell_of(project))
    assert {w.variant.recipe for w in plan.to_render} == {"packshot_white", "on_model"}, "scenes wait for their LoRA"
    assert [why for why in plan.why if "no LoRA" in why] == ["staged_scene: no LoRA for mugs yet"]
    assert render_groups(project, *cell_of(project), unfinished_groups(project, plan)) == {"rendered": 6, "refused": 0}
    return project


def worn(project):
    return project.ledger.rows(sa.select(render).where(render.c.recipe == "on_model").order_by(render.c.sku, render.c.idx))


def test_people_are_drawn_by_the_edit_model_without_a_lora_while_scenes_wait_for_one(drawn):
    edit_model = read_base_model(drawn.settings.project_dir / "edit-model")
    rows = worn(drawn)
    assert [(row["sku"], row["idx"], row["lora_digest"]) for row in rows] == [(f"MUG-{n}", i, None) for n in (1, 2) for i in (0, 1)]
    for row in rows:
        assert row["facts"]["synthetic_performer"] is True and row["facts"]["garment"] == "handheld"
        assert row["facts"]["plate"]["circumstances"]["base_model"] == edit_model.digest != drawn.base_model_digest
    assert len({row["render_digest"] for row in rows}) == 4


def test_a_plan_after_it_wants_nothing_more_and_a_lora_concerns_scenes_alone(drawn):
    project = open_project(drawn.settings.project_dir)
    plan = plan_cell(project, *cell_of(project))
    assert plan.to_render == []
    before, after = (expectation_of(project, "mugs", digest) for digest in (None, "1" * 64))
    assert before.variants["on_model"] == after.variants["on_model"] and not waits_for_lora(before.variants["on_model"])
    assert waits_for_lora(before.variants["staged_scene"]) and not waits_for_lora(after.variants["staged_scene"])
    assert lora_in_use(project, "mugs") is None


def test_a_picture_on_a_person_is_made_again_bit_for_bit(drawn):
    for row in worn(drawn)[1:3]:
        found = reproduce(drawn, row["render_key"])
        assert found.bit_equal and found.differs == ()


def test_another_edit_model_draws_people_anew_and_no_scene(drawn, tmp_path):
    other = shutil.copytree(drawn.settings.project_dir, tmp_path / "shop", symlinks=True)
    shutil.rmtree(other / "edit-model")
    write_tiny_klein(other / "edit-model", seed=5)
    project = open_project(other)
    plan = plan_cell(project, *cell_of(project))
    assert {w.variant.recipe for w in plan.to_render} == {"on_model"}
    with pytest.raises(ModelError, match=r"was drawn with base model .*Set `edit_model\.name` to the former one"):
        reproduce(project, worn(project)[0]["render_key"])


def test_the_published_file_says_that_the_person_does_not_exist_and_what_drew_it(drawn):
    plan = plan_cell(drawn, *cell_of(drawn))
    rows = {row["render_key"]: row for row in drawn.ledger.rows(sa.select(render))}
    said = {w.variant.recipe: picture_metadata(drawn, w, rows[w.render_key]) for w in plan.wanted}
    assert said["on_model"].synthetic_performer and not said["packshot_white"].synthetic_performer
    assert said["on_model"].alt_text.endswith("The person shown is AI-generated.")
    assert said["on_model"].ai_system.startswith("edit-model ") and "LoRA" not in said["on_model"].ai_system
    packet = xmp_packet(said["on_model"]).decode()
    assert SYNTHETIC_PERFORMER in packet and "vitrine:SyntheticPerformer" in packet and "/trainedAlgorithmicMedia<" in packet
    assert "SyntheticPerformer" not in xmp_packet(said["packshot_white"]).decode()
    pixels = decode_rgb(drawn.store.get(worn(drawn)[0]["render_digest"]))
    for file_format in ("jpeg", "webp", "png"):
        read = read_metadata(encode(pixels, file_format, xmp=xmp_packet(said["on_model"])))
        assert read.synthetic_performer and read.digital_source_type == "trainedAlgorithmicMedia", file_format


def test_what_compares_pixel_with_pixel_is_not_evaluated_and_the_product_is_looked_for(drawn):
    columns = measure_render(evidence_of(drawn, worn(drawn)[0], changes_product=True))
    assert columns["synthetic_performer"] == 1 and columns["ssim"] is None and columns["delta_e_mean"] is None
    assert columns["worn_features"] == 0 and columns["worn_delta_e"] > 0


def test_pictures_on_people_are_sold_only_if_the_edit_models_license_allows_it(drawn, tmp_path):
    """The scenes' model is cleared; nobody registered the other one."""
    recipe = drawn.recipe_book["on_model"]
    channel = drawn.brand_kit.channels[0].model_copy(update={"recipes": ("packshot_white", "on_model")})
    assert "is not registered" in not_cleared(drawn, channel, recipe, None)
    assert may_refuse(drawn), "the shop's channel sells them"
    folder = shutil.copytree(drawn.settings.project_dir, tmp_path / "shop", symlinks=True)
    own = registered(folder / "edit-model", name="editor").replace("family: sd", "family: flux2-klein").replace("base-model", "edit-model")
    known = (folder / "models.yaml").read_text() + own.replace("models:\n", "")
    (folder / "models.yaml").write_text(known)
    settings = (folder / "vitrine.yaml").read_text().replace("./edit-model", "editor")
    (folder / "vitrine.yaml").write_text(settings)
    project = open_project(folder)
    assert not_cleared(project, channel, project.recipe_book["on_model"], None) == "" and not may_refuse(project)
    assert plan_cell(project, *cell_of(project)).to_render == [], "a registered model of the same bytes is the same model"


def test_the_check_of_a_project_without_a_model_that_edits_says_which_to_install(drawn, tmp_path):
    folder = shutil.copytree(drawn.settings.project_dir, tmp_path / "shop", symlinks=True)
    settings = folder / "vitrine.yaml"
    settings.write_text("".join(line for line in settings.read_text().splitlines(True) if not line.startswith("edit_model")))
    (told,) = {one.message for one in check_project(folder) if "draws from words alone" in one.message.replace("\n", " ")}
    assert (
        "flux2-klein-4b" in told
        and "qwen-image-edit-2511" in told
        and "vitrine models fetch ID" in told
        and "edit_model: {name: ID}" in told
    )


def test_without_its_model_a_recipe_is_refused_in_its_words_and_everything_else_is_made(shop, tmp_path):
    """A brand kit that listed a recipe whose model was not installed stopped every plan, of packshots as well."""
    folder = shutil.copytree(shop, tmp_path / "shop", symlinks=True)
    settings = folder / "vitrine.yaml"
    with_model = settings.read_text()
    settings.write_text("".join(line for line in with_model.splitlines(True) if not line.startswith("edit_model")))
    shutil.rmtree(folder / ".vitrine" / "ledger", ignore_errors=True)
    project = open_project(folder)
    plan = plan_cell(project, *cell_of(project))
    assert {w.variant.recipe for w in plan.wanted} == {"packshot_white"}
    words = {row["why"] for row in plan.refused if row["recipe"] == "on_model"}
    assert len(words) == 1 and "Recipes of kind 'on_model' are drawn from pictures of the product; base-model" in words.pop()
    assert plan.why["on_model: its own model cannot be used"] == 4 and {row["sku"] for row in plan.refused} == {"MUG-1", "MUG-2"}
    assert not may_refuse(project)
    without = expectation_of(project, "mugs", None)
    settings.write_text(with_model)
    project = open_project(folder)
    assert expectation_of(project, "mugs", None).variants["on_model"] != without.variants["on_model"]
    plan = plan_cell(project, *cell_of(project))
    assert sum(w.variant.recipe == "on_model" for w in plan.wanted) == 4 and plan.refused == []


def test_a_registered_edit_model_whose_files_are_not_here_leaves_the_packshots_to_be_made(shop, tmp_path, caplog):
    """Its digest is known without its files, so it is planned with; the worker that lacks them ended the whole shard."""
    folder = shutil.copytree(shop, tmp_path / "shop", symlinks=True)
    own = registered(folder / "edit-model", name="editor").replace("family: sd", "family: flux2-klein").replace("base-model", "edit-model")
    (folder / "models.yaml").write_text((folder / "models.yaml").read_text() + own.replace("models:\n", ""))
    (folder / "vitrine.yaml").write_text((folder / "vitrine.yaml").read_text().replace("./edit-model", "editor"))
    (folder / "edit-model").rename(folder / "away")
    (folder / "out").mkdir(exist_ok=True)
    project = open_project(folder)
    with project.ledger.writing() as connection:
        connection.execute(sa.delete(render))
    cell, wanted = cell_of(project), plan_cell(project, *cell_of(project)).to_render
    assert {w.variant.recipe for w in wanted} == {"packshot_white", "on_model"}
    made = render_groups(project, *cell, unfinished_groups(project, plan_cell(project, *cell)))
    assert (made["rendered"], made["refused"]) == (2, 0) and "edit-model" in made["unusable"]["on_model"]
    assert "recipe on_model is not made here, everything else is: " in caplog.text
    (folder / "away").rename(folder / "edit-model")
    project = open_project(folder)
    assert {w.variant.recipe for w in plan_cell(project, *cell).to_render} == {"on_model"}, "nothing was recorded as refused"


def test_steps_of_the_scenes_model_are_not_taken_for_the_edit_models(drawn):
    how = {name: sampling_of(drawn, drawn.recipe_book[name]) for name in ("staged_scene", "on_model")}
    assert (how["staged_scene"].steps, how["on_model"].steps) == (2, 1) and how["on_model"].guidance == 1
