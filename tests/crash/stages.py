"""The pipeline as stages that a test can kill: the product's own functions on a small real project, without Dagster around them.

`write_world` makes the project; `STAGES` brings it from nothing to published, taken back and returned. Each stage may be run again after a
kill, as the next attempt of a step does. `PREPARE` is what happens to the project between two stages: people editing their catalog.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from tests.tiny_project import PHOTO_PX, SCENE_RULES, draw_mug, product_row, small_recipe, write_photo, write_project, write_table

SIDE_PX = 260
"""Renders are this small, so that a run of a stage takes a fraction of a second."""

RECIPES = ("packshot_white", "recolor", "staged_scene")

LENIENT = "{min_side_px: {min: 100}, blockiness_ratio: {max: 50}, contact_delta_l: {min: 0}}"
"""Rules under which pictures this small are approved, so that there is something to publish."""

COLORWAYS = """\
colorways:
  - {name: clay, hex: "#b5603c"}
"""


def write_world(folder: Path) -> Path:
    """The project: two mugs and a look to train on, a tray in a category of its own, three recipes, one photo that is refused."""
    write_project(folder, skus=("MUG-1", "MUG-2"))
    settings = folder / "vitrine.yaml"
    settings.write_text(settings.read_text().replace("steps: 30", "steps: 9").replace("_every: 10", "_every: 3"))
    brand = folder / "brand.yaml"
    text = brand.read_text().replace("[packshot_white, staged_scene]", "[packshot_white, recolor, staged_scene]")
    text = text.replace("  bags:", "  trays:").replace("tiny bags look", "tiny trays look")
    lenient = dict.fromkeys(RECIPES, LENIENT) | {"staged_scene": f"{LENIENT[:-1]}, {SCENE_RULES.partition('{')[2]}"}
    brand.write_text(text.replace(SCENE_RULES, "\n".join(f"  {recipe}: {rules}" for recipe, rules in lenient.items())) + COLORWAYS)
    for name in RECIPES:
        text = small_recipe(name, SIDE_PX)
        (folder / "recipes" / f"{name}.yaml").write_text(text.replace("variants: 4", "variants: 1").replace("variants: 2", "variants: 1"))
    photos = folder / "catalog" / "photos"
    write_photo(photos / "MUG-2.jpg", draw_many_colored_mug())
    write_photo(photos / "MUG-3.jpg", draw_mug((90, 90, 90), side_px=120, seed=8))  # too small: refused
    write_table(folder, _rows("TRAY-1"))
    return folder


def draw_many_colored_mug() -> np.ndarray:
    """A mug in six colors, none of which is its main one: its recolor is refused. uint8 sRGB (H, W, 3)."""
    photo = draw_mug((200, 60, 40), seed=1)
    colored = (photo.max(2).astype(int) - photo.min(2)) > 25
    for band, order in enumerate(((0, 1, 2), (2, 0, 1), (2, 1, 0), (0, 0, 1), (0, 2, 0), (1, 0, 0))):
        left = 0.31 + 0.085 * band
        columns = slice(round(left * PHOTO_PX), round((left + 0.085) * PHOTO_PX))
        part, inside = photo[:, columns], colored[:, columns]
        part[inside] = part[inside][:, order]
    return photo


def _rows(*trays: str) -> list[dict[str, str]]:
    mugs = [product_row(sku) for sku in ("MUG-1", "MUG-2", "MUG-3")]
    # The tray shares a mug's photo, so that its cell decodes nothing: starting the decoder is most of an intake's time.
    return mugs + [product_row(sku, category="trays", title="A tray", photo="MUG-1.jpg") for sku in trays]


def _open(folder: Path):
    from resources.project import open_project

    return open_project(folder)


def _cells(folder: Path):
    """Each cell with the project behind its lease, as a step of a run that alone speaks for it; a killed one's lease is over with it."""
    from assets.cell_lease import resource_of
    from assets.planning import known_cells
    from resources.leases import holding

    project = _open(folder)
    for category, drop in known_cells(project):
        with holding(project.ledger, resource_of(f"{category}|{drop}"), f"run-{os.getpid()}", is_over=lambda _: True) as fenced:
            yield project.with_ledger(fenced), category, drop


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
    from assets.measurement_rows import keep_cell_table, measurement_rows
    from assets.planning import plan_cell

    for project, category, drop in _cells(folder):
        rows = validated_renders.judge_cell(project, category, drop)
        key = validated_renders._write_manifest(project, category, drop, rows)
        measured = measurement_rows(project, plan_cell(project, category, drop))
        validated_renders._gate_page(project, category, drop, rows, measured)
        keep_cell_table(project, category, drop, measured, key)


def publish(folder: Path) -> None:
    from assets.product_pages import write_pages
    from assets.published_images import commit_publication, publish_cell

    for project, category, drop in _cells(folder):
        _, found, _ = publish_cell(project, category, drop)
        commit_publication(project, category, drop, found)
        write_pages(project, category, drop)


def take_back(folder: Path) -> None:
    """The catalog without its tray: read, then published, which takes the tray's pictures and pages back."""
    read_catalog(folder)
    publish(folder)


def choose_another(folder: Path) -> None:
    """A LoRA that was trained elsewhere is imported where there is no look to hold a contest on; a person takes it into use, once, and corrects
    its license."""
    from assets.lora_exchange import import_lora
    from assets.lora_use import promote_lora
    from assets.planning import promoted_lora

    project, file = _open(folder), folder / "elsewhere.safetensors"
    if promoted_lora(project, "trays") is None:
        done = import_lora(project, "trays", file, license_name="CC0-1.0", commercial_ok=True, by="ann")
        promote_lora(project, "trays", done.row["lora_digest"], by="ann", because="we know it")
    import_lora(project, "trays", file, license_name="CC-BY-4.0", commercial_ok=True, by="ann")


STAGES: Mapping[str, Callable[[Path], None]] = {
    "catalog": read_catalog,
    "intake": take_in,
    "training": train,
    "rendering": draw,
    "judging": judge,
    "publishing": publish,
    "withdrawing": take_back,
    "returning": train,
    "choosing": choose_another,
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


def _bring_a_lora(folder: Path) -> None:
    """A file in kohya's keys beside the project, as another trainer leaves it."""
    from safetensors.torch import load_file, save_file

    from tests.tiny_model import write_tiny_lora
    from training.lora_export import exported

    path = write_tiny_lora(folder / "base-model", folder / "elsewhere.safetensors", seed=3)
    save_file(exported(load_file(path), "sd", "kohya"), path)


PREPARE: Mapping[str, Callable[[Path], None]] = {
    "withdrawing": _withdraw_the_tray,
    "returning": _promote_another,
    "choosing": _bring_a_lora,
}
