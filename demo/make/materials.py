"""Procedural materials for Blender: paint, wood, stone, tile, cloth, leather, glass.

Every function returns a new material. Coordinates are object coordinates, so a texture's scale is in the object's own units: scene surfaces
are built in scene units (about a meter), products in centimeters. Leaves out which word or product uses which material.
"""

import random
from collections.abc import Sequence

import bpy

from demo.make.blender_kit import Color, Point, blend, scaled, srgb


class Shader:
    """A material's node tree with short names for what the materials below need; sockets or plain values go in, sockets come out."""

    def __init__(self, name: str) -> None:
        self.material = bpy.data.materials.new(name)
        self.material.use_nodes = True
        self.tree = self.material.node_tree
        self.principled = self.tree.nodes.get("Principled BSDF")

    def node(self, kind: str, **values):
        """A new node; keywords are inputs (by name) or properties; sockets are linked, values are set."""
        made = self.tree.nodes.new(f"ShaderNode{kind}")
        for key, value in values.items():
            name = key.replace("_", " ")
            if name in made.inputs:
                self._feed(made.inputs[name], value)
            else:
                setattr(made, key, value)
        return made

    def _feed(self, socket, value) -> None:
        if isinstance(value, bpy.types.NodeSocket):
            self.tree.links.new(value, socket)
        else:
            socket.default_value = value

    def set(self, **values) -> None:
        """Inputs of the principled shader, e.g. Base_Color=..., Roughness=..."""
        for key, value in values.items():
            self._feed(self.principled.inputs[key.replace("_", " ")], value)

    def coords(self, scale: Point = (1, 1, 1), rotation: Point = (0, 0, 0), location: Point = (0, 0, 0)):
        made = self.node("TexCoord")
        mapping = self.node("Mapping", Vector=made.outputs["Object"], Scale=scale, Rotation=rotation, Location=location)
        return mapping.outputs[0]

    def noise(self, vector, scale: float, detail: float = 4.0, distortion: float = 0.0):
        return self.node("TexNoise", Vector=vector, Scale=scale, Detail=detail, Distortion=distortion).outputs[0]

    def wave(self, vector, scale: float, direction: str, distortion: float = 0.0):
        made = self.node("TexWave", Vector=vector, Scale=scale, Distortion=distortion, Detail=2.0)
        made.bands_direction = direction
        return made.outputs[1]

    def math(self, operation: str, a, b=0.0, c=0.0):
        made = self.node("Math", operation=operation)
        for socket, value in zip(made.inputs, (a, b, c), strict=True):
            self._feed(socket, value)
        return made.outputs[0]

    def ramp(self, factor, stops: Sequence[tuple[float, Color]], *, steps: bool = False):
        made = self.node("ValToRGB", Fac=factor)
        made.color_ramp.interpolation = "CONSTANT" if steps else "LINEAR"
        elements = made.color_ramp.elements
        while len(elements) < len(stops):
            elements.new(0.5)
        for element, (position, color) in zip(elements, stops, strict=True):
            element.position, element.color = position, color
        return made.outputs[0]

    def mix(self, mode: str, factor, a, b):
        made = self.node("Mix", data_type="RGBA", blend_type=mode)
        for index, value in ((0, factor), (6, a), (7, b)):
            self._feed(made.inputs[index], value)
        return made.outputs[2]

    def bump(self, height, strength: float, distance: float = 0.02) -> None:
        made = self.node("Bump", Height=height, Strength=strength, Distance=distance)
        self.set(Normal=made.outputs[0])

    def separate(self, vector):
        return self.node("SeparateXYZ", Vector=vector).outputs


def _anywhere(rng: random.Random) -> Point:
    return (rng.uniform(0, 9), rng.uniform(0, 9), rng.uniform(0, 9))


# ------------------------------------------------------------------------------------------------------- one-color things


def plain(
    color: Color, roughness: float = 0.5, *, metal: float = 0.0, coat: float = 0.0, bump: float = 0.0, scale=30.0
):
    """One color; `coat` is a clear varnish, `bump` a fine grain of `scale`."""
    shader = Shader("plain")
    shader.set(Base_Color=color, Roughness=roughness, Metallic=metal, Coat_Weight=coat, Coat_Roughness=0.06)
    if bump:
        shader.bump(shader.noise(shader.coords(), scale, 6.0), bump)
    return shader.material


def glow(color: Color, light: Color, strength: float):
    """A lamp shade or bulb: a matte skin that shines by itself."""
    shader = Shader("glow")
    shader.set(Base_Color=color, Roughness=0.85, Emission_Color=light, Emission_Strength=strength)
    return shader.material


def glass(tint: Color, roughness: float = 0.0):
    """Tinted glass."""
    shader = Shader("glass")
    shader.set(Base_Color=tint, Transmission_Weight=1.0, Roughness=roughness, IOR=1.45)
    return shader.material


def brushed(color: Color, roughness: float = 0.3):
    """Brushed metal: fine horizontal lines around the object."""
    shader = Shader("brushed")
    lines = shader.noise(shader.coords(scale=(0.4, 0.4, 40)), 3.0, 3.0)
    shader.set(Base_Color=color, Metallic=1.0)
    shader.set(Roughness=shader.math("MULTIPLY_ADD", lines, 0.25, roughness - 0.12))
    return shader.material


def mottled(
    first: Color, second: Color, scale: float, roughness: float, bump: float = 0.0, *, rng: random.Random, detail=8.0
):
    """Two colors in soft clouds: plaster, concrete, sand, stone."""
    shader = Shader("mottled")
    clouds = shader.noise(shader.coords(location=_anywhere(rng)), scale, detail)
    shader.set(Base_Color=shader.ramp(clouds, [(0.35, first), (0.65, second)]), Roughness=roughness)
    if bump:
        shader.bump(clouds, bump)
    return shader.material


# ----------------------------------------------------------------------------------------------------------- product skins


def glaze(color: Color, roughness: float = 0.22, *, speckle: Color | None = None, fine: float = 6.0):
    """Ceramic glaze, with speckles of another color if asked; `fine` is speckles per centimeter, roughly."""
    shader = Shader("glaze")
    tone = shader.noise(shader.coords(), 0.35, 3.0)
    base = shader.ramp(tone, [(0.3, scaled(color, 0.93)), (0.7, scaled(color, 1.04))])
    if speckle is not None:
        dots = shader.noise(shader.coords(), fine, 1.0)
        base = shader.mix("MIX", shader.ramp(dots, [(0.70, (0, 0, 0, 1)), (0.73, (1, 1, 1, 1))]), base, speckle)
    shader.set(Base_Color=base, Roughness=roughness, Coat_Weight=0.35, Coat_Roughness=0.08)
    return shader.material


def dipped(
    low: Color, high: Color, height: float, *, roughness=(0.7, 0.25), wobble: float = 0.5, speckle: Color | None = None
):
    """Two colors that meet at a slightly uneven line: bare clay below, glaze above."""
    shader = Shader("dipped")
    where = shader.coords()
    edge = shader.math("MULTIPLY_ADD", shader.noise(where, 0.5, 3.0), wobble, -wobble / 2)
    level = shader.math("ADD", shader.separate(where)["Z"], edge)
    above = shader.math("GREATER_THAN", level, height)
    upper = high
    if speckle is not None:
        dots = shader.noise(shader.coords(), 6.5, 1.0)
        upper = shader.mix("MIX", shader.ramp(dots, [(0.68, (0, 0, 0, 1)), (0.72, (1, 1, 1, 1))]), high, speckle)
    shader.set(Base_Color=shader.mix("MIX", above, low, upper))
    shader.set(Roughness=shader.math("MULTIPLY_ADD", above, roughness[1] - roughness[0], roughness[0]))
    return shader.material


def striped(first: Color, second: Color, width: float, axis: str = "X", roughness: float = 0.9, weave: float = 0.2):
    """Even stripes across one axis, on cloth."""
    shader = Shader("striped")
    where = shader.coords()
    band = shader.math("GREATER_THAN", shader.math("PINGPONG", shader.separate(where)[axis], width), width / 2)
    shader.set(Base_Color=shader.mix("MIX", band, first, second), Roughness=roughness)
    shader.bump(shader.noise(where, 6.0, 4.0), weave, 0.1)
    return shader.material


def timber(dark: Color, light: Color, *, along: str = "Z", roughness: float = 0.42, grain: float = 1.0):
    """Solid wood of a product part, grain along one axis; `grain` scales the figure (1 for furniture in centimeters)."""
    shader = Shader("timber")
    stretch = {"X": (0.06, 1, 1), "Y": (1, 0.06, 1), "Z": (1, 1, 0.06)}[along]
    where = shader.coords(scale=tuple(s * 0.5 * grain for s in stretch))
    figure = shader.noise(where, 1.3, 6.0, 0.7)
    pores = shader.noise(shader.coords(scale=tuple(s * 3.0 * grain for s in stretch)), 1.5, 3.0)
    value = shader.math("MULTIPLY_ADD", pores, 0.3, figure)
    shader.set(
        Base_Color=shader.ramp(value, [(0.42, scaled(dark, 0.8)), (0.62, dark), (0.9, light)]), Roughness=roughness
    )
    shader.bump(value, 0.06, 0.05)
    return shader.material


def leather(color: Color, roughness: float = 0.42, *, pebble: float = 4.2, relief: float = 0.25):
    """Grained leather: `pebble` grains per centimeter."""
    shader = Shader("leather")
    cells = shader.node("TexVoronoi", Vector=shader.coords(), Scale=pebble).outputs["Distance"]
    tone = shader.noise(shader.coords(), 0.12, 4.0)
    shader.set(
        Base_Color=shader.ramp(tone, [(0.3, scaled(color, 0.86)), (0.7, scaled(color, 1.08))]), Roughness=roughness
    )
    shader.bump(cells, relief, 0.06)
    return shader.material


def cloth(color: Color, *, threads: float = 2.6, relief: float = 0.35, contrast: float = 0.16, slub: float = 0.0):
    """Woven cloth: `threads` per centimeter; `slub` mixes in lighter threads (linen, bouclé)."""
    shader = Shader("cloth")
    where = shader.coords()
    x, y, z = shader.separate(where)
    frequency = threads * 3.14159
    across = shader.math("SINE", shader.math("MULTIPLY", shader.math("ADD", x, y), frequency))
    up = shader.math("SINE", shader.math("MULTIPLY", z, frequency))
    weave = shader.math("MULTIPLY_ADD", shader.math("MULTIPLY", across, up), 0.5, 0.5)
    base = shader.ramp(weave, [(0.0, scaled(color, 1 - contrast)), (1.0, color)])
    if slub:
        flecks = shader.noise(where, threads, 2.0)
        light = blend(color, (1, 1, 1, 1), 0.35)
        base = shader.mix("MIX", shader.ramp(flecks, [(0.5, (0, 0, 0, 1)), (0.75, (slub, slub, slub, 1))]), base, light)
    shader.set(Base_Color=base, Roughness=0.95, Sheen_Weight=0.25, Sheen_Roughness=0.5)
    shader.bump(shader.math("MULTIPLY_ADD", shader.noise(where, threads * 1.7, 2.0), 0.5, weave), relief, 0.08)
    return shader.material


def boucle(color: Color):
    """Looped wool: round nubs of a centimeter."""
    shader = Shader("boucle")
    nubs = shader.node("TexVoronoi", Vector=shader.coords(), Scale=1.25, feature="SMOOTH_F1").outputs["Distance"]
    fluff = shader.noise(shader.coords(), 2.4, 4.0)
    height = shader.math("MULTIPLY_ADD", fluff, 0.35, nubs)
    shader.set(
        Base_Color=shader.ramp(nubs, [(0.0, color), (0.8, scaled(color, 0.72))]), Roughness=1.0, Sheen_Weight=0.3
    )
    shader.bump(shader.math("MULTIPLY", height, -1.0), 0.6, 0.25)
    return shader.material


def basket(color: Color, strand: float = 1.0):
    """Basket weave around an object: strands of `strand` units, over and under."""
    shader = Shader("basket")
    where = shader.coords()
    x, y, z = shader.separate(where)
    turn = shader.math("MULTIPLY", shader.math("ARCTAN2", y, x), 7.0 / strand)
    rows = shader.math("MULTIPLY", z, 3.14159 / strand)
    over = shader.math("MULTIPLY", shader.math("SINE", shader.math("MULTIPLY", turn, 2.0)), shader.math("SINE", rows))
    level = shader.math("MULTIPLY_ADD", over, 0.5, 0.5)
    fiber = shader.noise(shader.coords(scale=(1, 1, 6)), 2.0, 3.0)
    shade = shader.math("MULTIPLY_ADD", fiber, 0.4, shader.math("MULTIPLY", level, 0.8))
    shader.set(Base_Color=shader.ramp(shade, [(0.15, scaled(color, 0.5)), (0.55, color), (0.95, scaled(color, 1.2))]))
    shader.set(Roughness=0.75)
    shader.bump(level, 0.6, 0.3)
    return shader.material


# ---------------------------------------------------------------------------------------------------- scene surfaces, walls


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
    where = shader.coords(rotation=(0, 0, rng.uniform(0, 3)), location=_anywhere(rng))
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
    folds = shader.noise(shader.coords((0.7, 1.5, 1), (0, 0, rng.uniform(-0.5, 0.5)), _anywhere(rng)), 1.5, 2.0, 1.2)
    shader.bump(folds, 1.0, 0.42)
    return shader.material


def sand(color: Color, rng: random.Random):
    """Raked sand: soft ripples and grain."""
    shader = Shader("sand")
    turn = (0, 0, rng.uniform(-0.3, 0.3))
    ripples = shader.wave(shader.coords((1, 1, 1), turn, _anywhere(rng)), 1.5, "Y", 3.0)
    grain = shader.noise(shader.coords(location=_anywhere(rng)), 26.0, 6.0)
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
    where = shader.coords(location=_anywhere(rng))
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
    checker = shader.node(
        "TexChecker", Vector=where, Color1=(0, 0, 0, 1), Color2=(1, 1, 1, 1), Scale=1 / strand
    ).outputs[1]
    wave_x = shader.math("ABSOLUTE", shader.math("SINE", shader.math("MULTIPLY", x, 3.14159 / strand)))
    wave_y = shader.math("ABSOLUTE", shader.math("SINE", shader.math("MULTIPLY", y, 3.14159 / strand)))
    inverse = shader.math("SUBTRACT", 1.0, checker)
    height = shader.math("ADD", shader.math("MULTIPLY", wave_x, checker), shader.math("MULTIPLY", wave_y, inverse))
    tone = shader.math("MULTIPLY_ADD", checker, 0.22, shader.math("MULTIPLY", height, 0.7))
    shader.set(
        Base_Color=shader.ramp(
            tone, [(0.05, scaled(color, 0.3)), (0.45, scaled(color, 0.85)), (0.9, scaled(color, 1.15))]
        )
    )
    shader.set(Roughness=0.7)
    shader.bump(height, 0.6, 0.03)
    return shader.material


def slats(color: Color, rng: random.Random, width: float = 0.11):
    """A wall of upright wooden slats with dark gaps."""
    shader = Shader("slats")
    where = shader.coords(location=_anywhere(rng))
    gap = shader.math("PINGPONG", shader.separate(where)[0], width / 2)
    grain = shader.noise(shader.coords((8, 8, 0.6), location=_anywhere(rng)), 2.0, 6.0, 0.4)
    wood = shader.ramp(grain, [(0.35, scaled(color, 0.7)), (0.7, scaled(color, 1.35))])
    dark = shader.math("LESS_THAN", gap, width * 0.09)
    shader.set(Base_Color=shader.mix("MIX", dark, wood, srgb("#160f0a")), Roughness=0.5)
    return shader.material


def hammered(color: Color, roughness: float = 0.18):
    """Beaten metal: shallow round dents, about one per centimeter."""
    shader = Shader("hammered")
    dents = shader.node("TexVoronoi", Vector=shader.coords(), Scale=0.95, feature="SMOOTH_F1", Smoothness=0.3)
    shader.set(Base_Color=color, Metallic=1.0, Roughness=roughness)
    shader.bump(dents.outputs["Distance"], 0.22, 0.1)
    return shader.material


def lampshade(color: Color, light: Color, strength: float, threads: float = 3.0):
    """Cloth or opal glass lit from behind: brighter at the middle of its height, darker to the rims."""
    shader = Shader("lampshade")
    generated = shader.node("TexCoord").outputs["Generated"]
    height = shader.separate(generated)[2]
    middle = shader.math("SINE", shader.math("MULTIPLY", height, 3.14159))
    shader.set(Base_Color=color, Roughness=0.9 if threads else 0.3, Emission_Color=light)
    shader.set(Emission_Strength=shader.math("MULTIPLY_ADD", middle, strength * 0.8, strength * 0.25))
    if threads:
        where = shader.coords()
        x, y, z = shader.separate(where)
        turn = shader.math("MULTIPLY", shader.math("ARCTAN2", y, x), 60.0)
        weave = shader.math("MULTIPLY", shader.math("SINE", turn), shader.math("SINE", shader.math("MULTIPLY", z, threads * 3.14159)))
        tone = shader.ramp(shader.math("MULTIPLY_ADD", weave, 0.5, 0.5), [(0.0, scaled(color, 0.82)), (1.0, color)])
        shader.set(Base_Color=tone)
    return shader.material


def marble_small(base: Color, vein: Color):
    """Veined stone at the scale of a lamp foot, in centimeters."""
    shader = Shader("marble")
    where = shader.coords()
    line = shader.math("ABSOLUTE", shader.math("SUBTRACT", shader.noise(where, 0.12, 8.0, 1.4), 0.5))
    shader.set(Base_Color=shader.ramp(line, [(0.0, vein), (0.012, blend(vein, base, 0.5)), (0.04, base)]), Roughness=0.15)
    return shader.material
