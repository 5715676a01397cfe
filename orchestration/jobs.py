"""The jobs that sensors, schedules and the command line start. Which cells they run on is decided elsewhere."""

import dagster as dg

from assets.published_images import PUBLISHES_TAG

INTAKE = ("source_photos", "cutouts")
CELL_ASSETS = (*INTAKE, "generated_variants", "validated_renders", "published_images", "product_pages")

HEAVY_TAG = "vitrine/heavy"
"""Tag of runs that hold a model or many pictures. The instance lets two run at once and keeps a place free for the others."""

refresh_catalog_job = dg.define_asset_job(
    "refresh_catalog",
    selection=["catalog", "brand_kit"],
    tags={"dagster/priority": "20"},
    description="Read the catalog anew and note what changed.",
)

train_category_job = dg.define_asset_job(
    "train_category",
    selection=["training_set", "category_lora"],
    tags={HEAVY_TAG: "true"},
    description="Learn one category's look. Does nothing when look, base model and settings are as before.",
)

produce_cell_job = dg.define_asset_job(
    "produce_cell",
    selection=list(CELL_ASSETS),
    tags={PUBLISHES_TAG: "true", HEAVY_TAG: "true"},
    description="Bring one cell up to date: photos, cut-outs, renders, verdicts, publication, pages. Makes only what is missing.",
)

report_job = dg.define_asset_job("report", selection=["catalog_report"], description="Write the catalog report.")

ALL_JOBS = [refresh_catalog_job, train_category_job, produce_cell_job, report_job]
