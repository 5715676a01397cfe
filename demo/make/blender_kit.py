"""Blender without its window: scene, colors, light, camera and render settings.

Needs the `bpy` package; see README.md. Shapes are in shapes.py, surfaces in materials.py. Deterministic: same calls,
same seed, same thread count, same pixels.
"""

import math
import os
from dataclasses import dataclass

import bpy
from mathutils import Vector

Color = tuple[float, float, float, float]
Point = tuple[float, float, float]


def srgb(hex_color: str) -> Color:
    """'#rrggbb' as linear RGBA, which Blender's inputs expect."""
    digits = hex_color.lstrip("#")
    channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return (linear[0], linear[1], linear[2], 1.0)


def scaled(color: Color, factor: float) -> Color:
    """The color times a factor, clipped to 0..1."""
    r, g, b = (min(1.0, max(0.0, c * factor)) for c in color[:3])
    return (r, g, b, 1.0)


def blend(first: Color, second: Color, share: float) -> Color:
    """`share` of the second color in the first."""
    r, g, b = (x * (1 - share) + y * share for x, y in zip(first[:3], second[:3], strict=True))
    return (r, g, b, 1.0)


def reset() -> None:
    """An empty scene: nothing of the last picture survives."""
    bpy.ops.wm.read_factory_settings(use_empty=True)


def add(data, name: str):
    """An object for mesh, curve, light or camera data, linked into the scene."""
    item = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(item)
    return item


def _aim(item, direction: Vector):
    item.rotation_euler = direction.to_track_quat("-Z", "Y").to_euler()
    return item


def world(color: Color, strength: float) -> None:
    """Even light from everywhere."""
    environment = bpy.data.worlds.new("world")
    bpy.context.scene.world = environment
    environment.use_nodes = True
    background = environment.node_tree.nodes.get("Background")
    if background is None:
        background = environment.node_tree.nodes.new("ShaderNodeBackground")
    background.inputs[0].default_value, background.inputs[1].default_value = color, strength


def sun(direction: Point, energy: float, color: Point = (1, 1, 1), angle_deg: float = 1.0):
    """Parallel light along `direction`; a larger angle gives softer shadows."""
    data = bpy.data.lights.new("sun", "SUN")
    data.energy, data.color, data.angle = energy, color, math.radians(angle_deg)
    return _aim(add(data, "sun"), Vector(direction))


def area(location: Point, target: Point, size: float, energy_w: float, color: Point = (1, 1, 1)):
    """A square soft box."""
    data = bpy.data.lights.new("area", "AREA")
    data.energy, data.size, data.color = energy_w, size, color
    item = add(data, "area")
    item.location = location
    return _aim(item, Vector(target) - Vector(location))


def spot(location: Point, target: Point, energy_w: float, *, cone_deg: float, softness: float, color: Point):
    """A cone of light with a soft rim (`softness` 0..1)."""
    data = bpy.data.lights.new("spot", "SPOT")
    data.energy, data.spot_size, data.spot_blend, data.color = energy_w, math.radians(cone_deg), softness, color
    data.shadow_soft_size = 0.08
    item = add(data, "spot")
    item.location = location
    return _aim(item, Vector(target) - Vector(location))


def point_light(location: Point, energy_w: float, color: Point, radius: float = 0.05):
    """A glowing ball of light (a bulb)."""
    data = bpy.data.lights.new("bulb", "POINT")
    data.energy, data.color, data.shadow_soft_size = energy_w, color, radius
    item = add(data, "bulb")
    item.location = location
    return item


def camera(location: Point, target: Point, lens_mm: float, *, focus: tuple[float, float] | None = None):
    """The picture's camera (36 mm sensor); `focus` is (distance, f-stop) for a shallow depth of field."""
    data = bpy.data.cameras.new("camera")
    data.lens = lens_mm
    item = add(data, "camera")
    item.location = location
    bpy.context.scene.camera = item
    if focus is not None:
        data.dof.use_dof, data.dof.focus_distance, data.dof.aperture_fstop = True, *focus
    return _aim(item, Vector(target) - Vector(location))


@dataclass(frozen=True, kw_only=True)
class RenderSettings:
    """How a picture is rendered; `noise` is Cycles' adaptive threshold (smaller is cleaner and slower)."""

    size_px: int
    samples: int
    noise: float = 0.03
    seed: int = 0
    threads: int = 1
    bounces: int = 5
    transparent: bool = False
    denoise: bool = True
    exposure: float = 0.0


def configure(settings: RenderSettings) -> None:
    """Cycles on the CPU with OpenImageDenoise, Khronos PBR Neutral tone mapping (keeps product colors)."""
    scene = bpy.context.scene
    render, cycles = scene.render, scene.cycles
    render.engine, cycles.device = "CYCLES", "CPU"
    cycles.samples, cycles.seed = settings.samples, settings.seed
    cycles.use_adaptive_sampling, cycles.adaptive_threshold = True, settings.noise
    cycles.adaptive_min_samples = min(8, settings.samples)
    cycles.use_denoising = settings.denoise
    if settings.denoise:
        cycles.denoiser = "OPENIMAGEDENOISE"
        cycles.denoising_input_passes, cycles.denoising_prefilter = "RGB_ALBEDO_NORMAL", "FAST"
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = settings.bounces, min(3, settings.bounces), 3
    cycles.transmission_bounces, cycles.transparent_max_bounces = settings.bounces, 6
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect = 6.0
    render.resolution_x = render.resolution_y = settings.size_px
    render.resolution_percentage = 100
    render.film_transparent = settings.transparent
    render.threads_mode, render.threads = "FIXED", settings.threads
    render.image_settings.file_format = "PNG"
    render.image_settings.color_mode = "RGBA" if settings.transparent else "RGB"
    view = scene.view_settings
    view.view_transform, view.look, view.exposure = "Khronos PBR Neutral", "None", settings.exposure


def render_png(path: str) -> None:
    """Render the scene to a PNG file."""
    bpy.context.scene.render.filepath = path
    bpy.ops.render.render(write_still=True)


def be_polite() -> None:
    """Leave the machine to others: lowest priority for this process."""
    os.nice(19 - os.nice(0))
