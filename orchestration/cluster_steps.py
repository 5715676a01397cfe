"""Makes each step's Kubernetes Job from its line of the placement table, and tries a step again whose pod was lost.

Imports dagster-k8s, so only run workers import this file. dagster-k8s puts all steps of a run into one namespace; here each goes into its
zone's, so that the pod which decodes strangers' pictures and the pod which holds the shop's credentials share neither secrets nor network.
A lost pod is no failure of its op: it is tried again here, whatever the op's retry policy, and only when that can help. Overrides a private
method of dagster-k8s, which is why its version is pinned exactly and a test renders every op.
"""

from typing import Any

from dagster import DagsterEvent, DagsterEventType
from dagster._core.execution.plan.objects import StepFailureData, StepRetryData
from dagster._core.executor.step_delegating import StepHandlerContext
from dagster._core.executor.step_delegating.step_handler.base import CheckStepHealthResult
from dagster._utils.error import SerializableErrorInfo
from dagster_k8s.container_context import K8sContainerContext
from dagster_k8s.executor import K8sStepHandler
from dagster_k8s.job import UserDefinedDagsterK8sConfig, get_user_defined_k8s_config

from orchestration.cluster_client import PatientClient
from orchestration.lost_pods import End, Loss, advice, loss_of, tries_after, wait_s
from orchestration.placement import PLACEMENTS, gib, namespace_of, op_tags, placement_of, tier_of
from resources.cluster_settings import ClusterSettings

SCRATCH_ENV = [
    {"name": name, "value": value}
    for name, value in {
        "HOME": "/scratch",
        "TMPDIR": "/scratch",
        "HF_HOME": "/scratch/huggingface",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "DIFFUSERS_DISABLE_REMOTE_CODE": "true",
    }.items()
]
"""The root file system is read-only, and weights come from our own store: a pod asks no model hub and runs no code of one."""

ENDED = {DagsterEventType.STEP_SUCCESS, DagsterEventType.STEP_FAILURE, DagsterEventType.STEP_SKIPPED}


class ZoneStepHandler(K8sStepHandler):
    """Launches a step in its zone, with the pod that the placement table gives its op in the run's tier."""

    gpu_image: str = ""
    cluster: ClusterSettings = ClusterSettings()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._api_client = PatientClient.around(self._api_client)
        self._out_of_memory: dict[str, int] = {}

    def _get_container_context(self, step_handler_context: StepHandlerContext) -> K8sContainerContext:
        step_key = self._get_step_key(step_handler_context)
        inherited = super()._get_container_context(step_handler_context)
        doublings = self._out_of_memory.get(step_key, 0)
        return self.placed(inherited, self._op(step_handler_context), step_handler_context.dagster_run.tags, doublings)

    def _op(self, context: StepHandlerContext) -> str:
        return str(context.get_step_context(self._get_step_key(context)).step.op_name)

    def placed(self, inherited: K8sContainerContext, op: str, run_tags: dict[str, str], doublings: int = 0) -> K8sContainerContext:
        """The inherited configuration with the op's placement on top. The run pod's own scratch, size and node do not carry over."""
        own = get_user_defined_k8s_config(op_tags(op, tier_of(run_tags), self.gpu_image, self.cluster, doublings))
        run = inherited.run_k8s_config
        container = {k: v for k, v in run.container_config.items() if k not in {"resources", "volume_mounts"}}
        dropped = {"volumes", "node_selector", "tolerations", "affinity", "priority_class_name"}
        kept_volumes = [v for v in run.pod_spec_config.get("volumes", []) if "config_map" in v]
        names = {volume["name"] for volume in kept_volumes}
        kept_mounts = [m for m in run.container_config.get("volume_mounts", []) if m["name"] in names]
        env = [e for e in container.get("env", []) if e["name"] not in {x["name"] for x in SCRATCH_ENV}]
        base = run._replace(
            container_config={**container, "env": [*env, *SCRATCH_ENV], "volume_mounts": kept_mounts},
            pod_spec_config={**{k: v for k, v in run.pod_spec_config.items() if k not in dropped}, "volumes": kept_volumes},
            pod_template_spec_metadata={},
            job_metadata={},
            job_spec_config={},
        )
        cleared = K8sContainerContext(run_k8s_config=base, namespace=namespace_of(PLACEMENTS[op].zone))
        everywhere = K8sContainerContext(run_k8s_config=UserDefinedDagsterK8sConfig.from_dict(self.cluster.pods))
        return cleared.merge(K8sContainerContext(run_k8s_config=own)).merge(everywhere)

    def check_step_health(self, step_handler_context: StepHandlerContext) -> CheckStepHealthResult:
        """Always healthy: a lost pod is reported to the run's log here, as a retry or as a failure, which the executor then reads.

        The Job is read before the log: a step writes its last word before its process ends, so silence after the end is certain.
        """
        namespace = namespace_of(PLACEMENTS[self._op(step_handler_context)].zone)
        job = self._get_k8s_step_job_name(step_handler_context)
        status = self._api_client.get_job_status(job_name=job, namespace=namespace)
        pods = self._api_client.get_pods_in_job(job, namespace) if status and (status.failed or status.succeeded) else []
        loss = loss_of(job, status, pods)
        if loss and not self._has_spoken(step_handler_context):
            self._report(step_handler_context, loss)
        return CheckStepHealthResult.healthy()

    def _attempts(self, context: StepHandlerContext) -> int:
        known = context.execute_step_args.known_state
        return int(known.get_retry_state().get_attempt_count(self._get_step_key(context))) if known else 0

    def _has_spoken(self, context: StepHandlerContext) -> bool:
        """Whether the run's log holds the end of this attempt: a final event, or one more retry than the executor has counted."""
        key = self._get_step_key(context)
        kinds = {*ENDED, DagsterEventType.STEP_UP_FOR_RETRY}
        entries = context.instance.all_logs(context.dagster_run.run_id, of_type=kinds)
        events = [e.dagster_event for e in entries if e.dagster_event and e.dagster_event.step_key == key]
        retries = sum(e.event_type is DagsterEventType.STEP_UP_FOR_RETRY for e in events)
        return any(e.event_type in ENDED for e in events) or retries > self._attempts(context)

    def _report(self, context: StepHandlerContext, loss: Loss) -> None:
        key, op, attempt = self._get_step_key(context), self._op(context), self._attempts(context)
        step, place, doublings = context.get_step_context(key), placement_of(op, self.cluster), self._out_of_memory.get(key, 0)
        had = place.with_memory_doubled(doublings).memory_gib
        tries, wait = tries_after(loss.end), wait_s(loss.end, attempt, self.cluster.lost_delay_s)
        full = loss.end is End.MEMORY and had >= place.memory_ceiling_gib
        if full or loss.end in {End.DEADLINE, End.PERMANENT} or attempt >= tries:
            note = advice(loss.end, op, gib(had), place.max_runtime_s) if attempt < tries or full else f"Tried {attempt + 1} times."
            error = SerializableErrorInfo(message=f"{loss.what}. {note}", stack=[], cls_name=None)
            DagsterEvent.step_failure_event(step, StepFailureData(error=error, user_failure_data=None))
            return
        note = "Trying again"
        if loss.end is End.MEMORY:
            self._out_of_memory[key] = doublings + 1
            note = f"Trying again with {gib(place.with_memory_doubled(doublings + 1).memory_gib)} instead of {gib(had)}"
        error = SerializableErrorInfo(message=f"{loss.what}. {note} in {wait:g} s.", stack=[], cls_name=None)
        DagsterEvent.step_retry_event(step, StepRetryData(error=error, seconds_to_wait=wait or None))
