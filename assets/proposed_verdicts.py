"""What other rules than the present ones would make of every verdict, before anybody writes them down. Writes nothing.

Like `vitrine rejudge --dry-run`, but between two sets of rules, so that what flips is the proposal's doing alone.
"""

from collections import Counter

import yaml

from assets.rejudging import RejudgedCell, rejudged_cells
from assets.standing_verdicts import Standing
from assets.verdict_changes import VerdictChanges
from catalog.brand_kit import BrandKit
from catalog.recipe import parse_model
from resources.ledger import Row
from resources.project import Project

GateFlips = Counter[tuple[str, str, str, bool]]
"""Renders by recipe, the gate's verdict now and then, and whether a person has decided about them."""


def with_rules(project: Project, text: str) -> Project:
    """The project as it would be with another text of its brand kit, on the same ledger; nothing is written. Raises SettingsError."""
    other = Project(project.settings, run=project.run)
    kit = parse_model(BrandKit, yaml.safe_load(text), "the proposed brand kit")
    other.__dict__.update(brand_kit=kit, ledger=project.ledger, store=project.store)  # where cached_property looks first
    return other


def proposed_changes(project: Project, text: str) -> tuple[VerdictChanges, GateFlips]:
    """What flips when the brand kit has another text: of what counts, and of what the gate says whoever decided since."""
    proposed = with_rules(project, text)
    changes, flips = VerdictChanges(project=proposed), GateFlips()
    for before, after in zip(rejudged_cells(project), rejudged_cells(proposed), strict=True):
        rows = {key: before.verdict_row(key) for key in before.plan.judged}
        after.standing = {key: Standing(row["verdict"], row["reasons"]) for key, row in rows.items() if row is not None}
        after.measured = {**before.measured, **after.measured}
        changes.add(after)
        flips.update(_gate_flips(before, after))
    return changes, flips


def _gate_flips(before: RejudgedCell, after: RejudgedCell) -> GateFlips:
    found = GateFlips()
    for key, (made, _) in after.plan.judged.items():
        old, new = before.verdict_row(key), after.verdict_row(key)
        if old is not None and new is not None and _gate_said(old) != _gate_said(new):
            found[made["recipe"], _gate_said(old), _gate_said(new), "decision" in old] += 1
    return found


def _gate_said(row: Row) -> str:
    return str(row.get("gate_verdict", row["verdict"]))
