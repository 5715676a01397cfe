"""The planted bad photos of the demo catalog: real products, spoiled on purpose, each in its own way.

DRK-009  320 px                     LGT-009  out of focus              BAG-009  on a cluttered table
SEA-009  JPEG cut off at 45 %       DRK-010  a web page named .jpg     BAG-010  product runs out of the frame
"""

from collections.abc import Callable
from pathlib import Path

import bpy

from demo.make import bags, drinkware, lighting, seating, shapes
from demo.make import blender_kit as kit
from demo.make import materials as mat
from demo.make import scene_surfaces as surfaces
from demo.make.blender_kit import Point, srgb
from demo.make.products import GRAY, Photo, photo
from demo.make.scene_light import blocker, foliage
from demo.make.scene_props import BOOKS
from demo.make.studio import Shot

KEPT_SHARE = 0.45
"""How much of the truncated JPEG is kept: the header and the upper part of the picture."""

WEB_PAGE = """<!DOCTYPE html>
<html><head><title>Sign in to continue</title></head>
<body><h1>Your session has expired</h1><p>Please sign in again to download DRK-010.jpg.</p></body></html>
"""
"""What a download script saves as a photo when its login has run out."""


def small_mug() -> None:
    drinkware.dune_mug("#a8b08f")


def blurred_lamp() -> None:
    lighting.sol_table_lamp("#3d5a80", "#5f7fb0")


def cut_off_stool() -> None:
    seating.milking_stool("#2b5f8a")


def cropped_crossbody() -> None:
    bags.luna_crossbody("#1f3a4d")


def tote_in_clutter() -> None:
    """Only the tote; clutter() adds the rest after framing."""
    bags.market_tote("#7c5a3a")


PLANTED: tuple[Photo, ...] = (
    photo("DRK-009", small_mug, size_px=320, turn_deg=-18),
    photo("LGT-009", blurred_lamp, fill=0.78, focus_f=1.8),
    photo("BAG-009", tote_in_clutter, turn_deg=-16, fill=0.62, raise_deg=16),
    photo("SEA-009", cut_off_stool, turn_deg=-10, raise_deg=14, fill=0.74, backdrop=GRAY),
    Photo(name="DRK-010", build=None, shot=Shot()),
    photo("BAG-010", cropped_crossbody, turn_deg=-8, fill=1.18, shift=(0.14, 0.05)),
)
"""The bad photographs, in catalog order; DRK-010 is no picture at all."""


def spoil(name: str, path: Path) -> None:
    """What happens to a finished file: SEA-009 loses its end."""
    if name == "SEA-009":
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * KEPT_SHARE)])


def _beside(build: Callable[[], None], location: Point, *, turn_deg: float, centimeters_per_unit: float) -> None:
    """Build a second product somewhere on the table."""
    before = set(bpy.context.scene.objects)
    build()
    new = [item for item in bpy.context.scene.objects if item not in before]
    root = kit.add(None, "beside")
    for item in new:
        item.parent = root
    factor = 1.0 / centimeters_per_unit
    shapes.place(root, location, (0, 0, turn_deg), (factor, factor, factor))


def clutter(rng) -> None:
    """A kitchen table in use: boards, a brick wall, and too many things in front of and behind the bag."""
    table = [(-6.0, -6.0, 0.0), (6.0, -6.0, 0.0), (6.0, 2.0, 0.0), (-6.0, 2.0, 0.0)]
    shapes.mesh("table", table, [(0, 1, 2, 3)], surfaces.planks(srgb("#8a5f38"), srgb("#c79a66"), rng, width=0.2))
    wall = shapes.mesh("wall", [(-6, 0, 0), (6, 0, 0), (6, 0, 5), (-6, 0, 5)], [(0, 1, 2, 3)], _bricks(rng))
    shapes.place(wall, (0, 1.5, 0))
    cm = 46.0
    _beside(drinkware.hinoki_teapot, (0.66, 0.30, 0), turn_deg=20, centimeters_per_unit=cm)
    _beside(drinkware.marina_pitcher, (-0.72, 0.35, 0), turn_deg=160, centimeters_per_unit=cm)
    _beside(drinkware.pico_espresso, (0.34, -0.42, 0), turn_deg=30, centimeters_per_unit=cm * 0.8)
    _beside(drinkware.trail_bottle, (-0.46, 0.62, 0), turn_deg=0, centimeters_per_unit=cm * 0.8)
    _beside(lighting.quill_desk_lamp, (0.30, 0.95, 0), turn_deg=10, centimeters_per_unit=cm)
    _beside(drinkware.dune_mug, (-0.56, -0.22, 0), turn_deg=-150, centimeters_per_unit=cm * 0.8)
    for pile, (x, y) in enumerate(((-1.05, 0.1), (0.98, -0.12), (0.05, 1.15))):
        for level in range(5):
            cover = mat.plain(srgb(BOOKS[(level * 2 + pile) % len(BOOKS)]), 0.7)
            spot = (x + rng.uniform(-0.03, 0.03), y, 0.03 + level * 0.06)
            shapes.box(spot, (rng.uniform(0.4, 0.52), 0.34, 0.056), cover, turn_deg=rng.uniform(-25, 25), edge=0.006)
    for _ in range(9):
        paper = mat.plain(srgb(rng.choice(("#f4f1e8", "#e9d9a8", "#cfe0e6", "#f0c9c0"))), 0.9)
        spot = (rng.uniform(-0.9, 0.9), rng.uniform(-0.75, -0.3), rng.uniform(0.002, 0.008))
        shapes.box(spot, (0.3, 0.2, 0.002), paper, turn_deg=rng.uniform(0, 180), edge=0)
    toward = (0.6, 0.55, -0.7)
    kit.world((1, 1, 1, 1), 0.5)
    kit.sun(toward, 3.6, (1, 0.94, 0.84), 1.0)
    blocker(foliage(rng), toward, (0.0, 0.5, 0.4))


def _bricks(rng):
    return surfaces.tiles(srgb("#a8583c"), srgb("#d8cbb8"), rng, size=(0.34, 0.11), roughness=0.9, upright=True)
