"""A tiny project whose packshots are made and judged, and which the gate leaves to a person: no mug's shadow is dark enough for this brand."""

from orchestration.running import refresh, run_category, tasks_for
from resources.project import open_project
from tests.tiny_project import write_project

DARK_SHADOWS = """\
rules:
  packshot_white:
    blockiness_ratio: {max: 99}  # flat shading is nothing a photograph has
    halo_delta_e: {max: 99}
    contact_delta_l: {min: 90.0, severity: warning}
"""


def write_reviewed_shop(folder, *, skus=("MUG-1", "MUG-2")):
    """Write the project, make and judge its packshots; returns its folder."""
    write_project(folder, skus=skus, looks=False)
    brand = folder / "brand.yaml"
    text = brand.read_text().replace("[packshot_white, staged_scene]", "[packshot_white]")
    brand.write_text(text[: text.index("rules:")] + DARK_SHADOWS)
    project = open_project(folder)
    refresh(project)
    for task in tasks_for(project):
        assert run_category(str(folder), task) == []
    project.ledger.engine.dispose()
    return folder
