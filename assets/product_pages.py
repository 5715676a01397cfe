"""A gallery page and gallery.json per product of a cell, and the index pages above them, made from what is published."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from assets.cell_lease import under_lease
from assets.house_rules import OWNERS
from assets.observed import observed
from assets.partitions import ONE_CELL, cells, split_cell
from assets.planning import products_of_cell, skus_of_cell
from assets.published_images import published_images
from assets.published_place import former_parts, publish_folder_of, published_address, published_of_cell
from catalog.product import Product
from resources.preemptible_steps import preemptible
from resources.project import Project, VitrineResource

if TYPE_CHECKING:
    from publishing.gallery import Gallery
    from publishing.product_page import PagesReport


@dg.asset(
    partitions_def=cells,
    backfill_policy=ONE_CELL,
    deps=[published_images],
    group_name="publishing",
    owners=OWNERS,
    kinds={"html"},
    code_version="1",
)
@preemptible
@under_lease()
@observed
def product_pages(context: dg.AssetExecutionContext, vitrine: VitrineResource) -> dg.MaterializeResult:
    """What a shopper would see of each product: every published picture with its words, as a page and as JSON for a storefront."""
    project, (category, drop) = vitrine.open(), split_cell(context.partition_key)
    report = write_pages(project, category, drop)
    return dg.MaterializeResult(
        metadata={
            "products": report.products,
            "files_written": report.files_written,
            "pages_removed": report.pages_removed,
            "index": dg.MetadataValue.path(published_address(project, "index.html")),
        }
    )


def write_pages(project: Project, category: str, drop: str) -> "PagesReport":
    """Write a cell's product pages and the pages above them, beside the published pictures."""
    from publishing.gallery import galleries_of

    products = [Product.model_validate(row["attributes"]) for row in products_of_cell(project, category, drop)]
    skus = skus_of_cell(project, category, drop)
    galleries = galleries_of(products, published_of_cell(project, category, drop), project.brand_kit, project.recipe_book)
    title = project.brand_kit.title or project.brand_kit.brand
    if project.published_bucket is None:
        return _in_folder(project, galleries, skus, title)
    from publishing.bucket_pages import write_cell_pages, write_lists

    bucket, former = project.published_bucket, {part.rsplit("/", 1)[0] for part in former_parts(project, skus)}
    report = write_cell_pages(bucket, category, drop, galleries, complete_for=skus, former_categories=former, brand_title=title)
    titles = {name: style.title for name, style in project.brand_kit.categories.items()}
    lists = write_lists(bucket, {category, *former}, titles=titles, brand_title=title)
    return replace(report, files_written=report.files_written + lists)


def _in_folder(project: Project, galleries: "Iterable[Gallery]", skus: list[str], title: str) -> "PagesReport":
    from publishing.product_page import write_index_pages, write_product_pages

    folder = Path(publish_folder_of(project))
    report = write_product_pages(folder, galleries, complete_for=skus, brand_title=title)
    return replace(report, files_written=report.files_written + write_index_pages(folder, brand_title=title))
