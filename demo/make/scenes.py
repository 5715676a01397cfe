"""Build one empty staged set from caption words: a table, a wall, light, perhaps a prop.

The base model learns from these pictures. `build(spec)` leaves a complete scene behind; render_scenes.py renders it.
Products never appear here.

Conventions, shared with the looks and with staging: the table is the plane z = 0, the wall stands at y = 1, the
camera looks along +y from y = -3.4 at about 8 degrees downwards; what stands at y = -0.65 has its foot about 83 %
down the frame.
"""

import random
from collections.abc import Callable

from demo.make import blender_kit as kit
from demo.make import materials as mat
from demo.make import scene_surfaces as surfaces
from demo.make import shapes
from demo.make.blender_kit import scaled, srgb
from demo.make.scene_light import light
from demo.make.scene_props import PROP_BUILDERS
from demo.make.vocabulary import NO_PROPS, WALLS, SceneSpec


def build(spec: SceneSpec) -> None:
    """The complete scene of a spec in an emptied Blender: set, prop, light and camera."""
    rng = random.Random(f"set-{spec.seed}")
    kit.reset()
    stage(spec, rng, niche=spec.prop == "arch niche")
    if spec.prop not in (NO_PROPS, "arch niche"):
        PROP_BUILDERS[spec.prop](rng, {"left": -1, "right": 1, "middle": 0}[spec.side], spec)
    light(spec.light, rng)
    look_at_set(rng)


def look_at_set(rng: random.Random, lens_mm: tuple[float, float] = (48, 54)) -> None:
    """The camera of all sets, with a little freedom."""
    location = (rng.uniform(-0.12, 0.12), -3.4, rng.uniform(0.95, 1.2))
    kit.camera(location, (rng.uniform(-0.05, 0.05), 0.3, rng.uniform(0.50, 0.58)), rng.uniform(*lens_mm))


def surface_material(word: str, rng: random.Random):
    """The material of a table word."""
    makers: dict[str, Callable] = {
        "oak": lambda: surfaces.planks(srgb("#b98a58"), srgb("#dbb684"), rng),
        "walnut": lambda: surfaces.planks(srgb("#5e3d28"), srgb("#8a6242"), rng),
        "white marble": lambda: surfaces.marble(srgb("#f0efec"), srgb("#6d6e75"), rng),
        "black marble": lambda: surfaces.marble(srgb("#141417"), srgb("#cfc7ba"), rng, vein_width=0.45),
        "linen": lambda: surfaces.linen(srgb("#e0d4be"), rng),
        "concrete": lambda: mat.mottled(srgb("#7b7a77"), srgb("#b6b4af"), 3.2, 0.8, 0.25, rng=rng),
        "sand": lambda: surfaces.sand(srgb("#d9b987"), rng),
        "terracotta tile": lambda: surfaces.tiles(srgb("#b9683f"), srgb("#e2d6c4"), rng),
        "white lacquer": lambda: mat.plain(srgb("#f4f4f2"), 0.2),
        "pink lacquer": lambda: mat.plain(srgb("#eaa8b0"), 0.2),
        "terrazzo": lambda: surfaces.terrazzo(srgb("#e9e4da"), [srgb(c) for c in ("#b5603c", "#4d5a58", "#c9a45a", "#8f8b86")], rng),
        "checkered tile": lambda: surfaces.checkers(srgb("#1e1e20"), srgb("#efece4")),
        "green tile": lambda: surfaces.tiles(srgb("#2f7a5c"), srgb("#e2e0d4"), rng, roughness=0.15),
        "rattan": lambda: surfaces.basket_mat(srgb("#c8965a"), rng),
    }
    return makers[word]()


def wall_material(word: str, rng: random.Random):
    """The material of a wall word: paint with a breath of plaster, brick, or slats."""
    paint = scaled(srgb(WALLS[word]), rng.uniform(0.92, 1.06))
    if word == "white brick":
        return surfaces.tiles(paint, srgb("#b9b4aa"), rng, size=(0.44, 0.15), roughness=0.9, upright=True)
    if word == "walnut slat":
        return surfaces.slats(paint, rng)
    return mat.mottled(scaled(paint, 0.93), scaled(paint, 1.04), rng.uniform(1.5, 4), 0.85, 0.06, rng=rng)


def stage(
    spec: SceneSpec,
    rng: random.Random,
    *,
    niche: bool = False,
    arch: tuple[float, float] | None = None,
    table_skin=None,
) -> None:
    """Table and wall; with `niche`, the wall has an arched recess of (width, height) in the middle."""
    paint = wall_material(spec.wall, rng)
    back = 1.32 if niche else 1.0
    if niche:
        width, height = arch or (rng.uniform(1.25, 1.6), rng.uniform(1.25, 1.6))
        outline = [(-6, -0.01), *shapes.arch_outline(width, height), (6, -0.01), (6, 6), (-6, 6)]
        shapes.slab(outline, 0.34, paint, (rng.uniform(-0.08, 0.08), 1.0, 0), edge=0.0)
        deep = scaled(srgb(WALLS[spec.wall]), 0.78)
        paint = mat.mottled(scaled(deep, 0.95), scaled(deep, 1.05), 2.5, 0.85, 0.06, rng=rng)
    shapes.place(shapes.mesh("wall", [(-6, 0, -1), (6, 0, -1), (6, 0, 6), (-6, 0, 6)], [(0, 1, 2, 3)], paint), (0, back, 0))
    table = [(-6.0, -6.0, 0.0), (6.0, -6.0, 0.0), (6.0, back + 0.2, 0.0), (-6.0, back + 0.2, 0.0)]
    shapes.mesh("table", table, [(0, 1, 2, 3)], table_skin or surface_material(spec.surface, rng))
