"""Where the shipped demo lies: its brand kit and base model serve the single-picture commands outside a project."""

from pathlib import Path

from catalog.errors import SettingsError

DEMO = Path(__file__).resolve().parent.parent / "demo"


def shipped_project() -> Path:
    """The demo project's folder. Raises SettingsError when Vitrine was installed without it."""
    if not (DEMO / "vitrine.yaml").is_file():
        raise SettingsError(f"The demo is not at {DEMO}. Run vitrine from a clone of its repository, or go into a project's folder.")
    return DEMO


def shipped_brand_kit() -> Path:
    """The demo's brand kit."""
    return shipped_project() / "catalog" / "brand.yaml"


def shipped_base_model() -> Path:
    """The embedded base model."""
    return shipped_project() / "base-model"
