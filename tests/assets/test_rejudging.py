"""Stored measurements judged again by changed rules: what flips, what is written, what publication does with it. No pixels anywhere."""

import copy
import shutil
from dataclasses import replace

import pytest
import sqlalchemy as sa

from assets import rejudging
from assets.cell_lease import resource_of
from assets.expectation import expectation_of
from assets.planning import known_cells, plan_cell, rules_in_force
from assets.published_images import publish_cell
from assets.rejudging import rejudged_cells
from assets.settled import announce
from assets.standing_verdicts import Standing
from assets.validated_renders import _write_manifest, judge_cell
from assets.verdict_changes import VerdictChanges
from benchmarks.made_up_measurements import made_up_rows
from quality.columns import MEASUREMENT_VERSION
from resources.leases import holding
from resources.ledger_tables import judgment, lease, measurement, metadata, render, settled
from tests import made_up_work
from tests.made_up_work import Shop

FILL = {"MUG-A": 85.0, "MUG-B": 91.0, "MUG-C": 92.0, "MUG-D": 94.0, "BAG-E": 89.0, "BAG-F": 95.0}
TIGHT = {"packshot_white": {"fill_pct": {"min": 90, "max": 93}}}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A shop whose renders are drawn and measured, judged by the shipped rules and published."""
    shop = Shop(tmp_path_factory.mktemp("finished") / "shop")
    shop.brand["recipes"] = ["packshot_white", "backdrop"]
    shop.brand["channels"] = [{"name": "web", "recipes": ["packshot_white"], "long_side_px": 400}]
    shop.catalog = {sku: ({"title": "A thing", "category": "mugs" if sku.startswith("MUG") else "bags"}, f"photo {sku}") for sku in FILL}
    shop.sync()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(made_up_work, "chance", lambda *_: False)  # no photo is refused, no render either
        for cell in known_cells(shop.open()):
            shop.work(cell, steps=3)
            measure(shop.open(), cell)
            finish(shop, cell)
    return shop


@pytest.fixture
def shop(finished, tmp_path):
    """A copy of it that a test may change."""
    shutil.copytree(finished.folder, tmp_path / "shop")
    return replace(finished, folder=tmp_path / "shop", brand=copy.deepcopy(finished.brand))


def measure(project, cell, skip=()):
    """Write measurements of a cell's renders: good ones, with the fill that FILL says."""
    plan = plan_cell(project, *cell)
    for recipe in project.recipes:
        mine = [w for w in plan.wanted if w.variant.recipe == recipe.name and w.variant.sku not in skip]
        rows = made_up_rows(rules_in_force(project, recipe), len(mine), seed=len(recipe.name), broken_share=0.0)
        for wanted, columns in zip(mine, rows, strict=True):
            columns["fill_pct"] = FILL[wanted.variant.sku] if recipe.name == "packshot_white" else columns["fill_pct"]
            row = {"render_key": wanted.render_key, "measurement_version": MEASUREMENT_VERSION, "columns": columns, "seconds": 0.1}
            project.ledger.record(measurement, row)


def finish(shop, cell):
    """What a cell's run does after measuring: judge, commit the verdicts, publish. The real steps; files hold their own key."""
    project = shop.open()
    _write_manifest(project, *cell, judge_cell(project, *cell))
    shop.publish(project, cell)


def run(shop):
    """`finish` in every cell."""
    for cell in known_cells(shop.open()):
        finish(shop, cell)


def rejudged(project, categories=None, **how):
    changes = VerdictChanges(project=project)
    for cell in rejudged_cells(project, categories, **how):
        changes.add(cell)
    return changes


def verdicts(project):
    """SKU and recipe -> verdict and reasons by the rules now in force."""
    found = {}
    for cell in known_cells(project):
        plan = plan_cell(project, *cell)
        for wanted in plan.wanted:
            row = plan.judged[wanted.render_key][1]
            found[wanted.variant] = row and (row["verdict"], row["reasons"], row["gate_key"], row["rules_digest"], row["render_digest"])
    return found


def everything(project):
    """All rows of all tables."""
    return {t.name: project.ledger.rows(sa.select(t).order_by(*t.primary_key.columns)) for t in metadata.sorted_tables}


def files(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file() and "sqlite" not in path.name}


def test_a_dry_run_names_the_flips_and_writes_nothing(shop):
    shop.brand["rules"] = TIGHT
    project = shop.open()
    rows, before = everything(project), files(shop.folder)
    changes = rejudged(project)
    assert changes.flips == {
        ("packshot_white", "mugs", "approved", "rejected"): 2,
        ("packshot_white", "bags", "approved", "rejected"): 2,
    }
    (cause,) = changes.causes.values()
    assert (cause.recipe, cause.code, cause.harder, cause.renders) == ("packshot_white", "FILL", True, 4)
    assert (cause.required, cause.measured) == ("90 to 93 %", [85.0, 95.0])
    # Mug D is 1.1 % over its bound, bag E 1.1 % under it.
    assert [(e.sku, round(e.decided_by.margin, 4)) for e in changes.barest()] == [
        ("MUG-D", -0.0108),
        ("BAG-E", -0.0111),
        ("BAG-F", -0.0215),
    ]
    assert changes.unchanged[("packshot_white", "approved")] == 2
    assert everything(project) == rows
    assert files(shop.folder) == before


def test_judging_again_gives_what_the_cells_runs_would_give(shop, tmp_path):
    shop.brand["rules"] = TIGHT
    changes = rejudged(shop.open(), holder="me")
    ours = verdicts(shop.open())
    assert changes.judged == 6 and None not in ours.values()
    project = shop.open()
    with project.ledger.writing() as connection:  # and now as the runs judge, cell by cell
        connection.execute(sa.delete(judgment).where(judgment.c.rules_digest == rules_in_force(project, project.recipes[0]).digest))
    assert None in verdicts(project).values()
    for cell in known_cells(project):
        judge_cell(project, *cell)
    assert verdicts(project) == ours
    assert {v[0] for v in ours.values()} == {"approved", "rejected"}


def test_nothing_is_drawn_or_measured(shop, monkeypatch):
    shop.brand["rules"] = TIGHT
    monkeypatch.setattr("assets.validated_renders.measure_one", lambda *_: pytest.fail("it measured"))
    project = shop.open()
    monkeypatch.setattr(type(project.store), "get", lambda *_: pytest.fail("it read a blob"))
    counts = project.ledger_counts()["renders"], len(project.ledger.rows(sa.select(measurement)))
    rejudged(project, holder="me")
    assert (project.ledger_counts()["renders"], len(project.ledger.rows(sa.select(measurement)))) == counts


def test_a_second_call_finds_everything_judged_and_tells_of_the_same_flips(shop):
    """The cells stand by their old verdicts until they run."""
    shop.brand["rules"] = TIGHT
    first = rejudged(shop.open(), holder="me")
    second = rejudged(shop.open(), holder="me")
    assert (first.judged, first.flips.total()) == (6, 4)
    assert (second.judged, second.flips, second.publication) == (0, first.flips, first.publication)
    run(shop)
    third = rejudged(shop.open(), holder="me")
    assert (third.judged, third.flips.total(), third.publication.withdrawn) == (0, 0, 0)


def test_the_publication_that_is_foretold_is_the_one_that_comes(shop):
    shop.brand["rules"] = TIGHT | {"backdrop": {}}
    foretold = rejudged(shop.open()).publication
    rejudged(shop.open(), holder="me")
    assert (foretold.added, foretold.withdrawn, foretold.held_cells) == (0, 4, [])
    reports = [publish_cell(shop.open(), *cell)[0] for cell in known_cells(shop.open())]
    assert sum(report.withdrawn for report in reports) == 4
    shop.brand["rules"] = {}
    foretold = rejudged(shop.open()).publication
    assert (foretold.added, foretold.withdrawn) == (4, 0)


def test_a_cell_whose_gate_would_fail_is_named_and_nothing_of_it_is_counted(shop):
    shop.brand["rules"] = {"packshot_white": {"fill_pct": {"min": 1, "max": 2}}, "backdrop": {"fill_pct": {"min": 1, "max": 2}}}
    publication = rejudged(shop.open()).publication
    assert len(publication.held_cells) == len(known_cells(shop.open()))
    assert (publication.added, publication.withdrawn, publication.replaced) == (0, 0, 0)


def test_a_rule_that_is_put_back_gives_the_old_verdicts_and_says_that_they_flip(shop):
    old = verdicts(shop.open())
    shop.brand["rules"] = TIGHT
    rejudged(shop.open(), holder="me")
    run(shop)
    assert verdicts(shop.open()) != old
    shop.brand["rules"] = {}
    changes = rejudged(shop.open(), holder="me")
    assert verdicts(shop.open()) == old
    assert changes.judged == 0, "the old judgments were found"
    assert changes.flips[("packshot_white", "mugs", "rejected", "approved")] == 2
    (cause,) = changes.causes.values()
    assert (cause.harder, cause.was_required, cause.required) == (False, "90 to 93 %", "85 to 95 %")


def test_a_render_that_is_not_measured_is_left_alone_and_named(shop):
    shop.brand["rules"] = TIGHT
    project = shop.open()
    keys = [row["render_key"] for row in project.ledger.rows(sa.select(render).where(render.c.sku == "MUG-A"))]
    with project.ledger.writing() as connection:
        connection.execute(sa.delete(measurement).where(measurement.c.render_key.in_(keys)))
    changes = rejudged(project, holder="me")
    assert changes.not_measured == {"packshot_white": 1}
    assert changes.not_measured_names == ["MUG-A.packshot_white.0"]
    assert changes.judged == 5
    assert [variant.name for variant, found in verdicts(shop.open()).items() if found is None] == ["MUG-A.packshot_white.0"]


def test_only_what_was_asked_for_is_judged(shop):
    shop.brand["rules"] = TIGHT | {"backdrop": {"entropy_bits": {"min": 1.1}}}
    project = shop.open()
    object.__setattr__(project.run, "recipes", frozenset({"packshot_white"}))
    changes = rejudged(project, ["mugs"], holder="me")
    assert changes.judged == 4
    done = {(v.sku, v.recipe) for v, found in verdicts(shop.open()).items() if found is not None}
    assert done == {(sku, "packshot_white") for sku in FILL if sku.startswith("MUG")}


def test_a_cell_at_work_is_passed_over_and_named_and_the_others_are_written(shop, monkeypatch):
    monkeypatch.setattr(rejudging, "TIMES", rejudging.LeaseTimes(wait_s=0.1, between_steps_s=0.0))
    shop.brand["rules"] = TIGHT
    project = shop.open()
    (busy, *_) = known_cells(project, ["bags"])
    with holding(project.ledger, resource_of("|".join(busy)), "another"):
        changes = rejudged(project, holder="me")
    assert list(changes.refused) == ["|".join(busy)]
    assert "Run another is at work" in changes.refused["|".join(busy)]
    assert {v.sku for v, found in verdicts(shop.open()).items() if found is None} == {"BAG-E", "BAG-F"}
    left = project.ledger.rows(sa.select(lease).where(lease.c.wanted))
    assert left == [], "nobody asked for a run"


def test_slices_of_a_large_catalog_give_the_same(shop):
    shop.brand["rules"] = TIGHT
    whole, sliced = rejudged(shop.open()), rejudged(shop.open(), rows_at_once=1)
    assert whole.as_dict() == sliced.as_dict()


def test_a_plan_afterwards_counts_what_is_to_be_published_and_nothing_to_judge(shop):
    """Markers on settled products must not hide the new verdicts."""
    shop.brand["rules"] = TIGHT
    rejudged(shop.open(), holder="me")
    needs = shop.needs(markers=True)
    assert needs == shop.needs(markers=False)
    assert sum(need.judgments for need in needs) == 0
    assert sum(need.to_publish for need in needs) == 4


def test_the_clock_of_costs_has_one_line_per_cell_and_recipe(shop):
    from resources.ledger_tables import spend

    shop.brand["rules"] = TIGHT
    project = shop.open()
    before = len(project.ledger.rows(sa.select(spend)))
    rejudged(project, holder="me")
    lines = project.ledger.rows(sa.select(spend).order_by(spend.c.id))[before:]
    assert [(line["activity"], line["recipe"]) for line in lines] == [("judge again", "packshot_white")] * len(known_cells(project))
    assert sum(line["item_count"] for line in lines) == 6


def test_products_are_announced_before_their_judgments(shop, monkeypatch):
    """A worker killed between the two must not leave a marker that vouches for judgments it does not know of."""
    shop.brand["rules"] = TIGHT
    project = shop.open()

    def killed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(rejudging, "note_verdicts", killed)
    with pytest.raises(KeyboardInterrupt):
        rejudged(project, holder="me")
    assert shop.needs(markers=True) == shop.needs(markers=False)
    key = expectation_of(project, "bags", None).key
    assert all(key in row["tried"] for row in project.ledger.rows(sa.select(settled).where(settled.c.sku.in_(["BAG-E", "BAG-F"]))))
    announce(project, expectation_of(project, "bags", None), {"BAG-E"})  # and again changes nothing


def test_cells_with_nothing_to_judge_do_not_wait_in_memory_for_those_that_have(shop, monkeypatch):
    """A second look at a judged catalog once held the plans of all its cells."""
    project, looked_up = shop.open(), []
    look_up = rejudging._look_up
    monkeypatch.setattr(rejudging, "_look_up", lambda *where: looked_up.append(where) or look_up(*where))
    cells = rejudged_cells(project, rows_at_once=1)
    assert not next(cells).todo
    assert len(looked_up) == 1 < len(known_cells(project))


def test_a_rule_whose_column_is_measured_now_is_not_told_as_gone(shop):
    """The reason was that it could not be measured; the rule is still there."""
    project = shop.open()
    (cell, *_) = known_cells(project, ["mugs"])
    (wanted, *_) = [w for w in plan_cell(project, *cell).wanted if w.variant.recipe == "packshot_white"]
    rule = next(rule for rule in rules_in_force(project, wanted.recipe).rules if rule.column == "fill_pct")
    old = Standing("rejected", [{"code": f"{rule.code}_not_measured", "severity": "critical", "measured": None, "required": rule.required}])
    changes = VerdictChanges(project=project)
    changes._note_causes(wanted, old, {"verdict": "approved", "reasons": []})
    (cause,) = changes.causes.values()
    assert cause.required == rule.review_required
