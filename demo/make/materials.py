"""Materials for Blender: a short-hand for shader trees, and the plain materials that products and scenes share.

Coordinates are object coordinates, so a texture's scale is in the object's own units: about meters in scenes,
centimeters in products. Product skins are in product_skins.py, tables and walls in scene_surfaces.py.
"""

import random
from collections.abc import Sequence

import bpy

from demo.make.blender_kit import Color, Point


class Shader:
    """A material's node tree, built by short calls: sockets or plain values go in, sockets come out."""

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


def anywhere(rng: random.Random) -> Point:
    """A random place in a texture."""
    return (rng.uniform(0, 9), rng.uniform(0, 9), rng.uniform(0, 9))


def plain(color: Color, roughness: float = 0.5, *, metal: float = 0.0, coat: float = 0.0, bump: float = 0.0, scale=30.0):
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


def mottled(first: Color, second: Color, scale: float, roughness: float, bump: float = 0.0, *, rng: random.Random, detail=8.0):
    """Two colors in soft clouds: plaster, concrete, sand, stone."""
    shader = Shader("mottled")
    clouds = shader.noise(shader.coords(location=anywhere(rng)), scale, detail)
    shader.set(Base_Color=shader.ramp(clouds, [(0.35, first), (0.65, second)]), Roughness=roughness)
    if bump:
        shader.bump(clouds, bump)
    return shader.material
