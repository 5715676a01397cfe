"""Where each step runs on a cluster and what it may use: one frozen table from op and tier to a pod.

`op_tags` turns a line of the table into the `dagster-k8s/config` tag that Dagster documents for ops; `orchestration/cluster_steps.py` applies it
when a step's Job is made, because only then the run's tier is known. On one machine nothing here is used. Left out: images and namespaces
of a deployment (`cluster.py`), and node pools, queues and priority classes themselves (`k8s/`, held equal to this table by tests).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from catalog.errors import SettingsError
from resources.cluster_settings import ClusterSettings
from resources.run_facts import TIER_TAG

K8S_TAG = "dagster-k8s/config"
"""Tag under which dagster-k8s looks for a pod's configuration."""

QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
"""Label of a Job that Kueue admits by quota. Jobs without it are not held back."""

STEP_ACCOUNT = "vitrine-step"
"""ServiceAccount of step pods in every zone. It may do nothing in the cluster, and its token is not mounted."""

USER_ID = 65532
"""User and group of every pod of ours; both images make this user."""

FINISHED_TTL_S = 3600
"""How long a finished Job stays readable. dagster-k8s keeps it a day, which left thousands of dead pods at one peer (reported, not ours)."""

PERMANENT_EXIT = 64
"""Exit code of an error that trying again cannot mend (EX_USAGE of sysexits.h)."""

MEMORY_GROWTH = 4
"""How many times its memory a step may get after the kernel has ended it for want of memory, unless its size says otherwise: doubled twice."""


class Zone(StrEnum):
    """What a step is trusted with. Each zone is a namespace of its own, `vitrine-<zone>`."""

    INTAKE = "intake"
    """Decodes pictures that strangers sent. No secret but its own database account, no way out but database and bucket."""
    GPU = "gpu"
    """Trains, draws and judges; reads only what intake let through."""
    PUBLISH = "publish"
    """Reads the shop's catalog and delivers to it. Holds the shop's credentials, decodes no stranger's picture."""


@dataclass(frozen=True, kw_only=True)
class Placement:
    """What one op's pod gets. `memory_gib` is request and limit, and includes `shm_gib`; `max_runtime_s` ends a step that hangs.

    After an end for want of memory the next pod gets twice as much, up to `max_memory_gib` (None: `MEMORY_GROWTH` times `memory_gib`).
    `spot` says that the op may lose its machine; only GPU steps, which go on where they were, are dear enough to be worth it.
    """

    zone: Zone
    cpu: float
    memory_gib: float
    max_memory_gib: float | None = None
    scratch_gib: float = 10
    gpus: int = 0
    shm_gib: float = 0
    spot: bool = False
    max_runtime_s: int = 3600

    @property
    def memory_ceiling_gib(self) -> float:
        """The most memory that a pod of this op is given."""
        return max(self.memory_gib, MEMORY_GROWTH * self.memory_gib if self.max_memory_gib is None else self.max_memory_gib)

    def with_memory_doubled(self, times: int) -> "Placement":
        """The placement after so many ends for want of memory; never above the ceiling."""
        return replace(self, memory_gib=min(self.memory_gib * 2**times, self.memory_ceiling_gib))


@dataclass(frozen=True, kw_only=True)
class Tier:
    """What a tier of service promises and costs. `run_priority` is Dagster's queue; `deadline_s` bounds a whole run."""

    priority_class: str
    queue: str
    run_priority: int
    spot: bool
    deadline_s: int


TIERS: Mapping[str, Tier] = MappingProxyType(
    {
        "express": Tier(priority_class="tier-express", queue="express", run_priority=10, spot=False, deadline_s=4 * 3600),
        "standard": Tier(priority_class="tier-standard", queue="standard", run_priority=0, spot=True, deadline_s=24 * 3600),
        "economy": Tier(priority_class="tier-economy", queue="economy", run_priority=-10, spot=True, deadline_s=72 * 3600),
    }
)

PLACEMENTS: Mapping[str, Placement] = MappingProxyType(
    {
        "catalog": Placement(zone=Zone.PUBLISH, cpu=1, memory_gib=6),
        "brand_kit": Placement(zone=Zone.PUBLISH, cpu=0.5, memory_gib=1),
        "source_photos": Placement(zone=Zone.INTAKE, cpu=2, memory_gib=6, max_runtime_s=2 * 3600),
        "cutouts": Placement(zone=Zone.INTAKE, cpu=2, memory_gib=6, max_runtime_s=4 * 3600),
        "training_set": Placement(zone=Zone.INTAKE, cpu=2, memory_gib=6),
        "category_lora": Placement(
            zone=Zone.GPU, cpu=4, memory_gib=32, scratch_gib=40, gpus=1, shm_gib=8, spot=True, max_runtime_s=8 * 3600
        ),
        "plan_shards": Placement(zone=Zone.GPU, cpu=1, memory_gib=4),
        "render_shard": Placement(
            zone=Zone.GPU, cpu=4, memory_gib=24, scratch_gib=40, gpus=1, shm_gib=4, spot=True, max_runtime_s=2 * 3600
        ),
        "commit_manifest": Placement(zone=Zone.GPU, cpu=1, memory_gib=4),
        "validated_renders": Placement(zone=Zone.GPU, cpu=4, memory_gib=12, max_runtime_s=4 * 3600),
        "published_images": Placement(zone=Zone.PUBLISH, cpu=2, memory_gib=6, max_runtime_s=2 * 3600),
        "product_pages": Placement(zone=Zone.PUBLISH, cpu=1, memory_gib=2),
        "catalog_report": Placement(zone=Zone.PUBLISH, cpu=1, memory_gib=4),
    }
)
"""By op name. Sizes are first estimates, to be corrected by what pods are seen to use; a new op without a line here fails a test."""


def namespace_of(zone: Zone) -> str:
    """The namespace of a zone."""
    return f"vitrine-{zone}"


def tier_of(tags: Mapping[str, str]) -> str:
    """The tier that a run's tags name. Raises ValueError for a tier that does not exist."""
    tier = tags.get(TIER_TAG, "standard")
    if tier not in TIERS:
        raise ValueError(f"The run's tag {TIER_TAG} is {tier!r}; it can be {', '.join(TIERS)}. Launch the run again with one of these.")
    return tier


def run_tags(tier: str) -> dict[str, str]:
    """Tags for a run of a tier: its place in Dagster's queue and the time after which Dagster ends it."""
    chosen = TIERS[tier]
    return {TIER_TAG: tier, "dagster/priority": str(chosen.run_priority), "dagster/max_runtime": str(chosen.deadline_s)}


def placement_of(op: str, cluster: ClusterSettings) -> Placement:
    """An op's line of the table with the deployment's own size. Raises KeyError for an op that has no line."""
    size = cluster.steps.get(op)
    return replace(PLACEMENTS[op], **size.model_dump(exclude_none=True)) if size else PLACEMENTS[op]


def check_sizes(cluster: ClusterSettings) -> None:
    """Raises SettingsError when the settings size an op that does not exist, or one beyond what its memory can hold."""
    for op in cluster.steps:
        if op not in PLACEMENTS:
            raise SettingsError(f"vitrine.yaml: cluster.steps names {op!r}; it can be {', '.join(PLACEMENTS)}. Correct the name.")
        place = placement_of(op, cluster)
        if 2 * place.shm_gib > place.memory_gib:
            raise SettingsError(
                f"vitrine.yaml: cluster.steps.{op} gives {place.shm_gib:g} GiB of shared memory of {place.memory_gib:g} GiB; at most half "
                "is allowed, because it counts as memory. Lower shm_gib or raise memory_gib."
            )


def op_tags(op: str, tier: str, gpu_image: str, cluster: ClusterSettings | None = None, doublings: int = 0) -> dict[str, str]:
    """The `dagster-k8s/config` tag of an op's pod in a tier; `doublings` counts earlier ends for want of memory.

    Raises KeyError for an op or tier without a line in the tables.
    """
    cluster = cluster or ClusterSettings()
    place, service = placement_of(op, cluster).with_memory_doubled(doublings), TIERS[tier]
    spot = place.spot and service.spot
    pod: dict[str, Any] = {
        "service_account_name": STEP_ACCOUNT,
        "automount_service_account_token": False,
        "priority_class_name": service.priority_class,
        "tolerations": _tolerations(place, spot),
        "termination_grace_period_seconds": cluster.grace_s,
        "volumes": _volumes(place),
    }
    if cluster.node_pools:
        pod["node_selector"] = {
            "vitrine/pool": "gpu" if place.gpus else "cpu",
            "karpenter.sh/capacity-type": "spot" if spot else "on-demand",
        }
    container: dict[str, Any] = {"resources": _resources(place), "volume_mounts": _mounts(place)}
    if PLACEMENTS[op].gpus:
        container["image"] = gpu_image
    config = {
        "container_config": container,
        "pod_spec_config": pod,
        "pod_template_spec_metadata": {"annotations": {"karpenter.sh/do-not-disrupt": "true"}, "labels": {"vitrine/part": "step"}},
        "job_metadata": {"labels": {QUEUE_LABEL: service.queue}},
        "job_spec_config": _job(place),
    }
    return {K8S_TAG: json.dumps(config)}


def gib(amount: float) -> str:
    """An amount of GiB as Kubernetes writes it: whole GiB, else MiB."""
    return f"{int(amount)}Gi" if float(amount).is_integer() else f"{round(amount * 1024)}Mi"


def _job(place: Placement) -> dict[str, Any]:
    # backoff_limit 0: a replacement pod of the same attempt exits 0 without a word. Steps are tried again by Dagster, as a new attempt.
    return {
        "backoff_limit": 0,
        "ttl_seconds_after_finished": FINISHED_TTL_S,
        "active_deadline_seconds": place.max_runtime_s,
        "pod_failure_policy": {"rules": [{"action": "FailJob", "on_exit_codes": {"operator": "In", "values": [PERMANENT_EXIT]}}]},
    }


def _resources(place: Placement) -> dict[str, dict[str, str]]:
    both = {"memory": gib(place.memory_gib), "ephemeral-storage": gib(place.scratch_gib + 1)}
    both |= {"nvidia.com/gpu": str(place.gpus)} if place.gpus else {}
    return {"requests": {"cpu": f"{int(place.cpu * 1000)}m", **both}, "limits": dict(both)}


def _volumes(place: Placement) -> list[dict[str, Any]]:
    shm = [{"name": "shm", "empty_dir": {"medium": "Memory", "size_limit": gib(place.shm_gib)}}] if place.shm_gib else []
    return [{"name": "scratch", "empty_dir": {"size_limit": gib(place.scratch_gib)}}, *shm]


def _mounts(place: Placement) -> list[dict[str, str]]:
    return [{"name": "scratch", "mount_path": "/scratch"}, *([{"name": "shm", "mount_path": "/dev/shm"}] if place.shm_gib else [])]


def _tolerations(place: Placement, spot: bool) -> list[dict[str, str]]:
    gpu = [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}] if place.gpus else []
    lost = [{"key": "vitrine/spot", "operator": "Exists", "effect": "NoSchedule"}] if spot else []
    return [*gpu, *lost]
