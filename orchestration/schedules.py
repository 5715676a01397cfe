"""Schedules: the nightly budgeted backfill of stale cells and the weekly LoRA refresh.

Only what the project's settings name exists: a schedule that is not configured is not defined. The nightly one writes down a campaign; its
cells are handed out by the sensor `backfill_campaigns`, so that `vitrine backfill status`, pause and cancel hold for it, too.
"""

import datetime as dt
from collections.abc import Iterator

import dagster as dg

from orchestration.budgets import MONEY, Asked, Refusal, reserve
from orchestration.campaigns import OPEN, NothingStale, campaigns, give_up_waiting, progress, start_campaign
from orchestration.handing_out import close_finished
from orchestration.jobs import produce_cell_job, train_category_job
from orchestration.lora_needs import lora_needs
from orchestration.placement import run_tags
from orchestration.quoting import training_usd
from orchestration.rates import rates_of
from resources.project import Project, VitrineResource
from resources.run_facts import ATTEMPT_TAG
from resources.schedule_settings import LoraRefreshSettings, NightlySettings
from resources.settings import Settings


def build_schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """The schedules the settings ask for; none when none is asked for."""
    schedules = []
    if settings.nightly is not None:
        schedules.append(_nightly(settings.nightly))
    if settings.lora_refresh is not None:
        schedules.append(_lora_refresh(settings.lora_refresh))
    return schedules


def _nightly(nightly: NightlySettings) -> dg.ScheduleDefinition:
    @dg.schedule(
        name="nightly_stale_cells",
        job=produce_cell_job,  # of its cells; the requests are the sensor's
        cron_schedule=nightly.cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Brings stale cells up to date, the worthiest first, within {nightly.budget_usd:.2f} USD a night.",
    )
    def nightly_stale_cells(context: dg.ScheduleEvaluationContext, vitrine: VitrineResource) -> dg.SkipReason:
        return dg.SkipReason(start_night(vitrine.open(), nightly, context.scheduled_execution_time.date()))

    return nightly_stale_cells


def start_night(project: Project, nightly: NightlySettings, night: dt.date) -> str:
    """Write down the campaign of a night, once, and end those of earlier nights; what they left is stale and so in this one. For people."""
    name = f"nightly-{night.isoformat()}"
    if any(one.name == name for one in campaigns(project)):
        return f"Campaign {name} was begun before; `vitrine backfill status {name}` tells how far it is."
    for one in campaigns(project, OPEN):
        if one.kind == "nightly":
            give_up_waiting(project, one.name, f"left to {name}")
            close_finished(project, one)
    try:
        start_campaign(
            project,
            name,
            kind="nightly",
            tier=project.settings.tiers.nightly,
            budget_usd=nightly.budget_usd,
            weights=nightly.category_weights,
            max_cells=nightly.max_cells,
        )
    except NothingStale:
        return "No cell is stale: nothing to do tonight."
    return f"Begun as campaign {name}, within {nightly.budget_usd:.2f} USD, handed out by the sensor backfill_campaigns: {progress(project, name).line}"


def _lora_refresh(refresh: LoraRefreshSettings) -> dg.ScheduleDefinition:
    @dg.schedule(
        name="weekly_lora_refresh",
        job=train_category_job,
        cron_schedule=refresh.cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Trains LoRAs of categories with enough new looks or drifting scenes, within {refresh.budget_usd:.2f} USD a time.",
    )
    def weekly_lora_refresh(context: dg.ScheduleEvaluationContext, vitrine: VitrineResource) -> Iterator[dg.RunRequest | dg.SkipReason]:
        day = context.scheduled_execution_time.date().isoformat()
        requests, lines = refresh_requests(vitrine.open(), refresh, day)
        for line in lines:
            context.log.info(line)
        if not requests:
            yield dg.SkipReason("\n".join(lines))
        yield from requests

    return weekly_lora_refresh


def refresh_requests(project: Project, refresh: LoraRefreshSettings, day: str) -> tuple[list[dg.RunRequest], list[str]]:
    """Run requests for the LoRAs that are due and paid for, and a line for each category that needs one: why, and why not now."""
    needs = lora_needs(project, min_new_looks=refresh.min_new_looks, drift=refresh.drift)
    rates, tier = rates_of(project), project.settings.tiers.lora_refresh
    requests: list[dg.RunRequest] = []
    lines, left = [], refresh.budget_usd
    for need in needs:
        usd = training_usd(project, need.category, rates, tier=tier)
        attempt = f"lora-{day}|{need.category}"
        refusal = ""
        if need.waits:
            refusal = "not now"
        elif len(requests) == refresh.max_cells or usd > left:
            refusal = f"left for the next time: about {usd:.4f} USD, {left:.4f} of {refresh.budget_usd:.2f} USD are left"
        else:
            with project.ledger.writing(MONEY) as connection:
                refused = reserve(project, connection, Asked(attempt=attempt, campaign=None, category=need.category, tier=tier, usd=usd))
            refusal = f"held back by {refused.words}" if isinstance(refused, Refusal) else ""
        lines.append(f"{need.category}: {need.why}; {refusal or f'trained, about {usd:.4f} USD'}")
        if not refusal:
            left -= usd
            tags = {**run_tags(tier), "vitrine/trigger": "lora-refresh", ATTEMPT_TAG: attempt}
            requests.append(dg.RunRequest(run_key=attempt, partition_key=need.category, tags=tags))
    return requests, lines or ["Every category's LoRA fits its look: nothing to do."]
