"""Bags of the demo catalog: eight, in centimeters. Studio and camera are in studio.py."""

import math

from demo.make import materials as mat
from demo.make import product_parts as parts
from demo.make import product_skins as skins
from demo.make import shapes
from demo.make.blender_kit import scaled, srgb

GOLD = "#cfa655"


def _gold(roughness: float = 0.22):
    return mat.plain(srgb(GOLD), roughness, metal=1.0)


def _ring(center, radius: float, thickness: float, material, turn=(90, 0, 0)):
    return shapes.torus(radius, thickness, material, center, turn)


def _superellipse(half_x: float, half_z: float, power: float, center_z: float, steps: int = 96) -> list[tuple[float, float]]:
    return [(x, z + center_z) for x, z in parts.squircle(half_x, half_z, power, steps)]


def market_tote(color: str = "#9a5228") -> None:
    """Leather tote with two shoulder handles."""
    hide, thread = skins.leather(srgb(color)), mat.plain(srgb("#e5c79a"), 0.8)
    width, depth, height = 19.0, 6.6, 29.0
    levels = [
        (0.0, width * 0.9, depth * 0.86, 6),
        (0.35, width * 0.925, depth * 0.95, 6),
        (1.0, width * 0.93, depth, 6),
    ]
    for k in range(1, 15):
        t = k / 14
        levels.append((1 + (height - 1) * t, width * (0.93 + 0.07 * t), depth * (1 - 0.62 * t**1.7) + 0.2, 6 - 1.5 * t))
    shapes.solidify(parts.loft(levels, hide, caps=(True, False)), 0.35, -1)
    rim = [(x, y, height) for x, y in parts.squircle(width, depth * 0.38 + 0.2, 4.5, 96)]
    parts.strap(rim, 2.2, 0.42, hide, across=(0, 0, 1), closed=True)
    parts.stitches([(x * 1.012, y * 1.1 - 0.02, height - 0.8) for x, y, _ in rim], thread)
    for s in (-1, 1):
        for x in (-9, 9):
            tab = [(x, s * (_front(z, width, depth, height) + 0.3), z) for z in (18.5, 20, 22, 24, 26, 28)]
            parts.strap(tab, 2.1, 0.5, hide, across=(1, 0, 0))
            for z in (19.6, 25.4):
                stud = shapes.cylinder(0.5, 0.5, _gold(), edge=0.12)
                shapes.place(stud, (x, s * (_front(z, width, depth, height) + 0.45), z), (-90 * s, 0, 0))
        lift = s * (_front(27.5, width, depth, height) + 0.35)
        top = [(-9, lift, 27.0), (-9, lift, 31.5), (-7.4, lift * 0.9, 41), (0, lift * 0.8, 46.5)]
        parts.bowed([*top, *((-x, y, z) for x, y, z in reversed(top[:-1]))], 0.72, hide)
    label = [(0, -(_front(z, width, depth, height) + 0.1), z) for z in (11.0, 12.0, 13.0, 14.0, 15.0)]
    parts.strap(label, 6.4, 0.3, skins.leather(scaled(srgb(color), 0.62)), across=(1, 0, 0))


def _front(z: float, width: float, depth: float, height: float) -> float:
    """How far the tote's front stands off its middle plane at a height."""
    return depth * (1 - 0.62 * max(0.0, (z - 1) / (height - 1)) ** 1.7) + 0.2


def ridge_backpack() -> None:
    """Olive canvas backpack with leather flap straps."""
    canvas, hide = skins.cloth(srgb("#5c6240"), threads=3.2), skins.leather(srgb("#7a4526"))
    metal, web = mat.plain(srgb("#3a3a3a"), 0.35, metal=1.0), skins.cloth(srgb("#34382a"), threads=5)
    levels = []
    for k in range(25):
        t = k / 24
        pinch = 1 - 0.10 * max(0, (t - 0.8) / 0.2) ** 2 - 0.12 * max(0, (0.08 - t) / 0.08) ** 2
        levels.append((44 * t, 15 * pinch, 8.0 * pinch * (1 - 0.22 * t), 4.5))
    parts.loft(levels, canvas)
    flap = []
    for k in range(19):
        angle = math.radians(14 + 94 * k / 18)
        flap.append((0.0, 1.0 - 8.6 * math.sin(angle), 37.5 + 8.2 * math.cos(angle)))
    flap += [(0.0, -7.6, 31.0), (0.0, -7.75, 27.5)]
    parts.strap(parts.smooth_line(flap, 4), 27.4, 0.8, canvas, across=(1, 0, 0))
    pocket = parts.squircle(10.8, 8.4, 6, 96)
    parts.pillow([(x, z + 12.0) for x, z in pocket], 6.0, canvas, y=-8.2, edge=0.1)
    parts.strap([(x * 1.0, -8.9, z * 1.0 + 12) for x, z in pocket], 0.7, 0.7, hide, closed=True)
    shapes.box((0, -11.3, 17.4), (15.5, 0.6, 0.5), metal, edge=0.1)
    shapes.box((7.4, -11.6, 16.6), (0.5, 0.35, 2.0), hide, edge=0.1)
    for x in (-6.8, 6.8):
        parts.strap([(x, -8.3 - 0.02 * z, 40.0 - z) for z in (6.0, 9.0, 13.0, 16.0, 19.5)], 2.1, 0.45, hide, across=(1, 0, 0))
        shapes.place(shapes.torus(1.25, 0.28, metal), (x, -8.95, 25.0), (90, 0, 0))
    for side in (-1, 1):
        line = [
            (side * 8, 5.2, 41),
            (side * 10, 10.5, 37),
            (side * 12.5, 12.5, 26),
            (side * 13.5, 10.0, 12),
            (side * 12.5, 5.0, 4),
        ]
        parts.strap(parts.smooth_line(line), 5.0, 1.0, web, across=(1, 0.35 * side, 0))
        parts.pillow([(x, z + 10.5) for x, z in parts.squircle(5.0, 7.0, 5, 64)], 3.2, canvas, edge=0.12).matrix_world = _turned(
            side * 15.2, 0.0
        )
    parts.bowed([(-4, 3.4, 43.2), (-3.6, 3.6, 47.0), (0, 3.7, 48.4), (3.6, 3.6, 47.0), (4, 3.4, 43.2)], 0.75, hide)


def _turned(x: float, y: float):
    """A placement that turns a front pocket to the side of the bag."""
    from mathutils import Matrix

    return Matrix.Translation((x, y, 0)) @ Matrix.Rotation(math.radians(90), 4, "Z")


def luna_crossbody(color: str = "#6e1f2c") -> None:
    """Half-moon crossbody, top zip, slim strap."""
    hide, thread = skins.leather(srgb(color), 0.34), mat.plain(srgb("#c98a7a"), 0.8)
    outline = []
    for k in range(61):
        angle = math.pi + math.pi * k / 60
        outline.append((13.5 * math.cos(angle) * (1 + 0.04 * math.sin(angle) ** 2), 16.2 + 16.0 * math.sin(angle)))
    top = [(13.5 - 27.0 * k / 40, 16.2 + 1.7 * math.sin(math.pi * k / 40)) for k in range(1, 40)]
    shape = outline + top
    parts.pillow(shape, 7.0, hide, edge=0.10)
    for y in (-2.2, 2.2):
        loop = [(x * 0.985, y, (z - 10) * 0.985 + 10) for x, z in shape]
        shapes.tube(loop, 0.28, hide, closed=True, straight=True)
    parts.stitches([(x * 0.86, -3.56, (z - 10) * 0.86 + 10) for x, z in outline], thread, length=0.6, gap=0.35)
    zipper = [(x * 0.93, 0.0, z + 0.12) for x, z in top]
    parts.strap(zipper, 1.5, 0.5, mat.plain(srgb("#2a1216"), 0.6), across=(0, 1, 0))
    parts.strap([(x, y, z + 0.22) for x, y, z in zipper], 0.5, 0.5, _gold(), across=(0, 1, 0))
    shapes.box((10.6, -1.9, 16.3), (0.7, 0.35, 3.0), _gold(), edge=0.12)
    for side in (-1, 1):
        _ring((side * 13.4, 0, 17.6), 1.25, 0.24, _gold())
    line = [
        (-13.4, 0, 18.6),
        (-13.2, 0.3, 27),
        (-9.8, 0.5, 40),
        (0, 0.6, 46.5),
        (9.8, 0.5, 40),
        (13.2, 0.3, 27),
        (13.4, 0, 18.6),
    ]
    parts.strap(parts.smooth_line(line), 1.5, 0.62, hide)


def weekend_duffel() -> None:
    """Navy canvas weekender with tan leather ends, handles and a shoulder ring."""
    canvas, hide = skins.cloth(srgb("#26375a"), threads=2.4), skins.leather(srgb("#a9652f"))
    thread, gold = mat.plain(srgb("#ead2a6"), 0.8), _gold()
    length, half_y, half_z, middle = 25.0, 12.5, 13.0, 13.0

    def section(x: float) -> float:
        return 1 - 0.16 * max(0.0, (abs(x) - length * 0.86) / (length * 0.14)) ** 2.2

    def skin(x0: float, x1: float, material, grow: float) -> None:
        loops = []
        for k in range(25):
            x = x0 + (x1 - x0) * k / 24
            s = section(x)
            ring = parts.squircle((half_y + grow) * s, (half_z + grow) * s, 3.2, 96)
            loops.append([(x, y, max(0.0, z + middle) + (0.6 if z > 0 else 0) * 0) for y, z in ring])
        shapes.rings("duffel", loops, material)

    skin(-length, length, canvas, 0.0)
    for side in (-1, 1):
        skin(side * length * 0.86, side * length, hide, 0.12)
        edge = parts.squircle(half_y * 1.012, half_z * 1.012, 3.2, 96)
        parts.stitches([(side * length * 0.875, y * 1.005, max(0.1, z * 1.005 + middle)) for y, z in edge], thread)
        shapes.place(shapes.torus(1.7, 0.34, gold), (side * 25.4, 0, 20), (90, 0, 90))
        shapes.box((side * 25.0, 0, 18.2), (0.8, 2.6, 3.4), hide, edge=0.2)
    shapes.box((0, 0, 26.05), (40, 1.7, 0.5), mat.plain(srgb("#14191f"), 0.6), edge=0.2)
    shapes.box((0, 0, 26.3), (40, 0.5, 0.4), gold, edge=0.1)
    shapes.box((-17.5, -1.6, 26.0), (0.8, 3.2, 0.5), hide, edge=0.15)
    ring = [p for p in parts.squircle(half_y + 0.25, half_z + 0.25, 3.2, 192) if p[1] <= 9.5]
    for x in (-10.5, 10.5):
        belt = sorted(ring, key=lambda p: math.atan2(p[0], -p[1]))
        parts.strap([(x, y, max(0.12, z + middle)) for y, z in belt], 3.0, 0.45, hide, across=(1, 0, 0))
        for offset in (-1.15, 1.15):
            front = [(x + offset, y * 1.018, z * 1.018 + middle) for y, z in belt if y < 0]
            parts.stitches([p for p in front if p[2] > 0.5], thread)
    for y in (-9.6, 9.6):
        s = math.copysign(1, y)
        line = [
            (-10.5, y + 0.4 * s, 22.5),
            (-9.8, y * 0.94, 27),
            (-6.5, y * 0.62, 33.5),
            (0, y * 0.5, 36),
            (6.5, y * 0.62, 33.5),
        ]
        line += [(9.8, y * 0.94, 27), (10.5, y + 0.4 * s, 22.5)]
        parts.bowed(line, 0.85, hide)
        for x in (-10.5, 10.5):
            shapes.box((x, y + 0.6 * s, 22.2), (3.2, 0.9, 2.4), hide, edge=0.3)


def drift_bucket() -> None:
    """Cream leather bucket bag with a drawstring."""
    hide, dark = skins.leather(srgb("#e3d5bb")), skins.leather(srgb("#6b4420"))
    loops = []
    for k in range(41):
        t = k / 40
        base = 11.0 + 1.2 * math.sin(math.pi * min(1, t / 0.75)) - (3.4 * ((t - 0.78) / 0.22) ** 1.6 if t > 0.78 else 0)
        base += 1.6 * ((t - 0.92) / 0.08) ** 2 if t > 0.92 else 0
        base -= 0.7 * max(0, 0.03 - t) / 0.03
        ruffle = max(0.0, (t - 0.62) / 0.38) ** 2
        loop = []
        for i in range(192):
            angle = 2 * math.pi * i / 192
            r = base + 0.75 * ruffle * math.cos(15 * angle)
            loop.append((r * math.cos(angle), r * math.sin(angle) * 0.82, 27.0 * t))
        loops.append(loop)
    shapes.solidify(shapes.rings("bucket", loops, hide, caps=(True, False)), 0.4, -1)
    foot = [(0, 0.05), (11.2, 0.05), (11.55, 0.5), (11.85, 3.4), (11.6, 3.45), (0, 3.4)]
    shapes.lathe(foot, dark).scale = (1, 0.83, 1)
    cord = [(10.9 * math.cos(a) * 0.97, 10.9 * math.sin(a) * 0.82, 23.4) for a in (2 * math.pi * k / 60 for k in range(60))]
    shapes.tube(cord, 0.4, dark, closed=True)
    for x in (-1.4, 1.4):
        parts.bowed([(x, -9.0, 23.4), (x * 1.6, -10.6, 22.0), (x * 1.9, -11.0, 18.0), (x * 2.2, -10.9, 13.6)], 0.36, dark)
        shapes.lathe([(0, 0), (0.8, 0.2), (0.95, 1.4), (0.5, 2.4), (0, 2.4)], _gold(), (x * 2.2, -10.9, 11.8))
    line = [(-10.6, 0, 21.0), (-11.8, 0, 30), (-8.6, 0, 44), (0, 0, 50), (8.6, 0, 44), (11.8, 0, 30), (10.6, 0, 21.0)]
    parts.strap(parts.smooth_line(line), 2.4, 0.75, dark)
    for side in (-1, 1):
        shapes.place(shapes.cylinder(0.6, 0.5, _gold(), edge=0.12), (side * 11.6, 0, 23.0), (0, side * 90, 0))


def folio_clutch() -> None:
    """Emerald envelope clutch with a bar clasp."""
    hide, gold = skins.leather(srgb("#14614b"), 0.3, pebble=5), _gold(0.15)
    body = _superellipse(14.0, 9.0, 9, 9.0)
    parts.pillow(body, 4.6, hide, edge=0.06)
    flap = [(-14.0, 18.0), (14.0, 18.0), (13.9, 16.2), (0.9, 6.6), (0.0, 6.3), (-0.9, 6.6), (-13.9, 16.2)]
    dense = []
    for (x0, z0), (x1, z1) in zip(flap, [*flap[1:], flap[0]], strict=True):
        dense += [(x0 + (x1 - x0) * k / 16, z0 + (z1 - z0) * k / 16) for k in range(16)]
    parts.pillow(dense, 0.9, hide, y=-2.35, edge=0.02)
    inner = [(x * 0.95, -2.84, 13.0 + (z - 13.0) * 0.9) for x, z in dense if z < 17.5]
    parts.stitches(inner, mat.plain(srgb("#7fb8a0"), 0.8), length=0.5, gap=0.3)
    shapes.box((0, -3.0, 8.2), (4.6, 0.7, 1.1), gold, edge=0.3)
    for side in (-1, 1):
        _ring((side * 13.7, 0, 17.0), 0.9, 0.2, gold)
    links = 46
    for k in range(links + 1):
        t = k / links
        x = 13.7 * math.cos(math.pi * (1 - t)) * (1 + 0.06 * math.sin(math.pi * t))
        z = 17.6 + 13.5 * math.sin(math.pi * t) ** 0.8
        slope = math.degrees(math.atan2(-math.cos(math.pi * t), math.sin(math.pi * t)))
        link = shapes.torus(0.62, 0.17, gold)
        shapes.place(link, (x, 0, z), (0 if k % 2 else 90, slope, 0), (1.25, 0.8, 1))


def harvest_basket() -> None:
    """Woven straw basket with long leather handles."""
    straw, hide = skins.basket(srgb("#c99a55"), strand=1.3), skins.leather(srgb("#6d3d22"))
    levels = []
    for k in range(21):
        t = k / 20
        levels.append((26.0 * t, 14.0 + 7.5 * t**0.8 - 0.8 * max(0, 0.05 - t) / 0.05, 9.5 + 3.0 * t**0.8, 2.4))
    shapes.solidify(parts.loft(levels, straw, steps=128, caps=(True, False)), 0.7, -1)
    rim = [(x, y, 26.0) for x, y in parts.squircle(21.4, 12.4, 2.4, 128)]
    shapes.tube(rim, 0.75, straw, closed=True)
    for y in (-1, 1):
        line = [(-8.5, y * 13.2, 26.5), (-8.3, y * 12.4, 31.0), (-6.6, y * 9.0, 39.0), (0, y * 7.4, 43.0)]
        parts.bowed([*line, *((-x, yy, z) for x, yy, z in reversed(line[:-1]))], 0.8, hide)
        for x in (-8.5, 8.5):
            parts.strap([(x, y * _basket_front(x, z), z) for z in (17, 19, 21, 23, 25, 27.2)], 2.2, 0.55, hide, across=(1, 0, 0))
        for x in (-8.5, 8.5):
            for z in (19.0, 22.6):
                shapes.sphere(0.5, _gold(), (x, y * (_basket_front(x, z) + 0.3), z), (1, 0.5, 1))


def _basket_front(x: float, z: float) -> float:
    """How far the straw basket's front stands off its middle plane at (x, z), with room for a strap."""
    t = z / 26.0
    half_x, half_y = 14.0 + 7.5 * t**0.8, 9.5 + 3.0 * t**0.8
    return half_y * (1 - (abs(x) / half_x) ** 2.4) ** (1 / 2.4) + 0.75


def petite_handle() -> None:
    """Plum top-handle bag: trapezoid body, curved handle, turn lock."""
    hide, gold = skins.leather(srgb("#4f2a4d"), 0.28, pebble=6), _gold(0.15)
    levels = [(0.0, 12.2, 4.7, 9), (0.4, 12.7, 5.2, 9)]
    levels += [(0.4 + 17.2 * k / 12, 12.7 - 2.4 * k / 12, 5.2 - 1.9 * k / 12, 9) for k in range(1, 13)]
    levels += [(18.0, 10.0, 2.9, 9)]
    parts.loft(levels, hide)
    flap = [
        (0, 3.2, 16.6),
        (0, 2.6, 18.1),
        (0, 0, 18.45),
        (0, -2.7, 18.1),
        (0, -3.75, 16.4),
        (0, -4.35, 12.6),
        (0, -4.7, 9.6),
    ]
    parts.strap(parts.smooth_line(flap, 6), 20.4, 0.5, hide, across=(1, 0, 0))
    thread = mat.plain(srgb("#b48ab0"), 0.8)
    parts.stitches([(x, -5.0, 10.2) for x in (-9.6 + 0.1 * k for k in range(193))], thread, length=0.5, gap=0.3)
    shapes.box((0, -5.0, 10.8), (3.6, 0.7, 2.6), gold, edge=0.3)
    shapes.box((0, -5.5, 10.8), (0.8, 0.7, 1.9), gold, edge=0.3)
    for side in (-1, 1):
        _ring((side * 6.6, 0, 19.3), 1.15, 0.24, gold)
        shapes.box((side * 6.6, 0, 18.5), (1.5, 1.5, 0.5), hide, edge=0.15)
    parts.bowed(
        [
            (-6.6, 0, 20.2),
            (-6.7, 0, 23.4),
            (-4.2, 0, 27.4),
            (0, 0, 28.9),
            (4.2, 0, 27.4),
            (6.7, 0, 23.4),
            (6.6, 0, 20.2),
        ],
        0.72,
        hide,
    )
    for x in (-10.0, 10.0):
        for y in (-3.4, 3.4):
            shapes.cylinder(0.6, 0.4, gold, (x, y, -0.3), 0.12)
