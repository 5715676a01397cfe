"""Tables and walls of scenes: boards, stone, cloth, sand, tiles, weave, slats.

Textures are bold on purpose: they must be readable in a picture of 128 px. Leaves out which word means which surface
(scenes.py).
"""

import random
from collections.abc import Sequence

from demo.make.blender_kit import Color, blend, scaled, srgb
from demo.make.materials import Shader, anywhere


def planks(dark: Color, light: Color, rng: random.Random, *, width: float = 0.34, roughness: float = 0.45):
    """A table or floor of boards with seams that can be seen at 128 px."""
    shader = Shader("planks")
    shift, turn = (rng.uniform(0, 9), rng.uniform(0, 9), 0.0), (0.0, 0.0, rng.uniform(-0.05, 0.05))
    figure = shader.noise(shader.coords((0.55, 9, 1), turn, shift), 2.0, 8.0, 0.6)
    pores = shader.noise(shader.coords((1.2, 26, 1), turn, shift), 4.0, 4.0)
    value = shader.math("MULTIPLY_ADD", pores, 0.45, figure)
    color = shader.ramp(value, [(0.48, scaled(dark, 0.62)), (0.68, dark), (0.95, light)])
    boards = shader.node("TexBrick", Vector=shader.coords(rotation=turn, location=shift), Scale=1.0, offset=0.37)
    for key, setting in {
        "Mortar Size": 0.012,
        "Brick Width": 2.6,
        "Row Height": width,
        "Color1": (1, 1, 1, 1),
        "Color2": (0.66, 0.66, 0.66, 1),
        "Mortar": (0.12, 0.12, 0.12, 1),
    }.items():
        boards.inputs[key].default_value = setting
    shader.set(Base_Color=shader.mix("MULTIPLY", 1.0, color, boards.outputs[0]), Roughness=roughness)
    shader.bump(value, 0.15)
    return shader.material


def marble(base: Color, vein: Color, rng: random.Random, *, roughness: float = 0.12, vein_width: float = 1.0):
    """Polished stone with bold veins."""
    shader = Shader("marble")
    where = shader.coords(rotation=(0, 0, rng.uniform(0, 3)), location=anywhere(rng))
    broad = shader.math("ABSOLUTE", shader.math("SUBTRACT", shader.noise(where, 0.9, 8.0, 1.4), 0.5))
    thin = shader.math("ABSOLUTE", shader.math("SUBTRACT", shader.noise(where, 2.3, 8.0, 1.0), 0.5))
    veins = shader.math("MINIMUM", broad, shader.math("ADD", thin, 0.012))
    color = shader.ramp(veins, [(0.0, vein), (0.028 * vein_width, blend(vein, base, 0.45)), (0.09 * vein_width, base)])
    shader.set(Base_Color=color, Roughness=roughness)
    return shader.material


def linen(color: Color, rng: random.Random):
    """A tablecloth with soft folds and a visible weave."""
    shader = Shader("linen")
    where = shader.coords(rotation=(0, 0, rng.uniform(-0.2, 0.2)))
    weave = shader.math("ADD", shader.wave(where, 12, "X", 1.5), shader.wave(where, 12, "Y", 1.5))
    shader.set(Base_Color=shader.ramp(weave, [(0.2, scaled(color, 0.66)), (1.0, color)]), Roughness=0.95)
    folds = shader.noise(shader.coords((0.7, 1.5, 1), (0, 0, rng.uniform(-0.5, 0.5)), anywhere(rng)), 1.5, 2.0, 1.2)
    shader.bump(folds, 1.0, 0.42)
    return shader.material


def sand(color: Color, rng: random.Random):
    """Raked sand: soft ripples and grain."""
    shader = Shader("sand")
    turn = (0, 0, rng.uniform(-0.3, 0.3))
    ripples = shader.wave(shader.coords((1, 1, 1), turn, anywhere(rng)), 1.5, "Y", 3.0)
    grain = shader.noise(shader.coords(location=anywhere(rng)), 26.0, 6.0)
    tone = shader.math("MULTIPLY_ADD", grain, 0.5, shader.math("MULTIPLY", ripples, 0.5))
    shader.set(Base_Color=shader.ramp(tone, [(0.2, scaled(color, 0.7)), (0.8, scaled(color, 1.12))]), Roughness=1.0)
    shader.bump(shader.math("MULTIPLY_ADD", grain, 0.15, ripples), 0.8, 0.09)
    return shader.material


def tiles(
    color: Color,
    grout: Color,
    rng: random.Random,
    *,
    size=(0.42, 0.42),
    second: Color | None = None,
    roughness=0.5,
    upright=False,
):
    """Tiles or bricks with grout; neighbors differ a little, or alternate to `second`; `upright` for walls (x, z)."""
    shader = Shader("tiles")
    shift = (rng.uniform(0, 1), rng.uniform(0, 1), 0.01)
    where = shader.coords(rotation=(1.5708, 0, 0) if upright else (0, 0, 0), location=shift)
    made = shader.node("TexBrick", Vector=where, Scale=1.0, offset=0.5 if size[0] > size[1] * 1.5 else 0.0)
    for key, setting in {
        "Mortar Size": 0.016,
        "Brick Width": size[0],
        "Row Height": size[1],
        "Color1": scaled(color, 1.05),
        "Color2": second or scaled(color, 0.74),
        "Mortar": grout,
    }.items():
        made.inputs[key].default_value = setting
    shader.set(Base_Color=made.outputs[0], Roughness=roughness)
    shader.bump(shader.math("MULTIPLY", made.outputs[1], -1.0), 0.5, 0.03)
    return shader.material


def checkers(first: Color, second: Color, size: float = 0.4, roughness: float = 0.25):
    """A checkerboard floor."""
    shader = Shader("checkers")
    where = shader.coords(location=(0.2, 0.1, 0.05))
    color = shader.node("TexChecker", Vector=where, Color1=first, Color2=second, Scale=1 / size).outputs[0]
    shader.set(Base_Color=color, Roughness=roughness)
    return shader.material


def terrazzo(base: Color, chips: Sequence[Color], rng: random.Random, size: float = 0.09):
    """Stone chips in cement."""
    shader = Shader("terrazzo")
    where = shader.coords(location=anywhere(rng))
    cells = shader.node("TexVoronoi", Vector=where, Scale=1 / size)
    chance = shader.separate(cells.outputs["Color"])[0]
    stops = [(0.0, base), *((0.45 + 0.55 * i / len(chips), chip) for i, chip in enumerate(chips))]
    edge = shader.math("LESS_THAN", cells.outputs["Distance"], 0.42)
    shader.set(Base_Color=shader.mix("MIX", edge, base, shader.ramp(chance, stops, steps=True)), Roughness=0.3)
    return shader.material


def basket_mat(color: Color, rng: random.Random, strand: float = 0.11):
    """A flat woven mat: strands go over and under in a checkerboard."""
    shader = Shader("mat")
    where = shader.coords(rotation=(0, 0, 0.785 + rng.uniform(-0.1, 0.1)))
    x, y, _ = shader.separate(where)
    checker = shader.node("TexChecker", Vector=where, Color1=(0, 0, 0, 1), Color2=(1, 1, 1, 1), Scale=1 / strand).outputs[1]
    wave_x = shader.math("ABSOLUTE", shader.math("SINE", shader.math("MULTIPLY", x, 3.14159 / strand)))
    wave_y = shader.math("ABSOLUTE", shader.math("SINE", shader.math("MULTIPLY", y, 3.14159 / strand)))
    inverse = shader.math("SUBTRACT", 1.0, checker)
    height = shader.math("ADD", shader.math("MULTIPLY", wave_x, checker), shader.math("MULTIPLY", wave_y, inverse))
    tone = shader.math("MULTIPLY_ADD", checker, 0.22, shader.math("MULTIPLY", height, 0.7))
    shader.set(Base_Color=shader.ramp(tone, [(0.05, scaled(color, 0.3)), (0.45, scaled(color, 0.85)), (0.9, scaled(color, 1.15))]))
    shader.set(Roughness=0.7)
    shader.bump(height, 0.6, 0.03)
    return shader.material


def slats(color: Color, rng: random.Random, width: float = 0.11):
    """A wall of upright wooden slats with dark gaps."""
    shader = Shader("slats")
    where = shader.coords(location=anywhere(rng))
    gap = shader.math("PINGPONG", shader.separate(where)[0], width / 2)
    grain = shader.noise(shader.coords((8, 8, 0.6), location=anywhere(rng)), 2.0, 6.0, 0.4)
    wood = shader.ramp(grain, [(0.35, scaled(color, 0.7)), (0.7, scaled(color, 1.35))])
    dark = shader.math("LESS_THAN", gap, width * 0.09)
    shader.set(Base_Color=shader.mix("MIX", dark, wood, srgb("#160f0a")), Roughness=0.5)
    return shader.material
