"""Items over which workers die: found after three, set aside with a reason, and never confused with a machine that was taken away."""

import signal

import pytest
import sqlalchemy as sa

from assets import validated_renders
from assets.attempts import CRASHES, MAX_ATTEMPTS, CrashedItem, counted
from assets.catalog import refresh_catalog
from assets.catalog_needs import catalog_needs
from assets.cutouts import cut_out_cell
from assets.generated_variants import render_groups, unfinished_groups
from assets.planning import known_cells, plan_cell
from assets.set_aside import ask_again
from assets.source_photos import screen_cell
from catalog.preemption import Preempted
from resources.ledger_tables import attempt, cutout, judgment, refused_render, render
from resources.project import open_project
from resources.settings import utc_now
from tests import warm_start
from tests.tiny_project import write_project

DYING = """
import os, signal, sys
from pathlib import Path
from resources.project import open_project
from assets.planning import known_cells, plan_cell
project = open_project(Path(sys.argv[1]))
(cell,) = known_cells(project)
def die_over(module, name, is_poison):
    work = getattr(module, name)
    def deadly(*args):
        if is_poison(*args):
            os.kill(os.getpid(), signal.SIGSEGV)
        return work(*args)
    setattr(module, name, deadly)
"""
"""A worker in a process of its own, with a way to make one function crash natively over one item."""

RENDER = """
from assets import group_pictures
from assets import shard_drawing as stage
from assets.generated_variants import unfinished_groups
die_over(group_pictures, "_draw", lambda project, group, plates: group[0].variant.sku == "MUG-1")
stage.render_groups(project, *cell, unfinished_groups(project, plan_cell(project, *cell)))
"""
CUT = """
from assets import cutouts as stage
die_over(stage, "_cut_one", lambda project, digest, name, key: name == "MUG-1.jpg")
stage.cut_out_cell(project, *cell)
"""
JUDGE = """
from assets import validated_renders as stage
die_over(stage, "measure_one", lambda project, wanted, row: wanted.variant.sku == "MUG-1")
stage.judge_cell(project, *cell)
"""


@pytest.fixture
def shop(tmp_path):
    """Two mugs, screened; packshots only, so that no model is needed."""
    folder = write_project(tmp_path / "shop", looks=False)
    brand = folder / "brand.yaml"
    brand.write_text(brand.read_text().replace("[packshot_white, staged_scene]", "[packshot_white]"))
    project = open_project(folder)
    refresh_catalog(project)
    screen_cell(project, *cell_of(project))
    return project


def cell_of(project):
    (cell,) = known_cells(project)
    return cell


def work(project, code):
    """The exit code of one worker."""
    return warm_start.run("-c", DYING + code, str(project.settings.project_dir)).returncode


def die_until_set_aside(project, code):
    """Start workers one after the other as an orchestrator would; how many died before one ended well."""
    for died in range(MAX_ATTEMPTS + 2):
        code_of_end = work(project, code)
        if code_of_end == 0:
            return died
        assert code_of_end == -signal.SIGSEGV
    raise AssertionError("the item was never set aside")


def rows(project, table):
    return project.ledger.rows(sa.select(table))


def needed_renders(project):
    return sum(need.renders for need in catalog_needs(project))


def test_a_group_that_crashes_its_worker_is_refused_after_three_workers_and_the_other_product_is_drawn(shop):
    cut_out_cell(shop, *cell_of(shop))
    assert work(shop, RENDER) == -signal.SIGSEGV
    assert work(shop, RENDER) == -signal.SIGSEGV
    assert {row["sku"] for row in rows(shop, render)} == {"MUG-2"}, "the suspect was not put behind the others"
    assert die_until_set_aside(shop, RENDER) == 1
    (refused,) = rows(shop, refused_render)
    assert (refused["sku"], "died each of the 3 times" in refused["message"]) == ("MUG-1", True)
    assert rows(shop, attempt) == []
    plan = plan_cell(shop, *cell_of(shop))
    assert (plan.to_render, unfinished_groups(shop, plan)) == ([], []), "it would be begun again"
    assert needed_renders(shop) == 0
    assert ask_again(shop, *cell_of(shop)) == 1
    assert needed_renders(shop) == 1, "more memory for the workers would have helped nobody: the refusal held for ever"
    assert ask_again(shop, *cell_of(shop)) == 0


def test_a_photo_that_crashes_the_cutting_out_waits_for_a_person(shop):
    assert die_until_set_aside(shop, CUT) == MAX_ATTEMPTS
    outcomes = {row["reasons"][0] if row["reasons"] else "good" for row in rows(shop, cutout)}
    assert outcomes == {CRASHES, "good"}
    assert {wanted.variant.sku for wanted in plan_cell(shop, *cell_of(shop)).wanted} == {"MUG-2"}
    assert ask_again(shop, *cell_of(shop)) == 1
    assert [row["sku"] for row in plan_cell(shop, *cell_of(shop)).cutouts_to_make] == ["MUG-1"]


def test_a_render_that_crashes_the_measuring_is_rejected(shop):
    cell = cell_of(shop)
    cut_out_cell(shop, *cell)
    render_groups(shop, *cell, unfinished_groups(shop, plan_cell(shop, *cell)))
    assert die_until_set_aside(shop, JUDGE) == MAX_ATTEMPTS
    judged = validated_renders.judge_cell(shop, *cell)
    assert len(judged) == len(rows(shop, judgment)) == 2
    crashed = {row["sku"]: row["verdict"] for row in judged if CRASHES in [reason["code"] for reason in row["reasons"]]}
    assert crashed == {"MUG-1": "rejected"}
    assert ask_again(shop, *cell) == 1
    assert [wanted.variant.sku for wanted in plan_cell(shop, *cell).to_judge] == ["MUG-1"]


def test_a_preempted_worker_takes_its_attempt_back(shop):
    for _ in range(MAX_ATTEMPTS + 1):
        with pytest.raises(Preempted), counted(shop, "render x", "x"):
            raise Preempted
    assert rows(shop, attempt) == []


def test_an_item_that_ends_with_a_reason_is_no_suspect(shop):
    for _ in range(MAX_ATTEMPTS + 1):
        with pytest.raises(ValueError, match="reason"), counted(shop, "render x", "x"):
            raise ValueError("a reason")
    with counted(shop, "render x", "x"):
        pass
    assert rows(shop, attempt) == []


def test_attempts_are_counted_before_the_work(shop):
    seen = []
    for _ in range(2):
        with counted(shop, "render x", "x"):
            seen += [row["begun"] for row in rows(shop, attempt)]
    assert seen == [1, 1]
    shop.ledger.record(attempt, {"item": "render y", "begun": MAX_ATTEMPTS, "at": utc_now().replace(tzinfo=None), "worker": "gone/1"})
    with pytest.raises(CrashedItem, match="set aside"), counted(shop, "render y", "y"):
        raise AssertionError("begun once too often")
