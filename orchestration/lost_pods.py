"""Why a step's pod ended without telling Dagster, and what follows: try again, try again with more memory, or fail with what to change.

Pure judgment over what the API server says about a Job and its pods; asking is `cluster_steps.py`. Objects are those of the Kubernetes
client, read by attribute only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from catalog.preemption import EXIT_CODE as PREEMPTED_EXIT
from orchestration.placement import PERMANENT_EXIT

LOST_TRIES = 6
"""How often a step whose pod was lost is started again. `house_rules.SPOT_RETRIES` counts the same attempts: after four lost pods an op's own
error is not retried any more."""

PREEMPTED_TRIES = 30
"""The same for a pod that SIGTERM ended: a machine that is taken away says nothing against the step. Bounded, because a deadline may follow."""


class End(StrEnum):
    """How a pod ended that said nothing."""

    GONE = "gone"
    """The Job does not exist any more."""
    SILENT = "silent"
    """The Job succeeded, but the step never said so: a replacement pod that found the step begun, or a wrong command or image."""
    MEMORY = "memory"
    """The kernel ended a container that went over its memory limit."""
    DEADLINE = "deadline"
    """Kubernetes ended the Job at its activeDeadlineSeconds."""
    PERMANENT = "permanent"
    """The process said by its exit code that trying again is of no use."""
    PREEMPTED = "preempted"
    """SIGTERM: the machine is being taken away or emptied; the step stopped where nothing is lost."""
    KILLED = "killed"
    """Anything else: a lost node, an eviction, a kill, a crash before Dagster was loaded."""


@dataclass(frozen=True, kw_only=True)
class Loss:
    """One lost pod: how it ended, and a sentence about it for the run's log."""

    end: End
    what: str


def loss_of(job: str, status: Any | None, pods: Sequence[Any]) -> Loss | None:
    """The loss of a step's pod, from its Job's status (None: no such Job) and its pods; None while it lives or waits."""
    if status is None:
        return Loss(end=End.GONE, what=f"Job {job} does not exist any more: somebody deleted it")
    return _loss_of_ended(job, status, pods) if status.failed or status.succeeded else None


def _loss_of_ended(job: str, status: Any, pods: Sequence[Any]) -> Loss:
    conditions = {c.reason for c in status.conditions or [] if c.type == "Failed"}
    if "DeadlineExceeded" in conditions:
        return Loss(end=End.DEADLINE, what=f"Job {job} ran into its deadline")
    ended = [s.state.terminated for pod in pods for s in (pod.status.container_statuses or []) if s.state and s.state.terminated]
    if any(end.reason == "OOMKilled" for end in ended):
        return Loss(end=End.MEMORY, what=f"a pod of Job {job} went over its memory limit and was ended by the kernel (OOMKilled)")
    if any(end.exit_code == PERMANENT_EXIT for end in ended):
        return Loss(end=End.PERMANENT, what=f"Job {job} ended with exit code {PERMANENT_EXIT}: trying again is of no use")
    if any(end.exit_code == PREEMPTED_EXIT for end in ended):
        return Loss(end=End.PREEMPTED, what=f"the machine of Job {job} was taken away (SIGTERM); what was made is kept")
    if status.succeeded:
        return Loss(end=End.SILENT, what=f"Job {job} ended with exit code 0, but its step reported neither success nor failure")
    return Loss(end=End.KILLED, what=f"Job {job} failed without a word from its step: {_how(pods, ended)}")


def _how(pods: Sequence[Any], ended: Sequence[Any]) -> str:
    evicted = [f"{pod.status.reason}: {pod.status.message}" for pod in pods if pod.status.reason]
    if evicted:
        return evicted[0]
    codes = [f"exit code {end.exit_code}, {end.reason}" for end in ended if end.exit_code]
    return codes[0] if codes else "its pod was deleted"


def tries_after(end: End) -> int:
    """How often a step whose pod ended so is started again."""
    return PREEMPTED_TRIES if end is End.PREEMPTED else LOST_TRIES


def wait_s(end: End, attempt: int, delay_s: float) -> float:
    """Seconds before the next try: doubled each time, unless the machine was to blame, for which there may be another at once."""
    return delay_s if end is End.PREEMPTED else delay_s * 2**attempt


def advice(end: End, op: str, memory: str, deadline_s: int) -> str:
    """What to change, for an end that trying again would only repeat."""
    setting = f"cluster.steps.{op}"
    if end is End.MEMORY:
        return (
            f"Step {op} went over {memory} of memory, the most that its size allows. Raise {setting}.max_memory_gib (and memory_gib, to "
            "save the first tries) in vitrine.yaml, or lower generation.shard_images; then run the cell again: what was made is kept."
        )
    if end is End.DEADLINE:
        return (
            f"Step {op} did not end within {deadline_s} s. If its log shows progress, raise {setting}.max_runtime_s in vitrine.yaml; "
            "if it hangs, look at its last lines. Then run the cell again: what was made is kept."
        )
    return f"Step {op} cannot be done as it is; its pod's log says why. Correct that, then run the cell again: what was made is kept."
