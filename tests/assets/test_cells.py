"""A catalog goes in, approved images come out: whole cells of a tiny project through real Dagster runs."""

import shutil

import dagster as dg
import pytest
import sqlalchemy as sa

from assets.category_lora import train_category
from assets.cutouts import cut_out_cell
from assets.generated_variants import groups_of, render_groups, unfinished_groups
from assets.planning import known_cells, plan_cell, promoted_lora
from assets.published_images import publish_cell
from assets.published_place import publish_folder_of
from catalog.errors import PublishRefused
from catalog.keys import digest_bytes
from orchestration.definitions import build_defs
from orchestration.instance import open_instance
from orchestration.running import refresh, run_category, tasks_for
from orchestration.stale import categories_to_train, stale_cells
from publishing.manifest import read_manifest
from resources.ledger_tables import cutout, judgment, lora, render, source_photo
from resources.project import open_project
from resources.settings import utc_now
from tests.tiny_project import SCENE_RULES, draw_mug, product_row, write_photo, write_project, write_table

pytestmark = pytest.mark.slow


def run_all(folder):
    """Refresh the catalog and run everything that is stale, in this process; the failures."""
    project = open_project(folder)
    refresh(project)
    failures = []
    for task in tasks_for(project):
        failures += run_category(str(folder), task)
    return failures


def renders(folder):
    """Render key -> digest of all renders in the ledger."""
    return {row["render_key"]: row["render_digest"] for row in open_project(folder).ledger.rows(sa.select(render))}


def published(folder):
    """Names in the manifest of the published folder."""
    from pathlib import Path

    return set(read_manifest(Path(publish_folder_of(open_project(folder)))).images)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A tiny project that was run once, with one good, one broken and one text-file photo beside each other."""
    folder = write_project(tmp_path_factory.mktemp("finished") / "project", skus=("MUG-1", "MUG-2"))
    photos = folder / "catalog" / "photos"
    (photos / "TEXT.jpg").write_text("this is no picture")
    whole = (photos / "MUG-1.jpg").read_bytes()
    (photos / "CUT.jpg").write_bytes(whole[: len(whole) // 2])
    rows = [product_row(sku) for sku in ("MUG-1", "MUG-2", "TEXT", "CUT", "GONE")]
    write_table(folder, rows)
    assert run_all(folder) == []
    return folder


@pytest.fixture
def project_dir(finished, tmp_path):
    """A copy of the finished project to change."""
    return shutil.copytree(finished, tmp_path / "project", symlinks=True)


def test_every_usable_product_gets_every_recipe(finished):
    rows = open_project(finished).ledger.rows(sa.select(render))
    made = sorted((row["sku"], row["recipe"], row["idx"]) for row in rows)
    assert made == sorted(
        (sku, recipe, n) for sku in ("MUG-1", "MUG-2") for recipe, n in [("packshot_white", 0), ("staged_scene", 0), ("staged_scene", 1)]
    )


def test_unusable_photos_are_quarantined_with_their_reason_and_the_rest_goes_on(finished):
    rows = open_project(finished).ledger.rows(sa.select(source_photo).where(~source_photo.c.accepted))
    assert sorted(row["reasons"][0]["code"] for row in rows) == ["not_an_image", "truncated"]


def test_every_render_has_a_verdict_and_only_approved_ones_are_published(finished):
    project = open_project(finished)
    judged = {row["render_key"]: row["verdict"] for row in project.ledger.rows(sa.select(judgment))}
    assert judged.keys() == renders(finished).keys()
    names = {
        (row["sku"], row["recipe"], row["idx"]) for row in project.ledger.rows(sa.select(render)) if judged[row["render_key"]] == "approved"
    }
    assert names, "nothing was approved, so this test proves nothing"
    assert published(finished) == {f"web/mugs/{sku}/{recipe}-{index}.jpg" for sku, recipe, index in names}


def test_running_again_makes_judges_and_publishes_nothing(project_dir):
    before, names = renders(project_dir), published(project_dir)
    assert tasks_for(open_project(project_dir)) == []
    assert run_all(project_dir) == []
    assert renders(project_dir) == before
    assert published(project_dir) == names


def test_a_changed_rule_judges_everything_again_and_renders_nothing(project_dir):
    before = renders(project_dir)
    judgments_before = len(open_project(project_dir).ledger.rows(sa.select(judgment)))
    brand = project_dir / "brand.yaml"
    brand.write_text(brand.read_text().replace(SCENE_RULES, f"  packshot_white: {{fill_pct: {{min: 99.5, max: 100}}}}\n{SCENE_RULES}"))
    needs = stale_cells(open_project(project_dir))
    assert sum(need.renders for need in needs) == 0
    assert [need.to_judge for need in needs] == [{"packshot_white": 2}]
    assert run_all(project_dir) == []
    assert renders(project_dir) == before
    assert len(open_project(project_dir).ledger.rows(sa.select(judgment))) == judgments_before + 2
    assert not any("packshot_white" in name for name in published(project_dir)), "what lost its approval is taken back"


def test_a_rule_put_back_publishes_again_without_a_render(project_dir):
    names, before = published(project_dir), renders(project_dir)
    brand = project_dir / "brand.yaml"
    text = brand.read_text()
    brand.write_text(text.replace(SCENE_RULES, f"  packshot_white: {{fill_pct: {{min: 99.5, max: 100}}}}\n{SCENE_RULES}"))
    run_all(project_dir)
    brand.write_text(text)
    run_all(project_dir)
    assert published(project_dir) == names
    assert renders(project_dir) == before


def test_a_new_look_trains_one_lora_and_renders_its_scenes_only(project_dir):
    before = renders(project_dir)
    extra = project_dir / "catalog" / "looks" / "mugs" / "99.jpg"
    write_photo(extra, draw_mug((10, 200, 90), side_px=96))
    project = open_project(project_dir)
    assert categories_to_train(project) == ["mugs"]
    assert run_all(project_dir) == []
    trained = open_project(project_dir).ledger.rows(sa.select(lora))
    assert len(trained) == 2
    new = {key for key in renders(project_dir) if key not in before}
    rows = open_project(project_dir).ledger.by_keys(render, new).values()
    if [row["promoted"] for row in trained] == [True, True]:
        assert {row["recipe"] for row in rows} == {"staged_scene"}
        assert len(rows) == 4
    else:
        assert not rows, "a LoRA that was not promoted must not change any picture"


def test_a_look_that_is_put_back_gets_its_lora_back_without_training(project_dir):
    """The LoRA of the discarded look stayed in use for ever, because that of the old one was already in the ledger."""
    before = open_project(project_dir)
    first = promoted_lora(before, "mugs")
    key = "0" * 64
    changed = {**first, "key": key, "lora_digest": before.store.put(b"another LoRA"), "made_at": utc_now().replace(tzinfo=None)}
    before.ledger.record(lora, changed)  # as a training on a changed look leaves it
    assert promoted_lora(before, "mugs")["key"] == key
    assert categories_to_train(before) == ["mugs"]
    row, trained_now = train_category(before, "mugs")
    assert (row["key"], trained_now) == (first["key"], False)
    assert promoted_lora(before, "mugs")["key"] == first["key"]
    assert categories_to_train(before) == []
    (cell,) = known_cells(before)
    assert plan_cell(before, *cell).to_render == [], "its renders are all there"


def test_a_lost_lora_file_is_due_for_training(project_dir):
    project = open_project(project_dir)
    project.store.local_file(promoted_lora(project, "mugs")["lora_digest"]).unlink()
    assert categories_to_train(project) == ["mugs"]


def test_a_changed_recipe_leaves_the_published_picture_standing_until_its_successor_is_approved(project_dir):
    """A retrained LoRA or a new recipe version must not empty a shop window while its pictures are being made."""
    names = published(project_dir)
    recipe = project_dir / "recipes" / "packshot_white.yaml"
    recipe.write_text(recipe.read_text().replace("version: 2", "version: 3"))
    project = open_project(project_dir)
    (cell,) = known_cells(project)
    assert len(plan_cell(project, *cell).to_render) == 2
    publish_cell(project, *cell)
    assert published(project_dir) == names
    assert run_all(project_dir) == []
    assert published(project_dir) == names
    assert len(renders(project_dir)) == 8


def test_a_new_photo_renders_its_product_only(project_dir):
    before = renders(project_dir)
    write_photo(project_dir / "catalog" / "photos" / "MUG-2.jpg", draw_mug((90, 60, 160), seed=9))
    assert run_all(project_dir) == []
    new = open_project(project_dir).ledger.by_keys(render, renders(project_dir).keys() - before.keys()).values()
    assert {row["sku"] for row in new} == {"MUG-2"}
    assert len(new) == 3


def test_changed_words_render_nothing_and_reach_the_published_page(project_dir):
    before = renders(project_dir)
    rows = [product_row("MUG-1", title="A far better mug"), *(product_row(sku) for sku in ("MUG-2", "TEXT", "CUT", "GONE"))]
    write_table(project_dir, rows)
    assert run_all(project_dir) == []
    assert renders(project_dir) == before
    pages = list((project_dir / "out" / "published" / "products").glob("*/MUG-1/index.html"))
    assert pages and "A far better mug" in pages[0].read_text()


def test_a_product_that_left_the_catalog_is_taken_back(project_dir):
    write_table(project_dir, [product_row(sku) for sku in ("MUG-1", "TEXT", "CUT", "GONE")])
    assert run_all(project_dir) == []
    assert not any("MUG-2" in name for name in published(project_dir))
    assert any("MUG-1" in name for name in published(project_dir))


def test_the_stored_files_are_what_the_ledger_says(finished):
    project = open_project(finished)
    for name in renders(finished).values():
        assert digest_bytes(project.store.get(name)) == name


def test_a_lost_blob_is_made_again_with_the_same_bytes(project_dir):
    project = open_project(project_dir)
    lost = sorted(renders(project_dir).values())[0]
    project.store.local_file(lost).unlink()
    for category, drop in known_cells(project):
        with open_instance(project.settings) as instance:
            job = build_defs(project.settings).resolve_job_def("produce_cell")
            key = dg.MultiPartitionKey({"category": category, "drop": drop})
            assert job.execute_in_process(partition_key=key, instance=instance, raise_on_error=False).success
    assert project.store.has(lost)


def test_two_runs_that_planned_the_same_cell_draw_it_once(project_dir):
    """A sensor's run and `vitrine run` side by side: the later one drew everything a second time, and paid for it."""
    recipe = project_dir / "recipes" / "packshot_white.yaml"
    recipe.write_text(recipe.read_text().replace("version: 2", "version: 3"))
    project = open_project(project_dir)
    ((category, drop),) = known_cells(project)
    first, second = (unfinished_groups(project, plan_cell(project, category, drop)) for _ in range(2))
    assert render_groups(project, category, drop, first)["rendered"] == 2
    assert render_groups(project, category, drop, second)["rendered"] == 0


def test_a_lora_promoted_after_the_plan_does_not_stop_the_run(project_dir):
    """The LoRA was looked up a second time when the model was loaded; an assertion failed when another had come into use."""
    project = open_project(project_dir)
    ((category, drop),) = known_cells(project)
    planned = groups_of(plan_cell(project, category, drop).wanted)
    row = promoted_lora(project, category)
    newer = {**row, "key": "0" * 64, "lora_digest": project.store.put(b"another LoRA"), "made_at": utc_now().replace(tzinfo=None)}
    for group in planned:
        for wanted in group:
            project.store.local_file(renders(project_dir)[wanted.render_key]).unlink()
    project.ledger.record(lora, newer)
    assert render_groups(project, category, drop, planned)["rendered"] == 6
    for digest in renders(project_dir).values():
        assert project.store.has(digest), "the bytes are those of the LoRA that was planned with"


def test_a_lost_cutout_is_made_again_with_the_same_bytes(project_dir):
    """The error said "run the cell again", and running it again did not help."""
    project = open_project(project_dir)
    (cell,) = known_cells(project)
    lost = sorted(row["cutout_digest"] for row in project.ledger.rows(sa.select(cutout)))[0]
    project.store.local_file(lost).unlink()
    cut_out_cell(project, *cell)
    assert digest_bytes(project.store.get(lost)) == lost


def test_publishing_alone_after_an_edited_rule_takes_nothing_back(project_dir):
    """Renders that nobody judged by the new rule counted as not approved, and the whole cell left the shop window."""
    names = published(project_dir)
    brand = project_dir / "brand.yaml"
    brand.write_text(brand.read_text().replace(SCENE_RULES, f"  packshot_white: {{fill_pct: {{min: 20, max: 100}}}}\n{SCENE_RULES}"))
    project = open_project(project_dir)
    ((category, drop),) = known_cells(project)
    with pytest.raises(PublishRefused, match=r"2 pictures of mugs.* are not judged by the present rules"):
        publish_cell(project, category, drop)
    assert published(project_dir) == names
    (need,) = stale_cells(project)
    assert (need.judgments, need.to_publish) == (2, 0)
    assert run_all(project_dir) == []
    assert published(project_dir) == names


def test_publishing_alone_after_a_failed_gate_is_refused(project_dir):
    """Dagster lets such a run start; the asset itself must refuse."""
    settings = project_dir / "vitrine.yaml"
    settings.write_text(settings.read_text().replace("min_approved_share: 0.0", "min_approved_share: 1.0"))
    brand = project_dir / "brand.yaml"
    brand.write_text(brand.read_text().replace(SCENE_RULES, f"  packshot_white: {{fill_pct: {{min: 99.5, max: 100}}}}\n{SCENE_RULES}"))
    project = open_project(project_dir)
    (cell,) = known_cells(project)
    assert plan_cell(project, *cell).to_judge
    failures = run_category(str(project_dir), tasks_for(project, train=False)[0])
    assert "brand gate" in failures[0].message
    names = published(project_dir)
    with open_instance(project.settings) as instance:
        job = build_defs(project.settings).resolve_implicit_global_asset_job_def()
        key = dg.MultiPartitionKey({"category": cell[0], "drop": cell[1]})
        result = job.execute_in_process(
            partition_key=key, instance=instance, raise_on_error=False, asset_selection=[dg.AssetKey("published_images")]
        )
    assert not result.success
    assert published(project_dir) == names
