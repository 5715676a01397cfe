"""The photo studio of the demo catalog: a plain sweep, three soft boxes, a camera that frames the product by itself.

A product is built in centimeters, then scaled so that its largest side is one unit; light and camera are the same for
all. Leaves out what is photographed: products.py.
"""

import math
from dataclasses import dataclass

import bpy
from mathutils import Vector

from demo.make import blender_kit as kit
from demo.make import materials as mat
from demo.make import shapes
from demo.make.blender_kit import srgb

LENS_MM = 70.0
"""A portrait lens: little distortion, as catalogs prefer."""


@dataclass(frozen=True, kw_only=True)
class Shot:
    """How a product is photographed.

    turn_deg: how far the product is turned; raise_deg: how far the camera looks down; fill: share of the frame that the
    longer side takes; backdrop: color of the sweep; focus_f: f-number of a badly focused shot; shift: off the middle.
    """

    turn_deg: float = 0.0
    raise_deg: float = 10.0
    fill: float = 0.70
    backdrop: str = "#f4f4f2"
    focus_f: float | None = None
    shift: tuple[float, float] = (0.0, 0.0)


def group_and_scale(turn_deg: float) -> tuple[float, float, float]:
    """Turn and scale everything built so far to one unit; returns width, depth and height in cm before turning."""
    items = list(bpy.context.scene.objects)
    low, high = _bounds(_points(items))
    size = high - low
    root = kit.add(None, "product")
    for item in items:
        item.parent = root
    factor = 1.0 / max(size)
    root.scale = (factor, factor, factor)
    root.rotation_euler = (0, 0, math.radians(turn_deg))
    bpy.context.view_layer.update()
    return (size.x, size.y, size.z)


def _points(items) -> list[Vector]:
    """Every evaluated vertex of the objects, in world coordinates."""
    bpy.context.view_layer.update()
    graph = bpy.context.evaluated_depsgraph_get()
    points: list[Vector] = []
    for item in items:
        if item.type not in {"MESH", "CURVE"}:
            continue
        evaluated = item.evaluated_get(graph)
        shape = evaluated.to_mesh()
        points += [evaluated.matrix_world @ v.co for v in shape.vertices]
        evaluated.to_mesh_clear()
    return points


def _bounds(points: list[Vector]) -> tuple[Vector, Vector]:
    low = Vector(min(p[i] for p in points) for i in range(3))
    high = Vector(max(p[i] for p in points) for i in range(3))
    return low, high


def sweep(backdrop: str) -> None:
    """Floor and wall in one seamless curve."""
    profile = [(-9.0, 0.0)]
    profile += [(2.6 + 1.6 * math.sin(a), 1.6 - 1.6 * math.cos(a)) for a in (math.pi / 2 * k / 20 for k in range(21))]
    profile.append((4.2, 9.0))
    rows = [[(-12.0, y, z), (12.0, y, z)] for y, z in profile]
    shapes.grid("sweep", rows, mat.plain(srgb(backdrop), 0.95))


def lights(backdrop: str) -> None:
    """A large key from the left, a weak fill from the right, a hair light from behind above."""
    kit.world((1, 1, 1, 1), 0.70)
    kit.area((-2.4, -2.0, 2.9), (0, 0, 0.4), 1.5, 100)
    kit.area((2.9, -1.4, 1.7), (0, 0, 0.5), 1.6, 22)
    kit.area((0.3, 1.5, 3.4), (0, 0, 0.4), 1.6, 44)


def aim(shot: Shot) -> None:
    """Place the camera so that everything built so far fills `shot.fill` of the frame and stands in its middle."""
    points = _points(bpy.context.scene.objects)
    low, high = _bounds(points)
    center = (low + high) / 2
    pitch = math.radians(shot.raise_deg)
    away = Vector((0, -math.cos(pitch), math.sin(pitch)))
    right, up = Vector((1, 0, 0)), Vector((0, math.sin(pitch), math.cos(pitch)))
    half = 18.0 / LENS_MM
    distance = 4.0
    for _ in range(12):
        eye = center + away * distance
        flat = []
        for p in points:
            ray = p - eye
            depth = -ray.dot(away)
            flat.append((ray.dot(right) / depth / half, ray.dot(up) / depth / half))
        xs, ys = [f[0] for f in flat], [f[1] for f in flat]
        extent = max(max(xs) - min(xs), max(ys) - min(ys)) / 2
        distance *= extent / shot.fill
    item = kit.camera(tuple(center + away * distance), tuple(center), LENS_MM)
    item.data.shift_x = (max(xs) + min(xs)) / 4 + shot.shift[0]
    item.data.shift_y = (max(ys) + min(ys)) / 4 - 0.01 + shot.shift[1]
    if shot.focus_f is not None:
        item.data.dof.use_dof = True
        item.data.dof.focus_distance, item.data.dof.aperture_fstop = distance * 0.42, shot.focus_f
