"""Which settings a training has that `vitrine.yaml` leaves out: those of the base model's entry in models.yaml, else its family's.

The embedded model's entry names every setting in which it differs from other models of its layout.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from catalog.errors import SettingsError
from catalog.recipe import parse_model
from catalog.training_preset import TrainingPreset
from training.settings import LoraSettings

_UNET = TrainingPreset(
    steps=1200, batch_size=4, learning_rate=1e-4, rank=16, target_modules="transformer", min_snr_gamma=5.0, validate_every=100,
    checkpoint_every=100,
)  # fmt: skip
"""What kohya's scripts train by default (linear layers of the transformer blocks), and min-SNR as Hang et al. 2023 (section 4.1) have it."""
_FLOW = TrainingPreset(
    steps=1000, batch_size=4, learning_rate=1e-4, rank=16, target_modules="attention", gradient_checkpointing=True, validate_every=100,
    checkpoint_every=100,
)  # fmt: skip
"""As diffusers' own LoRA scripts for flows; density and shift come by themselves."""

FAMILY_PRESETS: Mapping[str, TrainingPreset] = {
    "sd": _UNET.model_copy(update={"ema_decay": 0.99}),
    "sdxl": _UNET.model_copy(update={"gradient_checkpointing": True}),
    "flux2-klein": _FLOW,
    "z-image": _FLOW,
    "qwen-image-edit": _FLOW,
}
"""By family. Common practice with these models, not measured here; docs/how-to/training.md has the same table."""


@dataclass(frozen=True, kw_only=True)
class Preset:
    """The defaults in force for one base model, and in words where they come from."""

    values: Mapping[str, Any]
    source: str

    def settings(self, given: Mapping[str, Any], source: str = "training") -> LoraSettings:
        """The trainer's settings with what is left out of `given` filled in. Raises SettingsError for a misspelt or impossible one."""
        return parse_model(LoraSettings, _over(self.values, given), source)


def preset_of(family: str, name: str = "", own: TrainingPreset | None = None) -> Preset:
    """The preset of a base model: what its entry `name` says in `own`, before what its family says.

    Raises SettingsError for a family without presets.
    """
    if family not in FAMILY_PRESETS:
        raise SettingsError(
            f"Nothing is trained on base models of family {family!r}; families are {', '.join(FAMILY_PRESETS)}. Choose another `base_model`."
        )
    of_family, of_entry = _written(FAMILY_PRESETS[family]), {} if own is None else _written(own)
    sources = [f"entry {name}"] if of_entry else []
    if not of_family.keys() <= of_entry.keys():
        sources.append(f"family {family}")
    return Preset(values=_over(of_family, of_entry), source=", then ".join(sources))


def _over(wider: Mapping[str, Any], narrower: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with those of a wider default where they say nothing; an alpha goes with the rank that it was chosen for."""
    kept = {name: value for name, value in wider.items() if name != "alpha" or "rank" not in narrower}
    return {**kept, **narrower}


def _written(preset: TrainingPreset) -> dict[str, Any]:
    """What a preset names, a written `null` included where it switches something off; elsewhere it leaves the setting to the next default."""
    named = preset.model_dump(exclude_unset=True)
    return {setting: value for setting, value in named.items() if value is not None or LoraSettings.model_fields[setting].default is None}
