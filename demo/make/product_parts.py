"""Parts that several products share: soft bodies, straps, stitches, cushions, legs.

Centimeters; a product faces -y and stands on z = 0.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from mathutils import Vector

from demo.make import shapes
from demo.make.blender_kit import Point


def smooth_line(points: Sequence[Point], steps: int = 10, *, closed: bool = False) -> list[Point]:
    """A Catmull-Rom curve through the points."""
    count = len(points)
    line: list[Point] = []
    for i in range(count if closed else count - 1):
        near = [i + k if closed else min(max(i + k, 0), count - 1) for k in (-1, 0, 1, 2)]
        p = [points[k % count] for k in near]
        for k in range(steps):
            t = k / steps
            line.append(
                tuple(
                    0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
                    for a, b, c, d in zip(*p, strict=True)
                )
            )
    return line if closed else [*line, tuple(points[-1])]


def squircle(half_x: float, half_y: float, power: float, steps: int = 64) -> list[tuple[float, float]]:
    """A rounded rectangle; power 2 is an ellipse, 8 nearly a box."""
    points = []
    for i in range(steps):
        angle = 2 * math.pi * i / steps
        c, s = math.cos(angle), math.sin(angle)
        r = (abs(c) ** power + abs(s) ** power) ** (-1 / power)
        points.append((half_x * r * c, half_y * r * s))
    return points


def loft(levels: Sequence[tuple[float, float, float, float]], material, *, steps: int = 80, caps=(True, True), shift_y=0.0):
    """A body over rounded rectangles: (z, half width, half depth, power); `shift_y` leans it, per cm."""
    loops = []
    for z, half_x, half_y, power in levels:
        loops.append([(x, y + shift_y * z, z) for x, y in squircle(half_x, half_y, power, steps)])
    return shapes.rings("loft", loops, material, caps=caps)


def strap(points: Sequence[Point], width: float, thickness: float, material, *, across: Point = (0, 1, 0), closed=False):
    """A flat band along a line; its width lies in the direction `across`."""
    side = Vector(across).normalized()
    section = squircle(width / 2, thickness / 2, 4, 16)
    loops = []
    count = len(points)
    for i in range(count):
        if closed:
            before, after = points[(i - 1) % count], points[(i + 1) % count]
        else:
            before, after = points[max(0, i - 1)], points[min(count - 1, i + 1)]
        tangent = (Vector(after) - Vector(before)).normalized()
        normal = side.cross(tangent).normalized()
        center = Vector(points[i])
        loops.append([tuple(center + side * a + normal * b) for a, b in section])
    return shapes.rings("strap", loops, material, closed=closed)


def stitches(points: Sequence[Point], material, *, length: float = 0.45, gap: float = 0.28, radius: float = 0.06):
    """Dashes of thread along a line, as one object."""
    vertices: list[Point] = []
    faces: list[tuple[int, ...]] = []
    walked, dash = 0.0, []
    step = 0.08
    for start, end in pairwise(points):
        a, b = Vector(start), Vector(end)
        pieces = max(1, int((b - a).length / step))
        for k in range(pieces):
            if walked % (length + gap) < length:
                dash.append(a.lerp(b, k / pieces))
            elif dash:
                _bar(vertices, faces, dash[0], dash[-1], radius)
                dash = []
            walked += (b - a).length / pieces
    return shapes.mesh("stitches", vertices, faces, material, smooth=True)


def _bar(vertices: list[Point], faces: list[tuple[int, ...]], start: Vector, end: Vector, radius: float) -> None:
    along = end - start
    if along.length < 1e-6:
        return
    side = along.cross(Vector((0.3, 0.2, 1))).normalized()
    other = along.cross(side).normalized()
    first = len(vertices)
    for center in (start, end):
        for k in range(6):
            angle = math.pi * k / 3
            vertices.append(tuple(center + side * math.cos(angle) * radius + other * math.sin(angle) * radius))
    faces += [(first + k, first + (k + 1) % 6, first + 6 + (k + 1) % 6, first + 6 + k) for k in range(6)]
    faces += [tuple(range(first, first + 6)), tuple(range(first + 11, first + 5, -1))]


def pillow(
    outline: Sequence[tuple[float, float]],
    depth: float,
    material,
    *,
    y: float = 0.0,
    edge: float = 0.12,
    layers: int = 14,
):
    """An (x, z) outline blown up along y: flat in the middle; `edge` is how far its rim draws in."""
    center_x = sum(p[0] for p in outline) / len(outline)
    center_z = sum(p[1] for p in outline) / len(outline)
    loops = []
    for k in range(layers + 1):
        angle = -math.pi / 2 + math.pi * k / layers
        shrink = 1 - edge * (1 - math.cos(angle) ** 0.75)
        height = y + depth / 2 * math.sin(angle)
        loops.append([(center_x + (x - center_x) * shrink, height, center_z + (z - center_z) * shrink) for x, z in outline])
    return shapes.rings("pillow", loops, material)


def cushion(center: Point, size: Point, material, *, power: float = 4.5, vertical: float = 3.0, tilt_deg: Point = (0, 0, 0)):
    """A stuffed cushion: a superellipsoid, `power` seen from above, `vertical` seen from the side (2 is round)."""
    half_x, half_y, half_z = (d / 2 for d in size)
    loops = []
    for k in range(1, 32):
        angle = -math.pi / 2 + math.pi * k / 32
        c, s = math.cos(angle), math.sin(angle)
        r = (abs(c) ** vertical + abs(s) ** vertical) ** (-1 / vertical)
        loops.append([(x, y, half_z * r * s) for x, y in squircle(half_x * r * c, half_y * r * c, power)])
    return shapes.place(shapes.rings("cushion", loops, material), center, tilt_deg)


def piping(
    center: Point,
    half_x: float,
    half_y: float,
    radius: float,
    material,
    *,
    power: float = 4.5,
    tilt_deg: Point = (0, 0, 0),
):
    """The cord along the seam of a cushion."""
    line = [(x, y, 0.0) for x, y in squircle(half_x, half_y, power, 72)]
    loops = []
    for i, point in enumerate(line):
        tangent = (Vector(line[(i + 1) % 72]) - Vector(line[i - 1])).normalized()
        out = tangent.cross(Vector((0, 0, 1)))
        turn = [2 * math.pi * k / 10 for k in range(10)]
        loops.append([tuple(Vector(point) + out * math.cos(a) * radius + Vector((0, 0, 1)) * math.sin(a) * radius) for a in turn])
    return shapes.place(shapes.rings("piping", loops, material, closed=True), center, tilt_deg)


def leg(top: Point, foot: Point, radii: tuple[float, float], material):
    """A straight tapered leg from `top` to `foot`; its foot is cut level with the floor."""
    axis = Vector(foot) - Vector(top)
    side = axis.cross(Vector((0, 1, 0))).normalized()
    other = axis.cross(side).normalized()
    loops = []
    for end, radius in ((foot, radii[1]), (top, radii[0])):
        loop = []
        for k in range(24):
            angle = 2 * math.pi * k / 24
            offset = side * math.cos(angle) * radius + other * math.sin(angle) * radius
            point = Vector(end) + offset
            if axis.z:
                point = point - axis * (point.z - end[2]) / axis.z
            loop.append(tuple(point))
        loops.append(loop)
    item = shapes.rings("leg", loops, material)
    return shapes.bevel(item, 0.12, 2, 60)


def bowed(points: Sequence[Point], radius: float | Sequence[float], material):
    """A round bar exactly through the points."""
    line = smooth_line(points)
    if isinstance(radius, int | float):
        return shapes.tube(line, radius, material, straight=True)
    radii: list[float] = []
    for a, b in pairwise(radius):
        radii += [a + (b - a) * k / 10 for k in range(10)]
    return shapes.tube(line, [*radii, radius[-1]], material, straight=True)
