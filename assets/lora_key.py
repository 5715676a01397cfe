"""The name of a category's training: what it learns from, the base model, the trainer's settings and version."""

from typing import TYPE_CHECKING

from assets.training_set import look_digest, lora_settings
from catalog.keys import digest
from resources.ledger import Row
from resources.ledger_tables import lora
from resources.project import Project

if TYPE_CHECKING:
    from training.lora_metadata import BaseOrigin

NO_NEW_LORA = {"threads", "processes", "accumulation", "gradient_checkpointing", "author", "license"}
"""Settings that do not change what is learned: another value trains nothing anew, and is written into the next file."""


def lora_key(project: Project, category: str) -> str:
    """Name of the training that a category's look asks for now. Raises TrainingError when there is no look."""
    from training.plan import TRAINER_VERSION

    return digest(
        {
            "kind": "lora",
            "look": look_digest(project, category),
            "base_model": project.training_model_digest,
            "settings": lora_settings(project).model_dump(mode="json", exclude=NO_NEW_LORA),
            "trainer": TRAINER_VERSION,
        }
    )


def trained_lora(project: Project, key: str) -> Row | None:
    """The ledger row of a training, if it was done and its file is still there."""
    row = project.ledger.by_keys(lora, [key]).get(key)
    return row if row is not None and project.store.has(row["lora_digest"]) else None


def base_origin(project: Project) -> "BaseOrigin":
    """What is registered of the model that looks are trained on, for the files of its LoRAs; nothing for one that is not registered."""
    from training.lora_metadata import BaseOrigin

    model = project.training_model or project.registered_base_model or project.models.of_digest(project.training_model_digest)
    if model is None:
        return BaseOrigin()
    texts, known_as = model.entry.license_files, model.entry.known_as
    return BaseOrigin(
        name=model.id,
        license=model.entry.license.name,
        license_digest=digest(sorted(texts.items())) if texts else "",
        architecture=known_as.architecture if known_as else "",
        base_version=(known_as.base_version or "") if known_as else "",
    )
