"""A gallery page and gallery.json per product of a cell, and the index pages above them, made from what is published."""

from pathlib import Path

import dagster as dg

from assets.house_rules import OWNERS
from assets.partitions import ONE_CELL, cells, split_cell
from assets.planning import products_of_cell, skus_of_cell
from assets.published_images import publish_folder_of, published_images
from catalog.product import Product
from resources.preemptible_steps import preemptible
from resources.project import VitrineResource


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
def product_pages(context: dg.AssetExecutionContext, vitrine: VitrineResource) -> dg.MaterializeResult:
    """What a shopper would see of each product: every published picture with its words, as a page and as JSON for a storefront."""
    from publishing.gallery import galleries_of
    from publishing.manifest import read_manifest
    from publishing.product_page import write_index_pages, write_product_pages

    project, (category, drop) = vitrine.open(), split_cell(context.partition_key)
    folder = Path(publish_folder_of(project))
    brand_title = project.brand_kit.title or project.brand_kit.brand
    products = [Product.model_validate(row["attributes"]) for row in products_of_cell(project, category, drop)]
    report = write_product_pages(
        folder,
        galleries_of(products, read_manifest(folder), project.brand_kit, project.recipe_book),
        complete_for=skus_of_cell(project, category, drop),
        brand_title=brand_title,
    )
    index_pages = write_index_pages(folder, brand_title=brand_title)
    return dg.MaterializeResult(
        metadata={
            "products": report.products,
            "files_written": report.files_written + index_pages,
            "pages_removed": report.pages_removed,
            "index": dg.MetadataValue.path(str(folder / "index.html")),
        }
    )
