"""A shard's scenes on a tiny model of the real classes: batches across products, the same bytes after a stop, one bad plate costing only itself."""

import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from assets.attempts import MAX_ATTEMPTS
from assets.generated_variants import groups_of
from assets.planning import plan_cell
from assets.plates_ahead import with_plates
from assets.render_keys import sampling_of
from assets.shard_drawing import plates_of
from catalog.errors import ModelError
from catalog.failpoint import Armed, FailpointReached, arm
from catalog.preemption import Preempted
from resources.ledger_tables import attempt, refused_render, render
from resources.object_store import blob_path
from resources.project import open_project
from resources.settings import utc_now
from tests.scene_shop import cell_of, draw, write_scene_shop

SKUS = ("MUG-1", "MUG-2", "MUG-3")


@pytest.fixture(scope="module")
def cut_out(tmp_path_factory):
    """Three mugs, screened and cut out, with a LoRA in use; each is to get a packshot and two scenes."""
    return write_scene_shop(tmp_path_factory.mktemp("cut") / "shop", SKUS)


@pytest.fixture
def shop(cut_out, tmp_path):
    yield open_project(shutil.copytree(cut_out, tmp_path / "shop", symlinks=True))
    arm(())


def rows(project, table=render):
    return project.ledger.rows(sa.select(table))


def pictures(project):
    return {(row["sku"], row["recipe"], row["idx"]): row["render_digest"] for row in rows(project)}


def scenes(project):
    return [row for row in rows(project) if row["recipe"] == "staged_scene"]


@pytest.fixture(scope="module")
def undisturbed(cut_out, tmp_path_factory):
    project = open_project(shutil.copytree(cut_out, tmp_path_factory.mktemp("undisturbed") / "shop", symlinks=True))
    assert draw(project) == {"rendered": 9, "refused": 0}
    return project


def test_batches_are_composed_across_products_and_said_so_beside_each_scene(undisturbed):
    places = {(row["sku"], row["idx"]): row["facts"]["plate"]["batch"] for row in scenes(undisturbed)}
    first = places["MUG-1", 0]
    assert [places[sku, idx]["index"] for sku in SKUS for idx in (0, 1)] == [0, 1, 2, 3, 0, 1]
    seeds = [
        w.variant.seed
        for group in groups_of(plan_cell(undisturbed, *cell_of(undisturbed)).wanted)
        for w in group
        if w.recipe.engine == "diffusion"
    ]
    assert [seed for _, seed in first["places"]] == seeds[:4] and places["MUG-2", 1]["places"] == first["places"]
    assert [seed for _, seed in places["MUG-3", 1]["places"]] == [*seeds[4:], *seeds[4:]], "the last batch is filled up"


@pytest.mark.parametrize("point", ["render.batch_drawn", "render.group_drawn", "render.group_recorded"])
def test_what_a_stopped_shard_left_is_made_to_the_same_bytes_in_other_batches(shop, undisturbed, point):
    arm((Armed(name=point, action="raise", nth=1),))
    with pytest.raises(FailpointReached):
        draw(shop)
    made = len(rows(shop))
    arm(())
    assert draw(shop)["rendered"] == 9 - made
    assert pictures(shop) == pictures(undisturbed)
    assert rows(shop, attempt) == []


def test_a_lost_scene_alone_is_drawn_again_to_the_same_bytes(shop, undisturbed):
    draw(shop)
    lost = pictures(shop)["MUG-2", "staged_scene", 1]
    shop.store.files.remove([blob_path(lost)])
    assert draw(shop)["rendered"] == 1
    assert shop.store.has(lost), "drawn in another company, it came out otherwise"


def test_a_preempted_shard_gives_back_every_attempt_of_its_batch(shop, monkeypatch):
    import generation.batch_drawing as module

    def taken_away():
        assert len(rows(shop, attempt)) == 2, "four scenes of two products are in hand"
        raise Preempted

    monkeypatch.setattr(module, "patient_stop_point", taken_away)
    with pytest.raises(Preempted):
        draw(shop)
    assert rows(shop, attempt) == rows(shop) == []


def test_a_group_over_which_a_worker_died_shares_its_batch_with_nobody(shop, undisturbed):
    """Its neighbors would be blamed with it."""
    plan = plan_cell(shop, *cell_of(shop))
    group = next(g for g in groups_of(plan.wanted) if g[0].recipe.engine == "diffusion" and g[0].variant.sku == "MUG-1")
    begun = {"at": utc_now().replace(tzinfo=None), "worker": "gone/1"}
    shop.ledger.record(attempt, {"item": f"render {group[0].render_key}", "begun": MAX_ATTEMPTS - 1, **begun})
    draw(shop)
    batches = {row["sku"]: row["facts"]["plate"]["batch"]["places"] for row in scenes(shop)}
    assert {seed for _, seed in batches["MUG-1"]} == {w.variant.seed for w in group}
    assert batches["MUG-2"] == batches["MUG-3"]
    assert pictures(shop) == pictures(undisturbed)


def test_a_scene_that_no_seed_draws_is_refused_with_its_reason_and_everything_else_goes_on(shop, undisturbed, monkeypatch):
    import generation.plates as module

    wanted = [w for w in plan_cell(shop, *cell_of(shop)).wanted if w.recipe.engine == "diffusion"]
    bad = next(w for w in wanted if (w.variant.sku, w.variant.index) == ("MUG-2", 0))
    monkeypatch.setattr(module, "retry_seed", lambda seed, attempt: seed)
    real = module.fault_of
    spoiled = undisturbed_plate(shop, bad)
    monkeypatch.setattr(module, "fault_of", lambda pixels, finite: "spoiled" if (pixels == spoiled).all() else real(pixels, finite=finite))
    assert draw(shop) == {"rendered": 8, "refused": 1}
    (refused,) = rows(shop, refused_render)
    assert (refused["render_key"], "spoiled" in refused["message"]) == (bad.render_key, True)
    assert pictures(shop) == {name: digest for name, digest in pictures(undisturbed).items() if name != ("MUG-2", "staged_scene", 0)}
    assert draw(shop) == {"rendered": 0, "refused": 0}


def undisturbed_plate(project, wanted):
    plates = replace(plates_of(project, wanted.lora_digest), steps=2, guidance=2.0)
    return plates.draw([wanted.resolved["prompt"]], [wanted.variant.seed])[0]


def test_recipes_that_are_drawn_otherwise_share_no_batch_and_only_their_scenes_are_made_again(shop, undisturbed):
    folder = shop.settings.project_dir
    draw(shop)
    text = (folder / "recipes" / "staged_scene.yaml").read_text()
    quick = text.replace("name: staged_scene", "name: quick_scene") + "sampling: {steps: 1, guidance: 1.0}\n"
    (folder / "recipes" / "quick_scene.yaml").write_text(quick)
    brand = (folder / "brand.yaml").read_text()
    (folder / "brand.yaml").write_text(
        brand.replace(
            "recipes: [packshot_white, staged_scene]\ncategories", "recipes: [packshot_white, staged_scene, quick_scene]\ncategories"
        )
    )
    both = open_project(folder)
    for row in scenes(both)[:1]:
        both.store.files.remove([blob_path(row["render_digest"])])
    assert draw(both) == {"rendered": 7, "refused": 0}
    plates = [row["facts"]["plate"] for row in rows(both) if row["recipe"] == "quick_scene"]
    assert {(p["circumstances"]["steps"], p["circumstances"]["guidance"]) for p in plates} == {(1, 1.0)}
    assert pictures(undisturbed).items() <= pictures(both).items(), "the lost scene came out otherwise"
    assert draw(both) == {"rendered": 0, "refused": 0}


def test_guidance_that_ends_early_is_another_picture_and_the_same_recipe_again(shop, undisturbed):
    settings = shop.settings.project_dir / "vitrine.yaml"
    settings.write_text(settings.read_text().replace("guidance: 2.0", "guidance: 2.0, guided_share: 0.5"))
    partly = open_project(shop.settings.project_dir)
    assert draw(partly)["rendered"] == 9, "six scenes of another sampling, and three packshots"
    (wanted, *_) = (w for w in plan_cell(partly, *cell_of(partly)).wanted if w.recipe.engine == "diffusion")
    assert sampling_of(partly, wanted.recipe).guided_steps == 1
    keys = {row["render_key"] for row in scenes(undisturbed)}
    assert not keys & {row["render_key"] for row in scenes(partly)}
    name = (wanted.variant.sku, "staged_scene", wanted.variant.index)
    assert pictures(partly)[name] != pictures(undisturbed)[name]


def test_groups_are_taken_only_when_the_next_batch_needs_them(undisturbed):
    """A killed worker must not have every group of its shard in hand."""
    groups = [g for g in groups_of(plan_cell(undisturbed, *cell_of(undisturbed)).wanted) if g[0].recipe.engine == "diffusion"]
    taken, batches = [], []

    def drawn(batch):
        batches.append((len(taken), len(batch)))
        return list(batch)

    given = with_plates((taken.append(g) or g for g in groups), drawn, lambda group: 2, lambda group: 0)
    assert [(g, plates) for g, plates in given] == [(g, g) for g in groups]
    assert batches == [(1, 2), (2, 2), (3, 2)]


def test_what_fits_together_is_drawn_together_and_groups_come_in_order_with_few_waiting():
    """As with prompts of several lengths: full batches first, and what waits too long in one that is not full."""
    batches = []

    def drawn(batch):
        batches.append([w.render_key for w in batch])
        return list(batch)

    def assert_given_in_order(groups):
        batches.clear()
        given = with_plates(iter(groups), drawn, lambda group: 2, lambda group: 0, lambda group: [w.render_key[-1] for w in group])
        assert [group for group, plates in given if plates == group] == groups

    assert_given_in_order([[scene(f"{number}{length}") for length in "abc"] for number in range(4)])
    assert batches == [[f"{pair}{length}", f"{pair + 1}{length}"] for pair in (0, 2) for length in "abc"]
    assert_given_in_order([[scene(f"{number}{length}")] for number, length in enumerate("xabacdefghix")])
    assert batches[:2] == [["1a", "3a"], ["0x"]] and batches[-1] == ["11x"], "the first did not wait for the last"


def scene(key):
    """As much of a wanted scene as is asked of one that waits."""
    return SimpleNamespace(render_key=key, resolved={"kind": "staged_scene", "params": {}})


def test_a_base_model_that_changed_since_the_plan_draws_nothing(shop):
    plan = plan_cell(shop, *cell_of(shop))
    config = shop.base_model_dir / "scheduler/scheduler_config.json"
    config.write_text(config.read_text().replace("0.02", "0.03"))
    with pytest.raises(ModelError, match="changed since the work was planned"):
        plates_of(shop, plan.lora_digest)
