"""Compare a photo's measurements with the rules, and say what is wrong in words that a photographer can act on.

Every sentence holds the measured value, the required value and what to do.
"""

from collections.abc import Sequence
from dataclasses import replace

from catalog.verdict import Reason
from quality.screening_rules import Action, ScreeningRules

PERFECT_STEP_RATIO = 1.0
"""The step ratio of an ideally sharp edge; sentences give percentages of it."""

SHARP_FINEST_RATIO = 0.18
"""Median of sharp photographs, half A of benchmarks/screening.py; sentences give percentages of it."""

Measured = dict[str, float]


def broken_rules(measured: Measured, rules: ScreeningRules) -> tuple[Reason, ...]:
    """Return a reason for every broken rule, the most basic first; rules that are switched off give none.

    A photo without a product is not called blurred or cluttered, nor a cluttered one cut off: what the finer rules look at is not there.
    """
    nothing = _product(measured, rules)
    looks = nothing or [*_sharpness(measured, rules), *_surroundings(measured, rules)]
    return in_force([*_size(measured, rules), *looks, *_tones(measured, rules)], rules)


def in_force(found: Sequence[Reason], rules: ScreeningRules) -> tuple[Reason, ...]:
    """The reasons with the severity that the rules' actions give them; those that are switched off are left out."""
    kept = []
    for reason in found:
        action: Action = getattr(rules.actions, reason.code)
        if action != "off":
            kept.append(replace(reason, severity="critical" if action == "refuse" else "warning"))
    return tuple(kept)


def _size(measured: Measured, rules: ScreeningRules) -> list[Reason]:
    side = measured["min_side_px"]
    if side >= rules.min_side_px:
        return []
    return [
        Reason(
            code="too_small",
            message=f"The photo is too small: {measured['width_px']:.0f} x {measured['height_px']:.0f} pixels; the shorter side "
            f"needs at least {rules.min_side_px}. Upload the original from the camera, not a preview.",
            measured=side,
            required=f">= {rules.min_side_px} px",
        )
    ]


def _sharpness(measured: Measured, rules: ScreeningRules) -> list[Reason]:
    worst, best, fine, effect = (measured[name] for name in ("step_ratio_worst", "step_ratio_best", "edge_fine_ratio", "blur_effect"))
    steepness = f"{_of_perfect(rules.min_step_ratio_worst)} of a sharp edge's steepness is needed in every direction"
    if worst < rules.min_step_ratio_worst and best > rules.motion_direction_ratio * worst:
        return [
            Reason(
                code="motion_blurred",
                message=f"The photo is blurred by movement: in one direction its edges are {_of_perfect(worst)} as steep as a sharp "
                f"edge, in another {_of_perfect(best)}; at least {steepness}. Use a tripod or a faster shutter, and check the focus.",
                measured=round(worst, 3),
                required=f">= {rules.min_step_ratio_worst}",
            )
        ]
    again = "Focus on the product and shoot again, or upload the original instead of an enlarged copy."
    if fine < rules.min_edge_fine_ratio:
        return [
            Reason(
                code="blurred",
                message=f"The photo is blurred: its edges are soft (fine detail {fine:.2f}); at least {rules.min_edge_fine_ratio:.2f} is needed, "
                f"sharp photos have about 0.45. {again}",
                measured=round(fine, 3),
                required=f">= {rules.min_edge_fine_ratio}",
            )
        ]
    finest = measured["edge_finest_ratio"]
    if finest < rules.min_edge_finest_ratio:
        return [
            Reason(
                code="blurred",
                message=f"The photo is blurred or enlarged: the finest detail of its edges is {_percent_of_sharp(finest)} of a sharp photo's; "
                f"at least {_percent_of_sharp(rules.min_edge_finest_ratio)} is needed. {again}",
                measured=round(finest, 4),
                required=f">= {rules.min_edge_finest_ratio}",
            )
        ]
    if worst < rules.min_step_ratio_worst:
        return [
            Reason(
                code="blurred",
                message=f"The photo is blurred: its edges are {_of_perfect(worst)} as steep as a sharp edge; at least {steepness}. {again}",
                measured=round(worst, 3),
                required=f">= {rules.min_step_ratio_worst}",
            )
        ]
    if effect > rules.max_blur_effect:
        return [
            Reason(
                code="blurred",
                message=f"The photo is blurred: its blur effect is {effect:.2f}; at most {rules.max_blur_effect:.2f} is allowed, sharp "
                f"photos have about 0.4. {again}",
                measured=round(effect, 3),
                required=f"<= {rules.max_blur_effect}",
            )
        ]
    return []


def _percent_of_sharp(finest: float) -> str:
    return f"{100 * finest / SHARP_FINEST_RATIO:.0f} %"


def _of_perfect(step_ratio: float) -> str:
    return f"{100 * step_ratio / PERFECT_STEP_RATIO:.0f} %"


def _product(measured: Measured, rules: ScreeningRules) -> list[Reason]:
    share = measured["product_share"]
    if share >= rules.min_product_share:
        return []
    return [
        Reason(
            code="no_product",
            message=f"No product stands out: {100 * share:.1f} % of the picture differs from its background; at least "
            f"{100 * rules.min_product_share:.1f} % is needed. Move closer, or use a background of another color.",
            measured=round(share, 4),
            required=f">= {rules.min_product_share}",
        )
    ]


def _surroundings(measured: Measured, rules: ScreeningRules) -> list[Reason]:
    edges, uneven = measured["border_edge_share"], measured["ring_median_delta_e"]
    if uneven > rules.max_ring_median_delta_e or edges > rules.max_border_edge_share:
        return [
            Reason(
                code="cluttered",
                message=f"The background is cluttered: {100 * edges:.0f} % of its border is edges (at most "
                f"{100 * rules.max_border_edge_share:.0f} %) and it varies by {uneven:.1f} Delta E (at most "
                f"{rules.max_ring_median_delta_e:g}). Put the product in front of plain paper or a plain wall.",
                measured=f"edges {edges:.3f}, variation {uneven:.2f}",
                required=f"edges <= {rules.max_border_edge_share}, variation <= {rules.max_ring_median_delta_e}",
            )
        ]
    return [*_framing(measured, rules), *_count(measured, rules), *_overlay(measured, rules)]


def _framing(measured: Measured, rules: ScreeningRules) -> list[Reason]:
    contact = measured["frame_contact_share"]
    if contact <= rules.max_frame_contact_share:
        return []
    return [
        Reason(
            code="cropped",
            message=f"The product is cut off by the frame: it touches {100 * contact:.1f} % of one side; at most "
            f"{100 * rules.max_frame_contact_share:g} % is allowed. Step back so that the whole product is visible.",
            measured=round(contact, 3),
            required=f"<= {rules.max_frame_contact_share}",
        )
    ]


def _count(measured: Measured, rules: ScreeningRules) -> list[Reason]:
    subjects = measured["subjects"]
    if subjects <= rules.max_subjects:
        return []
    return [
        Reason(
            code="several_subjects",
            message=f"The photo shows {subjects:.0f} separate things; {rules.max_subjects} is expected. If they are not sold "
            "together, photograph the product alone.",
            measured=subjects,
            required=f"<= {rules.max_subjects}",
        )
    ]


def _overlay(measured: Measured, rules: ScreeningRules) -> list[Reason]:
    letters = measured["overlay_letters"]
    if letters <= rules.max_overlay_letters:
        return []
    return [
        Reason(
            code="text_overlay",
            message=f"Something seems to be written over the photo: {letters:.0f} letters beside the product; at most "
            f"{rules.max_overlay_letters} pass for specks. Upload the photo without watermark, logo, date or caption.",
            measured=letters,
            required=f"<= {rules.max_overlay_letters}",
        )
    ]


def _tones(measured: Measured, rules: ScreeningRules) -> list[Reason]:
    mean, clipped, chroma = (measured[name] for name in ("lightness_mean", "product_clipped_share", "neutral_floor_chroma"))
    found = []
    if mean < rules.min_lightness_mean:
        found.append(
            Reason(
                code="too_dark",
                message=f"The photo is dark: its mean lightness is {mean:.0f} of 100; at least {rules.min_lightness_mean:.0f} is "
                "usual. Add light or expose longer, unless the darkness is intended.",
                measured=round(mean, 1),
                required=f">= {rules.min_lightness_mean}",
            )
        )
    if clipped > rules.max_product_clipped_share:
        found.append(
            Reason(
                code="overexposed",
                message=f"The product is overexposed: {100 * clipped:.0f} % of it is pure white; at most "
                f"{100 * rules.max_product_clipped_share:.0f} % is usual. Expose shorter.",
                measured=round(clipped, 3),
                required=f"<= {rules.max_product_clipped_share}",
            )
        )
    if chroma > rules.max_neutral_floor_chroma:
        found.append(
            Reason(
                code="color_cast",
                message=f"The photo may have a color cast: even its grayest parts have a chroma of {chroma:.0f}; at most "
                f"{rules.max_neutral_floor_chroma:.0f} is usual. Set the white balance on a gray card, unless the paper is colored.",
                measured=round(chroma, 1),
                required=f"<= {rules.max_neutral_floor_chroma}",
            )
        )
    return found
