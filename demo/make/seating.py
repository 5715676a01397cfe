"""Seats of the demo catalog: eight, in centimeters. Studio and camera are in studio.py."""

import math

from demo.make import materials as mat
from demo.make import product_parts as parts
from demo.make import product_skins as skins
from demo.make import shapes
from demo.make.blender_kit import srgb
from demo.make.shapes import smooth_profile


def _oak(along: str = "Z"):
    return skins.timber(srgb("#a87646"), srgb("#d6a871"), along=along, grain=0.45)


def _walnut(along: str = "Z"):
    return skins.timber(srgb("#56361f"), srgb("#8a5d3b"), along=along, grain=0.45)


def alder_chair() -> None:
    """Oak dining chair, curved back rest, teal seat."""
    wood, rail, felt = _oak(), _oak("X"), skins.cloth(srgb("#2d6f73"), threads=1.6)
    for side in (-1, 1):
        parts.leg((side * 18.5, -18.5, 44), (side * 20.5, -21.0, 0), (1.9, 1.3), wood)
        back = [
            (side * 21.0, 22.5, 0),
            (side * 19.0, 18.5, 30),
            (side * 18.6, 18.0, 46),
            (side * 19.6, 21.0, 64),
            (side * 20.4, 25.0, 79),
        ]
        parts.bowed(back, [1.3, 1.8, 2.0, 1.7, 1.4], wood)
        shapes.tube([(side * 18.6, -18.3, 40), (side * 18.4, 18.0, 40)], 1.25, _oak("Y"))
        shapes.tube([(side * 19.6, -19.6, 18), (side * 19.4, 19.6, 18)], 0.9, _oak("Y"))
    shapes.tube([(-18.5, -18.3, 40), (18.5, -18.3, 40)], 1.25, rail)
    shapes.tube([(-18.5, 18.0, 40), (18.5, 18.0, 40)], 1.25, rail)
    parts.cushion((0, -0.5, 45.2), (45, 43, 6.4), felt, power=5, vertical=3)
    parts.piping((0, -0.5, 44.4), 22.4, 21.4, 0.5, felt, power=5)
    rest = parts.smooth_line([(-20.3, 24.4, 75), (-12, 27.4, 75), (0, 28.6, 75), (12, 27.4, 75), (20.3, 24.4, 75)])
    parts.strap(rest, 12.0, 2.2, rail, across=(0, 0.25, 1))


def perch_stool() -> None:
    """Counter stool: walnut seat, black steel legs, brass foot ring."""
    seat, steel = _walnut("X"), mat.plain(srgb("#232527"), 0.4)
    brass = mat.plain(srgb("#c39a4c"), 0.26, metal=1.0)
    top = [
        (0, 62.0),
        (15.6, 62.0),
        (17.4, 62.8),
        (18.2, 64.2),
        (17.6, 65.6),
        *smooth_profile([(16.0, 66.0), (9.0, 65.0), (0.0, 64.6)]),
    ]
    shapes.lathe(top, seat, steps=128)
    shapes.cylinder(11.5, 1.2, steel, (0, 0, 61.0), 0.2)
    for k in range(4):
        angle = math.pi / 4 + math.pi / 2 * k
        c, s = math.cos(angle), math.sin(angle)
        parts.leg((10.5 * c, 10.5 * s, 61.6), (23.0 * c, 23.0 * s, 0.0), (1.35, 1.1), steel)
    shapes.torus(19.1, 0.95, brass, (0, 0, 22.0))


def cove_armchair() -> None:
    """Rust bouclé tub chair on a low oak ring."""
    wool, wood = skins.boucle(srgb("#c4683c")), _walnut("X")
    loops = []
    for k in range(73):
        angle = math.radians(-38 + 256 * k / 72)
        c, s = math.cos(angle), math.sin(angle)
        rise = 30 + 22 * max(0.0, s) ** 0.8
        thick, ring = 7.0, []
        for x, z in parts.squircle(thick, rise / 2, 3.6, 40):
            reach = 31 + x + 3.2 * max(0.0, z / rise)
            ring.append((reach * c, reach * s * 0.94, 17 + rise / 2 + z))
        loops.append(ring)
    shell = shapes.rings("shell", loops, wool)
    shapes.bevel(shell, 3.0, 5, 60)
    parts.cushion((0, -4, 35), (51, 56, 17), wool, power=3.2, vertical=3.2)
    parts.piping((0, -4, 35), 25.7, 28.2, 0.7, wool, power=3.2)
    shapes.lathe([(0, 14.5), (29, 14.5), (32, 15.5), (33, 18.5), (33, 27.5), (31.5, 29.0), (0, 29)], wool, (0, -1, 0)).scale = (1, 0.92, 1)
    for k in range(4):
        angle = math.pi / 4 + math.pi / 2 * k
        c, s = math.cos(angle), math.sin(angle)
        parts.leg((22 * c, 22 * s, 16), (26 * c, 26 * s, 0), (2.6, 1.7), wood)


def plank_bench() -> None:
    """Oak bench: two boards, splayed legs, one rail."""
    board, wood = _oak("X"), _oak()
    for y in (-8.8, 8.8):
        shapes.box((0, y, 43.2), (118, 17.0, 3.6), board, edge=0.6)
    for x in (-46, 46):
        shapes.box((x, 0, 40.4), (5.0, 33, 2.6), _oak("Y"), edge=0.4)
        for y in (-1, 1):
            parts.leg((x, y * 12.5, 40), (x * 1.1, y * 17.5, 0), (2.4, 1.7), wood)
        shapes.tube([(x * 1.05, -14.8, 19), (x * 1.05, 14.8, 19)], 1.2, _oak("Y"))
    shapes.tube([(-48.3, 0, 19), (48.3, 0, 19)], 1.2, board)


def pebble_pouf() -> None:
    """Knitted ochre pouf."""
    wool = mat.plain(srgb("#c08a2e"), 0.95, bump=0.35, scale=1.2)
    dark = mat.plain(srgb("#a8741f"), 0.95, bump=0.3, scale=1.2)
    count, rows = 30, 15
    for k in range(count):
        vertices_line = []
        for i in range(rows * 10 + 1):
            t = i / (rows * 10)
            lat = -1.35 + 2.8 * t
            r = max(1.2, 26.0 * max(0.0, math.cos(lat * 1.02)) ** 0.62)
            z = 17.0 + 17.0 * math.copysign(abs(math.sin(lat)) ** 0.85, lat)
            turn = 2 * math.pi * k / count + 0.012 * math.sin(2 * math.pi * rows * 2 * t)
            vertices_line.append((r * math.cos(turn), r * math.sin(turn), max(0.4, z)))
        radii = [min(2.9, 0.34 + 0.105 * math.hypot(p[0], p[1])) * (1 + 0.12 * math.sin(i * 1.25)) for i, p in enumerate(vertices_line)]
        shapes.tube(vertices_line, radii, wool, straight=True)
    inside = smooth_profile([(0.1, 0.5), (18, 1.0), (24.6, 8), (26.0, 17), (24.6, 26), (17, 33), (0.1, 34.2)])
    shapes.lathe([(0, 0.5), *inside, (0, 34.2)], dark)
    shapes.sphere(3.0, wool, (0, 0, 34.6), (1, 1, 0.45))


def grove_sofa() -> None:
    """Two-seat sofa in forest green with walnut legs and a rolled cushion."""
    cloth, wood = skins.cloth(srgb("#2f5741"), threads=1.3, contrast=0.2), _walnut()
    parts.cushion((0, 0, 22.5), (150, 80, 17), cloth, power=9, vertical=7)
    for side in (-1, 1):
        parts.cushion((side * 76, -1, 36), (17, 82, 44), cloth, power=5, vertical=4.5)
        parts.cushion((side * 34, -5, 38.5), (67, 71, 18), cloth, power=6, vertical=3.4)
        parts.piping((side * 34, -5, 38.5), 33.7, 35.7, 0.6, cloth, power=6)
        parts.cushion((side * 34, 25, 60), (66, 21, 42), cloth, power=4, vertical=4, tilt_deg=(-9, 0, 0))
        for y in (-1, 1):
            parts.leg((side * 70, y * 33, 15), (side * 74, y * 35, 0), (2.6, 1.6), wood)
    parts.cushion((0, 36, 49), (152, 17, 68), cloth, power=6, vertical=6, tilt_deg=(-5, 0, 0))
    clay = skins.cloth(srgb("#c9825a"), threads=1.6)
    parts.cushion((-45, 8, 62), (40, 14, 38), clay, power=3.2, vertical=2.6, tilt_deg=(-16, 8, 14))


def petal_chair() -> None:
    """Molded coral shell on crossed steel legs."""
    shell_skin, steel = mat.plain(srgb("#dd6a4d"), 0.38), mat.brushed(srgb("#b9bcbf"), 0.25)
    side_line = parts.smooth_line(
        [
            (0, -23, 42.2),
            (0, -20, 44.6),
            (0, -8, 43.6),
            (0, 8, 42.6),
            (0, 17, 45.5),
            (0, 22, 55),
            (0, 25.5, 69),
            (0, 28.5, 82),
        ],
        6,
    )
    rows = []
    for i, (_, y, z) in enumerate(side_line):
        t = i / (len(side_line) - 1)
        half = 22.5 + 2.2 * math.sin(math.pi * t) - 3.5 * max(0, (t - 0.8) / 0.2) ** 2 - 2.0 * max(0, (0.12 - t) / 0.12) ** 2
        wing = 10.5 * math.exp(-(((t - 0.5) / 0.2) ** 2)) + 2.2
        row = []
        for j in range(33):
            u = -1 + j / 16
            lift = abs(u) ** 2.4
            up, forward = wing * lift, -wing * 0.85 * lift * max(0.0, (t - 0.42) / 0.58) ** 0.7
            row.append((half * u, y + forward, z + up * (1 - max(0.0, (t - 0.55) / 0.45) * 0.8)))
        rows.append(row)
    sheet = shapes.solidify(shapes.grid("petal", rows, shell_skin), 1.1)
    shapes.bevel(sheet, 0.4, 3, 50)
    shapes.subdivide(sheet, 1)
    shapes.box((0, 2, 41.0), (26, 26, 1.6), mat.plain(srgb("#2a2c2e"), 0.5), edge=0.4)
    for side in (-1, 1):
        for y0, y1 in ((-10, -22), (14, 25)):
            shapes.tube([(side * 12, y0, 41), (side * 22, y1, 0.9)], 0.9, steel)
        shapes.tube([(side * 16.3, -15.2, 23), (side * 16.3, 18.7, 23)], 0.6, steel)
    shapes.tube([(-16.3, -15.2, 23), (16.3, -15.2, 23)], 0.6, steel)
    shapes.tube([(-16.3, 18.7, 23), (16.3, 18.7, 23)], 0.6, steel)


def milking_stool(color: str = "#b8352b") -> None:
    """Three-legged oak stool with dipped legs."""
    seat, wood, red = _oak("X"), _oak(), mat.plain(srgb(color), 0.35)
    top = smooth_profile([(16.4, 41.6), (17.6, 42.4), (18.0, 43.6), (17.5, 45.0), (15.6, 45.6), (9.0, 44.8), (0.0, 44.4)])
    shapes.lathe([(0, 41.4), (15.4, 41.4), *top], seat, steps=128)
    for k in range(3):
        angle = math.pi / 2 + 2 * math.pi * k / 3
        c, s = math.cos(angle), math.sin(angle)
        head, foot = (9.6 * c, 9.6 * s, 43.0), (17.6 * c, 17.6 * s, 0.0)
        split = tuple(f + (h - f) * 0.42 for h, f in zip(head, foot, strict=True))
        parts.leg(head, split, (2.1, 1.9), wood)
        parts.leg(split, foot, (1.93, 1.45), red)
