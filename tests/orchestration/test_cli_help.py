"""`--help` reads well: commands in panels, one whole line each; sentences of groups are not cut off."""

import sys

import pytest
import typer

from orchestration.cli import app
from orchestration.cli_help import PANELS

GROUPS = ("backfill", "rules", "measurements", "review", "lora", "ledger", "models", "metrics", "recipes")


def test_every_command_stands_in_one_panel_and_its_line_fits_a_terminal(vitrine):
    """Lines ended in the middle: "Make a project folder: settings, brand kit and an example..."."""
    told = [name for commands in PANELS.values() for name in commands]
    assert sorted(told) == sorted(typer.main.get_command(app).commands)
    code, out, _ = vitrine("--help")
    lines = {line.split()[0]: line for line in out.splitlines() if line.startswith("  ") and line.split()[0] in told}
    assert code == 0 and list(lines) == told and "Others" not in out
    assert all(line.endswith(".") and len(line) <= 80 for line in lines.values())


@pytest.mark.parametrize("group", GROUPS)
def test_a_groups_commands_are_told_in_whole_sentences(vitrine, group):
    code, out, _ = vitrine(group, "--help")
    assert code == 0 and "..." not in out.partition("Commands:")[2]


def test_a_command_that_no_panel_names_is_still_shown(vitrine, monkeypatch):
    monkeypatch.delitem(PANELS["Operation"], "metrics")
    code, out, _ = vitrine("--help")
    assert code == 0 and out.partition("Others:")[2].split() == ["metrics", "Metrics", "for", "Prometheus."]
    assert sys.argv[1] == "--help"
