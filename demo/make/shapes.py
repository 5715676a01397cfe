"""Shapes for Blender: boxes, bodies of revolution, lofts, sheets, tubes, arches.

Every function adds its object to the current scene and returns it. Units are the caller's: about meters in scenes,
centimeters in products.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import bpy

from demo.make.blender_kit import Point, add


def mesh(name: str, vertices: Sequence[Point], faces: Sequence[Sequence[int]], material=None, smooth: bool = False):
    """A mesh object from vertices and faces."""
    data = bpy.data.meshes.new(name)
    data.from_pydata(vertices, [], faces)
    data.update()
    if smooth:
        data.polygons.foreach_set("use_smooth", [True] * len(data.polygons))
    if material is not None:
        data.materials.append(material)
    return add(data, name)


def bevel(item, width: float, segments: int = 3, angle_deg: float = 40):
    """Round every edge sharper than `angle_deg`."""
    modifier = item.modifiers.new("bevel", "BEVEL")
    modifier.width, modifier.segments = width, segments
    modifier.limit_method, modifier.angle_limit = "ANGLE", math.radians(angle_deg)
    return item


def subdivide(item, levels: int = 2):
    """Smooth subdivision surface."""
    modifier = item.modifiers.new("subdivision", "SUBSURF")
    modifier.levels = modifier.render_levels = levels
    return item


def solidify(item, thickness: float, offset: float = 0.0):
    """Give a sheet a thickness; offset -1 grows it inwards, +1 outwards."""
    modifier = item.modifiers.new("solidify", "SOLIDIFY")
    modifier.thickness, modifier.offset = thickness, offset
    return item


def place(item, location: Point = (0, 0, 0), rotation_deg: Point = (0, 0, 0), scale: Point = (1, 1, 1)):
    """Move, turn and scale an object; angles in degrees."""
    item.location, item.scale = location, scale
    item.rotation_euler = tuple(math.radians(a) for a in rotation_deg)
    return item


def box(center: Point, size: Point, material, *, turn_deg: float = 0, edge: float = 0.012, segments: int = 3):
    """A box with rounded edges."""
    x, y, z = (d / 2 for d in size)
    vertices = [(i * x, j * y, k * z) for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)]
    faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    item = place(mesh("box", vertices, faces, material, smooth=edge > 0), center, (0, 0, turn_deg))
    if edge:
        bevel(item, edge, segments)
        item.modifiers.new("normals", "WEIGHTED_NORMAL")
    return item


def rings(name: str, loops: Sequence[Sequence[Point]], material, *, caps: tuple[bool, bool] = (True, True), closed=False):
    """A skin over loops of equally many points, from first to last; the ends are closed by flat caps, or joined."""
    count = len(loops[0])
    vertices = [p for loop in loops for p in loop]
    faces: list[tuple[int, ...]] = []
    pairs = len(loops) if closed else len(loops) - 1
    for k in range(pairs):
        a, b = k * count, (k + 1) % len(loops) * count
        faces += [(a + i, a + (i + 1) % count, b + (i + 1) % count, b + i) for i in range(count)]
    if not closed and caps[0]:
        faces.append(tuple(range(count - 1, -1, -1)))
    if not closed and caps[1]:
        faces.append(tuple((len(loops) - 1) * count + i for i in range(count)))
    return mesh(name, vertices, faces, material, smooth=True)


def grid(name: str, points: Sequence[Sequence[Point]], material):
    """A smooth open sheet through a table of points."""
    rows, columns = len(points), len(points[0])
    vertices = [p for row in points for p in row]
    faces = [
        (r * columns + c, r * columns + c + 1, (r + 1) * columns + c + 1, (r + 1) * columns + c)
        for r in range(rows - 1)
        for c in range(columns - 1)
    ]
    return mesh(name, vertices, faces, material, smooth=True)


def lathe(profile: Sequence[tuple[float, float]], material, location: Point = (0, 0, 0), *, steps: int = 96, levels: int = 0):
    """A body of revolution around z: `profile` is a list of (radius, height); radius 0 closes it with a pole."""
    vertices: list[Point] = []
    loops: list[list[int]] = []
    for radius, height in profile:
        if radius <= 1e-6:
            loops.append([len(vertices)])
            vertices.append((0, 0, height))
            continue
        loops.append(list(range(len(vertices), len(vertices) + steps)))
        for i in range(steps):
            angle = 2 * math.pi * i / steps
            vertices.append((radius * math.cos(angle), radius * math.sin(angle), height))
    faces: list[tuple[int, ...]] = []
    for low, high in pairwise(loops):
        for i in range(steps if max(len(low), len(high)) > 1 else 0):
            j = (i + 1) % steps
            if len(low) == 1:
                faces.append((low[0], high[j], high[i]))
            elif len(high) == 1:
                faces.append((low[i], low[j], high[0]))
            else:
                faces.append((low[i], low[j], high[j], high[i]))
    item = place(mesh("lathe", vertices, faces, material, smooth=True), location)
    return subdivide(item, levels) if levels else item


def smooth_profile(points: Sequence[tuple[float, float]], steps: int = 6) -> list[tuple[float, float]]:
    """A Catmull-Rom curve through profile points; a point given twice stays a sharp corner."""
    result: list[tuple[float, float]] = []
    for i in range(len(points) - 1):
        p1, p2 = points[i], points[i + 1]
        if p1 == p2:
            continue
        p0, p3 = points[max(0, i - 1)], points[min(len(points) - 1, i + 2)]
        for k in range(steps):
            t = k / steps
            x, y = (
                0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
                for a, b, c, d in zip(p0, p1, p2, p3, strict=True)
            )
            result.append((max(0.0, x), y))
    return [*result, points[-1]]


def cylinder(radius: float, height: float, material, location: Point = (0, 0, 0), edge: float = 0.015, *, steps=64):
    """A standing cylinder with rounded edges; `location` is the center of its foot."""
    e = min(edge, radius * 0.9, height * 0.45)
    arc = [(math.sin(a) * e, e - math.cos(a) * e) for a in (math.pi / 2 * k / 4 for k in range(5))]
    foot = [(radius - e + x, z) for x, z in arc]
    top = [(radius - e + x, height - z) for x, z in reversed(arc)]
    return lathe([(0, 0), *foot, *top, (0, height)], material, location, steps=steps)


def sphere(radius: float, material, center: Point = (0, 0, 0), squash: Point = (1, 1, 1)):
    """A ball, or an ellipsoid by `squash`."""
    arc = [math.pi * k / 24 for k in range(25)]
    profile = [(radius * math.sin(a), -radius * math.cos(a)) for a in arc]
    profile[0], profile[-1] = (0, -radius), (0, radius)
    return place(lathe(profile, material), center, scale=squash)


def torus(radius: float, thickness: float, material, center: Point = (0, 0, 0), rotation_deg: Point = (0, 0, 0)):
    """A ring lying flat; `thickness` is the radius of its cross-section."""
    loops = []
    for k in range(72):
        angle = 2 * math.pi * k / 72
        ring = []
        for i in range(16):
            b = 2 * math.pi * i / 16
            r = radius + thickness * math.cos(b)
            ring.append((r * math.cos(angle), r * math.sin(angle), thickness * math.sin(b)))
        loops.append(ring)
    return place(rings("torus", loops, material, closed=True), center, rotation_deg)


def tube(points: Sequence[Point], radius: float | Sequence[float], material, *, closed: bool = False, straight=False):
    """A round bar along a smooth (or straight) line; `radius` may change from point to point."""
    curve = bpy.data.curves.new("tube", "CURVE")
    curve.dimensions, curve.resolution_u, curve.bevel_resolution, curve.use_fill_caps = "3D", 16, 6, True
    radii = [radius] * len(points) if isinstance(radius, int | float) else list(radius)
    curve.bevel_depth = 1.0
    spline = curve.splines.new("POLY" if straight or len(points) == 2 else "NURBS")
    spline.points.add(len(points) - 1)
    for target, point, r in zip(spline.points, points, radii, strict=True):
        target.co, target.radius = (*point, 1.0), r
    if spline.type == "NURBS":
        spline.use_endpoint_u, spline.order_u = not closed, min(4, len(points))
    spline.use_cyclic_u = closed
    item = add(curve, "tube")
    curve.materials.append(material)
    return item


def arch_outline(width: float, height: float, steps: int = 40) -> list[tuple[float, float]]:
    """(x, z) of an arch from its left foot over the top to its right foot."""
    r = width / 2
    turn = [math.pi - math.pi * i / steps for i in range(steps + 1)]
    return [(-r, 0), *((r * math.cos(a), height - r + r * math.sin(a)) for a in turn), (r, 0)]


def slab(outline: Sequence[tuple[float, float]], depth: float, material, location: Point = (0, 0, 0), edge: float = 0.01):
    """An (x, z) outline extruded along y, centered on `location`."""
    count = len(outline)
    vertices = [(x, -depth / 2, z) for x, z in outline] + [(x, depth / 2, z) for x, z in outline]
    sides = [(i, count + i, count + (i + 1) % count, (i + 1) % count) for i in range(count)]
    item = mesh("slab", vertices, [tuple(range(count)), tuple(range(2 * count - 1, count - 1, -1)), *sides], material)
    return bevel(place(item, location), edge, 2) if edge else place(item, location)


def frame(outer: Sequence[tuple[float, float]], inner: Sequence[tuple[float, float]], depth: float, material, location: Point):
    """The band between two open (x, z) outlines of equally many points, extruded along y: a free-standing arch."""
    count = len(outer)
    vertices = [(x, y, z) for y in (-depth / 2, depth / 2) for x, z in (*outer, *inner)]
    faces: list[tuple[int, ...]] = []
    for i in range(count - 1):
        a, b, back = i, i + 1, 2 * count
        faces += [(a, b, count + b, count + a), (back + a, back + count + a, back + count + b, back + b)]
        faces += [(a, back + a, back + b, b), (count + a, count + b, back + count + b, back + count + a)]
    faces += [(e, count + e, 3 * count + e, 2 * count + e) for e in (0, count - 1)]
    return bevel(place(mesh("frame", vertices, faces, material), location), 0.01, 2)
