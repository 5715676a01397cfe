"""What the commands of the benchmarks share: flags that are checked in clear words, and the report they write. Measures nothing."""

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

REPEATS = 5
"""Interleaved rounds that a number in docs/benchmarks.md has at least."""


def whole_number(least: int) -> Callable[[str], int]:
    """A type for argparse: whole numbers from `least` on."""

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} on")
        return number

    return parse


def report_file(text: str) -> Path:
    """A type for argparse: a path that a report can be written to, so that an hour of measuring does not end in an error."""
    path = Path(text)
    if path.is_dir() or path.suffix != ".json":
        raise argparse.ArgumentTypeError(f"{text!r} is no name for a report: a file that ends in .json is wanted")
    return path


def measuring_parser(purpose: str) -> argparse.ArgumentParser:
    """A parser with --device, --repeat, --json and --tiny."""
    parser = argparse.ArgumentParser(description=purpose, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument(
        "--repeat", type=whole_number(1), default=REPEATS, help=f"interleaved rounds; fewer than {REPEATS} are for a look only"
    )
    parser.add_argument("--json", type=report_file, default=None, help="the report is also written there")
    parser.add_argument(
        "--tiny",
        action="store_true",
        help="see whether it runs, in a minute on a CPU: the smallest models, one round; its numbers say nothing",
    )
    return parser


def finish(report: Mapping[str, Any], path: Path | None, *, tiny: bool = False, repeats: int = REPEATS) -> None:
    """Say below the table what the numbers are not good for, and write the report, which says it too."""
    remarks = []
    if tiny:
        remarks.append("TINY: the smallest models and one round, to see whether it runs. The numbers say nothing.")
    elif repeats < REPEATS:
        remarks.append(f"Only {repeats} round{'s' if repeats > 1 else ''}: for a look. Numbers to keep have {REPEATS} or more.")
    for remark in remarks:
        print(remark)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({**report, "remarks": remarks}, indent=1) + "\n", encoding="utf-8")
