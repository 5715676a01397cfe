"""The catalog report: coverage, pass rates, reasons, cost per approved image, as one page and one JSON file."""

from pathlib import Path
from typing import Final

import dagster as dg

from assets.catalog import catalog_snapshot
from assets.channel_opinions import channel_reports
from assets.house_rules import OWNERS, reasons_table
from assets.kept_report import fetch_report, keep_report, report_address
from assets.number_values import as_floats, plain_numbers, plotted
from assets.observed import observed
from assets.published_images import published_images
from assets.published_place import Shown, publish_folder_of, published_href
from assets.report_loras import lora_reports
from assets.report_pictures import category_reports, quarantined_photos
from assets.report_rows import gather
from assets.summary import Summary
from assets.yield_counts import catalog_numbers
from catalog.verdict import Verdict
from catalog.yield_numbers import CatalogNumbers, share
from resources.project import Project, VitrineResource
from resources.settings import utc_now
from resources.version import vitrine_version

NOT_PLOTTED: Final = ("seconds", "rendered_now", "numbers")
"""Parts of the summary that are no number of the catalog, or are told one by one."""


def write_report(project: Project, *, rendered_now: int, seconds: float) -> Summary:
    """Write `report.html`, its thumbnails and `summary.json` into the output folder; return the summary."""
    return write_with(project, catalog_numbers(project), rendered_now=rendered_now, seconds=seconds)


def write_with(project: Project, numbers: CatalogNumbers, *, rendered_now: int, seconds: float) -> Summary:
    """Write the report with numbers that were counted already; return the summary."""
    from publishing.product_page import write_index_pages
    from publishing.report import write_report as write_page
    from publishing.report_data import Counts, ReportData
    from publishing.thumbnails import ThumbnailFolder

    folder = project.settings.output_dir
    folder.mkdir(parents=True, exist_ok=True)
    fetch_report(project)
    thumbnails, shown = ThumbnailFolder(folder), Shown(project)
    gathered = gather(project, shown)
    verdicts = gathered.verdicts()
    channels = channel_reports(project)
    summary = Summary(
        refused_by_channels=sum(one.refused for one in channels),
        products=gathered.products,
        photos=gathered.products,
        photos_quarantined=gathered.quarantined,
        cutouts_doubtful=gathered.cutouts_doubtful,
        renders_total=verdicts.total(),
        rendered_now=rendered_now,
        renders_refused=gathered.renders_refused,
        approved=verdicts[Verdict.APPROVED],
        review=verdicts[Verdict.REVIEW],
        rejected=verdicts[Verdict.REJECTED],
        published=shown.files,
        seconds=seconds,
        usd_per_approved=share(numbers.whole.usd, verdicts[Verdict.APPROVED]),
        numbers=plain_numbers(numbers),
    )
    home = published_href(project)
    data = ReportData(
        title="Catalog report",
        brand=project.brand_kit.title or project.brand_kit.brand,
        made_at=utc_now().strftime("%Y-%m-%d %H:%M UTC"),
        counts=Counts(**{name: getattr(summary, name) for name in Counts.__dataclass_fields__}),
        categories=category_reports(project, gathered, thumbnails),
        quarantined=quarantined_photos(project, gathered, thumbnails),
        loras=lora_reports(project, thumbnails),
        recipes=gathered.recipes.reports({recipe.name: recipe.engine for recipe in project.recipes}),
        coverage=(*gathered.gaps, *gathered.covered),
        coverage_complete=gathered.complete,
        coverage_total=gathered.products,
        version=vitrine_version(),
        numbers=numbers,
        channels=channels,
        galleries_href=f"{home}/index.html" if shown.files and home else None,
    )
    write_page(data, folder / "report.html")
    thumbnails.sweep()
    if shown.files and project.published_bucket is None:
        # Cells that ran side by side may each have written the index before the other's gallery was there.
        write_index_pages(Path(publish_folder_of(project)), brand_title=data.brand)
    summary.write(folder)
    keep_report(project)
    return summary


@dg.asset(deps=[catalog_snapshot, published_images], group_name="reporting", owners=OWNERS, kinds={"html"}, code_version="1")
@observed
def catalog_report(context: dg.AssetExecutionContext, vitrine: VitrineResource) -> dg.MaterializeResult:
    """How the whole catalog stands: what is covered, what passed, what was refused and why, what an approved image costs."""
    project = vitrine.open()
    numbers = catalog_numbers(project)
    summary = write_with(project, numbers, rendered_now=0, seconds=0.0)
    address = report_address(project)
    context.log.info(f"Report: {address}")
    counts = {name: value for name, value in summary.as_dict().items() if value is not None and name not in NOT_PLOTTED}
    rates = plotted(numbers.whole, category=numbers.by_category(), recipe=numbers.by_recipe())
    costs = {f"usd_per_approved/category/{key}": one.usd_per_approved for key, one in numbers.by_category().items()}
    review = {"review_minutes": numbers.review.minutes, "review_decisions": numbers.review.decisions}
    return dg.MaterializeResult(
        metadata={
            **counts,
            **rates,
            **as_floats({**costs, **review}),
            "reasons": reasons_table({one.message: one.count for one in numbers.reasons}),
            "report": dg.MetadataValue.path(address),
        }
    )
