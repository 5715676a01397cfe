"""Skins of products: glaze, timber, leather, cloth, weave, beaten metal, lampshade.

Coordinates are the product's own, in centimeters. Leaves out which product wears which skin.
"""

from demo.make.blender_kit import Color, blend, scaled
from demo.make.materials import Shader


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


def dipped(low: Color, high: Color, height: float, *, roughness=(0.7, 0.25), wobble: float = 0.5, speckle: Color | None = None):
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


def timber(dark: Color, light: Color, *, along: str = "Z", roughness: float = 0.42, grain: float = 1.0):
    """Solid wood of a product part, grain along one axis; a larger `grain` makes the figure finer."""
    shader = Shader("timber")
    stretch = {"X": (0.06, 1, 1), "Y": (1, 0.06, 1), "Z": (1, 1, 0.06)}[along]
    where = shader.coords(scale=tuple(s * 0.5 * grain for s in stretch))
    figure = shader.noise(where, 1.3, 6.0, 0.7)
    pores = shader.noise(shader.coords(scale=tuple(s * 3.0 * grain for s in stretch)), 1.5, 3.0)
    value = shader.math("MULTIPLY_ADD", pores, 0.3, figure)
    shader.set(Base_Color=shader.ramp(value, [(0.42, scaled(dark, 0.8)), (0.62, dark), (0.9, light)]), Roughness=roughness)
    shader.bump(value, 0.06, 0.05)
    return shader.material


def leather(color: Color, roughness: float = 0.42, *, pebble: float = 4.2, relief: float = 0.25):
    """Grained leather: `pebble` grains per centimeter."""
    shader = Shader("leather")
    cells = shader.node("TexVoronoi", Vector=shader.coords(), Scale=pebble).outputs["Distance"]
    tone = shader.noise(shader.coords(), 0.12, 4.0)
    shader.set(Base_Color=shader.ramp(tone, [(0.3, scaled(color, 0.86)), (0.7, scaled(color, 1.08))]), Roughness=roughness)
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
    shader.set(Base_Color=shader.ramp(nubs, [(0.0, color), (0.8, scaled(color, 0.72))]), Roughness=1.0, Sheen_Weight=0.3)
    shader.bump(shader.math("MULTIPLY", height, -1.0), 0.6, 0.25)
    return shader.material


def basket(color: Color, strand: float = 1.0):
    """Basket weave around an object: flat strands of `strand` units in rows, each over one stake and under the next."""
    shader = Shader("basket")
    where = shader.coords()
    x, y, z = shader.separate(where)
    rows = shader.math("DIVIDE", z, strand)
    row = shader.math("FLOOR", rows)
    across = shader.math("MULTIPLY_ADD", shader.math("FRACT", rows), 2.0, -1.0)
    rounded = shader.math("SQRT", shader.math("SUBTRACT", 1.0, shader.math("POWER", shader.math("ABSOLUTE", across), 2.5)))
    turn = shader.math("MULTIPLY", shader.math("ARCTAN2", y, x), round(26.0 / strand))
    wave = shader.math("SINE", shader.math("MULTIPLY_ADD", row, 3.14159, turn))
    height = shader.math("MULTIPLY", rounded, shader.math("MULTIPLY_ADD", wave, 0.5, 0.5))
    fiber = shader.noise(shader.coords(scale=(0.5, 0.5, 9.0 / strand)), 1.6, 5.0)
    tone = shader.math("MULTIPLY_ADD", fiber, 0.75, shader.math("MULTIPLY", height, 0.75))
    stops = [(0.25, scaled(color, 0.25)), (0.5, scaled(color, 0.85)), (0.75, color), (1.1, scaled(color, 1.35))]
    shader.set(Base_Color=shader.ramp(tone, [(min(1.0, at), tint) for at, tint in stops]), Roughness=0.7)
    shader.bump(shader.math("MULTIPLY_ADD", fiber, 0.25, height), 0.7, 0.35)
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
