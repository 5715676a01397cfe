"""Makes each step's Kubernetes Job from its line of the placement table. Imports dagster-k8s, so only run workers import this file.

dagster-k8s puts all steps of a run into one namespace; here each goes into its zone's, so that the pod which decodes strangers' pictures
and the pod which holds the shop's credentials share neither secrets nor network. Overrides one private method of dagster-k8s, which is why
its version is pinned exactly and a test renders every op.
"""

from dagster._core.executor.step_delegating import StepHandlerContext
from dagster_k8s.container_context import K8sContainerContext
from dagster_k8s.executor import K8sStepHandler
from dagster_k8s.job import get_user_defined_k8s_config

from orchestration.placement import GRACE_AWS_S, PLACEMENTS, namespace_of, op_tags, tier_of

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


class ZoneStepHandler(K8sStepHandler):
    """Launches a step in its zone, with the pod that the placement table gives its op in the run's tier."""

    gpu_image: str = ""
    grace_s: int = GRACE_AWS_S

    def _get_container_context(self, step_handler_context: StepHandlerContext) -> K8sContainerContext:
        step_key = self._get_step_key(step_handler_context)
        op = step_handler_context.get_step_context(step_key).step.op_name
        return self.placed(super()._get_container_context(step_handler_context), op, step_handler_context.dagster_run.tags)

    def placed(self, inherited: K8sContainerContext, op: str, run_tags: dict[str, str]) -> K8sContainerContext:
        """The inherited configuration with the op's placement on top. The run pod's own scratch, size and node do not carry over."""
        own = get_user_defined_k8s_config(op_tags(op, tier_of(run_tags), self.gpu_image, self.grace_s))
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
        return cleared.merge(K8sContainerContext(run_k8s_config=own))
