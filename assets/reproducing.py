"""A render made again from what the ledger says of it, and how equal it is to the stored one.

Records nothing and replaces nothing: what is lost is made again by running its cell.
"""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from assets.cutouts import read_cutout, read_upright_photo
from assets.plate_inputs import fetch_from, without_lost_neighbors
from catalog.errors import ModelError, RenderError, SettingsError, StoreError
from catalog.keys import digest_bytes
from generation.kinds import KINDS
from generation.render import ENGINE_VERSION
from resources.ledger import Row
from resources.ledger_tables import render
from resources.project import Project

if TYPE_CHECKING:
    from generation.plates import DiffusionPlates

MIN_PREFIX = 6
"""Characters of a render key that name it: of a million renders, two in seventeen share six."""

TOLERANCE_LEVELS = {"float32": 2, "bfloat16": 8}
"""Largest difference of any value, of 255, by the number format a plate was drawn in; anything within is the same picture drawn elsewhere. Measured:
plates drawn in batches of another size differ by 1 level in float32 and by 5 in bfloat16 at most (docs/how-to/engine.md); sharpening and shadows
can add one, and in bfloat16 some."""

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """A render made again: PNG bytes, and how it compares with the stored picture.

    `max_levels` (0 to 255) and `differing_share` (0 to 1, of pixels) are None when the stored picture is lost; whether the bytes are the same is
    known even then. `differs` says what is another than when it was made.
    """

    row: Row
    png: bytes
    bit_equal: bool
    max_levels: int | None
    differing_share: float | None
    tolerance_levels: int
    differs: tuple[str, ...]

    @property
    def is_same_picture(self) -> bool:
        """Whether it is equal, or differs by no more than another machine's arithmetic does."""
        return self.bit_equal or (self.max_levels is not None and self.max_levels <= self.tolerance_levels)


def reproduce(project: Project, key: str) -> Reproduction:
    """Make a render again by its key, or by the key's first characters. Raises SettingsError when that names none or several; RenderError or
    ModelError when something that it was made of is not here any more."""
    row = find_render(project, key)
    facts: dict[str, Any] = row["facts"]
    if "resolved" not in facts:
        raise RenderError(
            f"Render {row['render_key'][:12]} was recorded before renders said what they were made of. Nothing was made. Render it anew to have "
            "it reproducible: run its cell."
        )
    plate, differs = _plate_again(project, row)
    if facts["engine_version"] != ENGINE_VERSION:
        differs = [f"engine: {facts['engine_version']} then, {ENGINE_VERSION} now", *differs]
    pixels = _compose(project, row, plate)
    from imaging.storage_format import encode_rgb_png

    png = encode_rgb_png(pixels)
    stored = _stored(project, row["render_digest"])
    apart = None if stored is None or stored.shape != pixels.shape else np.abs(stored.astype(np.int16) - pixels).max(axis=2)
    return Reproduction(
        row=row,
        png=png,
        bit_equal=digest_bytes(png) == row["render_digest"] or (apart is not None and not apart.any()),
        max_levels=None if apart is None else int(apart.max()),
        differing_share=None if apart is None else float((apart > 0).mean()),
        tolerance_levels=TOLERANCE_LEVELS.get(facts.get("plate", {}).get("circumstances", {}).get("dtype", "float32"), 2),
        differs=tuple(differs),
    )


def find_render(project: Project, key: str) -> Row:
    """The render that a key, or its first characters, names. Raises SettingsError when there is none, or are several."""
    wanted = key.strip().lower()
    if len(wanted) < MIN_PREFIX or not set(wanted) <= set("0123456789abcdef"):
        raise SettingsError(
            f"{key!r} is no render key: at least its first {MIN_PREFIX} characters of 0-9 and a-f are needed. Nothing was made."
        )
    found = project.ledger.rows(sa.select(render).where(render.c.render_key.startswith(wanted, autoescape=True)).limit(5))
    if len(found) == 1:
        return found[0]
    if not found:
        raise SettingsError(
            f"The ledger knows no render whose key begins with {wanted}. Nothing was made. Gate pages and manifests name keys."
        )
    names = "; ".join(f"{row['render_key'][: len(wanted) + 6]} ({row['sku']} {row['recipe']} {row['idx']})" for row in found)
    raise SettingsError(f"Several renders' keys begin with {wanted}: {names}. Give more characters. Nothing was made.")


def _plate_again(project: Project, row: Row) -> tuple[Pixels | None, list[str]]:
    """The plate that a render stands on, its whole batch drawn again, and what is another than then; None where it needed none."""
    from generation.circumstances import differing

    recorded = row["facts"].get("plate")
    if recorded is None:
        return None, []
    then = recorded["circumstances"]
    batch, changed = without_lost_neighbors(project, recorded["batch"])
    pixels, now = _plates_as(project, row, then).replay(batch, fetch_from(project, batch.get("pictures", {})))
    return pixels, [*changed, *differing(then, now)]


def _plates_as(project: Project, row: Row, then: dict[str, Any]) -> "DiffusionPlates":
    from generation.base_model import read_base_model
    from generation.plates import DiffusionPlates

    kind = row["facts"]["kind"]
    edits = KINDS[kind].edits and project.settings.edit_model is not None
    project = project.drawing(kind)
    base_model = read_base_model(project.base_model_dir)
    if base_model.digest != then["base_model"]:
        raise ModelError(
            f"Render {row['render_key'][:12]} was drawn with base model {then['base_model'][:12]}; the project's is {base_model.digest[:12]}, at "
            f"{base_model.folder}. Nothing was made. Set `{'edit_model.name' if edits else 'base_model'}` to the former one."
        )
    recorded, few_step = then.get("few_step"), None
    if recorded is not None:
        few_step = project.few_step.verified()
        if few_step is None or few_step.digest != recorded["digest"]:
            raise ModelError(
                f"Render {row['render_key'][:12]} was drawn with the few-step adapter {recorded['digest'][:12]}; the project's is "
                f"{few_step.digest[:12] if few_step else 'none'}. Nothing was made. Set `{'edit_model' if edits else 'generation'}.few_step` to the former one."
            )
    return DiffusionPlates(
        base_model,
        lora_path=_lora_file(project, then["lora"]),
        lora_digest=then["lora"],
        steps=then["steps"],
        guidance=then["guidance"],
        guided_share=then["guided_share"],
        step_cache=then.get("step_cache"),
        device=project.settings.generation.device,
        threads=then["threads"],
        few_step=few_step,
        execution=replace(project.settings.generation.execution, weights=then.get("weights"), compile=bool(then.get("compile"))),
    )


def _lora_file(project: Project, lora_digest: str | None) -> Path | None:
    if lora_digest is None:
        return None
    if project.store.missing([lora_digest]):
        raise ModelError(
            f"The LoRA {lora_digest[:12]} that it was drawn with is not in the store any more. Nothing was made. Restore it from a backup; training "
            "its category again gives the same file only on the same kind of machine."
        )
    return project.store.local_file(lora_digest)


def _compose(project: Project, row: Row, plate: Pixels | None) -> Pixels:
    from generation.kind import RenderSource
    from generation.render import render_one

    if project.store.missing([row["cutout_digest"]]):
        raise RenderError(
            f"The cut-out {row['cutout_digest'][:12]} of {row['sku']} that it was made of is not in the store any more. Nothing was made. Run the "
            "product's cell: it cuts the photo out again."
        )
    foreground_HW3, alpha_HW = read_cutout(project, row["cutout_digest"])
    photo = partial(read_upright_photo, project, row["facts"].get("photo_digest", ""))
    source = RenderSource(
        foreground_HW3=foreground_HW3,
        alpha_HW=alpha_HW,
        brand_file=project.brand_file,
        photo=photo,
        further_photo=partial(read_upright_photo, project),
        further_cutout=partial(read_cutout, project),
        upscaler=project.upscaler,
    )
    return render_one(row["facts"]["resolved"], row["facts"]["seed"], source, plate).pixels_HW3


def _stored(project: Project, render_digest: str) -> Pixels | None:
    from imaging.storage_format import decode_rgb

    if project.store.missing([render_digest]):
        return None
    try:
        return decode_rgb(project.store.get(render_digest))
    except StoreError:
        return None  # damaged, which the store has set aside: as good as lost
