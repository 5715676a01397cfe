"""The light of scenes: one setting per light word, and the cut-outs that cast window, blind and leaf shadows."""

import math
import random

import bpy
from mathutils import Vector

from demo.make import blender_kit as kit
from demo.make import materials as mat
from demo.make import shapes
from demo.make.blender_kit import Point


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
        power, cone = rng.uniform(520, 680), rng.uniform(25, 31)
        kit.spot((x * 1.5, -2.2, 2.6), (x, 1.0, 0.62), power, cone_deg=cone, softness=0.22, color=(1, 0.82, 0.58))


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
    item = shapes.mesh("blocker", vertices, faces, mat.plain((0, 0, 0, 1), 1.0))
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
        x0, y0, turn, length = (
            rng.uniform(-1.3, 1.3),
            rng.uniform(-1.0, 1.2),
            rng.uniform(0, 6.28),
            rng.uniform(0.7, 1.3),
        )
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
