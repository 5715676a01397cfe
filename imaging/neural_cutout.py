"""A second opinion on a doubtful cut-out: Segment Anything from a local folder, asked for what stands where the classical cut-out saw it.

Only for photos that the classical way refused, and only where somebody installed the weights: nothing is downloaded, and no code of a folder
runs. The model says which pixels belong together; the soft edge is solved as for every other cut-out (matte.py), and a verdict of its own
compares the outline with the photo's edges. transformers has no class for BiRefNet or RMBG (both bring code of their own, which is never run).
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from imaging.background_model import Mask
from imaging.color import srgb_to_lab
from imaging.cutout import WORK_SIDE_PX, Cutout, fit_long_side
from imaging.cutout_verdict import LIMITS, Limit, judge, measure_cutout
from imaging.decontaminate import product_color
from imaging.edge_map import EdgeMap
from imaging.local_weights import digest_of, load_network, read_config
from imaging.matte import estimate_edge_colors, soft_alpha
from imaging.product_mask import disk, find_product

NEURAL_VERSION = "1"
"""Raised whenever the same weights may give the same photo another alpha; part of the key of what was cut with them."""
MODEL_TYPE = "sam"
WANTED = (
    "`cutout: {model: FOLDER}` names a folder of Segment Anything with config.json and model.safetensors as `save_pretrained` of transformers writes "
    "them; BiRefNet and RMBG have no class in transformers. Copy it again, name another folder, or leave the entry out. Nothing was cut out."
)
PIXEL_MEAN, PIXEL_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
"""What all published weights of Segment Anything were trained with; uint8 sRGB."""
BOX_MARGIN_SHARE = 0.02
CENTRAL_BOX = 0.05
"""A box as wide as the product was seen, a little wider; without a product: the picture without this share on each side."""
BELIEVED_AREA = (0.01, 0.75)
SKIRT_PX = 1.5
"""Kept beyond the model's outline, as product_mask.py does; of a 1024 px picture."""
ON_OUTLINE_PX, BESIDE_PX = 2, 7

NEURAL_LIMITS = (
    *(limit for limit in LIMITS if limit.measurement not in {"border_out", "open_share", "agree", "gaps_on_unplain"}),
    Limit(reason="model_unsure", measurement="predicted_iou", limit=0.88, softness=-0.02),
    Limit(reason="outline_off_edges", measurement="edge_support", limit=0.70, softness=-0.05),
)
"""The classical limits without those that ask for a plain background. 0.88 is the bound that Segment Anything's own mask generator keeps. True outlines
of 32 composited photographs of the tuned half, 12 on clutter among them, had an edge support of 0.89 and more; moved by 6 px or more, of 0.52 and less."""


@dataclass(frozen=True, kw_only=True)
class CutoutModel:
    """Installed weights: where they lie, and which bytes they are."""

    folder: Path
    digest: str

    @property
    def identity(self) -> dict[str, str]:
        """What the key of a cut-out made with it holds."""
        return {"model": self.digest, "version": NEURAL_VERSION}


def read_cutout_model(folder: Path) -> CutoutModel:
    """Weights in a local folder, checked and digested without torch. Raises ModelError for a folder that is missing, incomplete, or of another kind."""
    read_config(folder, what=f"The cut-out model at {folder}", model_type=MODEL_TYPE, advice=WANTED)
    return CutoutModel(folder=folder, digest=digest_of(folder))


def cut_out_with(model: CutoutModel, photo_HW3: npt.NDArray[np.uint8], doubtful: Cutout) -> Cutout:
    """A photo cut out by a model, with a verdict of its own; `doubtful` is the classical cut-out, which says where to look.

    The same photo and weights give the same cut-out on one machine. Raises ModelError if the files do not fit together.
    """
    small = fit_long_side(photo_HW3, WORK_SIDE_PX)
    unit_px = max(small.shape[:2]) / 1024
    seen = cv2.resize(doubtful.alpha_HW, small.shape[1::-1], interpolation=cv2.INTER_AREA) > 127
    core, predicted_iou = _segmented(model, small, _prompt_box(seen))
    skirt = cv2.dilate(core.astype(np.uint8), disk(SKIRT_PX * unit_px)) > 0
    found = find_product(srgb_to_lab(small), unit_px)
    found = replace(found, mask=np.asarray(skirt, dtype=bool), leak=np.zeros_like(core))
    colors = estimate_edge_colors(small, found.mask, unit_px)
    small_alpha = soft_alpha(small, colors)
    alpha = small_alpha if photo_HW3 is small else soft_alpha(photo_HW3, colors)
    measurements = {
        **measure_cutout(small, small_alpha > 127, found, colors),
        "predicted_iou": predicted_iou,
        "edge_support": edge_support(small_alpha > 127, found.edge_map, unit_px),
        "neural": 1.0,
    }
    confidence, reasons = judge(measurements, NEURAL_LIMITS)
    return Cutout(
        foreground_HW3=product_color(photo_HW3, alpha, small, colors, unit_px),
        alpha_HW=alpha,
        accepted=not reasons,
        confidence=confidence,
        reasons=reasons,
        measurements=measurements,
    )


def edge_support(product: Mask, edge_map: EdgeMap, unit_px: float) -> float:
    """Share of an outline that runs on an edge of the photo: steeper within 2 px of it than 7 px inside and outside, and no noise.

    Says nothing of which edges are the product's: an outline of two things that stand side by side has all of it.
    """
    height, width = product.shape
    grown = product.astype(np.uint8)
    outline = product & (cv2.erode(grown, np.ones((3, 3), np.uint8), borderValue=1) == 0)
    if not outline.any():
        return 0.0
    on, beside = max(1, round(ON_OUTLINE_PX * unit_px)), max(2, round(BESIDE_PX * unit_px))
    slope = np.asarray(edge_map.slope_HW, np.float32)
    steepest = cv2.dilate(slope, np.ones((2 * on + 1, 2 * on + 1), np.uint8))
    inward = cv2.distanceTransform(np.pad(grown, 1), cv2.DIST_L2, 3)[1 : height + 1, 1 : width + 1]
    outward = cv2.distanceTransform(1 - grown, cv2.DIST_L2, 3)
    apart = (inward > on + 1) | (outward > on + 1)
    near = cv2.blur(slope * apart, (2 * beside + 1, 2 * beside + 1)) / np.maximum(
        cv2.blur(apart.astype(np.float32), (2 * beside + 1, 2 * beside + 1)), 1e-3
    )
    supported = (steepest > 2 * near) & (steepest > edge_map.least_slope)
    return float(supported[outline].mean())


def _prompt_box(seen: Mask) -> tuple[float, float, float, float]:
    """x0, y0, x1, y1 of where to look, as shares of the picture."""
    height, width = seen.shape
    rows, columns = np.nonzero(seen.any(axis=1))[0], np.nonzero(seen.any(axis=0))[0]
    low, high = BELIEVED_AREA
    if not low <= seen.mean() <= high:
        return CENTRAL_BOX, CENTRAL_BOX, 1 - CENTRAL_BOX, 1 - CENTRAL_BOX
    sides = (columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height)
    grown = (*(side - BOX_MARGIN_SHARE for side in sides[:2]), *(side + BOX_MARGIN_SHARE for side in sides[2:]))
    x0, y0, x1, y1 = (float(np.clip(side, 0, 1)) for side in grown)
    return x0, y0, x1, y1


def _segmented(model: CutoutModel, small_HW3: npt.NDArray[np.uint8], box: tuple[float, float, float, float]) -> tuple[Mask, float]:
    """The mask that the model is surest of, and how sure it is (its own prediction of IoU)."""
    import torch

    network = _loaded(model)
    side = int(network.config.vision_config.image_size)
    height, width = small_HW3.shape[:2]
    scale = side / max(height, width)
    rows, columns = round(height * scale), round(width * scale)
    canvas = np.zeros((side, side, 3), np.float32)
    canvas[:rows, :columns] = (cv2.resize(small_HW3, (columns, rows)).astype(np.float32) - PIXEL_MEAN) / PIXEL_STD
    corners = [[[box[0] * columns, box[1] * rows, box[2] * columns, box[3] * rows]]]
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # sums depend on the number of threads, and cut-outs must not
    try:
        with torch.inference_mode():
            answer = network(
                pixel_values=torch.from_numpy(canvas.transpose(2, 0, 1))[None], input_boxes=torch.tensor(corners, dtype=torch.float32)
            )
    finally:
        torch.set_num_threads(before)
    best = int(answer.iou_scores[0, 0].argmax())
    logits = cv2.resize(answer.pred_masks[0, 0, best].float().numpy(), (side, side))[:rows, :columns]
    mask = cv2.resize(logits, (width, height)) > 0
    return np.asarray(mask, dtype=bool), float(answer.iou_scores[0, 0, best].clamp(0, 1))


@lru_cache(maxsize=1)
def _loaded(model: CutoutModel) -> Any:
    """The network, loaded once per process. Raises ModelError if its files do not fit together."""
    from transformers import SamModel

    return load_network(SamModel, model.folder, what=f"The cut-out model at {model.folder}", advice="Copy it again. Nothing was cut out.")
