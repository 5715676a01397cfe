"""The code location as a cluster runs it: the same definitions with steps as Kubernetes Jobs. Composition only.

The code server of `k8s/chart/values.yaml` loads this module; one machine loads `orchestration.definitions`. dagster-k8s is imported when an
executor starts, in run workers, and not by the code server.
"""

import dagster as dg
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.base import Executor

from orchestration.definitions import build_defs
from orchestration.placement import check_sizes
from resources.cluster_settings import ClusterSettings
from resources.handoff import HandoffIOManager
from resources.project import VitrineResource
from resources.settings import Settings, project_from_environment, read_settings

GPU_IMAGE_VARIABLE = "VITRINE_GPU_IMAGE"
"""Environment variable of run workers with the image of steps that have a GPU, by digest."""


def kubernetes_zones(cluster: ClusterSettings) -> dg.ExecutorDefinition:
    """Each step as a Job in its zone's namespace, with GPU, memory, node pool and tier from the placement table and the settings."""

    @dg.executor(
        name="kubernetes_zones",
        config_schema={"max_concurrent": dg.Field(dg.IntSource, default_value=50, description="Step pods of one run at a time.")},
        requirements=dg.multiple_process_executor_requirements(),
    )
    def zones(init_context: dg.InitExecutorContext) -> Executor:
        return _start(init_context, cluster)

    return zones


def _start(init_context: dg.InitExecutorContext, cluster: ClusterSettings) -> Executor:
    from dagster._core.executor.step_delegating import StepDelegatingExecutor
    from dagster_k8s import K8sRunLauncher
    from dagster_k8s.container_context import K8sContainerContext

    from orchestration.cluster_steps import ZoneStepHandler

    launcher = init_context.instance.run_launcher
    if not isinstance(launcher, K8sRunLauncher):
        raise dg.DagsterInvariantViolationError(
            f"This code location runs steps as Kubernetes Jobs, but the instance launches runs with {type(launcher).__name__}. "
            "Load orchestration.definitions on one machine, or set PatientRunLauncher in the instance. Nothing was run."
        )
    handler = ZoneStepHandler(
        image=None,
        container_context=K8sContainerContext(),
        load_incluster_config=launcher.load_incluster_config,
        kubeconfig_file=launcher.kubeconfig_file,
    )
    handler.gpu_image, handler.cluster = _gpu_image(), cluster
    return StepDelegatingExecutor(
        handler,
        retries=RetryMode.ENABLED,
        max_concurrent=init_context.executor_config["max_concurrent"],
        check_step_health_interval_seconds=cluster.health_check_s,
        should_verify_step=True,
    )


def _gpu_image() -> str:
    # Read here and not as run config: the code server checks run config too, and only run workers know the image.
    image = dg.EnvVar(GPU_IMAGE_VARIABLE).get_value()
    if not image:
        raise dg.DagsterInvariantViolationError(
            f"{GPU_IMAGE_VARIABLE} is not set in this run worker, so steps with a GPU have no image. Set it in run_k8s_config.container_config.env "
            "of the run launcher. Nothing was run."
        )
    return image


def build_cluster_defs(settings: Settings) -> dg.Definitions:
    """The definitions of one project on a cluster. Raises SettingsError for a size of a step that does not exist."""
    check_sizes(settings.cluster)
    # Steps are in pods of their own, so what one hands to the next goes through the store.
    handoff = HandoffIOManager(vitrine=VitrineResource(project_dir=str(settings.project_dir)))
    return build_defs(settings, executor=kubernetes_zones(settings.cluster), more_resources={"io_manager": handoff})


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions of the project that the environment names, for a cluster."""
    return build_cluster_defs(read_settings(project_from_environment()))
