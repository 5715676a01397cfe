"""Staged scenes: the product, alone or with a second of another color, composited into an empty set, grounded by shadows that follow its light.

The plate comes drawn (plates.py). Product pixels inside the matte stay as photographed; only the soft edge takes on the scene's color.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import Field

from catalog.errors import RenderError
from catalog.placement import Placement
from generation.companion import GROUP_WIDTH_MAX_PCT, make_companion, pair_placements, resolve_companion
from generation.enlarging import ADDED_UPSCALE_MAX, EnlargingParams, told_enlarged
from generation.kind import Composed, Job, Kind, Source, Wish
from generation.plate_requests import PlateRequest
from imaging.color import lab_to_srgb
from imaging.composite import Placed, Reflection, Shadow, composite, grounded, wrap_edge
from imaging.light import PlateLight, read_light, read_product_side
from imaging.linear_light import LUMINANCE, light_of_fine_levels, light_of_hex, to_levels, to_light
from imaging.placing import fit_standing, place, product_box
from imaging.plate_finish import finish_plate
from imaging.shadows import ShadowLight

Uint8 = npt.NDArray[np.uint8]
FloatImage = npt.NDArray[np.float32]

GLOSSY = re.compile(r"\b(lacquer(ed)?|marble|glass|polished|gloss(y)?|terrazzo)\b", re.IGNORECASE)
"""Words of a scene prompt that name a surface in which a product is mirrored a little; whole words, for unpolished concrete is matt."""

GLOSS = Reflection(strength=0.16)
"""How such a surface mirrors what stands on it: lacquer seen from 15 degrees above throws back about a sixth."""

CLEAR_SIDE = 0.3
"""From here on a side of light counts as known: right on 99 % of plates and on all demo products."""
FAINT_SIDE = 0.1
"""Below this, a plate's light says nothing of its side; between the two its sign is believed."""
USUAL_SIDE = 0.5
"""Side of a key light that is not clearly read: studio keys stand 30 to 60 degrees off, and a shadow straight behind a product looks wrong."""
PROP_SIDE = re.compile(r"\bon the (left|right)\b", re.IGNORECASE)
"""Words of a scene prompt that say on which side its props stand."""
CENTER_PCT = {"left": 40.0, "center": 50.0, "right": 60.0}
"""Middle of the product, in percent of the frame's width: near a third, where the eye rests, yet with room for its shadow."""
SMALLEST_SHARE = 0.35
"""A product is never shown lower than this share of its category's height: the smallest cup must still sell."""
POOL_BELOW_BRIGHTNESS = 58.0
"""Mean L of a plate under which the product's surroundings are lit up; studio packshots are exposed for L about 60 to 90."""
POOL_GAIN = 1.1
POOL_LIFT = 10.0
"""At most: factor minus one at the pool's center, and levels of 255 added there so that near-black surfaces take light at all."""


class StagedSceneParams(EnlargingParams):
    """How the product stands in its scene, and how the scene is finished."""

    blur_pct: float = Field(default=1.0, ge=0, le=5, description="Sigma of the wall's blur in percent of the height.")
    grain: float = Field(default=1.6, ge=0, le=8, description="Grain of the scene, in levels of 255.")
    shadow: float = Field(default=1.0, ge=0, le=1, description="Strength of the shadow, 0 none.")
    edge_tint: float = Field(
        default=0.35,
        ge=0,
        le=1,
        description="How far the soft edge of the product takes on the scene's color; pixels inside the matte stay as photographed.",
    )
    composition: Literal["auto", "left", "center", "right", "pair"] = Field(
        default="auto",
        description="Where the product stands, left and right also in a set that is mirrored for its light; auto: away from the props that the scene "
        "names on one side, else in the middle; pair: beside the same product in another colorway.",
    )
    pair_with: str | None = Field(
        default=None,
        min_length=1,
        max_length=80,
        description="With composition pair: name of the other one's colorway; left out, the brand's first that is clearly another color.",
    )
    scale_realism: float = Field(
        default=0.5, ge=0, le=1, description="How much of a difference in centimeters is seen, 0 none .. 1 all of it."
    )
    harmony: float = Field(
        default=0.4,
        ge=0,
        le=1,
        description="How much of the set's colored light is taken out of the surroundings, toward the neutral light that the product was photographed in.",
    )


@dataclass(frozen=True, kw_only=True)
class _Standing:
    """A product in the frame, and where its placement puts it."""

    placement: Placement
    placed: Placed


def compose_staged(job: Job) -> Composed:
    """The product in a scene; the plate is of any size. Raises RenderError if a pair is wanted that cannot be made."""
    resolved, params, source, (width, height) = job.resolved, job.params, job.source, job.size_px
    plate_HW3 = job.plate_HW3
    assert plate_HW3 is not None, "a staged scene is composed on a plate"
    plate_HW3, light, mirrored = face_the_light(plate_HW3, read_product_side(source.foreground_HW3, source.alpha_HW))
    standing, companion = _pair(job, light) if "companions" in resolved else ([_alone(job, mirrored)], {})
    enlarged = told_enlarged(job, standing[-1].placement)
    scene = finish_plate(
        plate_HW3,
        width_px=width,
        height_px=height,
        horizon_share=light.horizon_share,
        base_share=resolved["base_pct"] / 100,
        blur_pct=params["blur_pct"],
        grain=params["grain"],
        seed=job.seed,
    )
    scene = light_pool(scene, light, placement_box=_box_around([product_box(one.placed.alpha_HW) for one in standing]))
    shadow = Shadow(light=scene_shadow(light, params["shadow"]), kept_rgb=shadow_tint(light), horizon_row=light.horizon_share * height)
    picture = to_levels(
        grounded(
            harmonized(light_of_fine_levels(scene), light, params["harmony"]),
            *(one.placed for one in standing),
            shadow=shadow if params["shadow"] > 0 else None,
            reflection=GLOSS if resolved["glossy"] else None,
        )
    )
    for one in standing:  # from back to front
        rgb, alpha = one.placed.rgb_HW3, one.placed.alpha_HW
        picture = composite(wrap_edge(rgb, alpha, picture, amount=params["edge_tint"]), alpha, picture)
    facts = {
        "background": "scene",
        "prompt": resolved["prompt"],
        "plate_px": list(plate_HW3.shape[:2]),
        "plate_mirrored": mirrored,
        "light": light.as_dict(),
        **companion,
        **enlarged,
    }
    return picture, standing[-1].placement, facts


def _alone(job: Job, mirrored: bool) -> _Standing:
    resolved, (width, height) = job.resolved, job.size_px
    placement = fit_standing(
        job.source.alpha_HW,
        frame_width_px=width,
        frame_height_px=height,
        height_pct=resolved["product_height_pct"],
        width_max_pct=resolved["product_width_max_pct"],
        base_pct=resolved["base_pct"],
        center_pct=100 - resolved["center_pct"] if mirrored and "side" not in resolved else resolved["center_pct"],
    )
    return _stand(job.source.foreground_HW3, job.source.alpha_HW, placement)


def _pair(job: Job, light: PlateLight) -> tuple[list[_Standing], dict[str, Any]]:
    """Companion and product, and what is told of the companion. It stands toward the light, so that the product's shadow falls away from it."""
    companion = make_companion(job, light.wall_rgb)
    front, behind = pair_placements(
        job.source.alpha_HW,
        size_px=job.size_px,
        height_pct=job.resolved["product_height_pct"],
        base_pct=job.resolved["base_pct"],
        horizon_share=light.horizon_share,
        beside=-1 if light.side < 0 else 1,
    )
    standing = [
        _stand(companion.foreground_HW3, job.source.alpha_HW, behind),
        _stand(job.source.foreground_HW3, job.source.alpha_HW, front),
    ]
    return standing, {"companion": companion.facts(behind)}


def _stand(foreground_HW3: Uint8, alpha_HW: Uint8, placement: Placement) -> _Standing:
    rgb, alpha = place(foreground_HW3, alpha_HW, placement)
    return _Standing(placement=placement, placed=Placed(rgb_HW3=rgb, alpha_HW=alpha))


def _box_around(boxes: Sequence[tuple[int, int, int, int]]) -> tuple[int, int, int, int]:
    left, top, right, bottom = zip(*boxes, strict=True)
    return min(left), min(top), max(right), max(bottom)


def face_the_light(plate_HW3: Uint8, product_side: float) -> tuple[Uint8, PlateLight, bool]:
    """The plate, mirrored if its light and the product's clearly come from opposite sides; its light; whether it was mirrored.

    A product lit from the left in a set lit from the right looks pasted in, and only the set may be changed. Where the plate says nothing,
    the product's own shading decides which way its shadow falls.
    """
    light = read_light(plate_HW3)
    if light.side * product_side < 0 and min(abs(light.side), abs(product_side)) >= CLEAR_SIDE:
        mirrored = np.ascontiguousarray(plate_HW3[:, ::-1])
        return mirrored, read_light(mirrored), True
    if abs(light.side) < CLEAR_SIDE:
        telling = light.side if abs(light.side) >= FAINT_SIDE else product_side
        light = replace(light, side=USUAL_SIDE if telling > 0 else -USUAL_SIDE)
    return plate_HW3, light, False


def harmonized(light_HW3: FloatImage, light: PlateLight, amount: float) -> FloatImage:
    """Surroundings (linear light) with a share of their colored light taken out, as a photographer balances a set for what is sold in it.

    The product was lit neutrally and its pixels are locked, so its surroundings come to meet it. Brightness stays.
    """
    lab = np.array([[[70.0, 0.0, 0.0], [70.0, 0.0, light.warmth]]], np.float32)
    neutral, tinted = to_light(np.round(255 * lab_to_srgb(lab)).astype(np.uint8))[0]
    gains = (neutral / np.maximum(tinted, 1e-3)) ** amount
    return np.asarray(light_HW3 * (gains / (gains @ LUMINANCE)), np.float32)


def light_pool(scene_HW3: FloatImage, light: PlateLight, *, placement_box: tuple[int, int, int, int]) -> FloatImage:
    """A dark set with a soft pool of light where the product stands, as a set is lit for a product; float32 0..255.

    Product pixels keep their studio exposure, so in a dark set the light that they show must have fallen on their surroundings too.
    """
    lack = float(np.clip((POOL_BELOW_BRIGHTNESS - light.brightness) / POOL_BELOW_BRIGHTNESS, 0, 1))
    if lack == 0:
        return scene_HW3
    height, width = scene_HW3.shape[:2]
    left, top, right, bottom = placement_box
    rows, columns = np.mgrid[0:height:4, 0:width:4].astype(np.float32)
    across = (columns - (left + right) / 2) / (0.62 * width)
    down = (rows - (0.35 * top + 0.65 * bottom)) / (0.42 * height)
    pool = POOL_GAIN * lack * np.exp(-2 * (across**2 + down**2))
    gain = cv2.resize(1 + pool.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    lifted = scene_HW3 * gain[..., None] + (POOL_LIFT * lack) * (gain - 1)[..., None]
    return np.asarray(lifted, np.float32)


def scene_shadow(light: PlateLight, strength: float) -> ShadowLight:
    """The shadow that a plate's light calls for: harder and longer under sun, a soft pool under an overcast sky."""
    return ShadowLight(
        side=light.side,
        hardness=light.hardness,
        reach=0.45 + 0.45 * light.hardness,
        contact=0.97 * strength,
        occlusion=0.88 * strength,
        cast=(0.76 + 0.14 * light.hardness) * strength,
    )


def shadow_tint(light: PlateLight) -> tuple[float, float, float]:
    """What ambient light leaves in a shadow: a little of the surface's own color, cooler where the key light is warm."""
    cool = float(np.clip(light.warmth / 20, 0, 1)) * 0.008
    surface = light_of_hex("#{:02x}{:02x}{:02x}".format(*light.surface_rgb))
    red, green, blue = (float(channel) for channel in 0.01 + 0.03 * surface / max(float(surface.max()), 1e-3))
    return max(red - cool, 0.0), green, blue + cool


def _resolve(wish: Wish, params: dict[str, Any]) -> dict[str, Any]:
    style, composition, pair_with = wish.style, params.pop("composition"), params.pop("pair_with")
    scene = style.scenes[wish.index % len(style.scenes)]
    if pair_with and composition != "pair":
        raise RenderError(
            f"Recipe '{wish.recipe.name}' names `pair_with: {pair_with}` and `composition: {composition}`; a second product is shown by `composition: pair` "
            "alone. Nothing was made. Set that, or leave `pair_with` out."
        )
    is_pair = composition == "pair"
    return {
        "product_height_pct": _height_pct(wish, params.pop("scale_realism")),
        **({"group_width_max_pct": GROUP_WIDTH_MAX_PCT, **resolve_companion(wish, pair_with)} if is_pair else {}),
        "center_pct": CENTER_PCT["center" if is_pair else _side(scene, composition)],
        # A side that was asked for is kept when the set is mirrored: the other one may be free for words. The side away from props turns with them.
        **({"side": "asked for"} if composition in ("left", "right") else {}),
        "product_width_max_pct": style.product_width_max_pct,
        "base_pct": style.base_pct,
        # The scene behind the look's trigger phrase; a scene that speaks the trigger itself is the whole prompt.
        "prompt": scene if style.trigger in scene else f"{style.trigger}, {scene}",
        "glossy": GLOSSY.search(scene) is not None,
    }


def _side(scene: str, composition: str) -> str:
    """Where the product stands; away from the props, if the scene says where they are."""
    if composition != "auto":
        return composition
    props = {side.lower() for side in PROP_SIDE.findall(scene)}
    return {"left": "right", "right": "left"}[props.pop()] if len(props) == 1 else "center"


def _height_pct(wish: Wish, realism: float) -> float:
    """How high a product stands in the frame: a lower one than its category's tall ones smaller, by its centimeters to the power of `realism`.

    At 0.5 the camera goes half way closer to small things, as photographers do: a mug of 9 cm beside a carafe of 28 is shown at 0.57, not 0.32.
    """
    style, height_cm = wish.style, wish.product.height_cm
    if style.tallest_cm is None or height_cm is None:
        return style.product_height_pct
    share = float(min(1.0, height_cm / style.tallest_cm) ** realism)
    return round(style.product_height_pct * max(share, SMALLEST_SHARE), 3)


def _empty_set(resolved: dict[str, Any], seed: int, _: Source) -> PlateRequest:
    return PlateRequest(prompt=resolved["prompt"], seed=seed)


def _is_pair(params: dict[str, Any]) -> bool:
    """Whether a second product of another color is shown: one that no photo was taken of."""
    return params.get("composition") == "pair"


OF_STYLE = frozenset({"trigger", "scenes", "product_height_pct", "product_width_max_pct", "base_pct", "tallest_cm", "colorways"})
"""What scenes take of a category's style; colorways, swatches and masks are of pairs alone."""

STAGED_SCENE = Kind(
    params=StagedSceneParams,
    compose=compose_staged,
    resolve=_resolve,
    added_later=ADDED_UPSCALE_MAX,
    plate=_empty_set,
    changed_if=_is_pair,
    of_style=OF_STYLE,
    of_kit=frozenset({"colorways", "swatches", "part_masks"}),
)
