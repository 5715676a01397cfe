"""The columns about what surrounds a product: scene, colors, grounding, text. Decides which of them a kind of background has."""

from collections.abc import Mapping
from typing import Any, Literal

from catalog.text_box import text_boxes
from imaging.measure_background import rgb_of
from imaging.measure_grounding import measure_grounding
from imaging.measure_scene import measure_scene
from imaging.measure_text import PlacedText, measure_text
from imaging.measure_views import Views
from imaging.scene_colors import scene_colors
from quality.columns import Measurements
from quality.palette import colors_as_words

BackgroundKind = Literal["white", "plain", "scene"]


def measure_surroundings(views: Views, kind: BackgroundKind, facts: Mapping[str, Any]) -> Measurements:
    """Columns of the surroundings at working size: text of every picture, colors and shadow of those that are not white, collapse of scenes.

    A plain backdrop has one color and nothing that could repeat, and white has no color of the brand's. Raises GateError when the facts name
    text boxes that make no sense.
    """
    columns: Measurements = {}
    if kind == "scene":
        columns.update(measure_scene(views))
    if kind != "white":
        columns.update(measure_grounding(views))
        if views.background_HW is not None:
            columns["surroundings_hex"] = colors_as_words(scene_colors(views.render_lab_HW3, views.background_HW))
    columns.update(measure_text(views.render_HW3, _placed(views, facts), views.product_HW))
    return columns


def _placed(views: Views, facts: Mapping[str, Any]) -> list[PlacedText] | None:
    boxes = text_boxes(facts)
    if boxes is None:
        return None
    height, width = views.render_HW3.shape[:2]
    return [
        PlacedText(
            box=(box.left * width, box.top * height, (box.left + box.width) * width, (box.top + box.height) * height),
            rgb=rgb_of(box.color),
            lines=box.lines,
        )
        for box in boxes
    ]
