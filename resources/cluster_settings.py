"""What a deployment on Kubernetes may change about its steps: the `cluster:` section of `vitrine.yaml`.

Says what may be written; which op runs where is `orchestration/placement.py`, and one machine reads none of it.
"""

from typing import Any

from pydantic import Field

from resources.catalog_settings import Section


class StepSize(Section):
    """Another size for one op's pod. What is left out stays as in the placement table.

    `max_memory_gib` is how far memory may grow after the kernel has ended the step for want of it; the default is four times `memory_gib`.
    """

    cpu: float | None = Field(default=None, gt=0, le=256)
    memory_gib: float | None = Field(default=None, gt=0, le=4096)
    max_memory_gib: float | None = Field(default=None, gt=0, le=4096)
    scratch_gib: float | None = Field(default=None, gt=0, le=4096)
    shm_gib: float | None = Field(default=None, ge=0, le=1024)
    gpus: int | None = Field(default=None, ge=0, le=16)
    max_runtime_s: int | None = Field(default=None, ge=30, le=7 * 86400)


class ClusterSettings(Section):
    """How steps run as Kubernetes Jobs: sizes by op, and what every step pod gets besides.

    `pods` is configuration in dagster-k8s's own words (`pod_spec_config`, `container_config`, ...) laid over every step pod: host aliases,
    a registry's secret, a node's quirk. `grace_s` is the notice a pod gets before it is ended: 110 suits AWS, 25 Google Cloud and Azure.
    """

    steps: dict[str, StepSize] = Field(default_factory=dict)
    pods: dict[str, Any] = Field(default_factory=dict)
    node_pools: bool = True
    """Whether nodes carry the labels of our pools; false on a cluster whose nodes are all alike."""
    grace_s: int = Field(default=110, ge=1, le=600)
    health_check_s: int = Field(default=20, ge=1, le=300)
    """How often the run worker asks whether each step's Job lives; a lost pod is noticed after this time at most."""
    lost_delay_s: float = Field(default=10.0, ge=0, le=600)
    """Wait before a lost pod's step is started again, doubled each time."""
