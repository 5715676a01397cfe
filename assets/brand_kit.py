"""The brand kit asset: palette, rules and recipes of the brand, versioned by digest."""

import dagster as dg

from assets.house_rules import OWNERS
from catalog.brand_files import files_in
from resources.project import VitrineResource


@dg.asset(group_name="catalog", owners=OWNERS, kinds={"yaml"}, code_version="1")
def brand_kit(vitrine: VitrineResource) -> dg.MaterializeResult:
    """What the brand decides about its pictures. A changed rule re-judges stored measurements and renders nothing."""
    project = vitrine.open()
    kit = project.brand_kit
    files = dict(files_in(kit))
    for sha256 in files:
        project.store.put(project.brand_file(sha256))  # a worker elsewhere has the kit, but not what lies beside it
    swatches = " ".join(f"`{color}`" for color in kit.palette)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(kit.digest),
        metadata={
            "brand": kit.title or kit.brand,
            "version": kit.version,
            "palette": dg.MetadataValue.md(swatches),
            "recipes": dg.MetadataValue.md("\n".join(f"* **{r.title}** (`{r.name}`): {r.description}" for r in project.recipes)),
            "files": len(files),
            "rules_overridden": sum(len(bounds) for bounds in kit.rules.values()),
        },
    )
