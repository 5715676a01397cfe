"""The sensors that tell people: one looks for what is late, stuck or drifting, one delivers what is in the outbox. Only where somebody is to be told.

A failed run is noticed by `failed_runs` in `sensors.py`, which also makes the first attempt at once.
"""

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import dagster as dg

from orchestration.watching import (
    drifting_categories,
    drifting_recipes_and_loras,
    overdue_cells,
    refresh_waiting_cells,
    stuck_backfills,
    stuck_campaigns,
)
from resources.outbox import claim, drop_for_nobody, notify, open_receivers, settle
from resources.project import Project, VitrineResource
from resources.receivers import Receiver
from resources.settings import Settings, utc_now
from resources.work_context import working_on

log = logging.getLogger("vitrine.notify")

DELIVER_INTERVAL_S = 15
WATCH_INTERVAL_S = 600
"""Planning a million products takes seconds to half a minute; nothing that is watched is a matter of minutes."""

TICK_S = 30.0
"""How long one tick may deliver: the daemon gives up on a tick after 60 s, and what is claimed then waits for its lease."""


def deliver_due(project: Project, within_s: float = TICK_S) -> dict[str, int]:
    """Deliver what is due; how many deliveries ended in which state. Each receiver has a thread, so that one that hangs delays nobody else."""
    orphans = drop_for_nobody(project)
    counts: dict[str, int] = {"dropped": orphans} if orphans else {}
    receivers = open_receivers(project)
    if not receivers:
        return counts
    deadline = time.monotonic() + within_s
    with ThreadPoolExecutor(max_workers=min(8, len(receivers)), thread_name_prefix="notify") as pool:
        contexts = [copy_context() for _ in receivers]
        work = [pool.submit(c.run, _deliver_to, project, receiver, deadline) for c, receiver in zip(contexts, receivers, strict=True)]
        for states in work:
            for state in states.result():
                counts[state] = counts.get(state, 0) + 1
    return counts


def _deliver_to(project: Project, receiver: Receiver, deadline: float) -> list[str]:
    states: list[str] = []
    while time.monotonic() < deadline and (batch := claim(project, receiver.name, 1)):
        for claimed in batch:
            with working_on(notice=claimed.notice.key, receiver=receiver.name):
                answer = receiver.send(claimed.notice)
                states.append(settle(project, claimed, answer))
                level = logging.INFO if answer.delivered else logging.WARNING
                log.log(level, "notice %s: %s", states[-1], answer.said, extra={"attempt": claimed.attempts, "code": answer.code})
            if not answer.delivered:
                return states  # it is down or refuses: the others' first attempts wait for the next tick
    return states


def notification_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """The sensors of a project that tells anybody anything; none where nobody is to be told."""
    sensors: list[dg.SensorDefinition] = []
    if settings.notifications is not None or settings.failure_webhook_url is not None:
        sensors.append(deliver_notifications)
    if settings.notifications is not None:
        sensors.append(watch_cells)
    return sensors


@dg.sensor(
    minimum_interval_seconds=DELIVER_INTERVAL_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Delivers notices from the outbox: webhooks, chats, mail; again after 5 s, 5 min, ... up to a day, ten times.",
)
def deliver_notifications(context: dg.SensorEvaluationContext, vitrine: VitrineResource) -> dg.SkipReason:
    """Deliver what is due; a sensor that starts nothing."""
    counts = deliver_due(vitrine.open())
    said = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
    return dg.SkipReason(said or "Nothing to deliver.")


@dg.sensor(
    minimum_interval_seconds=WATCH_INTERVAL_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Looks for overdue cells, stuck backfills, categories whose approved share falls and recipes or LoRAs that are rejected more, and puts notices into the outbox.",
)
def watch_cells(context: dg.SensorEvaluationContext, vitrine: VitrineResource) -> dg.SkipReason:
    """Look once; each event is told once, however often it is seen."""
    project, today = vitrine.open(), utc_now().date().isoformat()
    told = watch_once(project, context.instance, with_drift=context.cursor != today)
    context.update_cursor(today)
    return dg.SkipReason(f"{told} new notices." if told else "Nothing is overdue, stuck or drifting.")


def watch_once(project: Project, instance: dg.DagsterInstance, *, with_drift: bool = True) -> int:
    """Put a notice for everything that is late, stuck or drifting into the outbox; how many are new.

    `with_drift`: also compare the last week with those before, which counts every render of five weeks; once a day is enough.
    """
    settings = project.settings.notifications
    if settings is None:
        return 0
    waiting = refresh_waiting_cells(project)
    events = [
        *overdue_cells(settings, waiting),
        *stuck_backfills(instance, settings),
        *stuck_campaigns(project, settings),
        *drifting_categories(project, settings),
        *(drifting_recipes_and_loras(project, settings) if with_drift else ()),
    ]
    return sum(notify(project, event) for event in events)
