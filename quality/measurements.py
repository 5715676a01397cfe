"""One row of measurements per render: what is known about it goes in, a documented table row comes out. Judges nothing; see gate.py."""

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

from imaging.edge_contrast import edge_contrast
from imaging.footprint import find_footprint
from imaging.measure_artifacts import measure_banding, measure_blockiness, measure_collapse, measure_compression
from imaging.measure_background import measure_background, measure_pure_white, measure_white, rgb_of
from imaging.measure_change import target_of
from imaging.measure_color import measure_color, measure_recolor
from imaging.measure_companion import measure_companion, without_companion
from imaging.measure_distortion import measure_distortion
from imaging.measure_edges import measure_halo
from imaging.measure_fidelity import measure_fidelity
from imaging.measure_geometry import find_product, measure_geometry
from imaging.measure_shadow import measure_shadow
from imaging.measure_sharpness import measure_sharpness
from imaging.measure_views import Mask, Views, against_product, background_zone, lowest_channel, prepare_views
from quality.columns import COLUMNS, Measurements
from quality.kind_measures import KIND_MEASURES
from quality.learned import LearnedWeights, measure_learned
from quality.product_measures import measure_product
from quality.proportions import asked_size
from quality.surroundings import BackgroundKind, measure_surroundings

BLEED_PX = 17
"""Side of the square kept clear around product and shadow when white is counted: a JPEG block reaches 8 px from an edge."""

PlacementKind = Literal["known", "found", "not_registered"]
"""How the product's place in the frame is known: told, found by features that agree, or guessed from silhouettes or not at all."""

MIN_SSIM_IN_PLACE = 0.6
"""From this similarity on, the product stands where its mask says; below it, it is looked for in the render."""


@dataclass(frozen=True, kw_only=True)
class RenderEvidence:
    """What is known about one render. All pictures but `photo` have the render's size; sRGB uint8, alpha 0..255.

    `facts` may hold `background` ("white", "plain" or "scene"), `background_hex`, `target_hex`, `prompt`, `texts` (see catalog/text_box.py),
    and `size_cm`, the catalog's `width`, `height` and `depth`, None where it is silent.
    """

    pixels_HW3: npt.NDArray[np.uint8]
    product_rgb_HW3: npt.NDArray[np.uint8] | None = None
    """The cut-out's pixels warped into the frame; None when the placement is unknown."""
    product_alpha_HW: npt.NDArray[np.uint8] | None = None
    photo: tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]] | None = None
    """The photo itself and its product's alpha, at the photo's size; needed where the photo's light was corrected, None otherwise."""
    mannequin_HW: npt.NDArray[np.uint8] | None = None
    """A mask of the mannequin that somebody drew over the photo, warped into the frame, 0..255; None where the catalog has none."""
    expected_HW3: npt.NDArray[np.uint8] | None = None
    """The complete picture the render should be, shadow and all, if known."""
    changes_product: bool = False
    facts: dict[str, Any] = field(default_factory=dict)
    file_bytes: int = 0
    file_format: str = ""
    placement: PlacementKind = "known"
    icc: str | None = None
    """Description of the embedded color profile; None when the file has none."""
    weights: LearnedWeights | None = None
    """Installed weights of learned measures, see learned.py."""
    companion: tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]] | None = None
    """Color and alpha of the cut-out where the second product of a pair stands; None where there is none."""


def measure_render(evidence: RenderEvidence) -> Measurements:
    """Every column of `COLUMNS` for one render; None means not evaluated (the evidence for it is missing), never "fine"."""
    facts, beside = evidence.facts, _beside(evidence)
    if evidence.companion is not None and evidence.product_alpha_HW is not None:
        # The second product of a pair is measured by itself, and is no foreign thing, no twin and no part of the scene.
        pixels_HW3 = without_companion(evidence.pixels_HW3, evidence.companion[1], evidence.product_alpha_HW)
        evidence = replace(evidence, pixels_HW3=pixels_HW3)
    kind, background_hex = background_kind(facts), _background_hex(facts)
    views = views_of(evidence)
    # Without a complete picture only the plain color is known, not the shadow on it.
    row: Measurements = dict.fromkeys(COLUMNS)
    row.update(_file_columns(evidence))
    row.update(beside)
    row["expected_known"] = float(evidence.expected_HW3 is not None)
    row["shadow_due"] = float(evidence.expected_HW3 is None and not _planned_without_shadow(facts))
    row.update(measure_collapse(views))
    row.update(measure_background(views, background_hex, soft_shadows=kind == "plain"))
    if kind == "white":
        row.update(measure_white(evidence.pixels_HW3, should_be_white(evidence, views)))
        if evidence.product_alpha_HW is not None:
            row.update(measure_pure_white(evidence.pixels_HW3, evidence.product_alpha_HW, shadow=not _planned_without_shadow(facts)))
    if kind != "white" and evidence.product_alpha_HW is not None:
        row["edge_contrast_delta_e"] = edge_contrast(evidence.pixels_HW3, evidence.product_alpha_HW)
    fidelity = measure_fidelity(views, recolored=evidence.changes_product)
    row.update(measure_geometry(_where_it_stands(views, fidelity["ssim"], kind)))
    row.update(fidelity)
    row.update(measure_distortion(views, recolored=evidence.changes_product))
    row.update(measure_sharpness(views, resampled=evidence.placement != "known"))
    row.update(measure_halo(views))
    row.update(measure_shadow(views))
    row.update(measure_banding(views, scene=kind != "white"))
    row.update(measure_surroundings(views, kind, facts))
    row.update(measure_color(views))
    if evidence.changes_product:
        row.update(measure_recolor(_unchanged_views(evidence, views), target_of(facts)))
    row.update(measure_product(views, kind, facts))
    full_expected = evidence.expected_HW3
    if full_expected is None and evidence.product_rgb_HW3 is not None and evidence.product_alpha_HW is not None:
        full_expected = evidence.product_rgb_HW3
    solid = None if evidence.product_alpha_HW is None else np.asarray(evidence.product_alpha_HW >= 250)
    row.update(measure_compression(evidence.pixels_HW3))
    row.update(
        measure_learned(
            evidence.weights,
            render_HW3=evidence.pixels_HW3,
            product_rgb_HW3=evidence.product_rgb_HW3,
            product_alpha_HW=evidence.product_alpha_HW,
            caption=facts.get("prompt"),
        )
    )
    row.update(measure_blockiness(evidence.pixels_HW3, full_expected, solid))
    # A file judged by hand comes without the renderer's facts; a changed product is measured as one all the same.
    if (measure_kind := KIND_MEASURES.get(str(facts.get("kind", "recolor" if evidence.changes_product else None)))) is not None:
        row.update(measure_kind(evidence, views))
    unknown = set(row) - set(COLUMNS)
    assert not unknown, f"columns without documentation: {sorted(unknown)}"
    return {name: _plain(row[name]) for name in COLUMNS}


def _beside(evidence: RenderEvidence) -> Measurements:
    """Columns of the second product of a pair, and whether what was asked for is as large as asked."""
    alpha, told = evidence.product_alpha_HW, evidence.facts.get("companion", {})
    planned = "companions" in (evidence.facts.get("resolved") or {})
    row: Measurements = {"companion_known": float(planned or evidence.companion is not None)}
    if evidence.companion is not None and alpha is not None:
        row.update(measure_companion(evidence.pixels_HW3, alpha, *evidence.companion, told))
    second = None if evidence.companion is None else evidence.companion[1]
    return row | asked_size(alpha, second, evidence.facts.get("resolved"))


def _planned_without_shadow(facts: dict[str, Any]) -> bool:
    """Whether the recipe as planned has no shadow. The plan is the shop's, not the renderer's; a file judged by hand comes without one."""
    return bool((facts.get("resolved") or {}).get("params", {}).get("shadow") == 0)


def views_of(evidence: RenderEvidence) -> Views:
    """The render and what it should look like, aligned and at working size, as every measurement sees them."""
    background_hex = _background_hex(evidence.facts)
    plain = None if background_hex is None else rgb_of(background_hex)
    return prepare_views(
        render_HW3=evidence.pixels_HW3,
        product_rgb_HW3=evidence.product_rgb_HW3,
        product_alpha_HW=evidence.product_alpha_HW,
        expected_HW3=evidence.expected_HW3,
        background_rgb=plain if background_kind(evidence.facts) == "white" else None,
        outline_known=evidence.placement == "known",
    )


def _background_hex(facts: dict[str, Any]) -> str | None:
    return "#ffffff" if background_kind(facts) == "white" else facts.get("background_hex")


def background_kind(facts: dict[str, Any]) -> BackgroundKind:
    """What is behind the product: said outright (`background`), or told by the color it was given (`background_hex`); a scene otherwise."""
    if "background" in facts:
        kind: BackgroundKind = facts["background"]
        assert kind in ("white", "plain", "scene"), kind
        return kind
    color = facts.get("background_hex")
    return "scene" if color is None else "white" if color == "#ffffff" else "plain"


def _plain(value: float | str | None) -> float | str | None:
    """Python numbers; a number that is not finite was not measured."""
    if value is None or isinstance(value, str):
        return value
    number = float(value)
    return number if np.isfinite(number) else None


def _file_columns(evidence: RenderEvidence) -> Measurements:
    height, width = evidence.pixels_HW3.shape[:2]
    return {
        "min_side_px": float(min(height, width)),
        "file_kb": evidence.file_bytes / 1024,
        "file_format": evidence.file_format.upper() or None,
        "icc_profile": evidence.icc or "none",
    }


def should_be_white(evidence: RenderEvidence, views: Views) -> Mask:
    """Full-size pixels that must be white: where the expected picture is, or all around the product, its shadow's box and its foot's shadow."""
    height, width = evidence.pixels_HW3.shape[:2]
    if evidence.expected_HW3 is not None:
        lowest = lowest_channel(evidence.expected_HW3)
        # The faint end of a soft shadow (254) comes out of JPEG as 253: pure white is asked for where pure white is expected.
        level = 255 if (lowest == 255).sum() > 0.5 * (lowest >= 254).sum() else 254
        white = (lowest >= level).astype(np.uint8)
        white = cv2.erode(white, np.ones((BLEED_PX, BLEED_PX), np.uint8))
        if evidence.product_alpha_HW is not None:
            white[cv2.dilate((evidence.product_alpha_HW > 8).astype(np.uint8), np.ones((BLEED_PX, BLEED_PX), np.uint8)) > 0] = 0
        if white.mean() > 0.02:
            return np.asarray(white > 0)
    product = views.product_HW
    if product is None:
        found = find_product(views.render_lab_HW3)
        product = np.zeros(views.render_HW3.shape[:2], bool) if found is None else found
    zone = background_zone(product).astype(np.uint8)
    if product.any():
        left, top, right, bottom = find_footprint(product.astype(np.uint8) * 255).shadow_zone(product.shape[1], product.shape[0])
        zone[top:bottom, left:right] = 0
    return np.asarray(cv2.resize(zone, (width, height), interpolation=cv2.INTER_NEAREST) > 0)


def _where_it_stands(views: Views, ssim: float | None, kind: BackgroundKind) -> Mask | None:
    """The product's mask in the render: the known one if its pixels are there, else what stands out from a plain background."""
    if views.product_HW is not None and (kind == "scene" or (ssim is not None and ssim >= MIN_SSIM_IN_PLACE)):
        return views.product_HW
    found = find_product(views.render_lab_HW3) if kind != "scene" else None
    return found if found is not None else views.product_HW if kind == "scene" else np.zeros(views.render_HW3.shape[:2], bool)


def _unchanged_views(evidence: RenderEvidence, views: Views) -> Views:
    """Views against the product as photographed; only a recipe that changes the product expects something else."""
    if not evidence.changes_product or evidence.expected_HW3 is None or evidence.product_rgb_HW3 is None:
        return views
    return against_product(views, evidence.product_rgb_HW3)
