"""The code location: assets, jobs, sensors, schedules and the project they work on. Composition only.

Imports no torch and no great_expectations: they are imported inside the functions that run in steps.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from assets.brand_kit import brand_kit
from assets.catalog import catalog_snapshot
from assets.catalog_report import catalog_report
from assets.category_lora import category_lora
from assets.cutouts import cutouts
from assets.generated_variants import generated_variants
from assets.product_pages import product_pages
from assets.published_images import published_images
from assets.source_photos import source_photos
from assets.training_set import training_set
from assets.validated_renders import validated_renders
from orchestration.announced_uploads import build_upload_sensors
from orchestration.jobs import ALL_JOBS
from orchestration.json_console import console_loggers
from orchestration.notifying import notification_sensors
from orchestration.schedules import build_schedules
from orchestration.sensors import ALL_SENSORS
from resources.project import VitrineResource
from resources.settings import Settings, project_from_environment, read_settings

ALL_ASSETS = [
    catalog_snapshot,
    brand_kit,
    source_photos,
    cutouts,
    training_set,
    category_lora,
    generated_variants,
    validated_renders,
    published_images,
    product_pages,
    catalog_report,
]


def build_defs(
    settings: Settings, executor: dg.ExecutorDefinition = dg.in_process_executor, more_resources: Mapping[str, Any] | None = None
) -> dg.Definitions:
    """The definitions of one project. Steps share the run's process unless a cluster's executor is given."""
    return dg.Definitions(
        assets=ALL_ASSETS,
        jobs=ALL_JOBS,
        sensors=[*ALL_SENSORS, *build_upload_sensors(settings), *notification_sensors(settings)],
        schedules=build_schedules(settings),
        loggers=console_loggers(settings),
        resources={"vitrine": VitrineResource(project_dir=str(settings.project_dir)), **(more_resources or {})},
        executor=executor,  # one machine: steps share the process, its loaded model and its imports; see cluster.py
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions of the project that the environment names."""
    return build_defs(read_settings(project_from_environment()))
