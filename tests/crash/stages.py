"""The pipeline as stages that a test can kill: the product's own functions on a small real project, without Dagster around them.

`write_world` makes the project; `STAGES` brings it from nothing to published, taken back and returned. Each stage may be run again after a
kill, as the next attempt of a step does. `PREPARE` is what happens to the project between two stages: people editing their catalog.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from tests.tiny_project import draw_mug, product_row, write_photo, write_project, write_table

SIDE_PX = 260
"""Renders are this small, so that a run of a stage takes a fraction of a second."""


def write_world(folder: Path) -> Path:
    """The project: two mugs and a look to train on, a tray in a category of its own, three recipes, one photo that is refused."""
    write_project(folder, skus=("MUG-1", "MUG-2"))
    settings = folder / "vitrine.yaml"
    settings.write_text(settings.read_text().replace("steps: 30", "steps: 9").replace("_every: 10", "_every: 3"))
    brand = folder / "brand.yaml"
    text = brand.read_text().replace("[packshot_white, staged_scene]", "[packshot_white, recolor, staged_scene]")
    brand.write_text(text.replace("  bags:", "  trays:").replace("tiny bags look", "tiny trays look"))
    from generation.recipe_book import SHIPPED

    for name in ("packshot_white", "recolor", "staged_scene"):
        text = (SHIPPED / f"{name}.yaml").read_text().replace("1200", str(SIDE_PX))
        (folder / "recipes" / f"{name}.yaml").write_text(text.replace("variants: 4", "variants: 1").replace("variants: 2", "variants: 1"))
    photos = folder / "catalog" / "photos"
    write_photo(photos / "MUG-3.jpg", draw_mug((90, 90, 90), side_px=120, seed=8))  # too small: refused
    write_table(folder, _rows("TRAY-1"))
    return folder


def _rows(*trays: str) -> list[dict[str, str]]:
    mugs = [product_row(sku) for sku in ("MUG-1", "MUG-2", "MUG-3")]
    # The tray shares a mug's photo, so that its cell decodes nothing: starting the decoder is most of an intake's time.
    return mugs + [product_row(sku, category="trays", title="A tray", photo="MUG-1.jpg") for sku in trays]


def _open(folder: Path):
    from resources.project import open_project

    return open_project(folder)


def _cells(folder: Path):
    from assets.planning import known_cells

    project = _open(folder)
    for category, drop in known_cells(project):
        yield project, category, drop


def read_catalog(folder: Path) -> None:
    from assets.catalog import refresh_catalog

    refresh_catalog(_open(folder))


def take_in(folder: Path) -> None:
    from assets.cutouts import commit_cutouts, cut_out_cell
    from assets.source_photos import commit_photos, screen_cell

    for project, category, drop in _cells(folder):
        commit_photos(project, category, drop, screen_cell(project, category, drop))
        commit_cutouts(project, category, drop, cut_out_cell(project, category, drop))


def train(folder: Path) -> None:
    from assets.category_lora import train_category

    train_category(_open(folder), "mugs")


def draw(folder: Path) -> None:
    from assets.generated_variants import commit_renders, render_groups, unfinished_groups
    from assets.planning import plan_cell

    for project, category, drop in _cells(folder):
        render_groups(project, category, drop, unfinished_groups(project, plan_cell(project, category, drop)))
        commit_renders(project, category, drop)


def judge(folder: Path) -> None:
    from assets import validated_renders

    for project, category, drop in _cells(folder):
        rows = validated_renders.judge_cell(project, category, drop)
        validated_renders._gate_page(project, category, drop, rows)
        validated_renders._write_manifest(project, category, drop, rows)


def publish(folder: Path) -> None:
    from assets.planning import products_of_cell, skus_of_cell
    from assets.published_images import commit_publication, publish_cell, publish_folder_of
    from catalog.product import Product
    from publishing.gallery import galleries_of
    from publishing.manifest import read_manifest
    from publishing.product_page import write_index_pages, write_product_pages

    for project, category, drop in _cells(folder):
        _, found, _ = publish_cell(project, category, drop)
        commit_publication(project, category, drop, found)
        shown = Path(publish_folder_of(project))
        products = [Product.model_validate(row["attributes"]) for row in products_of_cell(project, category, drop)]
        galleries = galleries_of(products, read_manifest(shown), project.brand_kit, project.recipe_book)
        write_product_pages(shown, galleries, complete_for=skus_of_cell(project, category, drop), brand_title="Tiny")
        write_index_pages(shown, brand_title="Tiny")


def take_back(folder: Path) -> None:
    """The catalog without its tray: read, then published, which takes the tray's pictures and pages back."""
    read_catalog(folder)
    publish(folder)


STAGES: Mapping[str, Callable[[Path], None]] = {
    "catalog": read_catalog,
    "intake": take_in,
    "training": train,
    "rendering": draw,
    "judging": judge,
    "publishing": publish,
    "withdrawing": take_back,
    "returning": train,
}


def _withdraw_the_tray(folder: Path) -> None:
    write_table(folder, _rows())


def _promote_another(folder: Path) -> None:
    """As if another look had been trained and promoted since: the present look's LoRA is to be taken into use again."""
    import datetime as dt

    import sqlalchemy as sa

    from resources.ledger_tables import lora

    project = _open(folder)
    (row,) = project.ledger.rows(sa.select(lora))
    later = row["made_at"] + dt.timedelta(seconds=1)
    project.ledger.record(lora, {**row, "key": "another-look", "made_at": later})


PREPARE: Mapping[str, Callable[[Path], None]] = {"withdrawing": _withdraw_the_tray, "returning": _promote_another}
