"""Judge what channels would receive: the measurements of a render, laid under the facts of the file made of it, by a channel's pack.

What a pack holds is `channel_packs.py`; measuring renders is `measurements.py`. Which channels a picture is for is not known here.
"""

from collections.abc import Mapping

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color import srgb_to_lab
from imaging.measure_geometry import find_product
from imaging.measure_views import WORK_PIXELS, Mask
from imaging.photo import PhotoLimits, decode_photo
from imaging.working_size import reduce_size
from quality.columns import Measurements
from quality.gate import Judgment, judge_table
from quality.measurements import RenderEvidence, measure_render
from quality.rendition_facts import CHANNEL_COLUMNS, measure_rendition
from quality.rules import RuleSet
from quality.surroundings import BackgroundKind

PART_SHARE = 0.2
"""Of the largest thing in a picture: a smaller one is no part of the product (a letter, a prop); the second shoe of a pair is larger."""


def judge_renditions(rows: Mapping[str, Measurements], pack: RuleSet) -> dict[str, Judgment]:
    """Judgments by name of rows with channel columns (see `rendition_row`), in one suite. Rejected means: the channel refuses it.

    A review verdict tells of recommendations that are not met; the channel takes the picture.
    """
    import pandas as pd

    if not rows:
        return {}
    frame = pd.DataFrame([{"render_id": name, **dict.fromkeys(CHANNEL_COLUMNS), **row} for name, row in rows.items()])
    return {judgment.render_id: judgment for judgment in judge_table(frame, pack)}


def rendition_row(render_columns: Measurements, data: bytes) -> Measurements:
    """What a channel would receive: the columns of a render, with those of the file `data` made of it in place of the render's own."""
    return {**render_columns, **measure_rendition(data)}


def judge_file(data: bytes, pack: RuleSet, *, name: str = "picture") -> Judgment:
    """Judge one picture file by a pack, without knowing the product's photo: on white and plain backgrounds the product is what stands out.

    Decodes it only if the pack has rules on what the picture shows. Raises GateError or PhotoRefused for a file that cannot be judged.
    """
    shown: Measurements = {"text_known": 0.0, "story_text_known": 0.0}  # of a file alone nobody says where its text is
    facts = measure_rendition(data)
    if {rule.column for rule in pack.rules if rule.condition is None or shown[rule.condition[0]] == rule.condition[1]} - facts.keys():
        limits = PhotoLimits(formats=("JPEG", "PNG", "WEBP", "TIFF"))
        shown = _shown(decode_photo(data, limits=limits).pixels_HW3, "white" if pack.background == "white" else "plain")
    return judge_renditions({name: shown | facts}, pack)[name]


def _shown(pixels_HW3: npt.NDArray[np.uint8], kind: BackgroundKind) -> Measurements:
    """The columns of a picture whose product is what stands out from its background; text and small things beside it do not belong to it."""
    # Nobody knows the product's photo here, so what is much smaller than the largest thing is taken for something beside it.
    height, width = pixels_HW3.shape[:2]
    scale = min(1.0, (WORK_PIXELS / (height * width)) ** 0.5)
    found = find_product(srgb_to_lab(reduce_size(pixels_HW3, scale)))
    alpha_HW = None if found is None else cv2.resize(_without_small_parts(found) * 255, (width, height), interpolation=cv2.INTER_NEAREST)
    return measure_render(
        RenderEvidence(
            pixels_HW3=pixels_HW3,
            product_alpha_HW=None if alpha_HW is None else np.asarray(alpha_HW, dtype=np.uint8),
            facts={"background": kind},
        )
    )


def _without_small_parts(found_HW: Mask) -> npt.NDArray[np.uint8]:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(found_HW.astype(np.uint8))
    areas = stats[1:count, cv2.CC_STAT_AREA]
    return np.isin(labels, np.flatnonzero(areas >= PART_SHARE * areas.max()) + 1).astype(np.uint8)
