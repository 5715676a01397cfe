"""Screen a source photo: may it become a product picture, and if not, what should the photographer do?

Judges only; the file is read by imaging/photo.py and measured by imaging/photo_measurements.py. Codes are stable: the file-level ones of
imaging.photo.REFUSAL_CODES plus `too_small`, `blurred`, `motion_blurred`, `cluttered`, `cropped`, `too_dark`, `overexposed`,
`color_cast`, `several_subjects` and `no_product`. Left out: duplicates across products, which need the whole catalog.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from catalog.errors import PhotoRefused
from catalog.verdict import Reason
from imaging.photo import Photo, decode_photo
from imaging.photo_measurements import measure_photo

Action = Literal["refuse", "warn", "off"]


class RuleActions(BaseModel):
    """What breaking each rule does: refuse the photo, warn, or nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    too_small: Action = "refuse"
    blurred: Action = "refuse"
    motion_blurred: Action = "refuse"
    cluttered: Action = "refuse"
    cropped: Action = "refuse"
    no_product: Action = "refuse"
    too_dark: Action = "warn"
    """Low-key studio photos are legitimate: 7 of 271 real photographs are darker than this rule and fine."""
    overexposed: Action = "warn"
    color_cast: Action = "warn"
    several_subjects: Action = "warn"
    """A pair of shoes or a mug set is one product."""


class ScreeningRules(BaseModel):
    """Thresholds of the screening, all on columns of imaging.photo_measurements.COLUMNS."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_side_px: int = Field(default=1000, ge=64)
    """Zoom on marketplaces starts at 1000 px; renders are 1200 px."""
    min_edge_fine_ratio: float = Field(default=0.31, ge=0)
    min_edge_fine_ratio_worst: float = Field(default=0.325, ge=0)
    """Sharp photographs: 0.34 and more; Gaussian blur of sigma 0.8 px leaves 0.24 (benchmarks/screening.py)."""
    max_blur_effect: float = Field(default=0.62, ge=0, le=1)
    motion_direction_ratio: float = Field(default=1.35, ge=1)
    """Sharpest against blurriest direction from which blur counts as motion."""
    max_ring_median_delta_e: float = Field(default=2.5, ge=0)
    max_border_edge_share: float = Field(default=0.15, ge=0, le=1)
    max_frame_contact_share: float = Field(default=0.04, ge=0, le=1)
    min_product_share: float = Field(default=0.005, ge=0, le=1)
    min_lightness_mean: float = Field(default=25.0, ge=0, le=100)
    max_product_clipped_share: float = Field(default=0.25, ge=0, le=1)
    max_neutral_floor_chroma: float = Field(default=9.0, ge=0)
    max_subjects: int = Field(default=1, ge=1)
    actions: RuleActions = RuleActions()


@dataclass(frozen=True, kw_only=True)
class Screening:
    """The outcome for one file: accepted or not, why, and the numbers behind it."""

    name: str
    accepted: bool
    reasons: tuple[Reason, ...]
    """Why it was refused; empty when accepted."""
    warnings: tuple[Reason, ...]
    measurements: dict[str, float]
    photo: Photo | None = field(repr=False)
    """The decoded photo, also when it was refused for its looks; None when the file cannot be read."""


class Decoder(Protocol):
    """Anything that reads a photo as `imaging.photo.decode_photo` does, such as the sandbox."""

    def __call__(self, data: bytes, *, name: str = "") -> Photo:
        """Return the photo or raise PhotoRefused."""
        ...


def screen_photo(data: bytes, name: str, rules: ScreeningRules | None = None, *, decode: Decoder = decode_photo) -> Screening:
    """Read, measure and judge one photo file. Never raises for a bad file: that is a Screening with `accepted` False.

    decode: `imaging.photo.decode_photo`, or a sandbox's for files from outside.
    """
    try:
        photo = decode(data, name=name)
    except PhotoRefused as refusal:
        reason = Reason(code=refusal.code, message=str(refusal))
        return Screening(name=name, accepted=False, reasons=(reason,), warnings=(), measurements={}, photo=None)
    measurements = measure_photo(photo.pixels_HW3)
    found = judge_photo(measurements, rules or ScreeningRules())
    reasons = tuple(reason for reason in found if reason.severity == "critical")
    warnings = tuple(reason for reason in found if reason.severity == "warning")
    return Screening(name=name, accepted=not reasons, reasons=reasons, warnings=warnings, measurements=measurements, photo=photo)


def judge_photo(measured: dict[str, float], rules: ScreeningRules) -> tuple[Reason, ...]:
    """Compare measurements with the rules; return every broken rule, most basic first."""
    found: list[Reason] = []
    for check in (_size, _sharpness, _surroundings, _tones):
        found += check(measured, rules)
    kept = []
    for reason in found:
        action: Action = getattr(rules.actions, reason.code)
        if action != "off":
            severity: Literal["critical", "warning"] = "critical" if action == "refuse" else "warning"
            kept.append(
                Reason(
                    code=reason.code, message=reason.message, measured=reason.measured, required=reason.required,
                    severity=severity,
                )
            )  # fmt: skip
    return tuple(kept)


Check = Callable[[dict[str, float], ScreeningRules], list[Reason]]


def _size(measured: dict[str, float], rules: ScreeningRules) -> list[Reason]:
    side = measured["min_side_px"]
    if side >= rules.min_side_px:
        return []
    size = f"{measured['width_px']:.0f} x {measured['height_px']:.0f}"
    return [
        Reason(
            code="too_small",
            message=f"The photo is too small: {size} pixels; the shorter side needs at least {rules.min_side_px}. "
            "Upload the original from the camera, not a preview.",
            measured=side,
            required=f">= {rules.min_side_px} px",
        )
    ]


def _sharpness(measured: dict[str, float], rules: ScreeningRules) -> list[Reason]:
    overall, worst, best = (measured[f"edge_fine_ratio{which}"] for which in ("", "_worst", "_best"))
    if worst < rules.min_edge_fine_ratio_worst and best > rules.motion_direction_ratio * max(worst, 1e-6):
        return [
            Reason(
                code="motion_blurred",
                message=f"The photo is blurred by movement: edges in one direction keep {worst:.2f} of their fine detail, in "
                f"another {best:.2f}; at least {rules.min_edge_fine_ratio_worst:.2f} is needed in all. Use a tripod or a "
                "faster shutter.",
                measured=round(worst, 3),
                required=f">= {rules.min_edge_fine_ratio_worst}",
            )
        ]
    if overall < rules.min_edge_fine_ratio or worst < rules.min_edge_fine_ratio_worst:
        shown, limit = min((overall, rules.min_edge_fine_ratio), (worst, rules.min_edge_fine_ratio_worst))
        return [
            Reason(
                code="blurred",
                message=f"The photo is blurred: its edges keep {shown:.2f} of their fine detail; at least {limit:.2f} is needed. "
                "Focus on the product and shoot again, or upload the original instead of an enlarged copy.",
                measured=round(shown, 3),
                required=f">= {limit}",
            )
        ]
    if measured["blur_effect"] > rules.max_blur_effect:
        return [
            Reason(
                code="blurred",
                message=f"The photo is blurred: its blur effect is {measured['blur_effect']:.2f}; at most "
                f"{rules.max_blur_effect:.2f} is allowed. Focus on the product and shoot again.",
                measured=round(measured["blur_effect"], 3),
                required=f"<= {rules.max_blur_effect}",
            )
        ]
    return []


def _surroundings(measured: dict[str, float], rules: ScreeningRules) -> list[Reason]:
    edges, uneven = measured["border_edge_share"], measured["ring_median_delta_e"]
    if measured["product_share"] < rules.min_product_share:
        share = measured["product_share"]
        return [
            Reason(
                code="no_product",
                message=f"No product stands out: {100 * share:.1f} % of the picture differs from its background; at least "
                f"{100 * rules.min_product_share:.1f} % is needed. Move closer, or use a background of another color.",
                measured=round(share, 4),
                required=f">= {rules.min_product_share}",
            )
        ]
    if uneven > rules.max_ring_median_delta_e or edges > rules.max_border_edge_share:
        return [
            Reason(
                code="cluttered",
                message=f"The background is cluttered: {100 * edges:.0f} % of the border is edges (at most "
                f"{100 * rules.max_border_edge_share:.0f} %) and it varies by {uneven:.1f} Delta E (at most "
                f"{rules.max_ring_median_delta_e:g}). Put the product in front of plain paper or a plain wall.",
                measured=f"edges {edges:.3f}, variation {uneven:.2f}",
                required=f"edges <= {rules.max_border_edge_share}, variation <= {rules.max_ring_median_delta_e}",
            )
        ]
    found = []
    contact = measured["frame_contact_share"]
    if contact > rules.max_frame_contact_share:
        found.append(
            Reason(
                code="cropped",
                message=f"The product is cut off by the frame: it covers {100 * contact:.0f} % of one side; at most "
                f"{100 * rules.max_frame_contact_share:.0f} % is allowed. Step back so that the whole product is visible.",
                measured=round(contact, 3),
                required=f"<= {rules.max_frame_contact_share}",
            )
        )
    if measured["subjects"] > rules.max_subjects:
        found.append(
            Reason(
                code="several_subjects",
                message=f"The photo shows {measured['subjects']:.0f} separate things; {rules.max_subjects} is expected. "
                "If they are not sold together, photograph the product alone.",
                measured=measured["subjects"],
                required=f"<= {rules.max_subjects}",
            )
        )
    return found


def _tones(measured: dict[str, float], rules: ScreeningRules) -> list[Reason]:
    found = []
    mean, clipped, chroma = (measured[k] for k in ("lightness_mean", "product_clipped_share", "neutral_floor_chroma"))
    if mean < rules.min_lightness_mean:
        found.append(
            Reason(
                code="too_dark",
                message=f"The photo is dark: its mean lightness is {mean:.0f} of 100; at least {rules.min_lightness_mean:.0f} is "
                "usual. Add light or lengthen the exposure, unless the darkness is intended.",
                measured=round(mean, 1),
                required=f">= {rules.min_lightness_mean}",
            )
        )
    if clipped > rules.max_product_clipped_share:
        found.append(
            Reason(
                code="overexposed",
                message=f"The product is overexposed: {100 * clipped:.0f} % of it is pure white; at most "
                f"{100 * rules.max_product_clipped_share:.0f} % is usual. Shorten the exposure.",
                measured=round(clipped, 3),
                required=f"<= {rules.max_product_clipped_share}",
            )
        )
    if chroma > rules.max_neutral_floor_chroma:
        found.append(
            Reason(
                code="color_cast",
                message=f"The photo seems to have a color cast: even its grayest parts have a chroma of {chroma:.0f}; at most "
                f"{rules.max_neutral_floor_chroma:.0f} is usual. Set the white balance on a gray card.",
                measured=round(chroma, 1),
                required=f"<= {rules.max_neutral_floor_chroma}",
            )
        )
    return found
