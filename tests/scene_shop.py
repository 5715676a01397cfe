"""A tiny shop whose scenes wait to be drawn: mugs cut out, and a LoRA in use that nobody had to train."""

from pathlib import Path

from assets.catalog import refresh_catalog
from assets.cutouts import cut_out_cell
from assets.generated_variants import render_groups, unfinished_groups
from assets.planning import known_cells, plan_cell
from assets.source_photos import screen_cell
from resources.ledger_tables import lora
from resources.project import Project, open_project
from resources.settings import utc_now
from tests.tiny_model import write_tiny_lora
from tests.tiny_project import write_project


def write_scene_shop(folder: Path, skus: tuple[str, ...], batch_images: int = 4, *, with_lora: bool = True) -> Path:
    """Each product is to get a packshot and two scenes, drawn in batches of `batch_images`; without a LoRA the scenes wait."""
    write_project(folder, skus=skus, looks=False)
    settings = folder / "vitrine.yaml"
    settings.write_text(settings.read_text().replace("guidance: 2.0}", f"guidance: 2.0, batch_images: {batch_images}}}"))
    project = open_project(folder)
    refresh_catalog(project)
    screen_cell(project, *cell_of(project))
    cut_out_cell(project, *cell_of(project))
    if not with_lora:
        return folder
    path = write_tiny_lora(folder / "base-model", folder / "one.safetensors", seed=1)
    row = {"key": "0" * 64, "category": "mugs", "lora_digest": project.store.put(path.read_bytes()), "data_digest": "", "facts": {}}
    row |= {"base_model_digest": project.base_model_digest, "seconds": 1.0, "promoted": True, "made_at": utc_now().replace(tzinfo=None)}
    project.ledger.record(lora, row)
    return folder


def cell_of(project: Project) -> tuple[str, str]:
    """The shop's one cell."""
    (cell,) = known_cells(project)
    return cell


def draw(project: Project) -> dict[str, int]:
    """Draw what is missing; how many renders were made and refused."""
    cell = cell_of(project)
    return render_groups(project, *cell, unfinished_groups(project, plan_cell(project, *cell)))
