"""Look for everything that is wrong with a project, so that one correction round is enough. Changes nothing."""

import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from catalog.errors import RenderError, TrainingError, VitrineError
from catalog.look_files import is_mask
from generation.kinds import KINDS, wears_lora
from orchestration.checking_brand_files import check_brand_files
from orchestration.checking_ledger import check_ledger, store_in_a_hurry
from resources.project import Project, open_project
from resources.store_settings import S3Publish, S3Store


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong (error) or will surprise (warning), and where."""

    severity: Literal["error", "warning"]
    where: str
    message: str

    def as_dict(self) -> dict[str, str]:
        """Plain data for JSON."""
        return asdict(self)


def check_project(project_dir: Path) -> list[Finding]:
    """All findings of a project. Wrong settings end the search, since everything else depends on them."""
    try:
        project = open_project(project_dir)
    except VitrineError as error:
        return [Finding(severity="error", where="settings", message=str(error))]
    findings: list[Finding] = []
    parts: tuple[tuple[str, Callable[[Project], Iterator[Finding]]], ...] = (
        ("brand kit", _brand_kit),
        ("brand kit", _brand_files),
        ("recipes", _recipes),
        ("partitions", _partitions),
        ("screening", _screening),
        ("cut-outs", _cutout_model),
        ("base model", _base_model),
        ("training", _training),
        ("training", _training_here),
        ("state", _folders),
        ("store", _store),
        ("ledger", check_ledger),
        ("publish", _publish),
        ("catalog", _catalog),
        ("looks", _looks),
        ("uploads", _uploads),
    )
    for where, part in parts:
        try:
            findings += part(project)
        except VitrineError as error:
            if not any(finding.message == str(error) for finding in findings):  # a broken brand kit stops several parts
                findings.append(Finding(severity="error", where=where, message=str(error)))
    return findings


def _brand_kit(project: Project) -> Iterator[Finding]:
    from assets.channel_packs import pack_in_force
    from assets.planning import rules_in_force

    kit = project.brand_kit
    for name in project.packs.names:  # own packs too that no channel has yet
        project.packs.pack(name)
    for channel in kit.channels:
        pack_in_force(project, channel)
        for name in channel.recipes:
            if name not in kit.recipes:
                message = f"channel {channel.name!r} wants recipe {name!r}, which the kit's `recipes:` does not list, so it never gets any."
                yield Finding(severity="warning", where="brand kit", message=message)
    if not kit.channels:
        yield Finding(severity="warning", where="brand kit", message="no channel is configured, so nothing will be published.")
    for name in sorted(set(kit.rules) - set(kit.recipes)):
        yield Finding(severity="error", where="brand kit", message=f"rules for {name!r}, but that recipe is not listed under `recipes:`.")
    for name in kit.recipes:
        if name in project.recipe_book:
            rules_in_force(project, project.recipe_book[name])


def _brand_files(project: Project) -> Iterator[Finding]:
    yield from (Finding(severity="error", where="brand kit", message=message) for message in check_brand_files(project))


EVERYTHING_KNOWN = {"width_cm": 10.0, "depth_cm": 10.0, "height_cm": 10.0, "price": 10.0}
"""What a product's row may leave out and some recipes need: checks are about the kit, not about rows."""


def _recipes(project: Project) -> Iterator[Finding]:
    from catalog.product import Product
    from generation.resolve import resolve

    for recipe in project.recipes:
        for category in project.brand_kit.categories:
            item = Product(sku="check", title="check", category=category, photos=("check.jpg",), **EVERYTHING_KNOWN)
            try:
                resolve(recipe, item, project.brand_kit, 0, upscaler=project.upscaler)
            except VitrineError as error:
                refuses = isinstance(error, RenderError) and KINDS[recipe.kind].for_some
                yield Finding(
                    severity="warning" if refuses else "error", where=f"recipe {recipe.name}, category {category}", message=str(error)
                )


def _partitions(project: Project) -> Iterator[Finding]:
    from assets.partitions import FIRST_DROP, MAX_CELLS, cell_count
    from resources.settings import utc_now

    count = cell_count(len(project.brand_kit.categories), utc_now().date())
    if count > MAX_CELLS:
        message = f"{len(project.brand_kit.categories)} categories since {FIRST_DROP} make {count} cells; above {MAX_CELLS} the web UI grows slow."
        yield Finding(severity="warning", where="partitions", message=f"{message} Move FIRST_DROP in assets/partitions.py forward.")


def _screening(project: Project) -> Iterator[Finding]:
    from assets.photo_keys import screening_rules

    screening_rules(project)
    yield from ()


def _cutout_model(project: Project) -> Iterator[Finding]:
    _ = project.cutout_model
    yield from ()


def _training(project: Project) -> Iterator[Finding]:
    from assets.training_set import lora_settings
    from catalog.recipe import parse_model
    from training.settings import LoraSettings

    if any(wears_lora(recipe) for recipe in project.recipes):
        lora_settings(project)
    else:  # nothing is trained, and there need be no model whose defaults could be asked for
        parse_model(LoraSettings, project.settings.training, "vitrine.yaml: training")
    yield from ()


def _base_model(project: Project) -> Iterator[Finding]:
    from orchestration.checking_models import check_models

    yield from (Finding(severity=severity, where="base model", message=message) for severity, message in check_models(project))


def _training_here(project: Project) -> Iterator[Finding]:
    if any(wears_lora(recipe) for recipe in project.recipes):
        from orchestration.checking_training import check_training

        yield from (Finding(severity=severity, where="training", message=message) for severity, message in check_training(project))


def _store(project: Project) -> Iterator[Finding]:
    if isinstance(project.settings.store, S3Store):  # a folder is made when it is first used
        store_in_a_hurry(project).get_manifest("check", "a bucket that is there answers that this is not")
    yield from ()


def _folders(project: Project) -> Iterator[Finding]:
    for name, folder in (("state", project.settings.state_dir), ("output", project.settings.output_dir)):
        there = next(path for path in (folder, *folder.parents) if path.exists())
        if not (there.is_dir() and os.access(there, os.W_OK)):
            message = f"{folder} cannot be written: {there} is read-only here or no folder. Correct `{name}:` or the folder's permissions."
            yield Finding(severity="error", where=name, message=message)


def _publish(project: Project) -> Iterator[Finding]:
    from publishing.bucket_manifest import read_index

    bucket = project.published_bucket
    if bucket is None:
        if isinstance(project.settings.store, S3Store):
            message = f"what is made is kept in a bucket, but published pictures go into {project.settings.output_dir} of the machine that publishes."
            yield Finding(severity="warning", where="publish", message=f"{message} Is that a shared folder? Else set `publish:`.")
        return
    read_index(bucket.in_a_hurry())
    store, shop = project.settings.store, project.settings.publish
    if isinstance(store, S3Store) and isinstance(shop, S3Publish) and store.bucket == shop.bucket:
        made, shown = f"{store.prefix.strip('/')}/".lstrip("/"), f"{shop.prefix.strip('/')}/".lstrip("/")
        if made.startswith(shown):
            message = f"`store:` lies within what `publish:` shows, {bucket.name}: storefronts could read what was rejected. Use two prefixes or buckets."
            yield Finding(severity="error", where="publish", message=message)


def _catalog(project: Project) -> Iterator[Finding]:
    from quality.catalog_suite import check_catalog

    raw = project.source.table.read()
    checked = check_catalog(raw.frame, raw.first_row)
    for bad in checked.bad:
        yield Finding(severity="error", where=f"{raw.name} row {bad.row} ({bad.sku or 'no SKU'})", message="; ".join(bad.reasons))
    from resources.pilot import pilot_skus

    yield from _masks(project, {item.sku for item in checked.good} | {bad.sku for bad in checked.bad})
    yield from _pilot(project, {item.category for item in checked.good})
    inside = pilot_skus(project.settings.pilot, {item.sku: item.category for item in checked.good})
    good = [item for item in checked.good if item.sku in inside]
    there = project.source.pictures.photo_versions({name for item in good for name in item.photos})
    for item in good:
        for name in item.photos:
            if name not in there:
                yield Finding(severity="error", where=f"product {item.sku}", message=f"there is no photo file {name!r}.")
        if item.category not in project.brand_kit.categories:
            message = f"category {item.category!r} has no style in the brand kit; it has {', '.join(sorted(project.brand_kit.categories))}."
            yield Finding(severity="error", where=f"product {item.sku}", message=message)


def _masks(project: Project, skus: Collection[str | None]) -> Iterator[Finding]:
    for one in project.brand_kit.part_masks:
        if one.sku not in skus:
            message = f"part_masks has part '{one.part}' of {one.sku!r}, a SKU that the catalog does not hold, so the mask is never used. Correct it."
            yield Finding(severity="warning", where="brand kit", message=message)


def _pilot(project: Project, categories: set[str]) -> Iterator[Finding]:
    for name in project.settings.pilot.categories if project.settings.pilot else ():
        if name not in categories:
            message = f"pilot.categories names {name!r}, which no product has; there are {', '.join(sorted(categories))}. Correct it."
            yield Finding(severity="error", where="pilot", message=message)


def _looks(project: Project) -> Iterator[Finding]:
    if not any(wears_lora(recipe) for recipe in project.recipes):
        return
    from orchestration.checking_training import check_look

    for category in project.brand_kit.categories:
        where = f"looks/{category}"
        try:
            yield from (Finding(severity=severity, where=where, message=message) for severity, message in check_look(project, category))
        except TrainingError as error:  # the next category is looked at all the same
            yield Finding(severity="error", where=where, message=str(error))
        count = sum(not is_mask(name) for name in project.source.pictures.looks(category))
        if count < 8:
            message = f"{count} look pictures; 16 or more teach a LoRA its look, and without one there are no {category} scenes."
            yield Finding(severity="warning", where=where, message=message)


def _uploads(project: Project) -> Iterator[Finding]:
    if project.settings.uploads is not None:
        from orchestration.checking_uploads import check_uploads

        yield from (Finding(severity=severity, where="uploads", message=message) for severity, message in check_uploads(project))
