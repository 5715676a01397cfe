"""Faults of what surrounds a product, made on true composites in a scene, on a backdrop and with text: the counterpart of corruptions.FAULTS.

Run as a program it puts the products of the gate's benchmark into drawn rooms and backdrops and prints how many faults are called by name:

    python -m benchmarks.surrounding_faults --half held_out
"""

import argparse
import json
import sys
import zlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np

from benchmarks.corruptions import Scene, jpeg, place_product, shift_lab, to_bytes
from benchmarks.gate import half_of, load_product, product_files
from imaging.color import lab_to_srgb, srgb_to_lab
from imaging.footprint import find_footprint
from imaging.plate_finish import add_grain
from imaging.shadows import ShadowLight, shadow_map
from quality.margins import margins_of
from quality.measurements import RenderEvidence, measure_render
from quality.palette import compare_with_palette
from quality.rules import read_pack, read_rules

LIGHT = ShadowLight(side=-0.5, hardness=0.4)
WALL_RGB, TABLE_RGB, NICHE_RGB = (196, 112, 76), (232, 195, 154), (150, 82, 54)
PALETTE = ("#c4704c", "#e8c39a", "#965236", "#efeae0")


def drawn_room(side_px: int, seed: int) -> np.ndarray:
    """A wall with a niche and a table in brand colors, lit from the left, with the texture of plaster; float32 0..255."""
    rng = np.random.default_rng(seed)
    picture = np.full((side_px, side_px, 3), WALL_RGB, np.float32)
    middle = int(side_px * rng.uniform(0.4, 0.6))
    cv2.ellipse(picture, (middle, int(0.55 * side_px)), (int(0.22 * side_px), int(0.42 * side_px)), 0, 0, 360, NICHE_RGB, -1)
    picture[int(0.66 * side_px) :] = TABLE_RGB
    plaster = sum(
        amount * cv2.GaussianBlur(rng.normal(0, 1, (side_px, side_px)).astype(np.float32), (0, 0), sigma * side_px) * sigma * side_px
        for sigma, amount in ((0.006, 9.0), (0.03, 14.0), (0.1, 22.0))
    )
    picture = cv2.GaussianBlur(picture, (0, 0), 0.006 * side_px) + np.asarray(plaster)[..., None]
    falloff = np.linspace(1.08, 0.86, side_px, dtype=np.float32)[None, :, None]
    return np.clip(picture * falloff, 0, 255)


def drawn_backdrop(side_px: int, seed: int) -> np.ndarray:
    """A seamless sweep in a brand color, a little darker toward the right and the top; float32 0..255."""
    y, x = np.mgrid[0:side_px, 0:side_px].astype(np.float32) / side_px
    sweep = np.array(TABLE_RGB, np.float32) * (1 - 0.06 * (1 - y) - 0.05 * x)[..., None]
    return add_grain(sweep, sigma=0.8, seed=seed)


def standing(rgba_HW4: np.ndarray, side_px: int, *, background_HW3: np.ndarray, seed: int, fill: float = 0.55) -> Scene:
    """The product standing in the lower part of a scene with the shadow that the renderer draws."""
    scene = place_product(rgba_HW4, side_px, fill=fill, seed=seed, background_HW3=background_HW3, shadow=False)
    down = round(0.84 * side_px) - scene.box[3]
    matrix = np.array([[1, 0, 0], [0, 1, down]], np.float32)
    rgb, alpha = (cv2.warpAffine(layer, matrix, (side_px, side_px)) for layer in (scene.rgb_HW3, scene.alpha_HW))
    bytes_HW = to_bytes(alpha * 255)
    shadow = shadow_map(bytes_HW, find_footprint(bytes_HW), LIGHT, horizon_row=0.66 * side_px)
    return replace(scene, rgb_HW3=rgb, alpha_HW=alpha, shadow_HW=shadow)


def text_facts(*, left: float = 0.08, top: float = 0.16, size: float = 0.07, color: str = "#181614") -> dict[str, Any]:
    """Facts that name one line of text in a scene."""
    return {"texts": [{"left": left, "top": top, "width": 8 * size * 0.75, "height": size, "color": color, "text": "NEW MUGS"}]}


def lettered(picture_HW3: np.ndarray, facts: dict[str, Any]) -> np.ndarray:
    """The picture with the text that the facts name really drawn, letters filling their box."""
    out, side = picture_HW3.copy(), picture_HW3.shape[:2]
    for box in facts["texts"]:
        rgb = tuple(int(box["color"][i : i + 2], 16) for i in (1, 3, 5))
        (wide, high), _ = cv2.getTextSize(box["text"], cv2.FONT_HERSHEY_DUPLEX, 1.0, 2)
        ink = np.zeros((high + 12, wide + 12), np.uint8)
        cv2.putText(ink, box["text"], (6, high + 6), cv2.FONT_HERSHEY_DUPLEX, 1.0, 255, 2, cv2.LINE_AA)
        ys, xs = np.nonzero(ink)
        target = (round(box["width"] * side[1]), round(box["height"] * side[0]))
        ink = cv2.resize(ink[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1], target, interpolation=cv2.INTER_AREA)
        y, x = round(box["top"] * side[0]), round(box["left"] * side[1])
        y0, x0, y1, x1 = max(y, 0), max(x, 0), min(y + target[1], side[0]), min(x + target[0], side[1])
        weight = ink[y0 - y : y1 - y, x0 - x : x1 - x, None] / 255.0
        out[y0:y1, x0:x1] = to_bytes(out[y0:y1, x0:x1] * (1 - weight) + np.array(rgb) * weight)
    return out


def _background(change: Callable[[Scene], np.ndarray]) -> Callable[[Scene], np.ndarray]:
    return lambda s: jpeg(replace(s, background_HW3=np.asarray(change(s), np.float32)).flat(), 92)


def _hue_turned(s: Scene) -> np.ndarray:
    lab = srgb_to_lab((np.clip(s.background_HW3, 0, 255) / 255).astype(np.float32))
    lab[..., 1:] *= -1
    return lab_to_srgb(lab) * 255


def _tiled(times: int) -> Callable[[Scene], np.ndarray]:
    def make(s: Scene) -> np.ndarray:
        side = s.alpha_HW.shape[0]
        part = np.ascontiguousarray(s.background_HW3[side // 3 :][: side // times, : side // times])
        return cv2.resize(np.tile(part, (times, times, 1)), (side, side), interpolation=cv2.INTER_LINEAR)

    return make


def _garbage(s: Scene) -> np.ndarray:
    side = s.alpha_HW.shape[0]
    rng = s.rng
    blobs = np.dstack([cv2.GaussianBlur(rng.normal(0, 1, (side, side)).astype(np.float32), (0, 0), 0.02 * side) for _ in range(3)])
    return np.where(blobs > 0, 255.0, 0.0)


def _one_color(s: Scene) -> np.ndarray:
    flat = np.full_like(s.background_HW3, 0) + np.array(WALL_RGB, np.float32)
    return flat + np.linspace(-5, 5, s.alpha_HW.shape[0], dtype=np.float32)[:, None, None]


def hovering(s: Scene) -> np.ndarray:
    """The shadow moved down by an eighth of the product's height, and only what lies below the product drawn: lit ground between the two."""
    down = 0.125 * (s.box[3] - s.box[1])
    start = s.shadow_HW * (np.arange(len(s.shadow_HW))[:, None] >= s.box[3] - 0.04 * (s.box[3] - s.box[1]))
    moved = cv2.warpAffine(start.astype(np.float32), np.array([[1, 0, 0], [0, 1, down]], np.float32), s.alpha_HW.shape[::-1])
    return jpeg(replace(s, shadow_HW=cv2.GaussianBlur(moved, (0, 0), 0.006 * len(moved))).flat(), 92)


def painted_shadow(s: Scene) -> np.ndarray:
    """A shadow that is violet paint instead of darker ground."""
    base = s.background_HW3 * (1 - s.shadow_HW[..., None]) + np.array((96, 40, 168), np.float32) * s.shadow_HW[..., None]
    return jpeg(to_bytes(base * (1 - s.alpha_HW[..., None]) + s.rgb_HW3 * s.alpha_HW[..., None]), 92)


@dataclass(frozen=True, kw_only=True)
class SurroundingFault:
    """A fault, the kind of scene it is made on ("scene" or "backdrop"), the code that must be among the reasons, and facts it needs."""

    make: Callable[[Scene], np.ndarray]
    code: str
    on: str = "scene"
    facts: dict[str, Any] = field(default_factory=dict)


SURROUNDING_FAULTS: dict[str, SurroundingFault] = {
    "hue_turned": SurroundingFault(make=_background(_hue_turned), code="OFF_PALETTE"),
    "backdrop_hue_turned": SurroundingFault(make=_background(_hue_turned), code="OFF_PALETTE", on="backdrop"),
    "tiled_2": SurroundingFault(make=_background(_tiled(2)), code="SCENE_REPEATS"),
    "tiled_3": SurroundingFault(make=_background(_tiled(3)), code="SCENE_REPEATS"),
    "garbage": SurroundingFault(make=_background(_garbage), code="SCENE_GARISH"),
    "one_color": SurroundingFault(make=_background(_one_color), code="SCENE_ONE_COLOR"),
    "hovering": SurroundingFault(make=hovering, code="HOVERING"),
    "backdrop_hovering": SurroundingFault(make=hovering, code="HOVERING", on="backdrop"),
    "painted_shadow": SurroundingFault(make=painted_shadow, code="SHADOW_COLORED"),
    "backdrop_painted_shadow": SurroundingFault(make=painted_shadow, code="SHADOW_COLORED", on="backdrop"),
}
"""What a recipe's own pack must catch; text is judged by the packs of channels, see tests/quality/test_surrounding_faults.py."""

HARMLESS: dict[str, Callable[[Scene], np.ndarray]] = {
    "jpeg_92": lambda s: jpeg(s.flat(), 92),
    "jpeg_80": lambda s: jpeg(s.flat(), 80),
    "warmer": _background(lambda s: shift_lab(s.background_HW3, 0, 1.0, 3.0)),
    "darker": _background(lambda s: shift_lab(s.background_HW3, -5, 0, 0)),
    "stronger_shadow": lambda s: jpeg(replace(s, shadow_HW=np.clip(s.shadow_HW * 1.15, 0, 1)).flat(), 92),
    "weaker_shadow": lambda s: jpeg(replace(s, shadow_HW=s.shadow_HW * 0.75).flat(), 92),
}


def evidence_in(scene: Scene, picture: np.ndarray, kind: str, facts: dict[str, Any] | None = None) -> RenderEvidence:
    """What a cell knows of such a picture: where the product is and its pixels, not the expected picture."""
    return RenderEvidence(
        pixels_HW3=picture,
        product_rgb_HW3=to_bytes(scene.rgb_HW3),
        product_alpha_HW=to_bytes(scene.alpha_HW * 255),
        facts={"background": "plain" if kind == "backdrop" else "scene"} | (facts or {}),
        file_format="PNG",
        icc="sRGB",
    )


OWN_COLUMNS = frozenset(
    (
        "palette_delta_e",
        "palette_off_share_pct",
        "scene_repeat",
        "scene_garish_pct",
        "scene_one_color_pct",
        "shadow_gap_pct",
        "shadow_chroma",
    )
)
"""Columns of the surroundings: what else is said of a picture is the business of benchmarks/gate.py."""


def codes_of(row: dict[str, Any], kind: str) -> set[str]:
    """Codes of the broken rules on surroundings, with PALETTE as the brand's."""
    rules = read_rules("backdrop" if kind == "backdrop" else "staged_scene")
    pack = read_pack(rules.recipe)
    compare_with_palette([row], PALETTE)
    held = replace(rules, rules=tuple(rule for rule in pack.rules if rule.column in OWN_COLUMNS))
    return {margin.code for margin in margins_of(row, held) if margin.is_broken}


def main() -> None:
    """Measure every product in a drawn room and on a drawn backdrop; print detection by fault and the harmless pictures that were doubted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=("tuned_on", "held_out"), default=None)
    parser.add_argument("--side-px", type=int, default=560)
    parser.add_argument("--products", type=int, default=None, help="at most so many")
    options = parser.parse_args()
    named = [(name, files) for name, files in product_files().items() if options.half in (None, half_of(name))][: options.products]
    seen: dict[str, list[bool]] = defaultdict(list)
    alarms = []
    for name, files in named:
        rgba, seed, side = load_product(*files), zlib.crc32(name.encode()), options.side_px
        scenes = {
            "scene": standing(rgba, side, background_HW3=drawn_room(side, seed), seed=seed),
            "backdrop": standing(rgba, side, background_HW3=drawn_backdrop(side, seed), seed=seed, fill=0.7),
        }
        for kind, scene in scenes.items():
            for variant, make in HARMLESS.items():
                codes = codes_of(measure_render(evidence_in(scene, make(scene), kind)), kind)
                seen[f"ok/{kind}/{variant}"].append(bool(codes))
                alarms += [f"{name} {kind} {variant}: {', '.join(sorted(codes))}"] if codes else []
        for variant, fault in SURROUNDING_FAULTS.items():
            row = measure_render(evidence_in(scenes[fault.on], fault.make(scenes[fault.on]), fault.on))
            seen[f"bad/{variant}"].append(fault.code in codes_of(row, fault.on))
        print(f"{name} done", file=sys.stderr, flush=True)
    shares = {name: round(sum(values) / len(values), 3) for name, values in seen.items()}
    print(json.dumps({"half": options.half or "all", "products": len(named), "flagged": shares, "alarms": alarms}, indent=1))


if __name__ == "__main__":
    main()
