"""What a LoRA file says of itself: SAI ModelSpec 1.0.1, the `ss_` keys that user interfaces read, and Vitrine's own digests.

Holds no clock and no host: the same training gives the same words. Keys as sd-scripts 0.10 (library/sai_model_spec.py, train_network.py) and
musubi-tuner write them; specification: https://github.com/Stability-AI/ModelSpec.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

MODELSPEC_VERSION = "1.0.1"
OWN = "vitrine."
"""Before each key of ours, so that no other program takes one for its own."""


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """How other programs call the models of a family: `modelspec.architecture`, `ss_base_model_version` and the code its names come from."""

    model: str
    base_version: str
    network_module: str
    original_code: str


SGM_CODE = "https://github.com/Stability-AI/generative-models"
ARCHITECTURES: Mapping[str, Architecture] = {
    "sd": Architecture(model="stable-diffusion-v1", base_version="sd_v1", network_module="networks.lora", original_code="diffusers"),
    "sdxl": Architecture(
        model="stable-diffusion-xl-v1-base", base_version="sdxl_base_v1-0", network_module="networks.lora", original_code=SGM_CODE
    ),
    "flux2-klein": Architecture(
        model="Flux.2-klein-4b",
        base_version="flux2_klein_4b",
        network_module="networks.lora_flux_2",
        original_code="https://github.com/black-forest-labs/flux2",
    ),
    "z-image": Architecture(
        model="Z-Image",
        base_version="z_image",
        network_module="networks.lora_zimage",
        original_code="https://github.com/Tongyi-MAI/Z-Image",
    ),
    "qwen-image-edit": Architecture(
        model="Qwen-Image-Edit",
        base_version="qwen_image",
        network_module="networks.lora_qwen_image",
        original_code="https://github.com/QwenLM/Qwen-Image",
    ),
}
SD_V1_LATENT_CHANNELS = 4
SD_V2 = "stable-diffusion-v2"
"""Beginning of the names of SD 2's models, which are laid out like SD 1's and only told apart by who registers them."""
EMBEDDED = Architecture(
    model="vitrine-embedded", base_version="vitrine_embedded", network_module="networks.lora", original_code="diffusers"
)
"""A model in SD's layout with another autoencoder, as the embedded one: nothing trained on it draws anything with SD 1.x, so it is not called so."""

OPTIMIZER_CLASSES = {
    "adamw": "torch.optim.adamw.AdamW",
    "adamw8bit": "bitsandbytes.optim.adamw.AdamW8bit",
    "prodigy": "prodigyopt.prodigy.Prodigy",
}
"""`ss_optimizer` by our setting: module and class, as sd-scripts writes them."""

PREDICTION_WORDS = {"v_prediction": "v", "epsilon": "epsilon"}
"""`modelspec.prediction_type` has words of its own; flow matching has none and leaves it out, as sd-scripts does."""


@dataclass(frozen=True, kw_only=True)
class BaseOrigin:
    """What is known of a base model beside its files: what it is called, its license, and the digest of that license's text; '' unknown.

    `architecture` is what other programs call it, where that is not the name of its family; `base_version` belongs to it.
    """

    name: str = ""
    license: str = ""
    license_digest: str = ""
    architecture: str = ""
    base_version: str = ""


NOTHING_KNOWN = BaseOrigin()


@dataclass(frozen=True, kw_only=True)
class LoraFacts:
    """All that a file's metadata is made of; words that are '' are not written.

    `prompts` are those of the training pictures, `steps` the step whose weights are in the file; digests are of the whole training, its
    pictures with their prompts, and the base model's files; `settings` are all of the trainer's, as plain data. `alpha` is the one of the training:
    in a file in diffusers keys it is worked into the matrices, which kohya's keys undo (lora_export.py).
    """

    family: str
    latent_channels: int
    trigger: str
    size_px: int
    rank: int
    alpha: float
    targets: tuple[str, ...]
    prompts: tuple[str, ...]
    best_step: int
    steps: int
    batch_size: int
    learning_rate: float
    seed: int
    precision: str
    caption_dropout: float
    settings: Mapping[str, object]
    training_digest: str
    data_digest: str
    base_digest: str
    base: BaseOrigin = NOTHING_KNOWN
    prediction_type: str = ""
    author: str = ""
    license: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)


def architecture_of(family: str, latent_channels: int) -> Architecture:
    """How a family is called elsewhere; a family that nobody else knows goes by its own name."""
    if family == "sd" and latent_channels != SD_V1_LATENT_CHANNELS:
        return EMBEDDED
    own = Architecture(model=family, base_version=family.replace("-", "_"), network_module="networks.lora", original_code="diffusers")
    return ARCHITECTURES.get(family, own)


def _architecture(facts: LoraFacts) -> Architecture:
    """How the base model is called elsewhere: as it is registered, else as its family."""
    of_family, base = architecture_of(facts.family, facts.latent_channels), facts.base
    return replace(of_family, model=base.architecture, base_version=base.base_version) if base.architecture else of_family


def lora_metadata(facts: LoraFacts) -> dict[str, str]:
    """The metadata of a LoRA file in diffusers keys, without the hash of its tensors, which `lora_bytes` adds."""
    words = {**_model_spec(facts), **_training_keys(facts), **_own_keys(facts)}
    return {"format": "pt", **{name: value for name, value in words.items() if value}}


def exported_metadata(metadata: Mapping[str, str], family: str, latent_channels: int, key_format: str, digest: str) -> dict[str, str]:
    """The metadata of a file in other keys: the same, with the code that its names come from and the digest of the file it was made of."""
    code = "diffusers" if key_format == "diffusers" else architecture_of(family, latent_channels).original_code
    return {**metadata, "modelspec.implementation": code, f"{OWN}exported_from": digest, f"{OWN}key_format": key_format}


def told_strength(metadata: Mapping[str, str]) -> float:
    """Alpha / rank of the training that a file is of, which is worked into its matrices; 1 for a file that tells nothing of it."""
    try:
        alpha, rank = float(metadata[f"{OWN}alpha"]), float(metadata[f"{OWN}rank"])
    except (KeyError, ValueError):
        return 1.0
    return alpha / rank if alpha > 0 and rank > 0 else 1.0


def _model_spec(facts: LoraFacts) -> dict[str, str]:
    pictures = len(facts.prompts)
    spec = {
        "sai_model_spec": MODELSPEC_VERSION,
        "architecture": f"{_architecture(facts).model}/lora",
        "implementation": "diffusers",
        "title": f"{facts.trigger} (LoRA {facts.training_digest[:8]})",
        "description": f"Draws empty sets in the look '{facts.trigger}'. Trained on {pictures} pictures, mirrored copies included, on base model "
        f"{facts.base.name or facts.base_digest[:12]}, and made for that one alone.",
        "author": facts.author,
        "license": facts.license,
        "usage_hint": f"Begin the prompt with: {facts.trigger}",
        "trigger_phrase": facts.trigger,
        "tags": "style",
        "resolution": f"{facts.size_px}x{facts.size_px}",
        "prediction_type": PREDICTION_WORDS.get(facts.prediction_type, ""),
    }
    return {f"modelspec.{name}": value for name, value in spec.items()}


def _training_keys(facts: LoraFacts) -> dict[str, str]:
    """sd-scripts' keys. Theirs are of one checkpoint file; here `ss_sd_model_hash` is of the digest over all files of the base model."""
    tags = Counter(tag.strip() for prompt in facts.prompts for tag in prompt.split(",") if tag.strip())
    name = re.sub(r"[^A-Za-z0-9]+", "-", facts.trigger).strip("-").lower()
    architecture = _architecture(facts)
    keys = {
        "output_name": name,
        "base_model_version": architecture.base_version,
        "v2": str(architecture.model.startswith(SD_V2)),
        "network_module": architecture.network_module,
        "network_dim": str(facts.rank),
        "network_alpha": str(float(facts.alpha)),
        "learning_rate": f"{facts.learning_rate:g}",
        "unet_lr": f"{facts.learning_rate:g}",
        "text_encoder_lr": "None",
        "optimizer": OPTIMIZER_CLASSES.get(str(facts.settings.get("optimizer", "adamw")), ""),
        "lr_scheduler": "cosine",
        "steps": str(facts.best_step),
        "max_train_steps": str(facts.steps),
        "total_batch_size": str(facts.batch_size),
        "num_train_images": str(len(facts.prompts)),
        "num_reg_images": "0",
        "seed": str(facts.seed),
        "caption_dropout_rate": f"{facts.caption_dropout:g}",
        "mixed_precision": {"bfloat16": "bf16"}.get(facts.precision, "no"),
        "resolution": f"({facts.size_px}, {facts.size_px})",
        "clip_skip": "None",
        "sd_model_name": facts.base.name,
        "sd_model_hash": facts.base_digest[:8],
        "new_sd_model_hash": facts.base_digest,
        "dataset_dirs": _json({name: {"n_repeats": 1, "img_count": len(facts.prompts)}}),
        "tag_frequency": _json({name: dict(sorted(tags.items(), key=lambda item: (-item[1], item[0])))}),
    }
    return {f"ss_{name}": value for name, value in keys.items()}


def _own_keys(facts: LoraFacts) -> dict[str, str]:
    keys = {
        "family": facts.family,
        "trigger": facts.trigger,
        "rank": str(facts.rank),
        "alpha": f"{facts.alpha:g}",
        "target_modules": _json(list(facts.targets)),
        "settings": _json(dict(sorted(facts.settings.items()))),
        "best_step": str(facts.best_step),
        "training": facts.training_digest,
        "training_set": facts.data_digest,
        "base_model": facts.base_digest,
        "base_license": facts.base.license,
        "base_license_sha256": facts.base.license_digest,
        "versions": _json(dict(sorted(facts.versions.items()))) if facts.versions else "",
    }
    return {f"{OWN}{name}": value for name, value in keys.items()}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))
