"""The catalog report: coverage, pass rates, reasons, cost per approved image, as one page and one JSON file."""

from pathlib import Path

import dagster as dg
import sqlalchemy as sa

from assets.catalog import catalog_snapshot
from assets.house_rules import OWNERS
from assets.kept_report import fetch_report, keep_report, report_address
from assets.observed import observed
from assets.published_images import published_images
from assets.published_place import Shown, publish_folder_of, published_href
from assets.report_rows import category_reports, gather, lora_reports
from assets.summary import Summary
from catalog.verdict import Verdict
from resources.ledger_tables import spend
from resources.project import Project, VitrineResource
from resources.settings import utc_now
from resources.version import vitrine_version


def write_report(project: Project, *, rendered_now: int, seconds: float) -> Summary:
    """Write `report.html`, its thumbnails and `summary.json` into the output folder; return the summary."""
    from publishing.product_page import write_index_pages
    from publishing.report import write_report as write_page
    from publishing.report_data import Counts, ReportData, recipe_reports
    from publishing.thumbnails import ThumbnailFolder

    folder = project.settings.output_dir
    folder.mkdir(parents=True, exist_ok=True)
    fetch_report(project)
    thumbnails, shown = ThumbnailFolder(folder), Shown(project)
    gathered = gather(project, thumbnails, shown)
    cards = [card for cards in gathered.cards.values() for card in cards]
    verdicts = {verdict: sum(card.verdict == verdict for card in cards) for verdict in Verdict}
    summary = Summary(
        products=gathered.products,
        photos=gathered.photos,
        photos_quarantined=len(gathered.quarantined),
        cutouts_doubtful=gathered.cutouts_doubtful,
        renders_total=len(cards),
        rendered_now=rendered_now,
        renders_refused=gathered.renders_refused,
        approved=verdicts[Verdict.APPROVED],
        review=verdicts[Verdict.REVIEW],
        rejected=verdicts[Verdict.REJECTED],
        published=shown.files,
        seconds=seconds,
        usd_per_approved=_usd(project) / verdicts[Verdict.APPROVED] if verdicts[Verdict.APPROVED] else None,
    )
    home = published_href(project)
    data = ReportData(
        title="Catalog report",
        brand=project.brand_kit.title or project.brand_kit.brand,
        made_at=utc_now().strftime("%Y-%m-%d %H:%M UTC"),
        counts=Counts(**{name: getattr(summary, name) for name in Counts.__dataclass_fields__}),
        categories=category_reports(project, gathered),
        quarantined=tuple(gathered.quarantined),
        loras=lora_reports(project, thumbnails),
        recipes=recipe_reports(cards, {recipe.name: recipe.engine for recipe in project.recipes}),
        coverage=tuple(gathered.coverage),
        version=vitrine_version(),
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


def _usd(project: Project) -> float:
    row = project.ledger.one(sa.select(sa.func.sum(spend.c.usd).label("usd")))
    return float(row["usd"] or 0.0) if row else 0.0


@dg.asset(deps=[catalog_snapshot, published_images], group_name="reporting", owners=OWNERS, kinds={"html"}, code_version="1")
@observed
def catalog_report(context: dg.AssetExecutionContext, vitrine: VitrineResource) -> dg.MaterializeResult:
    """How the whole catalog stands: what is covered, what passed, what was refused and why, what an approved image costs."""
    project = vitrine.open()
    summary = write_report(project, rendered_now=0, seconds=0.0)
    address = report_address(project)
    context.log.info(f"Report: {address}")
    numbers = {name: value for name, value in summary.as_dict().items() if value is not None and name not in ("seconds", "rendered_now")}
    return dg.MaterializeResult(metadata={**numbers, "report": dg.MetadataValue.path(address)})
