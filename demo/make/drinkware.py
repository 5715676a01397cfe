"""Drinkware of the demo catalog: eight vessels, in centimeters. Studio and camera are in studio.py."""

import math

from demo.make import materials as mat
from demo.make import product_parts as parts
from demo.make import product_skins as skins
from demo.make import shapes
from demo.make.blender_kit import srgb
from demo.make.shapes import smooth_profile


def _vessel(outer, wall: float, floor: float, material, *, steps: int = 128):
    """A thin-walled pot: the outer profile from foot to lip, and the same drawn in by `wall` back down to `floor`."""
    lip = outer[-1]
    inner = [(max(0.05, r - wall), z) for r, z in outer if z > floor + wall]
    rim = [
        (lip[0] - wall * 0.15, lip[1] + wall * 0.35),
        (lip[0] - wall * 0.5, lip[1] + wall * 0.5),
        (lip[0] - wall * 0.85, lip[1] + wall * 0.35),
    ]
    profile = [(0, 0), *outer, *rim, *reversed(inner), (inner[0][0] * 0.85, floor), (0, floor)]
    return shapes.lathe(profile, material, steps=steps)


def dune_mug(color: str = "#2f6468") -> None:
    """Stoneware mug, bare clay foot, speckled glaze."""
    skin = skins.dipped(srgb("#b0764f"), srgb(color), 2.6, speckle=srgb("#d8c9a8"))
    outer = smooth_profile([(2.9, 0.0), (3.6, 0.12), (3.95, 0.6), (4.15, 2.0), (4.2, 5.0), (4.2, 8.6), (4.22, 9.2)])
    _vessel(outer, 0.45, 0.6, skin)
    handle = [(4.0, 0, 7.6), (5.4, 0, 8.1), (6.9, 0, 7.5), (7.35, 0, 5.4), (6.6, 0, 3.3), (5.2, 0, 2.5), (4.0, 0, 2.7)]
    parts.bowed(handle, [0.75, 0.62, 0.56, 0.56, 0.56, 0.62, 0.75], skin)


def harbor_tumbler() -> None:
    """Insulated steel tumbler, navy powder coat, lid and steel straw."""
    coat = mat.plain(srgb("#24406e"), 0.42, bump=0.04, scale=9)
    steel = mat.brushed(srgb("#c9cbcd"), 0.25)
    dark = mat.plain(srgb("#202328"), 0.3)
    shapes.lathe([(0, 0), (3.0, 0), (3.15, 0.15), (3.2, 0.5), (3.24, 1.3), (0, 1.3)], steel)
    shapes.lathe(smooth_profile([(3.24, 1.3), (3.3, 1.34), (3.34, 1.6), (3.6, 8.0), (4.15, 15.2), (4.2, 15.8)]), coat)
    shapes.lathe([(4.2, 15.8), (4.24, 15.85), (4.26, 16.3), (4.2, 16.45), (3.9, 16.45), (3.9, 15.8)], steel)
    shapes.cylinder(3.98, 0.9, dark, (0, 0, 16.1), 0.2, steps=96)
    shapes.box((0, -0.6, 17.05), (1.9, 3.0, 0.35), dark, edge=0.15)
    shapes.tube([(0.9, 1.4, 6), (1.5, 1.7, 23.0)], 0.35, steel)
    shapes.torus(4.0, 0.16, mat.plain(srgb("#16181b"), 0.6), (0, 0, 16.5))


def fjord_carafe() -> None:
    """Blue-gray carafe with a cork ball."""
    skin = skins.glaze(srgb("#5f7d8c"), 0.16, speckle=srgb("#38505c"), fine=4.0)
    outer = smooth_profile(
        [
            (4.6, 0),
            (5.4, 0.15),
            (6.3, 1.6),
            (6.75, 4.6),
            (6.0, 8.6),
            (3.9, 12.4),
            (2.5, 16.0),
            (2.3, 19.0),
            (2.7, 21.5),
            (3.1, 22.4),
        ]
    )
    _vessel(outer, 0.35, 0.6, skin)
    cork = mat.mottled(srgb("#b98a5a"), srgb("#d9b07e"), 3.0, 0.85, 0.3, rng=_still("cork"))
    shapes.sphere(3.15, cork, (0, 0, 24.6))


def _still(word: str):
    import random

    return random.Random(word)


def hinoki_teapot() -> None:
    """Charcoal iron teapot with a wooden hoop handle."""
    iron = mat.plain(srgb("#34373b"), 0.5, bump=0.25, scale=2.2)
    wood = skins.timber(srgb("#8a5a34"), srgb("#b98350"), along="X")
    outer = smooth_profile([(5.4, 0), (6.4, 0.2), (8.0, 1.8), (8.9, 4.6), (8.3, 7.6), (6.2, 9.5), (4.4, 10.0)])
    shapes.lathe([(0, 0), *outer, (0, 10.0)], iron, steps=128)
    for z, bulge in ((3.0, 8.62), (4.6, 9.0), (6.2, 8.86)):
        shapes.torus(bulge - 0.08, 0.16, iron, (0, 0, z))
    shapes.lathe([(4.5, 9.9), *smooth_profile([(4.5, 10.2), (3.6, 10.7), (1.6, 11.2), (0.7, 11.3)]), (0, 11.3)], iron)
    shapes.sphere(0.95, wood, (0, 0, 12.1), (1, 1, 0.85))
    parts.bowed([(7.2, 0, 3.6), (9.6, 0, 4.6), (11.2, 0, 7.0), (12.7, 0, 9.4)], [2.1, 1.6, 1.15, 0.85], iron)
    for side in (-1, 1):
        shapes.torus(0.85, 0.26, iron, (side * 5.9, 0, 10.1), (90, 0, 0))
    hoop = [
        (-5.9, 0, 10.2),
        (-6.9, 0, 13.6),
        (-4.6, 0, 17.0),
        (0, 0, 18.4),
        (4.6, 0, 17.0),
        (6.9, 0, 13.6),
        (5.9, 0, 10.2),
    ]
    parts.bowed(hoop, [0.35, 0.4, 0.62, 0.72, 0.62, 0.4, 0.35], wood)


def pico_espresso() -> None:
    """Espresso cup and saucer in mustard."""
    skin = skins.glaze(srgb("#d39a2d"), 0.18)
    dish = smooth_profile([(2.6, 0), (3.3, 0.08), (3.6, 0.4), (4.8, 0.75), (6.0, 1.35), (6.35, 1.75)])
    shapes.lathe([(0, 0), *dish, (6.25, 1.92), (6.0, 1.8), (4.7, 1.15), (3.4, 0.85), (3.1, 0.75), (0, 0.75)], skin, steps=128)
    outer = smooth_profile([(1.9, 0.75), (2.25, 0.85), (2.5, 1.4), (3.15, 3.0), (3.4, 5.0), (3.45, 6.3)])
    _vessel([(r, z) for r, z in outer], 0.3, 1.2, skin)
    coffee = mat.plain(srgb("#4a2a17"), 0.12)
    shapes.cylinder(3.1, 0.1, coffee, (0, 0, 5.25), 0.02)
    parts.bowed(
        [(3.2, 0, 5.6), (4.3, 0, 5.9), (5.1, 0, 5.1), (4.7, 0, 3.8), (3.0, 0, 3.0)],
        [0.42, 0.34, 0.32, 0.34, 0.42],
        skin,
    )


def trail_bottle() -> None:
    """Forest-green water bottle, bamboo cap, cord loop."""
    coat = mat.plain(srgb("#2f5a43"), 0.38, bump=0.04, scale=9)
    steel = mat.brushed(srgb("#c9cbcd"), 0.25)
    body = smooth_profile(
        [
            (3.1, 0),
            (3.5, 0.15),
            (3.65, 0.7),
            (3.65, 0.7),
            (3.65, 17.5),
            (3.65, 17.5),
            (3.5, 18.8),
            (2.7, 20.2),
            (2.2, 20.8),
        ]
    )
    shapes.lathe([(0, 0), *body, (2.1, 20.9), (0, 20.9)], coat, steps=128)
    shapes.cylinder(2.12, 0.7, steel, (0, 0, 20.7), 0.08)
    bamboo = skins.timber(srgb("#c4995c"), srgb("#e2c08a"), along="Z", grain=1.6)
    shapes.cylinder(2.4, 3.1, bamboo, (0, 0, 21.3), 0.25, steps=96)
    cord = skins.cloth(srgb("#2b2b29"), threads=6)
    parts.bowed(
        [(2.35, 0, 22.6), (3.7, -0.3, 23.4), (4.4, -0.5, 21.5), (4.1, -0.4, 18.6), (3.8, 0.2, 20.0), (2.35, 0.3, 22.3)],
        0.22,
        cord,
    )
    label = mat.plain(srgb("#e7dfc9"), 0.6)
    _wrap_mark(3.66, 9.5, 2.0, label)


def _wrap_mark(radius: float, z: float, size: float, material) -> None:
    """A printed mark on the front of a cylinder: a mountain of three strokes under a dot."""
    strokes = [
        ((-1.0, 0.0), (-0.25, 1.1)),
        ((-0.25, 1.1), (0.15, 0.5)),
        ((0.15, 0.5), (0.5, 1.0)),
        ((0.5, 1.0), (1.1, 0.0)),
    ]

    def on_skin(u: float, v: float) -> tuple[float, float, float]:
        angle = -math.pi / 2 + u * size / radius
        return (radius * math.cos(angle), radius * math.sin(angle), z + v * size)

    for (u0, v0), (u1, v1) in strokes:
        line = [on_skin(u0 + (u1 - u0) * k / 8, v0 + (v1 - v0) * k / 8) for k in range(9)]
        shapes.tube(line, 0.08, material, straight=True)


def marina_pitcher() -> None:
    """Cobalt enamel pitcher with a black rim."""
    enamel = mat.plain(srgb("#2456a6"), 0.14, coat=1.0)
    black = mat.plain(srgb("#1b1c1f"), 0.25)
    profile = smooth_profile(
        [(5.0, 0), (5.6, 0.15), (6.2, 1.4), (6.9, 5.0), (6.6, 9.5), (5.2, 13.6), (4.7, 16.4), (5.2, 19.4), (5.5, 20.4)]
    )
    loops, lip = [], []
    for r, z in profile:
        loop = []
        for k in range(128):
            angle = 2 * math.pi * k / 128
            near = max(0.0, math.cos(angle)) ** 10 * max(0.0, (z - 15.0) / 5.4) ** 1.6
            reach = r + 2.3 * near
            loop.append((reach * math.cos(angle), reach * math.sin(angle), z + 0.7 * near))
        loops.append(loop)
    lip = loops[-1]
    shapes.solidify(shapes.rings("pitcher", loops, enamel, caps=(True, False)), 0.22, -1)
    shapes.tube(lip, 0.2, black, closed=True, straight=True)
    grip = parts.smooth_line([(-4.9, 0, 17.6), (-7.6, 0, 18.6), (-9.9, 0, 16.6), (-10.1, 0, 12.4), (-8.6, 0, 8.0), (-6.5, 0, 6.2)])
    parts.strap(grip, 1.9, 0.75, enamel)


def ember_mule() -> None:
    """Hammered copper mug with a brass handle."""
    copper = skins.hammered(srgb("#c5714a"), 0.16)
    brass = mat.plain(srgb("#c9a35a"), 0.2, metal=1.0)
    outer = smooth_profile([(3.4, 0), (3.9, 0.12), (4.35, 1.3), (4.75, 4.2), (4.6, 7.4), (4.3, 9.0), (4.35, 9.6)])
    _vessel(outer, 0.18, 0.3, copper)
    shapes.torus(4.3, 0.2, copper, (0, 0, 9.65))
    parts.bowed([(4.4, 0, 8.1), (6.0, 0, 8.6), (7.6, 0, 7.6), (7.7, 0, 5.0), (6.6, 0, 2.9), (4.5, 0, 2.4)], 0.42, brass)
    for z in (8.1, 2.4):
        shapes.sphere(0.62, brass, (4.5, 0, z), (0.5, 1, 1))
