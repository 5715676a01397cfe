"""Schedules: the nightly budgeted backfill of stale cells and the weekly LoRA refresh.

Only what the project's settings name exists: a schedule that is not configured is not defined.
"""

from collections.abc import Iterator

import dagster as dg

from assets.partitions import cell_key
from orchestration.jobs import produce_cell_job, train_category_job
from orchestration.stale import affordable, categories_to_train, how_many_fit, quoted_training_usd, seconds_per_item, stale_cells
from resources.project import VitrineResource
from resources.settings import Settings


def build_schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """The schedules the settings ask for; none when none is asked for."""
    schedules = []
    if settings.nightly is not None:
        schedules.append(_nightly(settings.nightly.cron, settings.nightly.budget_usd, settings.nightly.max_cells))
    if settings.lora_refresh is not None:
        schedules.append(_lora_refresh(settings.lora_refresh.cron, settings.lora_refresh.budget_usd, settings.lora_refresh.max_cells))
    return schedules


def _nightly(cron: str, budget_usd: float, max_cells: int) -> dg.ScheduleDefinition:
    @dg.schedule(
        name="nightly_stale_cells",
        job=produce_cell_job,
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Brings stale cells up to date, oldest first, within {budget_usd:.2f} USD a night.",
    )
    def nightly_stale_cells(context: dg.ScheduleEvaluationContext, vitrine: VitrineResource) -> Iterator[dg.RunRequest | dg.SkipReason]:
        night = context.scheduled_execution_time.date().isoformat()
        project = vitrine.open()
        stale = stale_cells(project)
        chosen, too_dear = affordable(project, stale, budget_usd, max_cells)
        for need in too_dear:
            context.log.warning(
                f"{need.category}|{need.drop} costs more than a night's {budget_usd:.2f} USD. Raise nightly.budget_usd or run it by hand."
            )
        if not chosen:
            left = f"{len(stale)} stale cells left, {len(too_dear)} of them dearer than the whole budget" if stale else "no cell is stale"
            yield dg.SkipReason(f"Nothing to do within {budget_usd:.2f} USD; {left}.")
        for need in chosen:
            yield dg.RunRequest(
                run_key=f"nightly-{night}|{need.category}|{need.drop}",
                partition_key=cell_key(need.category, need.drop),
                tags={"dagster/priority": "-10", "vitrine/campaign": f"nightly-{night}"},
            )

    return nightly_stale_cells


def _lora_refresh(cron: str, budget_usd: float, max_categories: int) -> dg.ScheduleDefinition:
    @dg.schedule(
        name="weekly_lora_refresh",
        job=train_category_job,
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Trains LoRAs of categories whose look, base model or training settings changed, within {budget_usd:.2f} USD a time.",
    )
    def weekly_lora_refresh(context: dg.ScheduleEvaluationContext, vitrine: VitrineResource) -> Iterator[dg.RunRequest | dg.SkipReason]:
        day = context.scheduled_execution_time.date().isoformat()
        project = vitrine.open()
        due = categories_to_train(project)
        cost = quoted_training_usd(project, seconds_per_item(project))
        count = how_many_fit([cost] * len(due), budget_usd, max_categories)
        if not count:
            left = f"{len(due)} LoRAs are due, one costs about {cost:.4f} USD" if due else "every category's LoRA fits its look"
            yield dg.SkipReason(f"Nothing to do within {budget_usd:.2f} USD; {left}.")
        for category in due[:count]:
            yield dg.RunRequest(
                run_key=f"lora-{day}|{category}",
                partition_key=category,
                tags={"dagster/priority": "-5", "vitrine/campaign": f"lora-{day}"},
            )

    return weekly_lora_refresh
