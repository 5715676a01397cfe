"""The families of base models that Vitrine draws with and trains on, by name."""

from catalog.errors import ModelError
from generation.families.flux2_klein import Flux2Klein
from generation.families.qwen_image_edit import QwenImageEdit
from generation.families.stable_diffusion import StableDiffusion
from generation.families.stable_diffusion_xl import StableDiffusionXL
from generation.families.z_image import ZImage
from generation.family import Family

_ALL: tuple[Family, ...] = (
    StableDiffusion(),
    StableDiffusionXL(),
    Flux2Klein(),
    ZImage(),
    QwenImageEdit(),
)
FAMILIES: dict[str, Family] = {family.name: family for family in _ALL}


def family_named(name: str) -> Family:
    """The family of a name in models.yaml. Raises ModelError naming those there are."""
    if name not in FAMILIES:
        raise ModelError(f"There is no family {name!r} of base models. There is: {', '.join(sorted(FAMILIES))}.")
    return FAMILIES[name]


def family_of_pipeline(class_name: str) -> Family | None:
    """The family that reads folders whose model_index.json names this pipeline class; None when there is none."""
    return next((family for family in FAMILIES.values() if class_name in family.pipeline_classes), None)
