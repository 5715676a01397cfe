"""A category's LoRA: trained when its look, base model or training settings changed; promoted only if it beats what is in use."""

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dagster as dg

from assets.cell_lease import under_lease
from assets.house_rules import OWNERS, SPOT_RETRIES, sheet_metadata
from assets.lora_contests import contest_markdown, judge_trained
from assets.lora_key import base_origin, lora_key, trained_lora
from assets.lora_use import IN_WORDS, lora_to_return, moment_of_use, uses_of
from assets.lost_files import record_made
from assets.number_values import lora_numbers
from assets.observed import observed
from assets.partitions import categories
from assets.training_set import look_parts, lora_settings, read_training_set, training_set
from assets.yield_counts import lora_yields_of
from catalog.failpoint import failpoint
from resources.costs import clocked
from resources.instruments import TRAINING_LOSS, TRAINING_STEPS
from resources.ledger import Row
from resources.ledger_tables import lora, lora_return
from resources.preemptible_steps import preemptible
from resources.project import Project, VitrineResource
from resources.settings import utc_now
from resources.tallies import saw
from resources.telemetry import measured

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from training.checkpoint import CheckpointMirror
    from training.lora import Progress, TrainedLora
    from training.training_set import TrainingSet


def train_category(project: Project, category: str, on_progress: "Callable[[Progress], None]" = lambda _: None) -> tuple[Row, bool]:
    """The ledger row of the category's LoRA for the present look, and whether it was trained just now.

    A look that went back to an earlier one gets the LoRA back that was in use for it, without training or contest.
    A checkpoint under the training's key survives a killed worker: the next call goes on from it and ends with the same file.
    """
    key = lora_key(project, category)
    known = trained_lora(project, key)
    if known is not None:
        back = lora_to_return(project, known)
        if back is not None:
            failpoint("lora.before_return")
            project.ledger.record(lora_return, {"lora_key": back["key"], "at": moment_of_use(project, category)})
            failpoint("lora.returned")
        return known, False
    from generation.base_model import read_base_model
    from training.checkpoint import forget_mirrored
    from training.lora import train_lora

    data, base_model = read_training_set(project, category), read_base_model(project.training_model_dir)
    start = time.perf_counter()
    with clocked(project, "train", category) as clock:
        mirror = checkpoint_mirror(project)
        work_dir = project.settings.state_dir / "training"
        trained = train_lora(lora_settings(project), data, base_model, work_dir, on_progress, mirror, base_origin(project))
        failpoint("lora.trained")
        row = _row(project, category, key, trained, data, seconds=time.perf_counter() - start)
        row = _decided(project, row, data)
        failpoint("lora.decided")
        record_made(project, lora, [row], file="lora_digest", skus=())
        failpoint("lora.recorded")
        clock.lap()  # when it is recorded: a worker killed in between would book it, and the next one again
        saw("train", "made")
    if mirror is not None:
        forget_mirrored(mirror, trained.training_digest)
    return row, True


_watching: "list[Callable[[Progress], None]]" = []


@contextmanager
def watched_training(watch: "Callable[[Progress], None]") -> "Iterator[None]":
    """Tell `watch` each step of trainings that the asset does in this process, for a command that shows them."""
    _watching.append(watch)
    try:
        yield
    finally:
        _watching.remove(watch)


def checkpoint_mirror(project: Project) -> "CheckpointMirror | None":
    """Where checkpoints outlive this machine: the store, if it is elsewhere."""
    return None if project.store.files.folder is not None else project.store.files


def _row(project: Project, category: str, key: str, trained: "TrainedLora", data: "TrainingSet", seconds: float) -> Row:
    curve = [[point.step, point.validation_loss] for point in trained.curve]
    return {
        "key": key,
        "category": category,
        "lora_digest": project.store.put(trained.path.read_bytes()),
        "base_model_digest": trained.base_model_digest,
        "data_digest": trained.training_set_digest,
        "facts": {
            "steps": curve[-1][0],
            "best_step": trained.best_step,
            "looks": look_parts(project, category),
            "pictures": len({picture.name for picture in data.train}) + len(data.held_out),
            "validation_curve": curve,
            "base_validation_loss": curve[0][1],
            "validation_loss": min(loss for _, loss in curve),
            "curve_picture_digest": project.store.put(trained.curve_picture.read_bytes()),
            "sample_sheet_digest": project.store.put(trained.sample_sheet.read_bytes()),
            "card": trained.card,
        },
        "seconds": seconds,
        "promoted": False,
        "made_at": utc_now().replace(tzinfo=None),
    }


def _decided(project: Project, row: Row, data: "TrainingSet") -> Row:
    """The row with its contest's outcome. One whose file was lost and came back byte for byte keeps the outcome that it had."""
    before = project.ledger.by_keys(lora, [row["key"]]).get(row["key"])
    if before is not None and before["lora_digest"] == row["lora_digest"]:
        return before
    contest = judge_trained(project, row, data)
    facts = row["facts"] | {"decision": contest["reason"], "contest": contest["key"]}
    facts["card"] = f"{facts['card']}\n{contest_markdown(contest)}"
    return {**row, "promoted": contest["won"], "facts": facts, "made_at": moment_of_use(project, row["category"])}


@dg.asset(
    partitions_def=categories,
    deps=[training_set],
    group_name="training",
    owners=OWNERS,
    kinds={"pytorch", "huggingface"},
    retry_policy=SPOT_RETRIES,
    pool="gpu-train",
    code_version="1",
)
@preemptible
@under_lease()
@observed
def category_lora(context: dg.AssetExecutionContext, vitrine: VitrineResource) -> dg.MaterializeResult:
    """The category's look as a LoRA on the base model, with its curve and a sheet of before and after.

    A retrained LoRA makes staged scenes of its category stale; nothing is rendered by itself, the nightly budget decides.
    """
    project, category = vitrine.open(), context.partition_key

    def log(progress: "Progress") -> None:
        if project.ledger.fence is not None:
            project.ledger.fence.stop_if_lost()
        measured(TRAINING_STEPS, 1, category=category)
        measured(TRAINING_LOSS, progress.train_loss, category=category, part="train")
        measured(TRAINING_LOSS, progress.validation_loss, category=category, part="held_out")
        for watch in _watching:
            watch(progress)
        if progress.step % max(1, progress.steps // 10) == 0:
            context.log.info(f"{category}: {progress}")

    row, trained_now = train_category(project, category, log)
    facts = row["facts"]
    return dg.MaterializeResult(
        data_version=dg.DataVersion(row["lora_digest"]),
        metadata={
            "trained_now": trained_now,
            "promoted": row["promoted"],
            "decision": facts["decision"],
            "in_use": _in_use_words(project, category),
            "validation_loss": round(facts["validation_loss"], 4),
            "base_validation_loss": round(facts["base_validation_loss"], 4),
            "steps": facts["steps"],
            "training_seconds": round(row["seconds"], 1),
            "lora_digest": row["lora_digest"],
            "card": dg.MetadataValue.md(facts["card"]),
            **lora_numbers(lora_yields_of(project, category), row["lora_digest"]),
            **_curve_metadata(project, facts.get("curve_picture_digest")),
            **sheet_metadata(_small_sheet(project, facts["sample_sheet_digest"])),
        },
    )


def _in_use_words(project: Project, category: str) -> str:
    """Which LoRA the category's scenes are drawn with, and how it came into use."""
    uses = uses_of(project, category)
    if not uses:
        return "none"
    row = project.ledger.by_keys(lora, [uses[-1].key])[uses[-1].key]
    told = f" ({uses[-1].by}: {uses[-1].because})" if uses[-1].by else ""
    return f"{row['lora_digest'][:12]}, {IN_WORDS[uses[-1].how]}{told}"


def _curve_metadata(project: Project, picture_digest: str | None) -> dict[str, dg.MetadataValue]:
    """The loss curves as a picture; nothing for a LoRA of before there were any, or when it was lost."""
    if picture_digest is None or not project.store.has(picture_digest):
        return {}
    from imaging.contact_sheet import as_markdown_image

    return {"curve": dg.MetadataValue.md(as_markdown_image(project.store.get(picture_digest), "image/png", "loss curves"))}


def _small_sheet(project: Project, sheet_digest: str) -> bytes | None:
    """The sample sheet within the 50 KB that an event should hold; None when it was lost, which only a training makes good."""
    if not project.store.has(sheet_digest):
        return None
    from imaging.contact_sheet import Tile, contact_sheet
    from imaging.encode import decode

    pixels_HW3 = decode(project.store.get(sheet_digest))
    return contact_sheet([Tile(pixels_HW3=pixels_HW3, label="before / after")], columns=1, tile_px=640)
