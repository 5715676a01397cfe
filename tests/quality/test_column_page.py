"""The reference page of the columns is the code's own, and leaves out no column and no rule."""

from pathlib import Path

from quality.channel_packs import read_channel_pack, shipped_channel_packs
from quality.column_page import columns_page
from quality.columns import COLUMNS
from quality.measurement_table import ABOUT
from quality.rendition_facts import RENDITION_COLUMNS
from quality.rules import read_pack, shipped_packs

PAGE = Path(__file__).parents[2] / "docs" / "measurements.md"


def line_of(page, name):
    (line,) = [line for line in page.splitlines() if line.startswith(f"| `{name}` |")]
    return line


def test_the_page_in_the_documentation_is_that_of_the_code():
    assert PAGE.read_text() == columns_page(), "write it anew: vitrine rules columns > docs/measurements.md"


def test_every_column_has_one_line_with_its_meaning_and_source():
    page = columns_page()
    for name, column in {**COLUMNS, **RENDITION_COLUMNS}.items():
        line = line_of(page, name)
        assert column.meaning in line and column.source in line and f" {column.unit} |" in line
    for name in ABOUT:
        assert line_of(page, name)


def test_every_shipped_rule_stands_beside_its_column():
    page = columns_page()
    for name in shipped_packs():
        for rule in read_pack(name).rules:
            assert f"{name}: {rule.code}" in line_of(page, rule.column)
    for name in shipped_channel_packs():
        for rule in read_channel_pack(name).rules:
            assert f"{name}: {rule.code}" in line_of(page, rule.column)
