"""Judge stored measurements of a whole catalog by the present rules, many cells in one table per recipe. Reads no pixels, makes no render.

What comes of it is `verdict_changes.py`; publication is the next run's. Renders that the present version did not measure are left alone.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from assets.cell_lease import resource_of
from assets.decisions import decided, decisions_on
from assets.expectation import expectation_of
from assets.partitions import cell_key
from assets.planning import CellPlan, WantedRender, gate_of, known_cells, plan_cell, rules_in_force
from assets.settled import announce
from assets.standing_verdicts import Standing, standing_verdicts
from assets.stored_measurements import known_measurements
from assets.validated_renders import judgment_row, note_verdicts
from catalog.errors import LeaseRefused
from catalog.preemption import stop_point
from catalog.recipe import Recipe
from quality.rules import RuleSet
from resources.costs import book
from resources.leases import LeaseTimes, holding
from resources.ledger import Row
from resources.ledger_tables import judgment
from resources.project import Project
from resources.settings import utc_now
from resources.tallies import tallied
from resources.work_context import working_on

ROWS_AT_ONCE = 20_000
"""Renders held at once: some 60 MB of measurements, if all are judged. A table costs the same half CPU-second however few rows it has."""

TIMES = LeaseTimes(wait_s=2.0, between_steps_s=0.0)
"""A cell at work is passed over soon: its run judges by the present rules itself. The lease ends with the writing of a cell."""


@dataclass(kw_only=True)
class RejudgedCell:
    """One cell: its plan, and what the present rules say about its renders. Renders are named by their keys."""

    plan: CellPlan
    todo: list[WantedRender]
    """Existing renders of the chosen recipes that had no judgment by the present rules, and measurements."""
    found: list[WantedRender]
    """Those that had one."""
    not_measured: list[WantedRender]
    standing: Mapping[str, Standing]
    """The verdicts the cell stood by before."""
    measured: dict[str, dict[str, Any]]
    people: Mapping[tuple[str, str], Row] = field(default_factory=dict)
    """What people decided about pictures of the cell's products."""
    judged: dict[str, Row] = field(default_factory=dict)
    """Judgments of `todo` by the present rules, as the ledger keeps them."""
    refused: str = ""
    """Why nothing was written: another run is at work on the cell."""

    @property
    def name(self) -> str:
        """Category and drop."""
        return f"{self.plan.category}|{self.plan.drop}"

    def verdict_row(self, render_key: str) -> Row | None:
        """A render's judgment by the present rules, with a person's decision in its place where one holds; None when it is not judged."""
        made, row = self.plan.judged.get(render_key, (None, None))
        fresh = self.judged.get(render_key)
        return row if fresh is None or made is None else decided(fresh, self.people, made)

    def plan_after(self) -> CellPlan:
        """The plan as it is when the judgments are written."""
        after = {key: (made, self.verdict_row(key)) for key, (made, _) in self.plan.judged.items()}
        return replace(self.plan, judged=after, to_judge=[w for w in self.plan.to_judge if w.render_key not in self.judged])


def rejudged_cells(
    project: Project,
    categories: Collection[str] | None = None,
    *,
    holder: str | None = None,
    is_over: Callable[[str], bool] = lambda _: False,
    rows_at_once: int = ROWS_AT_ONCE,
) -> Iterator[RejudgedCell]:
    """Every cell with products, its existing renders judged by the present rules; recipes are those that the project's run covers.

    Writes the judgments under each cell's lease when `holder` names who does, and nothing at all otherwise. A cell that another run holds is
    passed over and says so. `is_over` tells whether a run that holds a lease is known to have ended.
    """
    waiting: list[RejudgedCell] = []
    held = 0
    for category, drop in known_cells(project, categories):
        stop_point()
        waiting.append(_look_up(project, category, drop))
        held += len(waiting[-1].plan.wanted)  # also of cells with nothing to judge: their plans wait, too
        if held >= rows_at_once:
            yield from _finish(project, waiting, holder, is_over)
            waiting, held = [], 0
    yield from _finish(project, waiting, holder, is_over)


def _look_up(project: Project, category: str, drop: str) -> RejudgedCell:
    """What there is of a cell: plan, stored measurements of what is to be judged, the verdicts it stands by."""
    plan = plan_cell(project, category, drop)
    present = [w for w in plan.wanted if w.render_key in plan.judged and project.run.covers(w.variant.recipe)]
    found = [w for w in present if plan.judged[w.render_key][1] is not None]
    unjudged = [w for w in present if plan.judged[w.render_key][1] is None]
    standing = standing_verdicts(project, category, drop, [w.render_key for w in present])
    changed = [w for w in found if (old := standing.get(w.render_key)) and old.verdict != plan.judged[w.render_key][1]["verdict"]]
    measured = known_measurements(project, [w.render_key for w in (*unjudged, *changed)])
    return RejudgedCell(
        plan=plan,
        todo=[w for w in unjudged if w.render_key in measured],
        found=found,
        not_measured=[w for w in unjudged if w.render_key not in measured],
        standing=standing,
        measured=measured,
        people=decisions_on(project, {w.variant.sku for w in unjudged}),
    )


def _finish(project: Project, cells: Sequence[RejudgedCell], holder: str | None, is_over: Callable[[str], bool]) -> Iterator[RejudgedCell]:
    """Judge what was gathered, one table per recipe, then hand out the cells, written where that is asked for."""
    seconds = _judge(project, cells)
    for cell in cells:
        if holder is not None and cell.todo:
            stop_point()
            try:
                _record(project, cell, seconds, holder, is_over)
            except LeaseRefused as refusal:
                cell.refused = str(refusal)
        yield cell


def _judge(project: Project, cells: Sequence[RejudgedCell]) -> dict[str, tuple[float, float]]:
    """Judge the cells' renders; wall and CPU seconds per render, by recipe."""
    by_recipe: dict[str, dict[str, RejudgedCell]] = defaultdict(dict)
    recipes: dict[str, Recipe] = {}
    gates: dict[str, str] = {}
    for cell in cells:
        for wanted in cell.todo:
            by_recipe[wanted.variant.recipe][wanted.render_key] = cell
            recipes[wanted.variant.recipe] = wanted.recipe
            gates[wanted.render_key] = gate_of(project, wanted, cell.plan.judged[wanted.render_key][0]["render_digest"])
    seconds = {}
    for name, cell_of in by_recipe.items():
        start = time.perf_counter(), time.process_time()
        rules = rules_in_force(project, recipes[name])
        for row in judgment_rows({key: cell.measured[key] for key, cell in cell_of.items()}, _made(cell_of), rules, gates):
            cell_of[row["render_key"]].judged[row["render_key"]] = row
        spent = time.perf_counter() - start[0], time.process_time() - start[1]
        seconds[name] = spent[0] / len(cell_of), spent[1] / len(cell_of)
    return seconds


def _made(cell_of: Mapping[str, RejudgedCell]) -> dict[str, Row]:
    return {key: cell.plan.judged[key][0] for key, cell in cell_of.items()}


def judgment_rows(
    measured: Mapping[str, Mapping[str, Any]], made: Mapping[str, Row], rules: RuleSet, gates: Mapping[str, str]
) -> list[Row]:
    """Judgments of one recipe's renders as the ledger keeps them, in one Great Expectations suite over one table.

    `measured`: stored measurements by render key; `made`, `gates`: the renders' rows and gate keys. Raises GateError as `judge_table` does.
    """
    import pandas as pd

    from quality.gate import judge_table

    # Only what the rules ask for: of some sixty columns they look at half, and each value costs time.
    columns = rules.needed_columns
    rows = [{"render_id": key, **{name: row[name] for name in columns & row.keys()}} for key, row in sorted(measured.items())]
    now = utc_now().replace(tzinfo=None)
    results = judge_table(pd.DataFrame(rows), rules)
    return [judgment_row(result, made[result.render_id], rules, gates[result.render_id]) | {"judged_at": now} for result in results]


def _record(
    project: Project, cell: RejudgedCell, seconds: Mapping[str, tuple[float, float]], holder: str, is_over: Callable[[str], bool]
) -> None:
    """Write a cell's judgments as its own run would, under its lease. Raises LeaseRefused."""
    category, drop = cell.plan.category, cell.plan.drop
    named = working_on(cell=cell.name, category=category)
    lease = holding(project.ledger, resource_of(cell_key(category, drop)), holder, is_over=is_over, times=TIMES, wants=False)
    with named, tallied(project), lease as fenced:
        mine = project.with_ledger(fenced)
        announce(mine, expectation_of(mine, category, cell.plan.lora_digest), {w.variant.sku for w in cell.todo})
        by_recipe: dict[str, list[Row]] = defaultdict(list)
        for wanted in cell.todo:
            by_recipe[wanted.variant.recipe].append(cell.judged[wanted.render_key])
        mine.ledger.record(judgment, [row for rows in by_recipe.values() for row in rows])
        for recipe, rows in by_recipe.items():
            note_verdicts(recipe, rows)
            wall_s, cpu_s = seconds[recipe]
            book(mine, "judge again", category, drop, len(rows), (wall_s * len(rows), cpu_s * len(rows)), recipe)
