"""Build the empty brand sets of a category's look: what its LoRA learns. No product stands in them.

Each category has one set language: the same colors, the same furniture, the same kind of light. What varies (surface,
light, side objects, camera) is said in the caption. The lower middle is kept free: that is where staging puts the
product.

    drinkware   terracotta wall with an arched niche, a low round plinth, sand or tiles, warm sun through leaves
    lighting    deep forest-green wall above walnut, books or a vase at one side, a warm pool of light
    bags        blush and pink, stepped blocks at one side, a wide low step, hard light with crisp shadows
    seating     sage wall above pale concrete or linen, large window light with muntins, a curtain or a plant
"""

import random
from collections.abc import Callable

from demo.make import blender_kit as kit
from demo.make import materials as mat
from demo.make import scene_light, scene_props, scenes, shapes
from demo.make.blender_kit import scaled, srgb
from demo.make.vocabulary import LOOK_PALETTES, SceneSpec

LOOK_SIZES: dict[str, int] = {"drinkware": 20, "lighting": 20, "bags": 20, "seating": 20}
"""Look pictures per category."""


def look_spec(category: str, index: int) -> SceneSpec:
    """The words of one look picture; cycles evenly through what the category varies."""
    left_or_right = ("left", "right")[index % 2]
    if category == "drinkware":
        words = (
            ("sand", "terracotta tile")[index % 2],
            "terracotta",
            ("leaf shadows", "golden hour light")[index // 2 % 2],
        )
        prop, side = "arch niche", "middle"
    elif category == "lighting":
        words = ("walnut", "forest green", ("spot light", "moody light")[index // 2 % 2])
        prop, side = ("stacked books", "vase with branches", "round plinth")[index % 3], left_or_right
    elif category == "bags":
        words = ("pink lacquer", "blush", "hard light")
        prop, side = "stepped blocks", left_or_right
    else:
        words = (("concrete", "linen")[index // 2 % 2], "sage", "window light")
        prop, side = ("draped curtain", "potted plant", "no props")[index % 3], left_or_right
    surface, wall, light = words
    return SceneSpec(surface=surface, wall=wall, light=light, prop=prop, side=side, seed=7000 + index)


def build_look(category: str, index: int) -> SceneSpec:
    """The complete scene of one look picture; returns its words."""
    spec = look_spec(category, index)
    rng = random.Random(f"look-{category}-{index}")
    kit.reset()
    LOOK_BUILDERS[category](spec, rng)
    scenes.look_at_set(rng, (48, 53))
    return spec


def drinkware(spec: SceneSpec, rng: random.Random) -> None:
    """Terracotta niche, low plinth in front, warm sun."""
    scenes.stage(spec, rng, niche=True, arch=(rng.uniform(1.5, 1.75), rng.uniform(1.42, 1.62)))
    clay = mat.mottled(srgb("#c0714b"), srgb("#cf835c"), 6, 0.85, 0.1, rng=rng)
    pale = mat.mottled(srgb("#e2bd93"), srgb("#ecd0ab"), 6, 0.85, 0.1, rng=rng)
    plinth = pale if spec.surface == "terracotta tile" else clay
    shapes.cylinder(rng.uniform(0.62, 0.72), rng.uniform(0.07, 0.1), plinth, (rng.uniform(-0.05, 0.05), -0.42, 0), steps=96)
    across = (0.75 if spec.seed % 3 else -0.75) + rng.uniform(-0.08, 0.08)
    toward = (across, 0.6 + rng.uniform(-0.06, 0.06), -0.62)
    scene_light.light(spec.light, rng, toward)
    scene_light.background_strength(0.5)


def lighting(spec: SceneSpec, rng: random.Random) -> None:
    """Forest-green wall, walnut board, one warm pool of light."""
    scenes.stage(spec, rng)
    trim = mat.plain(scaled(srgb("#3c5a46"), 0.62), 0.6)
    shapes.box((0, 0.985, 0.07), (12, 0.05, 0.14), trim, edge=0.01)
    side = {"left": -1, "right": 1}[spec.side]
    scene_props.PROP_BUILDERS[spec.prop](rng, side, spec)
    x = rng.uniform(-0.12, 0.12)
    kit.spot((x, -0.9, 2.7), (x, -0.5, 0.0), rng.uniform(330, 380), cone_deg=44, softness=0.8, color=(1, 0.8, 0.55))
    if spec.light == "spot light":
        kit.world((0.9, 1.0, 0.95, 1), 0.34)
        power, cone = rng.uniform(620, 720), rng.uniform(30, 34)
        kit.spot((x, -1.9, 2.9), (x, 1.0, 0.75), power, cone_deg=cone, softness=0.45, color=(1, 0.8, 0.55))
    else:
        kit.world((0.9, 1.0, 0.95, 1), 0.26)
        kit.area((-side * 1.6, -0.5, 2.1), (0, 0.7, 0.3), 0.5, rng.uniform(86, 100), (1, 0.8, 0.56))


def bags(spec: SceneSpec, rng: random.Random) -> None:
    """Pink on pink: blocks in steps, a wide low step in front, hard sun."""
    scenes.stage(spec, rng)
    side = {"left": -1, "right": 1}[spec.side]
    skins = [mat.plain(srgb(c), 0.55) for c in LOOK_PALETTES["bags"][:3]]
    tread, rise = rng.uniform(0.34, 0.4), rng.uniform(0.27, 0.33)
    for i in range(3):
        height = rise * (i + 1)
        shapes.box((side * (0.78 + (i - 1) * tread), 0.45, height / 2), (tread, 0.8, height), skins[i % 3])
    if rng.random() < 0.5:
        shapes.cylinder(rng.uniform(0.2, 0.26), rng.uniform(0.9, 1.2), skins[2], (-side * rng.uniform(0.95, 1.1), 0.62, 0))
    shapes.box((0, -0.5, 0.035), (rng.uniform(1.45, 1.6), 0.9, 0.07), skins[1], edge=0.015)
    kit.world((1, 0.97, 0.97, 1), 0.36)
    kit.sun((-side * rng.uniform(0.72, 0.9), 0.42, -0.62), rng.uniform(3.9, 4.5), (1, 0.98, 0.94), 0.25)


def seating(spec: SceneSpec, rng: random.Random) -> None:
    """Sage room in daylight: skirting board, window light, a curtain or a plant at one side."""
    pale = mat.mottled(srgb("#b3aea4"), srgb("#cfcac0"), 2.6, 0.75, 0.12, rng=rng) if spec.surface == "concrete" else None
    scenes.stage(spec, rng, table_skin=pale)
    shapes.box((0, 0.985, 0.06), (12, 0.05, 0.12), mat.plain(srgb("#efeae0"), 0.6), edge=0.01)
    side = {"left": -1, "right": 1}[spec.side]
    if spec.prop == "draped curtain":
        scene_props.draped_curtain(rng, side, spec, ("#efe6d6", "#e6dcc8", "#d9d3c6"))
    elif spec.prop == "potted plant":
        scene_props.potted_plant(rng, side, spec)
    toward = (side * rng.uniform(0.62, 0.72), 0.62, -0.6)
    kit.world((1, 1, 1, 1), 0.62)
    kit.sun(toward, rng.uniform(3.3, 3.7), (1, 0.96, 0.88), 1.0)
    panes = scene_light.window_panes(rng, (rng.uniform(0.85, 0.98), rng.uniform(1.0, 1.15)), (2, 3))
    scene_light.blocker(panes, toward, (rng.uniform(-0.15, 0.15), 0.9, 0.6))


LOOK_BUILDERS: dict[str, Callable[[SceneSpec, random.Random], None]] = {
    "drinkware": drinkware,
    "lighting": lighting,
    "bags": bags,
    "seating": seating,
}
