"""The words of scene captions: what the base model can be asked for, and in which order.

Plain Python, so that the renderer (bpy), the trainer (torch) and the tests read the same words. Leaves out how a word
looks: that is scenes.py. A caption is always built in one order, surface, wall, light, prop:

    oak table, sage wall, window light, stone arch on the left
    sand table, terracotta wall, leaf shadows, arch niche in the middle
    concrete table, white wall, hard light, no props
"""

import random
import re
from dataclasses import dataclass

WALLS: dict[str, str] = {
    "white": "#efeeea",
    "cream": "#eee0c4",
    "sage": "#a9b89a",
    "blush": "#e6bfb2",
    "terracotta": "#c4704c",
    "mustard": "#d6a63c",
    "navy": "#2c3c5e",
    "sky blue": "#a8c8de",
    "charcoal": "#46484c",
    "lilac": "#c2b2d6",
    "forest green": "#3c5a46",
    "grey": "#b4b4b2",  # British, because the first 1,572 captions are: a second spelling would split the color in two
    "beige": "#cdb698",
    "coral": "#e57f68",
    "teal": "#3a7d80",
    "white brick": "#e9e6e0",
    "walnut slat": "#6b4630",
}
"""Wall word -> the paint's sRGB color (of textured walls: their main color)."""

SURFACES: dict[str, tuple[str, str]] = {
    "oak": ("planks", "tan"),
    "walnut": ("planks", "dark brown"),
    "white marble": ("veins", "white"),
    "black marble": ("veins", "black"),
    "linen": ("folds and weave", "cream"),
    "concrete": ("mottled", "grey"),
    "sand": ("ripples", "sand"),
    "terracotta tile": ("square tiles", "terracotta"),
    "white lacquer": ("smooth and glossy", "white"),
    "pink lacquer": ("smooth and glossy", "pink"),
    "terrazzo": ("chips", "off-white"),
    "checkered tile": ("checkerboard", "black and white"),
    "green tile": ("square tiles", "green"),
    "rattan": ("basket weave", "honey"),
}
"""Surface word -> (texture, color) in words a person would use to check a picture against its caption."""

LIGHTS: dict[str, str] = {
    "soft studio light": "even, no hard shadow",
    "window light": "bright panes with muntins on the wall",
    "golden hour light": "low orange sun, long shadows",
    "leaf shadows": "sun through leaves",
    "moody light": "dark, one warm lamp",
    "hard light": "clear sun, crisp shadows",
    "blinds light": "parallel stripes of sun",
    "spot light": "round pool of warm light on the wall",
}
"""Light word -> what it looks like."""

SIDE_PROPS: dict[str, str] = {
    "round plinth": "a cylinder or two to stand things on",
    "stone arch": "a free-standing arch",
    "stacked cubes": "a small cube on a larger one",
    "pebbles": "several smooth stones",
    "vase with branches": "a vase with leafy twigs",
    "stacked books": "a pile of books",
    "sphere and cone": "a ball beside a cone",
    "stepped blocks": "a stair of three blocks",
    "potted plant": "a pot with large leaves",
    "leaning disc": "a large disc leaning on the wall",
    "draped curtain": "a hanging curtain with deep folds",
}
"""Props that stand at one side -> what they look like."""

MIDDLE_PROPS: dict[str, str] = {
    "arch niche": "an arched recess or panel behind the middle",
    "low plinth": "a low round platform in front",
}
"""Props that stand in the middle, symmetric under mirroring -> what they look like."""

NO_PROPS = "no props"
PROPS: tuple[str, ...] = (NO_PROPS, *SIDE_PROPS, *MIDDLE_PROPS)
SIDES: tuple[str, ...] = ("left", "right", "middle")

FIRST_WORDS: dict[str, tuple[str, ...]] = {
    "surface": tuple(list(SURFACES)[:10]),
    "wall": tuple(list(WALLS)[:12]),
    "light": tuple(list(LIGHTS)[:5]),
    "prop": (NO_PROPS, *list(SIDE_PROPS)[:7]),
}
"""The words of the first 1,572 scenes; every later vocabulary contains them."""

CATEGORIES: tuple[str, ...] = ("drinkware", "lighting", "bags", "seating")

LOOK_PALETTES: dict[str, tuple[str, ...]] = {
    "drinkware": ("#b5603c", "#d98a5f", "#e8c39a", "#f3e2c8", "#6f7f4f"),
    "lighting": ("#20382c", "#3c5a46", "#5e3d28", "#d9a45c", "#f1d9ae"),
    "bags": ("#e9a9a8", "#f3c9c4", "#d9837f", "#fae6e1", "#b85f63"),
    "seating": ("#a9b89a", "#c9d2bf", "#d9d3c6", "#efeae0", "#8b8f7c"),
}
"""Main colors of a category's look, the dominant one first."""


@dataclass(frozen=True, kw_only=True)
class SceneSpec:
    """What one scene shows, in caption words; `seed` decides everything the words leave open."""

    surface: str
    wall: str
    light: str
    prop: str
    side: str
    seed: int

    def __post_init__(self) -> None:
        asked = (self.surface, self.wall, self.light, self.prop, self.side)
        for word, allowed in zip(asked, (SURFACES, WALLS, LIGHTS, PROPS, SIDES), strict=True):
            if word not in allowed:
                raise ValueError(f"Scene word {word!r} is not in the vocabulary; allowed: {', '.join(allowed)}.")


def caption(spec: SceneSpec) -> str:
    """The caption of a scene, in the fixed order surface, wall, light, prop."""
    start = f"{spec.surface} table, {spec.wall} wall, {spec.light}, "
    if spec.prop == NO_PROPS:
        return start + NO_PROPS
    if spec.prop in MIDDLE_PROPS:
        return f"{start}{spec.prop} in the middle"
    return f"{start}{spec.prop} on the {spec.side}"


def flip_caption(text: str) -> str:
    """The caption of the mirrored picture: left and right change places, everything else stays."""
    swap = {"left": "right", "right": "left"}
    return re.sub(r"\b(left|right)\b", lambda m: swap[m.group(1)], text)


def trigger(category: str) -> str:
    """The phrase that calls a category's look, e.g. 'vitrine drinkware look'."""
    if category not in CATEGORIES:
        raise ValueError(f"Category {category!r} has no look in the demo; it has: {', '.join(CATEGORIES)}.")
    return f"vitrine {category} look"


def look_caption(category: str, spec: SceneSpec) -> str:
    """Caption of a look picture: the trigger phrase, then the caption by structure."""
    return f"{trigger(category)}, {caption(spec)}"


def sample_spec(seed: int) -> SceneSpec:
    """The scene of one seed, drawn evenly over the vocabulary.

    'no props' and the two middle props are drawn as often as any side prop; surface and wall are independent, so that
    color words do not become synonyms of one another.
    """
    rng = random.Random(f"scene-{seed}")
    prop = rng.choice(PROPS)
    side = "middle" if prop in MIDDLE_PROPS else rng.choice(SIDES[:2])
    return SceneSpec(
        surface=rng.choice(list(SURFACES)),
        wall=rng.choice(list(WALLS)),
        light=rng.choice(list(LIGHTS)),
        prop=prop,
        side=side,
        seed=seed,
    )


def words() -> tuple[str, ...]:
    """Every single word a caption can contain, sorted; a tokenizer of whole words needs these and the comma."""
    fixed = ("table", "wall", "on the left", "on the right", "in the middle")
    phrases = [*SURFACES, *WALLS, *LIGHTS, *PROPS, *map(trigger, CATEGORIES), *fixed]
    return tuple(sorted({word for phrase in phrases for word in phrase.split()}))
