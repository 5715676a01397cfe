"""The command line as its tests call it: in this process, with what it prints."""

import sys

import pytest

from orchestration.cli import main


@pytest.fixture
def vitrine(monkeypatch, capsys):
    """Call the command with arguments; returns exit code, stdout and stderr."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["vitrine", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call
