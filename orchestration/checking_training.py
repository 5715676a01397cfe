"""Check what a training would stumble over: settings without meaning for the base model, packages and GPUs that are not there, look masks.

Loads no weights, and torch only where the settings ask for a GPU.
"""

from collections.abc import Iterator
from typing import Literal

from assets.training_set import look_captions, look_masks, lora_settings
from catalog.errors import ModelError, TrainingError, VitrineError
from catalog.look_files import is_mask, mask_of
from resources.project import Project
from resources.settings import deployment_home

Told = tuple[Literal["error", "warning"], str]


def check_training(project: Project) -> Iterator[Told]:
    """What is wrong with the trainer's settings for the model that looks are trained on, and with this machine for them.

    In a deployment, which trains on other machines than this one, what this one lacks is a warning. Raises what reading settings or model raises.
    """
    from generation.base_model import read_base_model
    from training.optimizers import missing_package
    from training.processes import missing_devices
    from training.target_layers import layers_in_files, matching_layers, target_names
    from training.timesteps import refuse_meaningless

    settings = lora_settings(project)
    here: Literal["error", "warning"] = "error" if deployment_home() is None else "warning"
    for lacking in (missing_package(settings), missing_devices(settings), _missing_to_draw(project, settings.device)):
        if lacking:
            yield here, lacking
    model = read_base_model(project.training_model_dir)
    family = model.behavior
    try:
        refuse_meaningless(settings, family)
    except TrainingError as error:
        yield "error", str(error)
    matching_layers(layers_in_files(model.folder / family.denoiser_part), target_names(family, settings))


def _missing_to_draw(project: Project, training_device: str) -> str:
    """Whether scenes are to be drawn on a GPU that is not there, in words; '' when they can be drawn, or when training tells the same."""
    if project.settings.generation.device == "cpu" or training_device != "cpu":
        return ""
    import torch

    if torch.cuda.is_available():
        return ""
    return "`generation.device` is cuda, but torch sees no GPU here. Set `device: cpu`, or mend the driver."


def check_look(project: Project, category: str) -> Iterator[Told]:
    """What is wrong with the captions and masks of a category's look; a look without either is listed and not read."""
    from training.look_masks import refuse_lone_masks

    names = project.source.pictures.looks(category)
    pictures = [name for name in names if not is_mask(name)]
    captions = look_captions(project, category) if pictures else {}
    if lone := sorted(captions.keys() - set(pictures)):
        more = f" and for {len(lone) - 1} more" if len(lone) > 1 else ""
        yield "error", f"captions.csv has a caption for {lone[0]}{more}, which is not there. Correct the name, or add the picture."
    if len(pictures) == len(names):
        return
    masks = look_masks(project, category)
    for name in pictures:
        if (mask := mask_of(name, masks)) is not None:
            try:
                _check_mask(project, category, name, mask, masks[mask])
            except VitrineError as error:
                yield "error", str(error)
    refuse_lone_masks(pictures, masks)


def _check_mask(project: Project, category: str, picture: str, mask: str, data: bytes) -> None:
    """Raise TrainingError or PhotoRefused for a mask that its picture could not be trained with."""
    from imaging.photo import upright_size
    from training.look_crops import cut, nearest_size
    from training.look_masks import read_mask, refuse_black

    picture_data = project.source.pictures.look_file(category, picture)
    if picture_data is None:  # removed since it was listed
        return
    size_px = upright_size(picture_data, name=picture)
    mask_HW = read_mask(mask, data, size_px)
    sizes = _sizes(project)
    refuse_black(picture, cut(picture, mask_HW, nearest_size(*size_px, sizes)) if sizes else mask_HW)


def _sizes(project: Project) -> tuple[tuple[int, int], ...]:
    """Sizes that looks are cut to; none while the base model cannot be read, which is told by itself."""
    from generation.base_model import read_base_model
    from training.look_crops import training_sizes

    try:
        size_px = read_base_model(project.training_model_dir).size_px
    except ModelError:
        return ()
    return training_sizes(size_px, lora_settings(project).aspects)
