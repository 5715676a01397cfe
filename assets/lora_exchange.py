"""LoRA files in and out: an export in other programs' keys, and the import of one that was trained elsewhere as a challenger.

An imported LoRA is held to the same contest as a trained one; its license and where it came from are kept with it.
"""

import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.lora_contests import held_contest, incumbent_of
from assets.lora_origin import as_it_stands, imports_of, made_from, numbered, refuse_contradiction, states
from assets.lora_use import choose, chosen_for, look_key, moment_after
from assets.lost_files import record_made
from assets.planning import promoted_lora
from assets.training_set import read_training_set
from catalog.errors import LoraRefused, ModelError, TrainingError
from catalog.failpoint import failpoint
from catalog.keys import digest, digest_bytes
from resources.ledger import Row
from resources.ledger_tables import lora
from resources.project import Project

if TYPE_CHECKING:
    from generation.base_model import BaseModel
    from training.lora_export import KeyFormat

MIN_LICENSE_CHARACTERS = 2


def usual_key_format(project: Project) -> "KeyFormat":
    """The keys that most programs read of a LoRA of the project's base model: kohya's for UNets, ComfyUI's for transformers.

    ComfyUI knows Z-Image's layers by diffusers' names after `diffusion_model.`, `transformer.`, `lycoris_` or nothing (comfy/lora.py); after
    `lora_unet_` it finds only those that its own model calls alike, and passes over the rest without an error.
    """
    from generation.base_model import read_base_model

    return "kohya" if read_base_model(project.training_model_dir).behavior.denoiser_part == "unet" else "comfyui"


def exported_file(project: Project, row: Row, key_format: "KeyFormat") -> bytes:
    """A LoRA's file in the keys of another program. Raises LoraRefused when it is lost, ModelError when a layer has no name there."""
    from generation.base_model import read_base_model
    from training.lora_export import exported
    from training.lora_file import CONTENT_HASH, lora_bytes, read_lora_bytes
    from training.lora_metadata import OWN, exported_metadata, told_strength
    from training.lora_names import unet_layout

    if not project.store.has(row["lora_digest"]):
        raise LoraRefused(
            f"The file of LoRA {row['lora_digest'][:12]} is lost from the store, so it cannot be exported. Restore it from a backup."
        )
    base_model = read_base_model(project.training_model_dir)
    if row["base_model_digest"] != base_model.digest and key_format != "diffusers":
        raise LoraRefused(
            f"LoRA {row['lora_digest'][:12]} was trained on base model {row['base_model_digest'][:12]}, the project has {base_model.digest[:12]}: "
            "its layers' names follow from that model. Set `base_model` back, or export in diffusers keys. Nothing was written."
        )
    weights, facts = read_lora_bytes(project.store.get(row["lora_digest"]), f"LoRA {row['lora_digest'][:12]}")
    config = _unet_config(base_model)
    facts = {name: value for name, value in facts.items() if name != CONTENT_HASH}
    if "origin" in row["facts"]:
        # As last stated; the file says what was stated when it came.
        facts[f"{OWN}license"] = row["facts"]["origin"]["license"]
    told = exported_metadata(facts, base_model.family, base_model.latent_channels, key_format, row["lora_digest"])
    layout = unet_layout(config) if config else None
    return lora_bytes(exported(weights, base_model.family, key_format, layout, told_strength(facts)), told)


@dataclass(frozen=True, kw_only=True)
class Imported:
    """A LoRA that was taken in: its row, its contest (None: none could be held, or it was in use already), and what came of it in words."""

    row: Row
    contest: Row | None
    told: str


def import_lora(project: Project, category: str, path: Path, *, license_name: str, commercial_ok: bool, by: str) -> Imported:
    """Take in a LoRA that was trained elsewhere, as a challenger, and hold its contest.

    It goes into use if it wins. Without a look to hold it on there is no contest, and a person decides. The same file imported again is
    the same LoRA; with another license it is a correction, which holds from then on. Raises LoraRefused without a license, ModelError for a
    file that does not fit the base model layer by layer.
    """
    from generation.base_model import read_base_model

    if len(license_name.strip()) < MIN_LICENSE_CHARACTERS:
        raise LoraRefused("Say under which license the LoRA may be used: --license 'CC-BY-4.0'. It is kept with it. Nothing was imported.")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise LoraRefused(f"{path} cannot be read: {error.strerror}. Nothing was imported.") from error
    base_model = read_base_model(project.training_model_dir)
    stated = {"license": license_name.strip(), "commercial_ok": commercial_ok}
    refuse_contradiction(project, **stated)
    origin: dict[str, Any] = {"file": path.name, "sha256": digest_bytes(data), **stated, "by": by}
    origin |= {"made_from": sources} if (sources := made_from(project, data, path.name)) else {}
    named = {"kind": "imported lora", "category": category, "file": origin["sha256"], "base_model": base_model.digest}
    known = imports_of(project, category, origin["sha256"], base_model.digest)
    # What is stated is part of the key: of two who state different things at one time, none is lost.
    key = known[-1]["key"] if known and states(known[-1], stated) else digest({**named, "stated": stated, **numbered(known)})
    if not known or not project.store.has(known[-1]["lora_digest"]):
        row = _taken_in(project, category, key, data, base_model, origin, known)
        return _contested(project, as_it_stands(project, row, stated))
    if states(known[-1], stated):
        return _contested(project, known[-1])
    row = as_it_stands(project, _corrected(project, known[-1], key, origin), stated)
    return Imported(row=row, contest=None, told="its license is corrected, which holds from now on; what is in use did not change")


def _corrected(project: Project, known: Row, key: str, origin: dict[str, Any]) -> Row:
    """A row more for the file of an imported LoRA, with another license. The earlier one stays, as what was said then."""
    facts = known["facts"]
    row: Row = {
        **known,
        "key": key,
        "facts": {
            **facts,
            "origin": {**facts["origin"], **origin},
            "decision": "license corrected; no contest was held",
            "card": _card(origin, known["lora_digest"], facts.get("layers"), known["base_model_digest"]),
        },
        "promoted": False,
        "made_at": moment_after(known["made_at"]),
    }
    record_made(project, lora, [row], file="lora_digest", skus=())
    failpoint("lora.license_corrected")
    return row


def _taken_in(
    project: Project, category: str, key: str, data: bytes, base_model: "BaseModel", origin: dict[str, Any], known: list[Row]
) -> Row:
    """The imported LoRA's row, not in use yet, and its file in the store: in diffusers keys, and known to fit the base model."""

    from training.lora_file import CONTENT_HASH, lora_bytes, read_lora_bytes
    from training.lora_import import as_imported, imported
    from training.lora_metadata import OWN

    start = time.perf_counter()
    tensors, facts = read_lora_bytes(data, origin["file"])
    trained_on = facts.get(f"{OWN}base_model", base_model.digest)
    if trained_on != base_model.digest:
        raise ModelError(
            f"{origin['file']} was trained on base model {trained_on[:12]}, the project draws with {base_model.digest[:12]}. Import it into a "
            "project with that model; nothing was imported."
        )
    weights = imported(tensors, base_model.family, _unet_config(base_model), facts)
    kept = {name: value for name, value in as_imported(facts).items() if name != CONTENT_HASH}
    own = {"base_model": base_model.digest, "license": origin["license"], "imported_from": origin["sha256"]}
    converted = lora_bytes(weights, {"format": "pt", **kept, **{f"{OWN}{name}": value for name, value in own.items()}})
    _refuse_unfitting(base_model, converted)
    row: Row = {
        "key": key,
        "category": category,
        "lora_digest": project.store.put(converted),
        "base_model_digest": base_model.digest,
        "data_digest": "",
        "facts": {
            "origin": {
                **origin,
                "title": facts.get("modelspec.title", ""),
                "rank": sorted({int(down.shape[0]) for down in _downs(weights)}),
            },
            "decision": "imported; no contest was held",
            "layers": len(weights) // 2,
            "steps": 0,
            "best_step": 0,
            "pictures": 0,
            "validation_curve": [],
            "card": _card(origin, digest_bytes(converted), len(weights) // 2, base_model.digest),
        },
        "seconds": time.perf_counter() - start,
        "promoted": False,
        "made_at": moment_after(known[-1]["made_at"] if known else None),
    }
    failpoint("lora.import_stored")
    record_made(project, lora, [row], file="lora_digest", skus=())
    failpoint("lora.imported")
    return row


def _downs(weights: dict[str, Any]) -> list[Any]:
    return [tensor for name, tensor in weights.items() if name.endswith(".lora_A.weight")]


def _refuse_unfitting(base_model: "BaseModel", data: bytes) -> None:
    """Raises ModelError unless the file fits the base model, layer by layer."""
    from generation.lora_fit import refuse_unfitting

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "imported.safetensors"
        path.write_bytes(data)
        refuse_unfitting(base_model, path, digest_bytes(data))


def _contested(project: Project, row: Row) -> Imported:
    """Hold an imported LoRA's contest and take it into use if it won; again where meanwhile another went into use.

    What a person chose for the present look stays, as it does against a LoRA trained on it.
    """
    category = row["category"]
    try:
        data = read_training_set(project, category)
    except TrainingError as error:
        return Imported(row=row, contest=None, told=f"no contest was held, so a person decides (`vitrine lora promote`). {error}")
    while True:
        before, incumbent = promoted_lora(project, category), incumbent_of(project, category)
        if before is not None and before["key"] == row["key"]:
            return Imported(row=row, contest=None, told="it is in use already")
        contest = held_contest(project, row, incumbent, data)
        chosen = chosen_for(project, category, look_key(project, category) or "")
        if chosen is not None:
            left = f"a person chose {chosen['lora_digest'][:12]} for this look, so that one stays in use; the contest's outcome is {contest['reason']}"
            return Imported(row=row, contest=contest, told=left)
        if not contest["won"] or _taken_into_use(project, row, before, contest["reason"]):
            return Imported(row=row, contest=contest, told=contest["reason"])


def _taken_into_use(project: Project, row: Row, beaten: Row | None, reason: str) -> bool:
    """Take a winner into use, unless another LoRA than the one it beat is in use by now; whether it was."""

    def is_another(now: Row | None) -> bool:
        return (now or {}).get("key") != (beaten or {}).get("key")

    return choose(project, row, "contest", by="contest", because=reason, unless=is_another)


def _unet_config(base_model: "BaseModel") -> dict[str, Any] | None:
    """The UNet's configuration; None for a base model without one."""
    path = base_model.folder / "unet" / "config.json"
    config: dict[str, Any] | None = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    return config


def _card(origin: dict[str, Any], file_digest: str, layers: int | None, base_digest: str) -> str:
    commercial = "allowed" if origin["commercial_ok"] else "**not allowed**"
    return f"""# LoRA imported from {origin["file"]}

Trained elsewhere; what it was trained on is not known here.

| | |
|---|---|
| file | sha256 `{file_digest}` |
| came from | `{origin["file"]}`, sha256 `{origin["sha256"]}`, imported by {origin["by"]} |
| license | {origin["license"]}; commercial use {commercial} |
| base model | `{base_digest}` |
| adapter | {layers or "unknown number of"} layers |
"""
