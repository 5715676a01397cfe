"""The props of scenes: one builder per prop word, large enough to be recognized at 128 px.

Each takes the random source, the side (-1 left, 1 right, 0 middle) and the scene's words. Leaves out the arch niche,
which is part of the wall (scenes.py).
"""

import math
import random
from collections.abc import Callable

from demo.make import materials as mat
from demo.make import shapes
from demo.make.blender_kit import Point, srgb
from demo.make.vocabulary import WALLS, SceneSpec

PALE = ("#f1ede4", "#e8dccb", "#d9c7b0", "#c9b3a0", "#f4f1ea")
ACCENTS = ("#e3b09a", "#b8c2ad", "#d9a441", "#8f99a8", "#c9715a", "#5b7f86", "#e9dfc9")
BOOKS = ("#c9715a", "#e8dcc5", "#40566b", "#8ba08a", "#d9a441", "#b5a3bf", "#7c3f3a")
CURTAINS = ("#efe6d6", "#d9b8a4", "#b9c2b0", "#e4d9e6", "#c9a27c")
LEAVES = ("#4f6b45", "#6f8a55", "#3f6a4c", "#7f9a5c")


def _spot_for(rng: random.Random, side: int) -> tuple[float, float]:
    return side * rng.uniform(0.66, 0.86), rng.uniform(0.15, 0.45)


def _paint(rng: random.Random, spec: SceneSpec):
    return mat.plain(srgb(rng.choice([*PALE, WALLS[spec.wall]])), 0.7, bump=0.08)


def _accent(rng: random.Random):
    return mat.plain(srgb(rng.choice(ACCENTS)), 0.6)


def round_plinth(rng: random.Random, side: int, spec: SceneSpec) -> None:
    (x, y), skin = _spot_for(rng, side), _paint(rng, spec)
    radius, height = rng.uniform(0.3, 0.42), rng.uniform(0.3, 0.62)
    shapes.cylinder(radius, height, skin, (x, y, 0))
    if rng.random() < 0.6:
        shapes.cylinder(radius * 1.25, height * 0.35, skin, (x - side * 0.45, y + 0.25, 0))


def stone_arch(rng: random.Random, side: int, spec: SceneSpec) -> None:
    (x, y), width, height = _spot_for(rng, side), rng.uniform(0.75, 0.95), rng.uniform(1.0, 1.3)
    band = rng.uniform(0.15, 0.2)
    inner = shapes.arch_outline(width - 2 * band, height - band)
    item = shapes.frame(shapes.arch_outline(width, height), inner, 0.28, _paint(rng, spec), (x, y + 0.1, 0))
    item.rotation_euler = (0, 0, -side * rng.uniform(0, 0.35))


def stacked_cubes(rng: random.Random, side: int, spec: SceneSpec) -> None:
    (x, y), a = _spot_for(rng, side), rng.uniform(0.42, 0.54)
    b = a * 0.68
    shapes.box((x, y, a / 2), (a, a, a), _paint(rng, spec), turn_deg=rng.uniform(-25, 25))
    shapes.box((x + rng.uniform(-0.04, 0.04), y, a + b / 2), (b, b, b), _accent(rng), turn_deg=rng.uniform(-35, 35))


def pebbles(rng: random.Random, side: int, spec: SceneSpec) -> None:
    x, y = _spot_for(rng, side)
    for i in range(rng.randint(3, 5)):
        radius = rng.uniform(0.12, 0.24)
        light_tone = srgb(rng.choice(["#b9b4ac", "#d8d2c6", "#77736e"]))
        stone = mat.mottled(srgb("#8f8b86"), light_tone, 6, 0.7, 0.1, rng=rng)
        middle = (x + side * (0.28 - 0.22 * i) + rng.uniform(-0.06, 0.06), y + rng.uniform(-0.4, 0.2), radius * 0.5)
        pebble = shapes.sphere(radius, stone, middle, (rng.uniform(1, 1.4), 1, 0.55))
        pebble.rotation_euler = (0, 0, rng.uniform(0, 3))


def vase_with_branches(rng: random.Random, side: int, spec: SceneSpec) -> None:
    (x, y), k = _spot_for(rng, side), rng.uniform(1.15, 1.4)
    skin = mat.plain(srgb(rng.choice(["#f0ece2", "#c98f6c", "#5b6770", "#d8c3a5"])), rng.choice([0.25, 0.7]))
    profile = [(0, 0), (0.1, 0), (0.17, 0.1), (0.185, 0.2), (0.14, 0.33), (0.06, 0.4), (0.05, 0.46), (0.065, 0.49)]
    inside = [(0.055, 0.49), (0.04, 0.45), (0, 0.4)]
    shapes.lathe([(r * k, z * k) for r, z in (*profile, *inside)], skin, (x, y, 0), steps=48, levels=1)
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
    shapes.tube(line, 0.008, twig)
    for _ in range(14):
        position = rng.uniform(0.35, 1.0) * 5
        start, share = line[min(4, int(position))], position - min(4, int(position))
        end = line[min(5, int(position) + 1)]
        where = tuple(a * (1 - share) + b * share for a, b in zip(start, end, strict=True))
        s = rng.uniform(0.07, 0.11)
        blade = shapes.mesh(
            "leaf",
            [(0, 0, 0), (s * 0.6, s * 0.4, 0.01), (s * 1.5, 0, 0), (s * 0.6, -s * 0.4, 0.01)],
            [(0, 1, 2, 3)],
            leaf,
        )
        shapes.place(blade, where, (rng.uniform(-57, 57), rng.uniform(-57, 34), rng.uniform(0, 360)))


def stacked_books(rng: random.Random, side: int, spec: SceneSpec) -> None:
    (x, y), z = _spot_for(rng, side), 0.0
    paper = mat.plain(srgb("#f3eee0"), 0.9)
    for _ in range(rng.randint(3, 4)):
        height, width, depth = rng.uniform(0.085, 0.13), rng.uniform(0.56, 0.7), rng.uniform(0.36, 0.44)
        turn, cover = rng.uniform(-14, 14), mat.plain(srgb(rng.choice(BOOKS)), 0.7)
        shapes.box((x, y, z + 0.012), (width, depth, 0.024), cover, turn_deg=turn, edge=0.006)
        shapes.box((x, y, z + height - 0.012), (width, depth, 0.024), cover, turn_deg=turn, edge=0.006)
        shapes.box((x, y + 0.008, z + height / 2), (width - 0.03, depth - 0.03, height - 0.02), paper, turn_deg=turn, edge=0)
        if rng.random() < 0.5:  # the spine looks at us
            angle = math.radians(turn)
            front = (x + math.sin(angle) * depth / 2, y - math.cos(angle) * depth / 2, z + height / 2)
            shapes.box(front, (width, 0.03, height), cover, turn_deg=turn, edge=0.01)
        z += height


def sphere_and_cone(rng: random.Random, side: int, spec: SceneSpec) -> None:
    (x, y), radius, height = _spot_for(rng, side), rng.uniform(0.22, 0.32), rng.uniform(0.6, 0.85)
    shapes.sphere(radius, _paint(rng, spec), (x, y, radius))
    base = height * 0.32
    shapes.lathe([(0, 0), (base, 0), (base, 0.012), (0.012, height), (0, height)], _accent(rng), (x - side * 0.46, y + 0.2, 0))


def stepped_blocks(rng: random.Random, side: int, spec: SceneSpec) -> None:
    x, y = _spot_for(rng, side)
    skin, rise, tread = _paint(rng, spec), rng.uniform(0.2, 0.28), rng.uniform(0.26, 0.34)
    for i in range(3):
        height = rise * (i + 1)
        shapes.box((x + side * (i - 1) * tread, y + 0.1, height / 2), (tread, rng.uniform(0.5, 0.7), height), skin)


def potted_plant(rng: random.Random, side: int, spec: SceneSpec) -> None:
    (x, y), k = _spot_for(rng, side), rng.uniform(0.95, 1.15)
    pot = mat.plain(srgb(rng.choice(["#c4704c", "#efe9dd", "#4a4d50", "#d9b48a"])), 0.75, bump=0.05)
    shapes.lathe(
        [(0, 0), (0.16 * k, 0), (0.22 * k, 0.34 * k), (0.2 * k, 0.34 * k), (0.19 * k, 0.3 * k), (0, 0.3 * k)],
        pot,
        (x, y, 0),
    )
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
    shapes.grid("leaf", rows, leaf)


def leaning_disc(rng: random.Random, side: int, spec: SceneSpec) -> None:
    radius = rng.uniform(0.46, 0.62)
    disc = shapes.cylinder(radius, 0.07, _accent(rng), edge=0.01, steps=96)
    lean = rng.uniform(8, 13)
    shapes.place(disc, (side * rng.uniform(0.6, 0.8), 0.74, radius), (90 - lean, 0, -side * rng.uniform(0, 14)))


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
    shapes.solidify(shapes.grid("curtain", rows, cloth), 0.012)


def low_plinth(rng: random.Random, side: int, spec: SceneSpec) -> None:
    skin = _paint(rng, spec)
    shapes.cylinder(rng.uniform(0.62, 0.78), rng.uniform(0.12, 0.2), skin, (rng.uniform(-0.05, 0.05), rng.uniform(-0.2, 0.0), 0))
    if rng.random() < 0.4:
        shapes.cylinder(0.42, 0.34, skin, (rng.uniform(-0.05, 0.05), 0.05, 0))


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
