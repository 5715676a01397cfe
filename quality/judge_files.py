"""Judge one picture from files: a source photo, a render, and whatever else is known. Gathers the evidence; measuring and judging are elsewhere.

Cells with known placements build their evidence themselves; this is for single pictures and for measuring the gate from outside.
"""

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from catalog.brand_kit import BrandKit
from catalog.errors import GateError
from catalog.recipe import Recipe
from catalog.verdict import Reason, verdict_of
from imaging.color import srgb_to_lab
from imaging.cutout import cut_out
from imaging.measure_geometry import find_product
from imaging.registration import MIN_INLIERS, Registration, register
from imaging.warping import warp_into_frame
from quality.gate import Judgment, judge_table
from quality.measurements import PlacementKind, RenderEvidence, measure_render
from quality.proportions import compare_with_size
from quality.rules import RuleSet, read_rules

ByteImage = npt.NDArray[np.uint8]

NOT_REGISTERED = "NOT_REGISTERED"
MIN_SIDE_PX = 64
"""Smaller pictures cannot be measured at all."""


def judge_picture(
    *,
    recipe: Recipe,
    source_HW3: ByteImage,
    render_HW3: ByteImage,
    brand_kit: BrandKit | None = None,
    expected_HW3: ByteImage | None = None,
    alpha_HW: ByteImage | None = None,
    facts: dict[str, Any] | None = None,
    file_bytes: int = 0,
    file_format: str = "",
    icc: str | None = None,
    render_id: str = "render",
) -> Judgment:
    """Verdict, reasons and measurements of one render by the rules of its recipe.

    source_HW3: the product's photo. expected_HW3: the complete picture the render should be, same size as the render. alpha_HW: the
    product's alpha, 0..255; it lies in the frame when it has the render's size, else it belongs to the photo (when both fit, the one whose
    edges it follows). Without it the photo is cut out here. A render in which too few of the photo's features are found is never
    approved: a person looks, and it is rejected where its product is not found at all. Raises GateError when sizes do not fit.
    """
    import pandas as pd

    rules = read_rules(recipe.name, brand_kit, kind=recipe.kind, gate=recipe.gate)
    evidence = gather_evidence(
        recipe=recipe, rules=rules, source_HW3=source_HW3, render_HW3=render_HW3, expected_HW3=expected_HW3, alpha_HW=alpha_HW,
        facts=facts or {}, file_bytes=file_bytes, file_format=file_format, icc=icc,
    )  # fmt: skip
    measured = measure_render(evidence)
    if facts and "size_cm" in facts:
        compare_with_size(measured, facts["size_cm"])
    row = {"render_id": render_id, **measured}
    judgment = judge_table(pd.DataFrame([row]), rules)[0]
    return for_a_person(judgment) if evidence.placement == "not_registered" else judgment


def for_a_person(judgment: Judgment) -> Judgment:
    """A judgment of a render in which too few features agree with the photo's: for review at best; rejected if a rule was broken or unmeasured."""
    told = Reason(
        code=NOT_REGISTERED,
        message=f"The photo's product was not surely found in the render: fewer than {MIN_INLIERS} features agree. Compare the two.",
        required=f"at least {MIN_INLIERS} features",
        severity="warning",
    )
    reasons = tuple(sorted([*judgment.reasons, told], key=lambda reason: reason.severity != "critical"))
    return replace(judgment, verdict=verdict_of(reasons), reasons=reasons)


def gather_evidence(
    *,
    recipe: Recipe,
    rules: RuleSet,
    source_HW3: ByteImage,
    render_HW3: ByteImage,
    expected_HW3: ByteImage | None,
    alpha_HW: ByteImage | None,
    facts: dict[str, Any],
    file_bytes: int = 0,
    file_format: str = "",
    icc: str | None = None,
) -> RenderEvidence:
    """What the files tell about a render: where its product is, which pixels it should have, which background."""
    _check_sizes(source_HW3, render_HW3, expected_HW3, alpha_HW)
    product_rgb, product_alpha, placement = _product_in_frame(rules, source_HW3, render_HW3, expected_HW3, alpha_HW)
    known = {"background": rules.background} | {
        name: recipe.params[name] for name in ("background_hex", "target_hex") if name in recipe.params
    }
    return RenderEvidence(
        pixels_HW3=render_HW3,
        product_rgb_HW3=product_rgb,
        product_alpha_HW=product_alpha,
        photo=_corrected_photo(source_HW3, alpha_HW, facts),
        expected_HW3=expected_HW3,
        changes_product=recipe.changes_product and "companion" not in facts,
        facts=known | facts,
        placement=placement,
        file_bytes=file_bytes,
        file_format=file_format,
        icc=icc,
    )


def _corrected_photo(source: ByteImage, alpha: ByteImage | None, facts: dict[str, Any]) -> tuple[ByteImage, ByteImage] | None:
    """The photo and its alpha where facts say that the color of the light was taken out."""
    if facts.get("enhanced", {}).get("white_balance", {}).get("witness", "none") == "none":
        return None
    return source, alpha if alpha is not None and alpha.shape == source.shape[:2] else cut_out(source).alpha_HW


def _check_sizes(source: ByteImage, render: ByteImage, expected: ByteImage | None, alpha: ByteImage | None) -> None:
    if min(*source.shape[:2], *render.shape[:2]) < MIN_SIDE_PX:
        sizes = " and ".join(f"{picture.shape[1]}x{picture.shape[0]}" for picture in (source, render))
        raise GateError(f"Pictures of {sizes} px are too small to judge: {MIN_SIDE_PX} px a side at least.")
    if expected is not None and expected.shape != render.shape:
        raise GateError(
            f"The expected picture has {expected.shape[1]}x{expected.shape[0]} px, the render {render.shape[1]}x{render.shape[0]}: they must be one size."
        )
    if alpha is not None and alpha.shape not in (source.shape[:2], render.shape[:2]):
        raise GateError(
            f"The alpha has {alpha.shape[1]}x{alpha.shape[0]} px; it must fit the photo ({source.shape[1]}x{source.shape[0]}) "
            f"or the render ({render.shape[1]}x{render.shape[0]})."
        )


def _product_in_frame(
    rules: RuleSet, source: ByteImage, render: ByteImage, expected: ByteImage | None, alpha: ByteImage | None
) -> tuple[ByteImage | None, ByteImage | None, PlacementKind]:
    """The product's pixels and alpha in the frame, as far as they can be known, and how its place is known."""
    frame = render.shape[:2]
    clean = render if expected is None else expected
    in_frame = (
        alpha is not None
        and alpha.shape == frame
        and (source.shape[:2] != frame or _follows_edges(alpha, clean) >= _follows_edges(alpha, source))
    )
    if alpha is not None and in_frame:
        if expected is not None:
            return expected, alpha, "known"
        cut = cut_out(source).alpha_HW
        found = register(source, cut, render)
        pixels = None if found is None else warp_into_frame(source, cut, found.matrix, (frame[0], frame[1]))[0]
        return pixels, alpha, _kind(found)
    photo_alpha = alpha if alpha is not None else cut_out(source).alpha_HW
    found = register(source, photo_alpha, clean)
    if found is not None:
        rgb, moved = warp_into_frame(source, photo_alpha, found.matrix, (frame[0], frame[1]))
        return (rgb, moved, _kind(found)) if expected is None else (expected, moved, "known")
    if expected is not None and rules.background != "scene":
        mask = find_product(srgb_to_lab(expected))
        if mask is not None:
            return expected, np.asarray(mask, dtype=np.uint8) * 255, "known"
    return None, None, "not_registered"


def _kind(found: Registration | None) -> PlacementKind:
    return "found" if found is not None and found.certain else "not_registered"


def _follows_edges(alpha: ByteImage, picture: ByteImage) -> float:
    """How steep a picture is along the alpha's outline, relative to its mean steepness."""
    lightness = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (0, 0), 1.0).astype(np.float32)
    steep = cv2.magnitude(cv2.Sobel(lightness, cv2.CV_32F, 1, 0), cv2.Sobel(lightness, cv2.CV_32F, 0, 1))
    outline = cv2.morphologyEx((alpha > 127).astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    return float(steep[outline].mean() / max(1e-3, float(steep.mean()))) if outline.any() else 0.0
