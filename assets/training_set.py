"""A category's training set: the look pictures a LoRA learns from, with captions and a held-out split."""

import csv
import io
from typing import TYPE_CHECKING

import dagster as dg

from assets.catalog import catalog_snapshot
from assets.house_rules import OWNERS, sheet_metadata
from assets.observed import observed
from assets.partitions import categories
from catalog.errors import TrainingError
from catalog.keys import digest, digest_bytes
from catalog.look_files import is_mask, mask_of
from catalog.sentences import clause
from resources.project import Project, VitrineResource

if TYPE_CHECKING:
    from training.presets import Preset
    from training.settings import LoraSettings
    from training.training_set import LookPicture, TrainingSet


def lora_settings(project: Project) -> "LoraSettings":
    """The project's settings of the trainer; what they leave out is as suits the model that looks are trained on.

    Raises SettingsError for a misspelt or impossible one, ModelError when `base_model` names a folder without a model.
    """
    return training_preset(project).settings(project.settings.training, "vitrine.yaml: training")


def training_preset(project: Project) -> "Preset":
    """The defaults of trainings on the model that looks are trained on: its entry's, else its family's."""
    from generation.base_model import read_base_model
    from training.presets import preset_of

    model = project.training_model or project.registered_base_model or project.models.of_digest(project.training_model_digest)
    if model is None:
        return preset_of(read_base_model(project.training_model_dir).family)
    return preset_of(model.entry.family, model.id, model.entry.training)


def look_pictures(project: Project, category: str) -> list[tuple[str, bytes]]:
    """Name and bytes of each look picture of a category. Raises TrainingError when there is none."""
    pictures = project.source.pictures
    found = [(name, pictures.look_file(category, name)) for name in pictures.looks(category) if not is_mask(name)]
    there = [(name, data) for name, data in found if data is not None]
    if not there:
        raise TrainingError(
            f"Category {category} has no look pictures in {pictures.name}, looks/{category}. Put 16 or more pictures "
            "of its empty brand sets there (captions.csv beside them is optional), then run again. Nothing was changed."
        )
    return there


def look_masks(project: Project, category: str) -> dict[str, bytes]:
    """The masks beside a category's look pictures by name: which parts of a picture are learned."""
    pictures = project.source.pictures
    found = {name: pictures.look_file(category, name) for name in pictures.looks(category) if is_mask(name)}
    return {name: data for name, data in found.items() if data is not None}


def look_captions(project: Project, category: str) -> dict[str, str]:
    """Captions by file name from `captions.csv` beside the look pictures; empty when there is no such file."""
    data = project.source.pictures.look_file(category, "captions.csv")
    if data is None:
        return {}
    where = f"looks/{category}/captions.csv in {project.source.pictures.name}"
    try:
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig")))
    except UnicodeDecodeError as error:
        raise TrainingError(f"{where} is not UTF-8 text: {clause(error)}. Save it as UTF-8.") from error
    if not {"file", "caption"} <= set(reader.fieldnames or ()):
        raise TrainingError(f"{where} needs the columns file and caption; it has {', '.join(reader.fieldnames or ('none',))}.")
    captions: dict[str, str] = {}
    for row in reader:
        if None in row:  # csv's key for cells beyond the last column: the rest of a caption, which would be cut off without a word
            raise TrainingError(
                f"{where}, line {reader.line_num}, has more cells than columns: a caption with a comma in it needs quotes around it "
                '(01.jpg,"an oak table, light from the left"). Nothing was trained.'
            )
        captions[row["file"]] = row["caption"] or ""
    return captions


def read_training_set(project: Project, category: str) -> "TrainingSet":
    """The training set of a category as the trainer wants it."""
    from generation.base_model import read_base_model
    from training.training_set import build_training_set

    style = project.brand_kit.categories.get(category)
    if style is None:
        raise TrainingError(
            f"The brand kit has no category {category!r}, so its look has no trigger phrase. Known: "
            f"{', '.join(sorted(project.brand_kit.categories))}. Add it under `categories:` in the brand kit."
        )
    return build_training_set(
        look_pictures(project, category),
        look_captions(project, category),
        style.trigger,
        size_px=read_base_model(project.training_model_dir).size_px,
        aspects=lora_settings(project).aspects,
        masks=look_masks(project, category),
    )


def look_parts(project: Project, category: str) -> list[str]:
    """One digest per look picture with its caption: what of a look a LoRA has learned, told apart picture by picture."""
    captions, masks = look_captions(project, category), look_masks(project, category)
    parts = []
    for name, data in look_pictures(project, category):
        mask = mask_of(name, masks)
        learned: list[object] = [digest_bytes(data), captions.get(name)]
        parts.append(digest(learned if mask is None else [*learned, digest_bytes(masks[mask])]))
    return sorted(parts)


def look_digest(project: Project, category: str) -> str:
    """Changes when a look picture, a caption or the trigger phrase does; reads files, decodes nothing."""
    style, masks = project.brand_kit.categories.get(category), look_masks(project, category)
    facts: dict[str, object] = {
        "pictures": [[name, digest_bytes(data)] for name, data in look_pictures(project, category)],
        "captions": look_captions(project, category),
        "trigger": style.trigger if style else None,
    }
    return digest(facts | {"masks": {name: digest_bytes(data) for name, data in masks.items()}} if masks else facts)


@dg.asset(partitions_def=categories, deps=[catalog_snapshot], group_name="training", owners=OWNERS, kinds={"pillow"}, code_version="1")
@observed
def training_set(context: dg.AssetExecutionContext, vitrine: VitrineResource) -> dg.MaterializeResult:
    """The approved look of a category: pictures, captions, and which of them are held out to judge the LoRA on."""
    from imaging.contact_sheet import Tile, contact_sheet

    project, category = vitrine.open(), context.partition_key
    made = read_training_set(project, category)
    key = look_digest(project, category)
    project.store.put_manifest(
        "training_set", key, {"category": category, "data_digest": made.digest, "held_out": [p.name for p in made.held_out]}
    )
    held_out = {picture.name for picture in made.held_out}
    originals: dict[str, LookPicture] = {}
    for picture in (*made.held_out, *made.train):  # a mirrored copy comes after its original
        originals.setdefault(picture.name, picture)
    tiles = [
        Tile(pixels_HW3=picture.pixels_HW3, label=f"{name}\n{'held out' if name in held_out else ''}")
        for name, picture in list(originals.items())[:16]
    ]
    return dg.MaterializeResult(
        data_version=dg.DataVersion(key),
        metadata={
            "pictures": len(originals),
            "held_out": len(made.held_out),
            "duplicates": len(made.duplicates),
            "trigger": made.trigger,
            "digest": made.digest,
            **sheet_metadata(contact_sheet(tiles, columns=4, tile_px=128)),
        },
    )
