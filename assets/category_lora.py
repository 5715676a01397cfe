"""A category's LoRA: trained when its look, base model or training settings changed; promoted only if it beats what is in use."""

from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from assets.house_rules import OWNERS, SPOT_RETRIES, sheet_metadata
from assets.partitions import categories
from assets.planning import promoted_lora
from assets.training_set import look_digest, read_training_set, training_set
from catalog.keys import digest
from resources.costs import clocked
from resources.ledger import Row
from resources.ledger_tables import lora
from resources.project import Project, VitrineResource
from resources.settings import utc_now

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.lora import TrainedLora


def lora_key(project: Project, category: str) -> str:
    """Name of one training: the look, the base model, the trainer's settings and version."""
    from training.settings import TRAINER_VERSION, lora_settings

    return digest(
        {
            "kind": "lora",
            "look": look_digest(project, category),
            "base_model": project.base_model_digest,
            "settings": lora_settings(project.settings.training).model_dump(mode="json"),
            "trainer": TRAINER_VERSION,
        }
    )


def train_category(project: Project, category: str, on_progress: "Callable[[int, int, float], None] | None" = None) -> tuple[Row, bool]:
    """The ledger row of the category's LoRA for the present look, and whether it was trained just now.

    A checkpoint under the training's key survives a killed worker: the next call goes on from it and ends with the same file.
    """
    key = lora_key(project, category)
    known = project.ledger.by_keys(lora, [key]).get(key)
    if known is not None and project.store.has(known["lora_digest"]):
        return known, False
    from training.lora import train_lora
    from training.settings import lora_settings

    from generation.base_model import read_base_model

    data, base_model = read_training_set(project, category), read_base_model(project.base_model_dir)
    with clocked(project, "train", category) as clock:
        start = utc_now()
        trained = train_lora(
            lora_settings(project.settings.training),
            data,
            base_model,
            project.settings.state_dir / "training" / key,
            on_progress=on_progress,
        )
        clock.items += 1
    row = _row(project, category, key, trained, seconds=(utc_now() - start).total_seconds())
    incumbent = promoted_lora(project, category)
    row["promoted"], row["facts"]["decision"] = _champion(project, row, trained, incumbent, data)
    project.ledger.record(lora, row)
    return row, True


def _row(project: Project, category: str, key: str, trained: "TrainedLora", seconds: float) -> Row:
    return {
        "key": key,
        "category": category,
        "lora_digest": project.store.put(Path(trained.path).read_bytes()),
        "base_model_digest": trained.base_model_digest,
        "data_digest": trained.data_digest,
        "facts": {
            "steps": trained.steps,
            "pictures": trained.pictures,
            "validation_curve": [list(point) for point in trained.validation_curve],
            "base_validation_loss": trained.base_validation_loss,
            "validation_loss": trained.validation_loss,
            "sample_sheet_digest": project.store.put(trained.sample_sheet),
            "card": trained.card,
        },
        "seconds": seconds,
        "promoted": False,
        "made_at": utc_now().replace(tzinfo=None),
    }


def _champion(project: Project, row: Row, trained: "TrainedLora", incumbent: Row | None, data: object) -> tuple[bool, str]:
    """Whether a new LoRA goes into use: better than the base model, and than the one in use, on the held-out pictures of today."""
    loss, base_loss = trained.validation_loss, trained.base_validation_loss
    if loss >= base_loss:
        return False, f"not promoted: held-out loss {loss:.4f} is no better than the base model's {base_loss:.4f}"
    if incumbent is None:
        return True, f"promoted: held-out loss {loss:.4f}, the base model's is {base_loss:.4f}"
    from training.validation import held_out_loss

    from generation.base_model import read_base_model

    rival = held_out_loss(read_base_model(project.base_model_dir), data, project.store.local_path(incumbent["lora_digest"]))
    if loss >= rival:
        return False, f"not promoted: held-out loss {loss:.4f}, the LoRA in use has {rival:.4f}"
    return True, f"promoted: held-out loss {loss:.4f}, the LoRA in use had {rival:.4f}"


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
def category_lora(context: dg.AssetExecutionContext, vitrine: VitrineResource) -> dg.MaterializeResult:
    """The category's look as a LoRA on the base model, with its curve and a sheet of before and after.

    A retrained LoRA makes staged scenes of its category stale; nothing is rendered by itself, the nightly budget decides.
    """
    project, category = vitrine.open(), context.partition_key

    def log(step: int, steps: int, loss: float) -> None:
        if step % max(1, steps // 10) == 0:
            context.log.info(f"{category}: step {step} of {steps}, loss {loss:.4f}")

    row, trained_now = train_category(project, category, log)
    facts = row["facts"]
    return dg.MaterializeResult(
        data_version=dg.DataVersion(row["lora_digest"]),
        metadata={
            "trained_now": trained_now,
            "promoted": row["promoted"],
            "decision": facts["decision"],
            "validation_loss": facts["validation_loss"],
            "base_validation_loss": facts["base_validation_loss"],
            "steps": facts["steps"],
            "training_seconds": row["seconds"],
            "lora_digest": row["lora_digest"],
            "card": dg.MetadataValue.md(facts["card"]),
            **sheet_metadata(_small_sheet(project.store.get(facts["sample_sheet_digest"]))),
        },
    )


def _small_sheet(sheet: bytes) -> bytes:
    """The sample sheet within the 50 KB that an event should hold."""
    from imaging.contact_sheet import Tile, contact_sheet
    from imaging.encode import decode

    pixels_HW3 = decode(sheet)
    return contact_sheet([Tile(pixels_HW3=pixels_HW3, label="before / after")], columns=1, tile_px=640)
