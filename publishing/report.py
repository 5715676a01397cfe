"""The catalog report: the page that a merchandiser opens first. What it shows comes as `report_data.ReportData`; it asks no ledger.

One HTML file and its thumbnails, readable from a folder, an archive or paper; no request leaves the page.
"""

from collections import Counter
from pathlib import Path

from catalog.verdict import Verdict
from publishing.atomic_file import write_if_changed
from publishing.chart_frame import percent
from publishing.charts import share_bar, validation_curve, verdict_bar
from publishing.page_template import fill_template
from publishing.report_data import CoverageRow, ReportData
from publishing.report_numbers import number_panels

_VERDICTS = (("approved", "Approved"), ("review", "To review"), ("rejected", "Rejected"))


def catalog_report_html(data: ReportData) -> str:
    """The report as one HTML page; its pictures are the thumbnails that `data` names, relative to where the page is put.

    Product text is shown as text, whatever it contains.
    """
    shown = Counter(card.verdict.value for category in data.categories for card in category.cards)
    complete = [row for row in data.coverage if _is_complete(row)]
    listed = len(data.coverage)
    total = listed if data.coverage_total is None else data.coverage_total
    all_complete = len(complete) if data.coverage_complete is None else data.coverage_complete
    recipe_titles = {recipe.recipe: recipe.title for recipe in data.recipes}
    category_titles = {category.key: category.title for category in data.categories}
    return fill_template(
        "report.html.j2",
        styles=("tokens.css", "report.css", "charts.css"),
        script="report.js",
        data=data,
        summary=_summary(data, total - all_complete),
        pass_pct=_percent(data.counts.approved, data.counts.renders_total),
        verdicts=_VERDICTS,
        shown={verdict.value: shown[verdict.value] for verdict in Verdict},
        complete=complete,
        products=total,
        all_complete=all_complete,
        gaps=[row for row in data.coverage if not _is_complete(row)],
        recipe_titles=recipe_titles,
        panels=number_panels(data.numbers, category_titles, recipe_titles) if data.numbers else (),
        verdict_bar=verdict_bar,
        share_bar=share_bar,
        validation_curve=validation_curve,
    )


def write_report(data: ReportData, path: Path) -> bool:
    """Write the report to `path` (such as `demo-out/report.html`) unless it is there already; says whether it wrote."""
    return write_if_changed(path, catalog_report_html(data).encode())


def _summary(data: ReportData, gaps: int) -> str:
    """The state of the catalog in a sentence or two."""
    counts = data.counts
    said = f"{_counted(counts.products, 'product')} in {_counted(len(data.categories), 'category', 'categories')}; "
    said += f"{_counted(counts.published, 'file')} published."
    todo = []
    if counts.review:
        todo.append(f"{_counted(counts.review, 'render')} to look at")
    if counts.photos_quarantined:
        todo.append(f"{_counted(counts.photos_quarantined, 'photo')} to replace")
    if gaps:
        todo.append(f"{_counted(gaps, 'product')} without a picture of every recipe")
    if not todo:
        return said + " Nothing waits for you."
    listed = todo[0] if len(todo) == 1 else ", ".join(todo[:-1]) + " and " + todo[-1]
    return f"{said} Waiting for you: {listed}."


def _is_complete(row: CoverageRow) -> bool:
    return all(cell.state == "published" for cell in row.cells)


def _counted(count: int, one: str, many: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _percent(part: int, whole: int) -> str:
    return percent(part / whole if whole else None)
