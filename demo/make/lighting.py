"""Lamps of the demo catalog: eight, in centimeters, most of them lit. Studio and camera are in studio.py."""

import math

from demo.make import materials as mat
from demo.make import product_parts as parts
from demo.make import product_skins as skins
from demo.make import shapes
from demo.make.blender_kit import scaled, srgb
from demo.make.shapes import smooth_profile

WARM_LIGHT = srgb("#ffcf8f")


def _shade(low: tuple[float, float], high: tuple[float, float], material, thickness: float = 0.25):
    """A conical lamp shade, open above and below: (radius, height) of both rims."""
    (r0, z0), (r1, z1) = low, high
    shapes.lathe([(r0, z0), (r1, z1), (r1 - thickness, z1), (r0 - thickness, z0), (r0, z0)], material, steps=128)


def _cord(points, material) -> None:
    parts.bowed(points, 0.28, material)


def sol_table_lamp(color: str = "#c26a44", light: str = "#ff8a4c") -> None:
    """Brass column, linen drum."""
    brass = mat.brushed(srgb("#c49a4a"), 0.24)
    linen = skins.lampshade(srgb(color), srgb(light), 0.2)
    trim = mat.plain(scaled(srgb(color), 0.5), 0.9)
    shapes.lathe([(0, 0), (8.6, 0), (8.8, 0.2), (8.8, 1.2), (8.5, 1.5), (2.4, 1.9), (1.5, 2.4), (0, 2.4)], brass, steps=128)
    shapes.cylinder(1.1, 26, brass, (0, 0, 2.0), 0.1)
    for z in (6.0, 24.0):
        shapes.cylinder(1.75, 1.1, brass, (0, 0, z), 0.3)
    shapes.sphere(3.1, brass, (0, 0, 15.2))
    _shade((14.5, 25.0), (11.5, 43.0), linen)
    shapes.torus(14.4, 0.28, trim, (0, 0, 25.1))
    shapes.torus(11.4, 0.28, trim, (0, 0, 42.9))
    shapes.cylinder(0.7, 2.2, brass, (0, 0, 42.6), 0.3)
    shapes.cylinder(0.3, 17, brass, (0, 0, 27), 0.05)
    for k in range(3):
        angle = 2 * math.pi * k / 3
        shapes.tube([(0, 0, 42.7), (11.3 * math.cos(angle), 11.3 * math.sin(angle), 42.7)], 0.18, brass)


def morel_lamp() -> None:
    """One-piece mushroom lamp, vermilion lacquer."""
    lacquer = mat.plain(srgb("#c93a1c"), 0.22)
    inner = mat.glow(srgb("#f6dcb8"), WARM_LIGHT, 0.45)
    foot = smooth_profile([(9.0, 0), (9.4, 0.3), (8.8, 1.6), (6.0, 4.6), (4.4, 8.6), (4.0, 13.6), (4.4, 18.0)])
    shapes.lathe([(0, 0), *foot, (0, 18.0)], lacquer, steps=128)
    cap = smooth_profile([(15.0, 17.2), (15.6, 17.6), (15.4, 20.2), (13.4, 24.6), (9.4, 27.8), (4.6, 29.4), (0.0, 29.8)])
    shapes.lathe(cap, lacquer, steps=128)
    shapes.lathe([(14.9, 17.3), (14.2, 18.6), (10.0, 20.0), (4.4, 20.4), (4.2, 17.9)], inner, steps=128)
    shapes.torus(15.1, 0.35, lacquer, (0, 0, 17.4))


def quill_desk_lamp() -> None:
    """Articulated desk lamp, petrol steel, brass joints."""
    steel = mat.plain(srgb("#1f5a66"), 0.32, coat=0.4)
    brass = mat.plain(srgb("#c9a14e"), 0.25, metal=1.0)
    inner = mat.glow(srgb("#fff0d0"), WARM_LIGHT, 1.2)
    shapes.lathe([(0, 0), (9.2, 0), (9.5, 0.3), (9.5, 1.4), (9.1, 1.8), (2.0, 2.2), (0, 2.2)], steel, (-10, 0, 0), steps=128)
    shapes.cylinder(1.2, 3.2, brass, (-10, 0, 2.0), 0.2)
    knee, head = (-19.5, 0.0, 26.5), (5.0, 0.0, 41.0)
    for y in (-0.75, 0.75):
        shapes.tube([(-10, y, 4.6), (knee[0], y, knee[2])], 0.5, steel)
        shapes.tube([(knee[0], y, knee[2]), (head[0], y, head[2])], 0.5, steel)
    for x, z in ((-10, 4.6), (knee[0], knee[2]), (head[0], head[2])):
        shapes.place(shapes.cylinder(1.25, 3.4, brass, edge=0.2), (x, 1.7, z), (90, 0, 0))
    shapes.tube([(-12.4, 0, 8.4), (-17.6, 0, 20.8)], 0.62, mat.brushed(srgb("#c9cbcd"), 0.3))
    hood = [
        (8.0, -11.0),
        (8.2, -10.6),
        *smooth_profile([(7.9, -9.6), (6.6, -5.2), (4.4, -2.0), (3.2, -0.8)]),
        (3.1, 1.6),
        (2.5, 2.2),
        (0, 2.2),
    ]
    bowl = [(7.8, -10.9), (6.3, -5.4), (3.6, -2.2), (0, -1.8)]
    tilt = (0, -24, 0)
    shapes.place(shapes.lathe(hood, steel, steps=128), (8.0, 0, 39.6), tilt)
    shapes.place(shapes.lathe(bowl, inner, steps=96), (8.0, 0, 39.6), tilt)
    bulb = shapes.sphere(2.7, mat.glow(srgb("#fff4dc"), WARM_LIGHT, 2.0))
    shapes.place(bulb, (8.0 + 2.9, 0, 39.6 - 6.4), tilt)
    _cord([(-18.5, 3, 0.5), (-22, 5, 0.3), (-26, 4, 0.3)], mat.plain(srgb("#2a2a2a"), 0.7))


def wick_lantern() -> None:
    """Portable lantern: black steel cage, amber glass, rope handle."""
    black = mat.plain(srgb("#25272a"), 0.42, bump=0.05, scale=5)
    amber = mat.glow(srgb("#d98a35"), srgb("#ff9a35"), 0.5)
    rope = skins.cloth(srgb("#c9a878"), threads=3)
    shapes.box((0, 0, 1.1), (16, 16, 2.2), black, edge=0.5)
    shapes.box((0, 0, 25.4), (16, 16, 1.8), black, edge=0.5)
    shapes.box((0, 0, 26.8), (12.5, 12.5, 1.4), black, edge=0.5)
    for x in (-7.1, 7.1):
        for y in (-7.1, 7.1):
            shapes.box((x, y, 13.4), (1.1, 1.1, 23.4), black, edge=0.2)
    for z in (9.0, 17.6):
        for side in (-1, 1):
            shapes.box((0, side * 7.1, z), (14, 0.5, 0.5), black, edge=0.1)
            shapes.box((side * 7.1, 0, z), (0.5, 14, 0.5), black, edge=0.1)
    shapes.cylinder(5.4, 21.6, amber, (0, 0, 2.6), 1.2, steps=96)
    shapes.lathe(smooth_profile([(5.6, 27.4), (5.4, 28.2), (3.0, 29.6), (1.4, 30.2), (0, 30.3)]), black)
    for side in (-1, 1):
        shapes.sphere(0.8, black, (side * 6.8, 0, 26.8))
    parts.bowed(
        [
            (-6.9, 0, 26.8),
            (-7.6, 0, 32.0),
            (-4.6, 0, 37.6),
            (0, 0, 39.4),
            (4.6, 0, 37.6),
            (7.6, 0, 32.0),
            (6.9, 0, 26.8),
        ],
        0.55,
        rope,
    )


def gourd_lamp() -> None:
    """Sage ceramic gourd under a pleated ochre shade."""
    sage = skins.glaze(srgb("#7d9170"), 0.2)
    pleats = skins.lampshade(srgb("#d6b070"), srgb("#ffc877"), 0.32)
    brass = mat.plain(srgb("#c9a14e"), 0.25, metal=1.0)
    body = [
        (6.2, 0),
        (6.8, 0.3),
        (9.8, 4.0),
        (10.8, 8.4),
        (8.6, 13.2),
        (5.0, 16.4),
        (5.6, 19.4),
        (6.4, 21.6),
        (5.0, 24.6),
        (2.0, 26.0),
    ]
    shapes.lathe([(0, 0), *smooth_profile(body), (0, 26.2)], sage, steps=128)
    shapes.cylinder(1.2, 4.6, brass, (0, 0, 25.8), 0.2)
    loops = []
    for r, z in ((16.0, 27.0), (9.0, 44.0)):
        loops.append([])
        for k in range(288):
            angle = 2 * math.pi * k / 288
            reach = r + (0.34 if k % 4 in (0, 1) else -0.1)
            loops[-1].append((reach * math.cos(angle), reach * math.sin(angle), z))
    shapes.solidify(shapes.rings("shade", loops, pleats, caps=(False, False)), 0.1)
    trim = mat.plain(srgb("#b78c4a"), 0.9)
    shapes.torus(16.05, 0.42, trim, (0, 0, 27.0))
    shapes.torus(9.1, 0.36, trim, (0, 0, 44.0))
    shapes.tube([(-8.9, 0, 43.6), (8.9, 0, 43.6)], 0.2, brass)
    shapes.cylinder(0.3, 17, brass, (0, 0, 28), 0.05)
    shapes.sphere(1.0, brass, (0, 0, 45.2))


def trellis_floor_lamp() -> None:
    """Tripod floor lamp: walnut legs, charcoal drum."""
    walnut = skins.timber(srgb("#5e3b24"), srgb("#8f6240"), grain=0.5)
    drum = skins.lampshade(srgb("#4a4d52"), srgb("#d9a066"), 0.12)
    brass = mat.plain(srgb("#c9a14e"), 0.28, metal=1.0)
    hub = 112.0
    for k in range(3):
        angle = 2 * math.pi * k / 3 + 0.5
        c, s = math.cos(angle), math.sin(angle)
        parts.leg((4.0 * c, 4.0 * s, hub + 3), (33 * c, 33 * s, 0), (2.1, 1.35), walnut)
        shapes.tube([(3.5 * c, 3.5 * s, 62), (18.6 * c, 18.6 * s, 62)], 0.45, brass)
    shapes.sphere(2.6, brass, (0, 0, 62))
    shapes.cylinder(5.6, 3.6, brass, (0, 0, hub), 0.5)
    shapes.cylinder(0.9, 20, brass, (0, 0, hub), 0.1)
    _shade((25.0, 117.0), (23.0, 149.0), drum, 0.5)
    inside = mat.glow(srgb("#f0d8b0"), WARM_LIGHT, 0.9)
    _shade((24.3, 117.3), (22.3, 148.7), inside, 0.2)
    for k in range(3):
        angle = 2 * math.pi * k / 3
        shapes.tube([(0, 0, 131), (24 * math.cos(angle), 24 * math.sin(angle), 131)], 0.35, brass)


def halo_globe() -> None:
    """Amber opal globe in a ring, on a dark marble block."""
    stone = skins.marble_small(srgb("#26302c"), srgb("#b9b4a2"))
    brass = mat.plain(srgb("#c9a14e"), 0.22, metal=1.0)
    opal = skins.lampshade(srgb("#d98f45"), srgb("#ff9a40"), 0.3, threads=0.0)
    shapes.box((0, 0, 3.2), (17, 10, 6.4), stone, edge=0.35)
    shapes.torus(13.4, 0.75, brass, (0, 0, 19.4), (90, 0, 0))
    shapes.sphere(8.2, opal, (0, 0, 15.6))
    shapes.cylinder(3.0, 1.8, brass, (0, 0, 6.2), 0.3)


def weaver_lamp() -> None:
    """Woven rattan dome on a turned oak foot."""
    rattan = skins.basket(srgb("#b98446"), strand=1.1)
    oak = skins.timber(srgb("#a97847"), srgb("#d2a470"), along="Z", grain=1.4)
    base = [
        (9.6, 0),
        (10.0, 0.4),
        (9.6, 1.9),
        (6.0, 2.9),
        (3.0, 4.2),
        (2.3, 7.0),
        (3.1, 10.0),
        (3.5, 12.6),
        (2.3, 16.0),
        (1.9, 20.0),
        (2.5, 21.6),
    ]
    shapes.lathe([(0, 0), *smooth_profile(base), (0, 21.6)], oak, steps=96)
    dome = smooth_profile([(17.2, 19.0), (17.4, 21.0), (16.4, 26.0), (13.2, 31.2), (8.4, 34.6), (3.0, 36.0)])
    shapes.solidify(shapes.lathe(dome, rattan, steps=160), 0.5, -1)
    for r, z in ((17.25, 19.1), (3.2, 36.0)):
        shapes.torus(r, 0.62, rattan, (0, 0, z))
    inside = mat.glow(srgb("#e8c48a"), WARM_LIGHT, 0.35)
    shapes.lathe([(r - 0.8, z) for r, z in dome], inside, steps=96)
    shapes.cylinder(0.8, 15.5, oak, (0, 0, 21), 0.1)
    shapes.sphere(1.4, oak, (0, 0, 37.2))
