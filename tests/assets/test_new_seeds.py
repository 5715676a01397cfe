"""A scene that is asked for with a new seed: which renders a plan then wants, what stays, how often, and how it is taken back."""

import pytest
import sqlalchemy as sa

from assets.decisions import decide, history
from assets.generated_variants import groups_of, unfinished_groups
from assets.new_seeds import MAX_NEW_SEEDS, ask_new_seed, asked_seeds, take_back_seed
from assets.planning import NEW_SEED_ASKED, NOT_RENDERED, known_cells, plan_cell
from catalog.errors import DecisionRefused
from catalog.variant import Variant
from orchestration.quoting import quote
from orchestration.rates import rates_of
from orchestration.stale import cell_need
from orchestration.triggers import due_cells
from resources.catalog_sync import newest_revision
from resources.ledger_tables import render
from tests.made_up_work import Shop

SKU = "B"


@pytest.fixture(scope="module")
def worked(tmp_path_factory):
    """A shop with two scenes per product, all of them made, judged and published."""
    shop = Shop(tmp_path_factory.mktemp("seeds") / "shop")
    shop.catalog = {sku: ({"title": "A thing", "category": "mugs", "color": "Red"}, f"photo {sku}") for sku in ("A", SKU, "C")}
    shop.brand["recipes"] = ["packshot_white", "staged_scene"]
    shop.brand["channels"][0]["recipes"] = ["packshot_white", "staged_scene"]
    shop.sync()
    shop.promote_lora("mugs", 1)
    shop.work_everywhere()
    return shop


@pytest.fixture
def shop(worked, tmp_path):
    import shutil

    return Shop(shutil.copytree(worked.folder, tmp_path / "shop"), brand=worked.brand, catalog=worked.catalog)


@pytest.fixture
def project(shop):
    return shop.open()


def the_cell(project):
    (cell,) = known_cells(project)
    return cell


def scene(project, index=0, sku=SKU):
    """The wanted scene, and its rows if it is made."""
    plan = plan_cell(project, *the_cell(project))
    (wanted,) = (w for w in plan.wanted if w.variant == Variant(sku=sku, recipe="staged_scene", index=index))
    return wanted, *plan.judged.get(wanted.render_key, (None, None))


def ask(project, index=0, reviewer="ann", note="", seen=None):
    wanted, made, judged = scene(project, index)
    past = history(project, made["sku"], made["render_digest"])
    seen = (past[-1]["id"] if past else 0) if seen is None else seen
    return ask_new_seed(project, made, judged, wanted.recipe, reviewer=reviewer, note=note, seen=seen)


def test_asking_makes_one_render_wanted_anew_and_leaves_all_others(project):
    before = {w.render_key for w in plan_cell(project, *the_cell(project)).wanted}
    row = ask(project, note="the table is crooked")
    assert (row["action"], row["reviewer"], row["note"]) == ("new_seed", "ann", "the table is crooked")
    plan = plan_cell(project, *the_cell(project))
    (wanted,) = plan.to_render
    assert (wanted.variant.sku, wanted.variant.index, wanted.variant.attempt) == (SKU, 0, 1)
    assert {w.render_key for w in plan.wanted} - {wanted.render_key} == before - {row["render_key"]}
    assert plan.why == {f"staged_scene: {NEW_SEED_ASKED}": 1}


def test_the_plan_the_quote_and_the_next_tick_know_of_it(project):
    before = newest_revision(project.ledger)
    assert not cell_need(project, *the_cell(project)).is_stale
    ask(project)
    need = cell_need(project, *the_cell(project))
    assert (need.to_render, need.judgments, need.to_publish) == ({"staged_scene": 1}, 0, 0)
    assert quote(project, [need], rates_of(project)).images == 1
    assert [(cell.category, cell.drop) for cell in due_cells(project, before)[0]] == [the_cell(project)]


def test_its_group_is_drawn_as_a_whole_and_the_other_scene_keeps_its_render(project, shop):
    ask(project)
    other = scene(project, 1)[0].render_key
    (group,) = unfinished_groups_by_rows(project)
    assert [w.variant.index for w in group] == [0, 1] and other in {w.render_key for w in group}
    made_at = project.ledger.by_keys(render, [other])[other]["made_at"]
    shop.work_everywhere()
    assert project.ledger.by_keys(render, [other])[other]["made_at"] == made_at
    assert not cell_need(shop.open(), *the_cell(project)).is_stale


def unfinished_groups_by_rows(project):
    """`unfinished_groups` without the store, in which this shop has no pictures."""
    plan = plan_cell(project, *the_cell(project))
    missing = {w.render_key for w in plan.to_render}
    assert unfinished_groups  # the same rule: a group with a missing render is drawn whole
    return [group for group in groups_of(plan.wanted) if any(w.render_key in missing for w in group)]


def test_the_seed_follows_from_the_variant_and_how_often_was_asked(project, shop):
    first = Variant(sku=SKU, recipe="staged_scene", index=0)
    seeds = [Variant(sku=SKU, recipe="staged_scene", index=0, attempt=number).seed for number in range(4)]
    assert seeds[0] == first.seed and len(set(seeds)) == 4
    assert Variant(sku=SKU, recipe="staged_scene", index=0, attempt=3) == first, "the same place in the shop whichever seed"
    ask(project)
    keys = [scene(project)[0].render_key]
    shop.work_everywhere()
    ask(shop.open())
    keys.append(scene(project)[0].render_key)
    again = Shop(shop.folder.parent / "again", brand=shop.brand, catalog=shop.catalog)
    again.sync()
    again.promote_lora("mugs", 1)
    again.work_everywhere()
    for expected in keys:
        ask(again.open())
        assert scene(again.open())[0].render_key == expected
        again.work_everywhere()


def test_taking_it_back_brings_the_former_picture_back_and_draws_nothing(project, shop):
    former = scene(project)[0].render_key
    ask(project)
    shop.work_everywhere()
    assert scene(project)[0].render_key != former
    asked = asked_seeds(project, [SKU])[SKU, "staged_scene", 0]
    take_back_seed(project, asked, reviewer="ben", seen=asked.row["id"])
    assert scene(project)[0].render_key == former
    assert plan_cell(project, *the_cell(project)).to_render == []
    ask(project)  # and asking again does not bring the second one again
    assert scene(project)[0].variant.attempt == 2


def test_a_request_that_was_taken_back_already_cannot_be_taken_back_twice(project):
    ask(project)
    asked = asked_seeds(project, [SKU])[SKU, "staged_scene", 0]
    take_back_seed(project, asked, reviewer="ann", seen=asked.row["id"])
    with pytest.raises(DecisionRefused, match="took a decision back"):
        take_back_seed(project, asked, reviewer="ben", seen=asked.row["id"])


def test_eight_requests_are_enough(project):
    for _ in range(MAX_NEW_SEEDS):
        ask(project)
        asked = asked_seeds(project, [SKU])[SKU, "staged_scene", 0]
        take_back_seed(project, asked, reviewer="ann", seen=asked.row["id"])
    with pytest.raises(DecisionRefused, match="8 new seeds"):
        ask(project)
    ask(project, index=1)


def test_a_second_reviewer_sees_that_one_was_asked_for_already(project):
    wanted, made, judged = scene(project)
    ask(project)
    with pytest.raises(DecisionRefused, match="ann asked for a new seed"):
        ask_new_seed(project, made, judged, wanted.recipe, reviewer="ben", seen=0)
    with pytest.raises(DecisionRefused, match="ann asked for a new seed"):
        decide(project, made, judged, "reject", reviewer="ben", fault="color", seen=0)


def test_a_recipe_without_a_drawn_scene_says_why_it_has_no_new_seed(project):
    plan = plan_cell(project, *the_cell(project))
    (wanted,) = (w for w in plan.wanted if w.variant == Variant(sku=SKU, recipe="packshot_white", index=0))
    made, judged = plan.judged[wanted.render_key]
    with pytest.raises(DecisionRefused, match="drawn by a model"):
        ask_new_seed(project, made, judged, wanted.recipe, reviewer="ann", seen=0)


def test_a_new_lora_is_the_reason_that_is_told_when_it_is_one(project, shop):
    ask(project)
    shop.promote_lora("mugs", 2)
    plan = plan_cell(shop.open(), *the_cell(project))
    assert plan.why == {f"staged_scene: {NOT_RENDERED}": len(plan.to_render)} and len(plan.to_render) > 1


def test_a_published_scene_stays_in_the_shop_until_its_successor_is_judged(project, shop):
    ask(project)
    need = cell_need(shop.open(), *the_cell(project))
    assert need.to_publish == 0
    assert project.ledger.one(sa.select(sa.func.count().label("n")).select_from(render))["n"] > 0
