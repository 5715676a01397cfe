"""Build one empty staged set from caption words: a table, a wall, light, perhaps a prop.

The base model learns from these pictures, so shapes are large and textures bold enough to be read at 128 px. `build(spec)` leaves a complete
scene behind; render_scenes.py renders it. Products never appear here.

Conventions, shared with the looks and with staging: the table is the plane z = 0, the wall stands at y = 1, the camera looks along +y from
y = -3.4 at about 8 degrees downwards; what stands at y = -0.65 has its foot about 83 % down the frame.
"""

import math
import random
from collections.abc import Callable

import bpy
from mathutils import Vector

from demo.make import blender_kit as kit
from demo.make import materials as mat
from demo.make.blender_kit import Color, Point, blend, scaled, srgb
from demo.make.vocabulary import NO_PROPS, WALLS, SceneSpec

PALE = ("#f1ede4", "#e8dccb", "#d9c7b0", "#c9b3a0", "#f4f1ea")
ACCENTS = ("#e3b09a", "#b8c2ad", "#d9a441", "#8f99a8", "#c9715a", "#5b7f86", "#e9dfc9")
BOOKS = ("#c9715a", "#e8dcc5", "#40566b", "#8ba08a", "#d9a441", "#b5a3bf", "#7c3f3a")
CURTAINS = ("#efe6d6", "#d9b8a4", "#b9c2b0", "#e4d9e6", "#c9a27c")
LEAVES = ("#4f6b45", "#6f8a55", "#3f6a4c", "#7f9a5c")


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


# -------------------------------------------------------------------------------------------------------- table and wall


def surface_material(word: str, rng: random.Random):
    """The material of a table word."""
    makers: dict[str, Callable] = {
        "oak": lambda: mat.planks(srgb("#b98a58"), srgb("#dbb684"), rng),
        "walnut": lambda: mat.planks(srgb("#5e3d28"), srgb("#8a6242"), rng),
        "white marble": lambda: mat.marble(srgb("#f0efec"), srgb("#6d6e75"), rng),
        "black marble": lambda: mat.marble(srgb("#141417"), srgb("#cfc7ba"), rng, vein_width=0.45),
        "linen": lambda: mat.linen(srgb("#e0d4be"), rng),
        "concrete": lambda: mat.mottled(srgb("#7b7a77"), srgb("#b6b4af"), 3.2, 0.8, 0.25, rng=rng),
        "sand": lambda: mat.sand(srgb("#d9b987"), rng),
        "terracotta tile": lambda: mat.tiles(srgb("#b9683f"), srgb("#e2d6c4"), rng),
        "white lacquer": lambda: mat.plain(srgb("#f4f4f2"), 0.2),
        "pink lacquer": lambda: mat.plain(srgb("#eaa8b0"), 0.2),
        "terrazzo": lambda: mat.terrazzo(srgb("#e9e4da"), [srgb(c) for c in ("#b5603c", "#4d5a58", "#c9a45a", "#8f8b86")], rng),
        "checkered tile": lambda: mat.checkers(srgb("#1e1e20"), srgb("#efece4")),
        "green tile": lambda: mat.tiles(srgb("#2f7a5c"), srgb("#e2e0d4"), rng, roughness=0.15),
        "rattan": lambda: mat.basket_mat(srgb("#c8965a"), rng),
    }
    return makers[word]()


def wall_material(word: str, rng: random.Random):
    """The material of a wall word: paint with a breath of plaster, brick, or slats."""
    paint = scaled(srgb(WALLS[word]), rng.uniform(0.92, 1.06))
    if word == "white brick":
        return mat.tiles(paint, srgb("#b9b4aa"), rng, size=(0.44, 0.15), roughness=0.9, upright=True)
    if word == "walnut slat":
        return mat.slats(paint, rng)
    return mat.mottled(scaled(paint, 0.93), scaled(paint, 1.04), rng.uniform(1.5, 4), 0.85, 0.06, rng=rng)


def stage(
    spec: SceneSpec, rng: random.Random, *, niche: bool = False, arch: tuple[float, float] | None = None, table_skin=None
) -> None:
    """Table and wall; with `niche`, the wall has an arched recess of (width, height) in the middle."""
    paint = wall_material(spec.wall, rng)
    back = 1.32 if niche else 1.0
    if niche:
        width, height = arch or (rng.uniform(1.25, 1.6), rng.uniform(1.25, 1.6))
        outline = [(-6, -0.01), *kit.arch_outline(width, height), (6, -0.01), (6, 6), (-6, 6)]
        kit.slab(outline, 0.34, paint, (rng.uniform(-0.08, 0.08), 1.0, 0), edge=0.0)
        deep = scaled(srgb(WALLS[spec.wall]), 0.78)
        paint = mat.mottled(scaled(deep, 0.95), scaled(deep, 1.05), 2.5, 0.85, 0.06, rng=rng)
    kit.place(kit.mesh("wall", [(-6, 0, -1), (6, 0, -1), (6, 0, 6), (-6, 0, 6)], [(0, 1, 2, 3)], paint), (0, back, 0))
    table = [(-6.0, -6.0, 0.0), (6.0, -6.0, 0.0), (6.0, back + 0.2, 0.0), (-6.0, back + 0.2, 0.0)]
    kit.mesh("table", table, [(0, 1, 2, 3)], table_skin or surface_material(spec.surface, rng))


# ----------------------------------------------------------------------------------------------------------------- props


def _spot_for(rng: random.Random, side: int) -> tuple[float, float]:
    return side * rng.uniform(0.66, 0.86), rng.uniform(0.15, 0.45)


def _paint(rng: random.Random, spec: SceneSpec):
    return mat.plain(srgb(rng.choice([*PALE, WALLS[spec.wall]])), 0.7, bump=0.08)


def _accent(rng: random.Random):
    return mat.plain(srgb(rng.choice(ACCENTS)), 0.6)


def round_plinth(rng: random.Random, side: int, spec: SceneSpec) -> None:
    (x, y), skin = _spot_for(rng, side), _paint(rng, spec)
    radius, height = rng.uniform(0.3, 0.42), rng.uniform(0.3, 0.62)
    kit.cylinder(radius, height, skin, (x, y, 0))
    if rng.random() < 0.6:
        kit.cylinder(radius * 1.25, height * 0.35, skin, (x - side * 0.45, y + 0.25, 0))


def stone_arch(rng: random.Random, side: int, spec: SceneSpec) -> None:
    (x, y), width, height = _spot_for(rng, side), rng.uniform(0.75, 0.95), rng.uniform(1.0, 1.3)
    band = rng.uniform(0.15, 0.2)
    inner = kit.arch_outline(width - 2 * band, height - band)
    item = kit.frame(kit.arch_outline(width, height), inner, 0.28, _paint(rng, spec), (x, y + 0.1, 0))
    item.rotation_euler = (0, 0, -side * rng.uniform(0, 0.35))


def stacked_cubes(rng: random.Random, side: int, spec: SceneSpec) -> None:
    (x, y), a = _spot_for(rng, side), rng.uniform(0.42, 0.54)
    b = a * 0.68
    kit.box((x, y, a / 2), (a, a, a), _paint(rng, spec), turn_deg=rng.uniform(-25, 25))
    kit.box((x + rng.uniform(-0.04, 0.04), y, a + b / 2), (b, b, b), _accent(rng), turn_deg=rng.uniform(-35, 35))


def pebbles(rng: random.Random, side: int, spec: SceneSpec) -> None:
    x, y = _spot_for(rng, side)
    for i in range(rng.randint(3, 5)):
        radius = rng.uniform(0.12, 0.24)
        light_tone = srgb(rng.choice(["#b9b4ac", "#d8d2c6", "#77736e"]))
        stone = mat.mottled(srgb("#8f8b86"), light_tone, 6, 0.7, 0.1, rng=rng)
        middle = (x + side * (0.28 - 0.22 * i) + rng.uniform(-0.06, 0.06), y + rng.uniform(-0.4, 0.2), radius * 0.5)
        pebble = kit.sphere(radius, stone, middle, (rng.uniform(1, 1.4), 1, 0.55))
        pebble.rotation_euler = (0, 0, rng.uniform(0, 3))


def vase_with_branches(rng: random.Random, side: int, spec: SceneSpec) -> None:
    (x, y), k = _spot_for(rng, side), rng.uniform(1.15, 1.4)
    skin = mat.plain(srgb(rng.choice(["#f0ece2", "#c98f6c", "#5b6770", "#d8c3a5"])), rng.choice([0.25, 0.7]))
    profile = [(0, 0), (0.1, 0), (0.17, 0.1), (0.185, 0.2), (0.14, 0.33), (0.06, 0.4), (0.05, 0.46), (0.065, 0.49)]
    inside = [(0.055, 0.49), (0.04, 0.45), (0, 0.4)]
    kit.lathe([(r * k, z * k) for r, z in (*profile, *inside)], skin, (x, y, 0), steps=48, levels=1)
    twig, leaf = mat.plain(srgb("#6b543c"), 0.8), mat.plain(srgb(rng.choice([*LEAVES, "#c9a86a"])), 0.6)
    for _ in range(rng.randint(3, 4)):
        _branch(rng, (x, y, 0.34 * k), twig, leaf, rng.uniform(0.55, 0.8) + 0.15)


def _branch(rng: random.Random, foot: Point, twig, leaf, height: float) -> None:
    angle, spread = rng.uniform(0, 6.28), rng.uniform(0.15, 0.4)
    line = [foot]
    for i in range(1, 6):
        t = i / 5
        dx = spread * math.cos(angle) * t**1.4 + rng.uniform(-0.02, 0.02)
        line.append((foot[0] + dx, foot[1] + 0.4 * spread * math.sin(angle) * t, foot[2] + height * t))
    kit.tube(line, 0.008, twig)
    for _ in range(14):
        position = rng.uniform(0.35, 1.0) * 5
        start, share = line[min(4, int(position))], position - min(4, int(position))
        end = line[min(5, int(position) + 1)]
        where = tuple(a * (1 - share) + b * share for a, b in zip(start, end, strict=True))
        s = rng.uniform(0.07, 0.11)
        blade = kit.mesh("leaf", [(0, 0, 0), (s * 0.6, s * 0.4, 0.01), (s * 1.5, 0, 0), (s * 0.6, -s * 0.4, 0.01)], [(0, 1, 2, 3)], leaf)
        kit.place(blade, where, (rng.uniform(-57, 57), rng.uniform(-57, 34), rng.uniform(0, 360)))


def stacked_books(rng: random.Random, side: int, spec: SceneSpec) -> None:
    (x, y), z = _spot_for(rng, side), 0.0
    paper = mat.plain(srgb("#f3eee0"), 0.9)
    for _ in range(rng.randint(3, 4)):
        height, width, depth = rng.uniform(0.085, 0.13), rng.uniform(0.56, 0.7), rng.uniform(0.36, 0.44)
        turn, cover = rng.uniform(-14, 14), mat.plain(srgb(rng.choice(BOOKS)), 0.7)
        kit.box((x, y, z + 0.012), (width, depth, 0.024), cover, turn_deg=turn, edge=0.006)
        kit.box((x, y, z + height - 0.012), (width, depth, 0.024), cover, turn_deg=turn, edge=0.006)
        kit.box((x, y + 0.008, z + height / 2), (width - 0.03, depth - 0.03, height - 0.02), paper, turn_deg=turn, edge=0)
        if rng.random() < 0.5:  # the spine looks at us
            angle = math.radians(turn)
            front = (x + math.sin(angle) * depth / 2, y - math.cos(angle) * depth / 2, z + height / 2)
            kit.box(front, (width, 0.03, height), cover, turn_deg=turn, edge=0.01)
        z += height


def sphere_and_cone(rng: random.Random, side: int, spec: SceneSpec) -> None:
    (x, y), radius, height = _spot_for(rng, side), rng.uniform(0.22, 0.32), rng.uniform(0.6, 0.85)
    kit.sphere(radius, _paint(rng, spec), (x, y, radius))
    base = height * 0.32
    kit.lathe([(0, 0), (base, 0), (base, 0.012), (0.012, height), (0, height)], _accent(rng), (x - side * 0.46, y + 0.2, 0))


def stepped_blocks(rng: random.Random, side: int, spec: SceneSpec) -> None:
    x, y = _spot_for(rng, side)
    skin, rise, tread = _paint(rng, spec), rng.uniform(0.2, 0.28), rng.uniform(0.26, 0.34)
    for i in range(3):
        height = rise * (i + 1)
        kit.box((x + side * (i - 1) * tread, y + 0.1, height / 2), (tread, rng.uniform(0.5, 0.7), height), skin)


def potted_plant(rng: random.Random, side: int, spec: SceneSpec) -> None:
    (x, y), k = _spot_for(rng, side), rng.uniform(0.95, 1.15)
    pot = mat.plain(srgb(rng.choice(["#c4704c", "#efe9dd", "#4a4d50", "#d9b48a"])), 0.75, bump=0.05)
    kit.lathe([(0, 0), (0.16 * k, 0), (0.22 * k, 0.34 * k), (0.2 * k, 0.34 * k), (0.19 * k, 0.3 * k), (0, 0.3 * k)], pot, (x, y, 0))
    leaf = mat.plain(srgb(rng.choice(LEAVES)), 0.4)
    for i in range(rng.randint(9, 12)):
        _big_leaf(rng, (x, y, 0.3 * k), leaf, turn=i * 2.4 + rng.uniform(-0.3, 0.3), length=rng.uniform(0.5, 0.75) * k)


def _big_leaf(rng: random.Random, foot: Point, leaf, *, turn: float, length: float) -> None:
    """One leaf as long as a hand, rising and bending over."""
    rise, bend, half = rng.uniform(0.9, 1.35), rng.uniform(0.5, 1.1), length * rng.uniform(0.16, 0.22)
    rows = []
    reach = height = 0.0
    for i in range(13):
        t = i / 12
        pitch = rise - bend * t
        reach, height = reach + length / 12 * math.cos(pitch), height + length / 12 * math.sin(pitch)
        wide = half * max(0.04, math.sin(math.pi * max(0.0, (t - 0.25) / 0.75)) ** 0.7 if t > 0.25 else 0.04)
        rows.append(
            [
                (
                    foot[0] + reach * math.cos(turn) - s * wide * math.sin(turn),
                    foot[1] + (reach * math.sin(turn) + s * wide * math.cos(turn)) * 0.8,
                    foot[2] + height + abs(s) * wide * 0.25,
                )
                for s in (-1, 0, 1)
            ]
        )
    kit.grid("leaf", rows, leaf)


def leaning_disc(rng: random.Random, side: int, spec: SceneSpec) -> None:
    radius = rng.uniform(0.46, 0.62)
    disc = kit.cylinder(radius, 0.07, _accent(rng), edge=0.01, steps=96)
    lean = rng.uniform(8, 13)
    kit.place(disc, (side * rng.uniform(0.6, 0.8), 0.74, radius), (90 - lean, 0, -side * rng.uniform(0, 14)))


def draped_curtain(rng: random.Random, side: int, spec: SceneSpec, colors: tuple[str, ...] = CURTAINS) -> None:
    cloth = mat.plain(srgb(rng.choice(colors)), 0.95, bump=0.05)
    inner, folds, phase = rng.uniform(0.5, 0.62), rng.randint(6, 8), rng.uniform(0, 6)
    rows = []
    for i in range(25):
        z = 3.0 * i / 24
        gather = 0.04 * math.sin(z * 2.2 + phase)
        rows.append(
            [
                (
                    side * (inner + gather + 1.5 * j / 120),
                    0.78 + (0.055 + 0.02 * math.sin(z + phase)) * math.sin(2 * math.pi * folds * j / 90 + 0.2 * math.sin(2 * z)),
                    z,
                )
                for j in range(121)
            ]
        )
    kit.solidify(kit.grid("curtain", rows, cloth), 0.012)


def low_plinth(rng: random.Random, side: int, spec: SceneSpec) -> None:
    skin = _paint(rng, spec)
    kit.cylinder(rng.uniform(0.62, 0.78), rng.uniform(0.12, 0.2), skin, (rng.uniform(-0.05, 0.05), rng.uniform(-0.2, 0.0), 0))
    if rng.random() < 0.4:
        kit.cylinder(0.42, 0.34, skin, (rng.uniform(-0.05, 0.05), 0.05, 0))


PROP_BUILDERS: dict[str, Callable[[random.Random, int, SceneSpec], None]] = {
    "round plinth": round_plinth,
    "stone arch": stone_arch,
    "stacked cubes": stacked_cubes,
    "pebbles": pebbles,
    "vase with branches": vase_with_branches,
    "stacked books": stacked_books,
    "sphere and cone": sphere_and_cone,
    "stepped blocks": stepped_blocks,
    "potted plant": potted_plant,
    "leaning disc": leaning_disc,
    "draped curtain": draped_curtain,
    "low plinth": low_plinth,
}


# ----------------------------------------------------------------------------------------------------------------- light


def light(word: str, rng: random.Random, direction: Point | None = None) -> None:
    """The light of a light word; `direction` fixes where sunlight goes."""
    toward = direction or (
        rng.uniform(0.55, 0.9) * (1 if rng.random() < 0.8 else -1),
        rng.uniform(0.45, 0.7),
        -rng.uniform(0.55, 0.8),
    )
    target = (rng.uniform(-0.25, 0.25), 0.9, rng.uniform(0.55, 0.8))
    source = -1 if toward[0] > 0 else 1
    if word == "soft studio light":
        kit.world((1, 1, 1, 1), 0.5)
        kit.area((source * 2.2, -1.6, 2.8), (0, 0.3, 0.2), 2.2, rng.uniform(120, 150))
    elif word == "window light":
        kit.world((1, 1, 1, 1), 0.35)
        kit.sun(toward, rng.uniform(3.6, 4.6), (1, 0.96, 0.88), 1.2)
        blocker(window_panes(rng), toward, target)
    elif word == "golden hour light":
        kit.world((0.85, 0.8, 1, 1), 0.35)
        kit.sun((toward[0], toward[1], -0.34), rng.uniform(3.4, 4.4), (1, 0.62, 0.28), 1.5)
    elif word == "leaf shadows":
        kit.world((1, 1, 1, 1), 0.45)
        kit.sun(toward, rng.uniform(3.2, 4), (1, 0.95, 0.86), 1.8)
        blocker(foliage(rng), toward, target)
    elif word == "moody light":
        kit.world((1, 1, 1, 1), 0.07)
        kit.area((source * 1.7, -0.4, 2.2), (0, 0.6, 0.3), 0.6, rng.uniform(55, 75), (1, 0.86, 0.68))
    elif word == "hard light":
        kit.world((1, 1, 1, 1), 0.3)
        kit.sun((toward[0], toward[1] * 0.8, -0.75), rng.uniform(3.8, 4.6), (1, 0.98, 0.94), 0.25)
    elif word == "blinds light":
        kit.world((1, 1, 1, 1), 0.3)
        kit.sun(toward, rng.uniform(3.8, 4.6), (1, 0.93, 0.82), 0.8)
        blocker(blinds(rng), toward, target)
    else:  # spot light
        kit.world((1, 0.95, 0.9, 1), 0.24)
        x = rng.uniform(-0.3, 0.3)
        kit.spot((x * 1.5, -2.2, 2.6), (x, 1.0, 0.62), rng.uniform(520, 680), rng.uniform(25, 31), 0.22, (1, 0.82, 0.58))


Polygon = list[tuple[float, float]]


def blocker(polygons: list[Polygon], direction: Point, target: Point) -> None:
    """Dark cut-outs between sun and target, in a plane across the light; the camera does not see them."""
    d = Vector(direction).normalized()
    u = d.cross(Vector((0, 0, 1))).normalized()
    w = u.cross(d).normalized()
    center = Vector(target) - d * 3.2
    vertices: list[Point] = []
    faces: list[tuple[int, ...]] = []
    for polygon in polygons:
        faces.append(tuple(range(len(vertices), len(vertices) + len(polygon))))
        vertices += [tuple(center + u * a + w * b) for a, b in polygon]
    item = kit.mesh("blocker", vertices, faces, mat.plain((0, 0, 0, 1), 1.0))
    item.visible_camera = item.visible_glossy = item.visible_diffuse = False


def _rectangle(u0: float, v0: float, u1: float, v1: float) -> Polygon:
    return [(u0, v0), (u1, v0), (u1, v1), (u0, v1)]


def window_panes(rng: random.Random, size: tuple[float, float] | None = None, grid: tuple[int, int] | None = None) -> list[Polygon]:
    """A window frame with muntins: everything around the panes is dark; `size` is half width and half height."""
    width, height = size or (rng.uniform(0.55, 0.85), rng.uniform(0.7, 1.0))
    columns, rows = grid or rng.choice([(2, 2), (2, 3), (3, 3), (1, 2)])
    far, bar = 5.0, rng.uniform(0.035, 0.055)
    parts = [_rectangle(-far, -far, -width, far), _rectangle(width, -far, far, far)]
    parts += [_rectangle(-width, height, width, far), _rectangle(-width, -far, width, -height)]
    for i in range(1, columns):
        x = -width + 2 * width * i / columns
        parts.append(_rectangle(x - bar, -height, x + bar, height))
    for j in range(1, rows):
        y = -height + 2 * height * j / rows
        parts.append(_rectangle(-width, y - bar, width, y + bar))
    return parts


def blinds(rng: random.Random) -> list[Polygon]:
    """Even slats."""
    pitch = rng.uniform(0.2, 0.28)
    return [_rectangle(-5, i * pitch, 5, i * pitch + pitch * 0.5) for i in range(-16, 16)]


def foliage(rng: random.Random, fronds: tuple[int, int] = (5, 8)) -> list[Polygon]:
    """Fronds of long leaves."""
    parts: list[Polygon] = []
    for _ in range(rng.randint(*fronds)):
        x0, y0, turn, length = rng.uniform(-1.3, 1.3), rng.uniform(-1.0, 1.2), rng.uniform(0, 6.28), rng.uniform(0.7, 1.3)
        for i in range(11):
            t = i / 10
            x, y = x0 + length * t * math.cos(turn), y0 + length * t * math.sin(turn)
            for side in (-1, 1):
                lean = turn + side * rng.uniform(0.7, 1.1)
                parts.append(_leaf_outline(x, y, lean, 0.32 * (1 - 0.5 * t), 0.066 * (1 - 0.4 * t)))
    return parts


def _leaf_outline(x: float, y: float, lean: float, length: float, half_width: float) -> Polygon:
    way = [(k / 8, 1) for k in range(9)] + [(1 - k / 8, -1) for k in range(1, 8)]
    cos, sin = math.cos(lean), math.sin(lean)
    points = []
    for q, e in way:
        along, across = length * q, half_width * e * math.sin(math.pi * q)
        points.append((x + cos * along - sin * across, y + sin * along + cos * across))
    return points


def background_strength(strength: float) -> None:
    """Change the even light of a scene that already has a light."""
    bpy.context.scene.world.node_tree.nodes["Background"].inputs[1].default_value = strength


def tone(first: str, second: str, share: float) -> Color:
    """A color between two hex colors."""
    return blend(srgb(first), srgb(second), share)
