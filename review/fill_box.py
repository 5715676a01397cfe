"""The overlay of lines: the product's box with its fill and margins, and what the rules allow. As SVG, so that it is sharp at every size."""

from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from imaging.measure_geometry import measure_geometry
from imaging.measure_views import Views, bounding_box
from quality.rules import Rule


def fill_svg(views: Views, rules: Sequence[Rule]) -> str:
    """The product's box with its fill and margins, the band in which its longer side may end, and the smallest margin allowed; both without a look."""
    height, width = views.render_HW3.shape[:2]
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">']
    by_column = {rule.column: rule for rule in rules}
    fill, margin = by_column.get("fill_pct"), by_column.get("margin_min_pct")
    if fill is not None:
        without_a_look = (fill.review_min, fill.review_max)
        for share in (inner if inner is not None else outer for inner, outer in zip(without_a_look, (fill.min, fill.max), strict=True)):
            if share is not None:
                parts.append(
                    _rect(
                        width * (1 - share / 100) / 2,
                        height * (1 - share / 100) / 2,
                        width * share / 100,
                        height * share / 100,
                        "#1e88e5",
                        "14 9",
                    )
                )
    smallest = None if margin is None else margin.min if margin.review_min is None else margin.review_min
    if smallest is not None:
        inset = smallest / 100 * max(width, height)
        parts.append(_rect(inset, inset, width - 2 * inset, height - 2 * inset, "#e0484c", "4 6"))
    box = None if views.product_HW is None else bounding_box(views.product_HW)
    if box is not None:
        parts += _box(box, measure_geometry(views.product_HW), width, height)
    return "".join([*parts, "</svg>"])


def _rect(x: float, y: float, wide: float, tall: float, color: str, dashes: str = "") -> str:
    """A frame that is seen on light and on dark: a colored line on a white one."""
    shape = f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(0, wide):.1f}" height="{max(0, tall):.1f}" fill="none"'
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'{shape} stroke="#fff" stroke-width="5" opacity=".75"/>{shape} stroke="{color}" stroke-width="2.5"{dashed}/>'


def _box(box: tuple[int, int, int, int], measured: Mapping[str, Any], width: int, height: int) -> list[str]:
    left, top, right, bottom = box
    size = max(width, height) / 44
    margins = {
        (left / 2, (top + bottom) / 2): 100 * left / max(width, height),
        ((right + width) / 2, (top + bottom) / 2): 100 * (width - right) / max(width, height),
        ((left + right) / 2, max(size, top / 2)): 100 * top / max(width, height),
        ((left + right) / 2, min(height - size / 2, (bottom + height) / 2)): 100 * (height - bottom) / max(width, height),
    }
    said = [_label(x, y, f"{value:.1f} %", size) for (x, y), value in margins.items()]
    fill = measured.get("fill_pct")
    title = _label((left + right) / 2, top + 1.4 * size, f"fills {fill:.1f} %", size) if fill is not None else ""
    return [_rect(left, top, right - left, bottom - top, "#17a05d"), *said, title]


def _label(x: float, y: float, text: str, size: float) -> str:
    wide = 0.62 * size * len(text)
    return (
        f'<rect x="{x - wide / 2:.1f}" y="{y - 0.75 * size:.1f}" width="{wide:.1f}" height="{1.4 * size:.1f}" rx="4" fill="#fff" opacity=".88"/>'
        f'<text x="{x:.1f}" y="{y + 0.3 * size:.1f}" font-size="{size:.1f}" text-anchor="middle" fill="#16181b">{escape(text)}</text>'
    )
