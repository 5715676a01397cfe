"""Judge one picture from files: a source photo, a render, and whatever else is known. Gathers the evidence; measuring and judging are elsewhere.

Cells with known placements build their evidence themselves; this is for single pictures and for measuring the gate from outside.
"""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from catalog.brand_kit import BrandKit
from catalog.errors import GateError
from catalog.recipe import Recipe
from imaging.color import srgb_to_lab
from imaging.cutout import cut_out
from imaging.measure_geometry import find_product
from imaging.registration import register, warp_into_frame
from quality.gate import Judgment, judge_table
from quality.measurements import RenderEvidence, measure_render
from quality.rules import RuleSet, read_rules

ByteImage = npt.NDArray[np.uint8]

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
    edges it follows). Without it the photo is cut out here. A product that is not found in the render is not measured, so it is rejected.
    Raises GateError when sizes do not fit.
    """
    import pandas as pd

    rules = read_rules(recipe.name, brand_kit, kind=recipe.kind)
    evidence = gather_evidence(
        recipe=recipe, rules=rules, source_HW3=source_HW3, render_HW3=render_HW3, expected_HW3=expected_HW3, alpha_HW=alpha_HW,
        facts=facts or {}, file_bytes=file_bytes, file_format=file_format, icc=icc,
    )  # fmt: skip
    row = {"render_id": render_id, **measure_render(evidence)}
    return judge_table(pd.DataFrame([row]), rules)[0]


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
    product_rgb, product_alpha = _product_in_frame(rules, source_HW3, render_HW3, expected_HW3, alpha_HW)
    known = {"background": rules.background} | {
        name: recipe.params[name] for name in ("background_hex", "target_hex") if name in recipe.params
    }
    return RenderEvidence(
        pixels_HW3=render_HW3,
        product_rgb_HW3=product_rgb,
        product_alpha_HW=product_alpha,
        expected_HW3=expected_HW3,
        changes_product=recipe.changes_product,
        facts=known | facts,
        file_bytes=file_bytes,
        file_format=file_format,
        icc=icc,
    )


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
) -> tuple[ByteImage | None, ByteImage | None]:
    """The product's pixels and alpha in the frame, as far as they can be known."""
    frame = render.shape[:2]
    clean = render if expected is None else expected
    in_frame = (
        alpha is not None
        and alpha.shape == frame
        and (source.shape[:2] != frame or _follows_edges(alpha, clean) >= _follows_edges(alpha, source))
    )
    if alpha is not None and in_frame:
        if expected is not None:
            return expected, alpha
        return _source_under(alpha, source, render), alpha
    photo_alpha = alpha if alpha is not None else cut_out(source).alpha_HW
    found = register(source, photo_alpha, clean)
    if found is not None:
        rgb, moved = warp_into_frame(source, photo_alpha, found.matrix, (frame[0], frame[1]))
        return (rgb if expected is None else expected), moved
    if expected is not None and rules.background != "scene":
        mask = find_product(srgb_to_lab(expected))
        if mask is not None:
            return expected, np.asarray(mask, dtype=np.uint8) * 255
    return None, None


def _source_under(alpha: ByteImage, source: ByteImage, render: ByteImage) -> ByteImage | None:
    """The photo's pixels where the frame's alpha says the product is; None if the photo's product is not found there."""
    cut = cut_out(source).alpha_HW
    found = register(source, cut, render)
    if found is None:
        return None
    return warp_into_frame(source, cut, found.matrix, (alpha.shape[0], alpha.shape[1]))[0]


def _follows_edges(alpha: ByteImage, picture: ByteImage) -> float:
    """How steep a picture is along the alpha's outline, relative to its mean steepness."""
    lightness = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (0, 0), 1.0).astype(np.float32)
    steep = cv2.magnitude(cv2.Sobel(lightness, cv2.CV_32F, 1, 0), cv2.Sobel(lightness, cv2.CV_32F, 0, 1))
    outline = cv2.morphologyEx((alpha > 127).astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    return float(steep[outline].mean() / max(1e-3, float(steep.mean()))) if outline.any() else 0.0
