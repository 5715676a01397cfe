"""Settings of what runs by itself: the nightly backfill and the LoRA refresh, each with its time and its bounds."""

import dagster as dg
from pydantic import Field, field_validator

from resources.catalog_settings import Section


class ScheduleSettings(Section):
    """What runs by itself, and the bounds of each time it does. A section that is left out does not run: omission means no.

    `max_cells` of `lora_refresh` counts categories.
    """

    cron: str
    budget_usd: float = Field(default=5.0, ge=0.0)
    max_cells: int = Field(default=300, ge=1, le=2000)

    @field_validator("cron")
    @classmethod
    def _cron_can_be_scheduled(cls, cron: str) -> str:
        try:
            dg.ScheduleDefinition(name="check", job_name="check", cron_schedule=cron)
        except dg.DagsterInvalidDefinitionError as error:
            raise ValueError("not a cron expression of five parts (minute hour day month weekday), such as '0 1 * * *'") from error
        return cron


class NightlySettings(ScheduleSettings):
    """The nightly backfill. `category_weights` raise or lower a category's worth; 1 where none is given."""

    category_weights: dict[str, float] = Field(default_factory=dict)


class DriftSettings(Section):
    """When scenes of a LoRA in use have drifted: among the last `renders`, the share in review or rejected is `above` the share before them.

    `above` is a difference of shares (0..1); it must also be more than chance (two standard errors).
    """

    renders: int = Field(default=100, ge=20, le=10_000)
    above: float = Field(default=0.10, gt=0.0, le=1.0)


class LoraRefreshSettings(ScheduleSettings):
    """The LoRA refresh: waits for `min_new_looks` new or changed look pictures, or for drift; a new base model or settings always count."""

    min_new_looks: int = Field(default=1, ge=1)
    drift: DriftSettings | None = None
