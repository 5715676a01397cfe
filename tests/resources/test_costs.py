"""The clock of costs: every second is booked once, to what it was spent on, while it is spent."""

import pytest
import sqlalchemy as sa

from catalog.errors import SettingsError
from resources import costs
from resources.costs import clocked, clocked_rest
from resources.ledger import Ledger
from resources.ledger_tables import spend
from resources.project import Project
from resources.run_facts import RunFacts, facts_of
from resources.service_settings import CostSettings
from resources.settings import Settings


class Watch:
    """A clock that goes only when a test lets it."""

    def __init__(self, monkeypatch):
        self.seconds = 0.0
        monkeypatch.setattr(costs, "_now", lambda: (self.seconds, self.seconds / 2))
        monkeypatch.setattr(costs.time, "perf_counter", lambda: self.seconds)

    def __iadd__(self, seconds):
        self.seconds += seconds
        return self


@pytest.fixture
def watch(monkeypatch):
    return Watch(monkeypatch)


def project_in(folder, **run):
    project = Project(
        Settings(project_dir=folder, costs=CostSettings(usd_per_hour=3600.0, tiers={"economy": {"usd_per_hour": 360.0}})),
        run=RunFacts(**run),
    )
    assert isinstance(project.ledger, Ledger)
    return project


def lines(project):
    columns = (spend.c.activity, spend.c.recipe, spend.c.item_count, spend.c.seconds, spend.c.usd)
    return [tuple(row.values()) for row in project.ledger.rows(sa.select(*columns).order_by(spend.c.id))]


def test_time_is_booked_to_the_recipe_it_was_spent_on(tmp_path, watch):
    project = project_in(tmp_path)
    with clocked(project, "render", "mugs", "2026-11-21") as clock:
        watch += 5
        clock.lap(activity="load model")
        watch += 2
        clock.lap(1, recipe="packshot_white")
        watch += 12
        clock.lap(3, recipe="staged_scene")
    assert lines(project) == [("load model", None, 1, 5, 5), ("render", "packshot_white", 1, 2, 2), ("render", "staged_scene", 3, 12, 12)]


def test_a_killed_worker_loses_no_more_than_the_last_seconds(tmp_path, watch):
    """Spend was written at a shard's end only: a shard that was killed had cost nothing."""
    project = project_in(tmp_path)
    with clocked(project, "render", "mugs") as clock:
        for _ in range(5):
            watch += 15
            clock.lap(1, recipe="recolor")
        booked = sum(line[3] for line in lines(project))
    assert 75 - booked <= costs.BOOK_EVERY_S
    assert sum(line[3] for line in lines(project)) == 75
    assert sum(line[2] for line in lines(project)) == 5


def test_what_an_error_cut_short_is_paid_for_too(tmp_path, watch):
    project = project_in(tmp_path)
    with pytest.raises(RuntimeError), clocked(project, "render", "mugs"):
        watch += 40
        raise RuntimeError
    assert lines(project) == [("render", None, 0, 40, 40)]


def test_a_look_that_finds_nothing_to_do_writes_nothing(tmp_path, watch):
    project = project_in(tmp_path)
    with clocked(project, "publish", "mugs"):
        watch += 0.2
    assert lines(project) == []


def test_the_rest_of_a_run_is_what_its_activities_did_not_take(tmp_path, watch):
    project = project_in(tmp_path)
    with clocked_rest(project, "run", "mugs", "2026-11-21"):
        watch += 3
        with clocked(project, "judge", "mugs") as clock:
            watch += 4
            clock.lap(10, recipe="recolor")
        watch += 1
    assert [(line[0], line[3]) for line in lines(project)] == [("judge", 4), ("run", 4)]


def test_a_line_knows_its_campaign_and_the_price_of_its_tier(tmp_path, watch):
    project = project_in(tmp_path, tier="economy", campaign="spring", attempt="spring|mugs|2026-11-21|1@1")
    with clocked(project, "render", "mugs") as clock:
        watch += 10
        clock.lap(recipe="recolor")
    (row,) = project.ledger.rows(sa.select(spend))
    assert (row["usd"], row["tier"], row["campaign"], row["attempt"]) == (1.0, "economy", "spring", "spring|mugs|2026-11-21|1@1")
    assert row["cpu_seconds"] == 5


def test_facts_of_a_run_are_read_from_its_tags():
    facts = facts_of({"vitrine/tier": "express", "vitrine/campaign": "spring", "vitrine/recipes": "recolor, backdrop"})
    assert (facts.tier, facts.campaign, facts.recipes) == ("express", "spring", frozenset({"recolor", "backdrop"}))
    assert facts.covers("recolor") and not facts.covers("packshot_white")
    assert facts_of({}).covers("anything")


@pytest.mark.parametrize("tags", [{"vitrine/tier": "gold"}, {"vitrine/recipes": " , "}])
def test_a_tag_that_says_nothing_sensible_is_an_error(tags):
    """A misspelt limit that limits nothing would make everything."""
    with pytest.raises(SettingsError):
        facts_of(tags)
