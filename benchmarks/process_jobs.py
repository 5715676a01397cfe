"""Steps as processes of their own, with the rules of Kubernetes Jobs (`backoffLimit: 0`) and without Kubernetes.

Dagster's own StepDelegatingExecutor and its own workers (`dagster api execute_step`), as on a cluster; only the Job controller is played here: a
process is a pod, a pod that ended without a word is lost, and its step is begun again after `DELAY_S`, as orchestration/cluster_steps.py does.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
from dagster._core.events import DagsterEvent, DagsterEventType
from dagster._core.execution.plan.objects import StepRetryData
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.step_delegating import CheckStepHealthResult, StepDelegatingExecutor, StepHandler, StepHandlerContext
from dagster._utils.error import SerializableErrorInfo

from orchestration.definitions import build_defs
from resources.settings import PROJECT_VARIABLE, project_from_environment, read_settings

REPOSITORY = Path(__file__).resolve().parents[1]

DELAY_S = 0.5
"""Seconds until a lost step is begun again: on a cluster some more, but nobody works meanwhile."""

ENDED = {DagsterEventType.STEP_SUCCESS, DagsterEventType.STEP_FAILURE, DagsterEventType.STEP_UP_FOR_RETRY}


@dataclass
class Pod:
    """One worker process: the step it executes, when it began, when it was seen to have ended."""

    step: str
    process: "subprocess.Popen[bytes]"
    began: float = field(default_factory=time.monotonic)
    ended: float | None = None


class ProcessJobs(StepHandler):
    """One process per step attempt. `pods` holds all there ever were, for whoever wants to kill some."""

    pods: list[Pod] = []  # noqa: RUF012 - one run at a time; the storm looks in from another thread
    lock = threading.Lock()

    @property
    def name(self) -> str:
        return "ProcessJobs"

    @classmethod
    def alive(cls) -> list[Pod]:
        """Workers that are running now."""
        with cls.lock:
            for pod in cls.pods:
                if pod.ended is None and pod.process.poll() is not None:
                    pod.ended = time.monotonic()
            return [pod for pod in cls.pods if pod.ended is None]

    def launch_step(self, step_handler_context: StepHandlerContext) -> Iterator[DagsterEvent]:
        arguments = step_handler_context.execute_step_args.get_command_args(skip_serialized_namedtuple=False)
        log = (Path(os.environ[PROJECT_VARIABLE]) / "workers.log").open("ab")
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],  # `dagster api execute_step ...`; the command need not be on the PATH
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
            stdout=log,
            stderr=log,
        )
        with self.lock:
            self.pods.append(Pod(step=self._key(step_handler_context), process=process))
        yield from ()

    def check_step_health(self, step_handler_context: StepHandlerContext) -> CheckStepHealthResult:
        key = self._key(step_handler_context)
        self.alive()
        pod = [pod for pod in self.pods if pod.step == key][-1]
        if pod.ended is not None and not self._has_spoken(step_handler_context):
            error = SerializableErrorInfo(message=f"worker of {key} ended with {pod.process.returncode}", stack=[], cls_name=None)
            retry = StepRetryData(error=error, seconds_to_wait=DELAY_S)
            DagsterEvent.step_retry_event(step_handler_context.get_step_context(key), retry)
        return CheckStepHealthResult.healthy()

    def terminate_step(self, step_handler_context: StepHandlerContext) -> Iterator[DagsterEvent]:
        for pod in self.alive():
            if pod.step == self._key(step_handler_context):
                pod.process.terminate()
        yield from ()

    def _key(self, context: StepHandlerContext) -> str:
        (key,) = context.execute_step_args.step_keys_to_execute or ()
        return key

    def _has_spoken(self, context: StepHandlerContext) -> bool:
        """Whether this attempt's end is in the run's log: a final event, or one more retry than the executor has counted."""
        key, known = self._key(context), context.execute_step_args.known_state
        counted = known.get_retry_state().get_attempt_count(key) if known else 0
        entries = context.instance.all_logs(context.dagster_run.run_id, of_type=ENDED)
        kinds = [e.dagster_event.event_type for e in entries if e.dagster_event and e.dagster_event.step_key == key]
        retries = kinds.count(DagsterEventType.STEP_UP_FOR_RETRY)
        return len(kinds) > retries or retries > counted


@dg.executor(name="process_jobs", config_schema={"max_concurrent": dg.Field(int, default_value=2)})
def process_jobs(init_context: dg.InitExecutorContext) -> StepDelegatingExecutor:
    """Each step in a process of its own, as many at a time as asked."""
    return StepDelegatingExecutor(
        ProcessJobs(),
        retries=RetryMode.ENABLED,
        sleep_seconds=0.2,
        check_step_health_interval_seconds=1,
        max_concurrent=init_context.executor_config["max_concurrent"],
        should_verify_step=True,
    )


def produce_cell() -> dg.JobDefinition:
    """The product's own job on the project that the environment names, with steps as processes."""
    return build_defs(read_settings(project_from_environment()), executor=process_jobs).resolve_job_def("produce_cell")
