"""The code location as a cluster runs it: the same definitions with steps as Kubernetes Jobs. Composition only.

The code server of `k8s/chart/values.yaml` loads this module; one machine loads `orchestration.definitions`. dagster-k8s is imported when an
executor starts, in run workers, and not by the code server.
"""

import dagster as dg
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.base import Executor

from orchestration.definitions import build_defs
from orchestration.placement import GRACE_AWS_S
from resources.settings import Settings, project_from_environment, read_settings

HEALTH_CHECK_S = 20
"""How often the run worker asks whether each step's Job lives. Dagster's default; a lost pod is noticed after this time at most."""


@dg.executor(
    name="kubernetes_zones",
    config_schema={
        "gpu_image": dg.Field(dg.StringSource, default_value={"env": "VITRINE_GPU_IMAGE"}),
        "grace_s": dg.Field(dg.IntSource, default_value=GRACE_AWS_S),
        "max_concurrent": dg.Field(dg.IntSource, default_value=50, description="Step pods of one run at a time."),
    },
    requirements=dg.multiple_process_executor_requirements(),
)
def kubernetes_zones(init_context: dg.InitExecutorContext) -> Executor:
    """Each step as a Job in its zone's namespace, with GPU, memory, node pool and tier from the placement table."""
    from dagster._core.executor.step_delegating import StepDelegatingExecutor
    from dagster_k8s import K8sRunLauncher
    from dagster_k8s.container_context import K8sContainerContext

    from orchestration.cluster_steps import ZoneStepHandler

    launcher, config = init_context.instance.run_launcher, init_context.executor_config
    if not isinstance(launcher, K8sRunLauncher):
        raise dg.DagsterInvariantViolationError(
            f"This code location runs steps as Kubernetes Jobs, but the instance launches runs with {type(launcher).__name__}. "
            "Load orchestration.definitions on one machine, or set K8sRunLauncher in the instance. Nothing was run."
        )
    handler = ZoneStepHandler(
        image=None,
        container_context=K8sContainerContext(),
        load_incluster_config=launcher.load_incluster_config,
        kubeconfig_file=launcher.kubeconfig_file,
    )
    handler.gpu_image, handler.grace_s = config["gpu_image"], config["grace_s"]
    return StepDelegatingExecutor(
        handler,
        retries=RetryMode.ENABLED,
        max_concurrent=config["max_concurrent"],
        check_step_health_interval_seconds=HEALTH_CHECK_S,
        should_verify_step=True,
    )


def build_cluster_defs(settings: Settings) -> dg.Definitions:
    """The definitions of one project on a cluster."""
    return build_defs(settings, executor=kubernetes_zones)


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions of the project that the environment names, for a cluster."""
    return build_cluster_defs(read_settings(project_from_environment()))
