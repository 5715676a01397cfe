"""What a source photo must be: thresholds on its measurements, and what breaking each rule does."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Action = Literal["refuse", "warn", "off"]


class RuleActions(BaseModel):
    """What breaking each rule does: refuse the photo, accept it with a warning, or nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    too_small: Action = "refuse"
    blurred: Action = "refuse"
    motion_blurred: Action = "refuse"
    no_product: Action = "refuse"
    cluttered: Action = "refuse"
    cropped: Action = "refuse"
    too_dark: Action = "warn"
    """Low-key studio photos are legitimate: 7 of 271 real photographs are darker than this rule and fine."""
    overexposed: Action = "warn"
    color_cast: Action = "warn"
    several_subjects: Action = "warn"
    """A pair of shoes or a set of mugs is one product."""
    text_overlay: Action = "warn"
    """Found on plain parts only: a printed card beside the product looks the same."""
    wrong_type: Action = "refuse"
    """A file whose name promises another format than it holds: with `warn` or `off` it is read as what it is."""
    color_profile: Action = "warn"
    """Another profile than sRGB: converted, and the photographer hears from what."""
    no_color_profile: Action = "off"
    """Most photos carry none (118 of 120 of our test photographs) and are sRGB: a warning about nearly every photo would be read by nobody."""
    ai_marked: Action = "warn"
    """The file says that it is generated. Whether that may be sold as a photograph is for the brand to say."""
    same_photo: Literal["warn", "off"] = "warn"
    """Exactly this file is another product's photo as well. Sizes of one product share photos, and no side is the wrong one: never refused."""
    near_duplicate: Action = "warn"
    """A copy of another product's photo: resized, recompressed or trimmed. Refused, the later one is."""


class ScreeningRules(BaseModel):
    """Thresholds of the screening, on columns of imaging.photo_measurements.COLUMNS. Sources: benchmarks/screening.py."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_side_px: int = Field(default=1000, ge=64)
    """Marketplaces zoom from 1000 px; renders are 1200 px."""
    min_edge_fine_ratio: float = Field(default=0.31, ge=0)
    """Sharp photographs have 0.337 and more; Gaussian blur of sigma 0.8 px at 768 px leaves 0.283 and less."""
    min_edge_finest_ratio: float = Field(default=0.096, ge=0)
    """Sharp photographs have 0.124 and more, pale ones too; a blur of sigma 0.8 px leaves 0.065 and less, enlarging by 1.7 0.075 and less:
    halfway between, as a ratio."""
    min_step_ratio_worst: float = Field(default=0.40, ge=0)
    """Sharp photographs have 0.49 and more, pale ones too; 9 px of motion at 768 px leaves 0.33 and less: halfway between, as a ratio."""
    motion_direction_ratio: float = Field(default=1.4, ge=1)
    """Sharpest against blurriest direction from which a blur is called motion; motion gives 1.55 and more."""
    max_blur_effect: float = Field(default=0.66, ge=0, le=1)
    """Sharp photographs have 0.60 and less. A second opinion: everything it caught on the tuning half, the ratios caught too."""
    min_product_share: float = Field(default=0.005, ge=0, le=1)
    max_ring_median_delta_e: float = Field(default=2.5, ge=0)
    """Packshots and studio sweeps have 0.9 and less."""
    max_border_edge_share: float = Field(default=0.15, ge=0, le=1)
    """Packshots and studio sweeps have 0.04 and less."""
    max_frame_contact_share: float = Field(default=0.02, ge=0, le=1)
    """A lamp's cord may leave the picture, a strap or a handle may not. Whole products touch nothing, cut off ones 6 % and more."""
    min_lightness_mean: float = Field(default=25.0, ge=0, le=100)
    max_product_clipped_share: float = Field(default=0.25, ge=0, le=1)
    max_neutral_floor_chroma: float = Field(default=15.0, ge=0)
    """Colored paper alone reaches 13: only more than that is likely to be the light."""
    max_subjects: int = Field(default=1, ge=1)
    max_overlay_letters: int = Field(default=3, ge=0)
    """Letters in rows on the plain parts of the picture: 0 in 80 composites and 37 demo photographs, 8 and more under watermarks and dates."""
    actions: RuleActions = RuleActions()
