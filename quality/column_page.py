"""The reference page of all columns as Markdown: what each measures, its unit, range and source, and which shipped rules look at it.

The page in `docs/measurements.md` is this text; a test holds them equal.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from quality.channel_packs import read_channel_pack, shipped_channel_packs
from quality.columns import COLUMNS, Column
from quality.measurement_table import ABOUT, range_in_words
from quality.rendition_facts import RENDITION_COLUMNS
from quality.rules import read_pack, shipped_packs

HEAD = """\
# Measurements

Every column of the measurement table, from `quality/columns.py`. Do not edit this page: `vitrine rules columns > docs/measurements.md` writes it.

A value that could not be evaluated is *not evaluated*: null in the tables, never 0; a rule that needs it rejects. A column's rules are named as
`recipe: CODE` or `channel pack: CODE`; a brand's own bounds (`rules:` in `brand.yaml`) may name any column of renders. Where the tables are:
[how-to/measurements.md](how-to/measurements.md).
"""


def columns_page() -> str:
    """The whole page, with a final line break."""
    used = _used_by()
    parts = [HEAD, "## Measured on renders\n", _table(COLUMNS, used)]
    parts += ["## Read from the file a channel would receive", "Only packs of channels may name these.\n", _table(RENDITION_COLUMNS, used)]
    parts += ["## What names a render in the Parquet table\n", _rows("column|type|from|meaning", _about())]
    return "\n".join(parts)


def _table(columns: Mapping[str, Column], used: Mapping[str, list[str]]) -> str:
    rows = (
        (f"`{name}`", column.unit, range_in_words(column), column.meaning, column.source, ", ".join(used.get(name, ())) or "-")
        for name, column in columns.items()
    )
    return _rows("column|unit|range|meaning|source|rules", rows)


def _about() -> Iterable[tuple[str, ...]]:
    words = {"strings": "list of strings", "time": "timestamp, UTC", "int64": "integer"}
    return ((f"`{name}`", words.get(one.kind, one.kind), one.source, one.meaning) for name, one in ABOUT.items())


def _rows(head: str, rows: Iterable[tuple[str, ...]]) -> str:
    names = head.split("|")
    lines = [names, ["---"] * len(names), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _used_by() -> dict[str, list[str]]:
    """By column, the shipped rules on it, each once, in the order of recipes and packs."""
    used: dict[str, list[str]] = defaultdict(list)
    packs = [(name, read_pack(name).rules) for name in shipped_packs()] + [
        (name, read_channel_pack(name).rules) for name in shipped_channel_packs()
    ]
    for name, rules in packs:
        for rule in rules:
            if (words := f"{name}: {rule.code}") not in used[rule.column]:
                used[rule.column].append(words)
    return used
