"""The brand kit: palette, looks, colorways, rule overrides and channels, read from one YAML file.

Its digest is its version for keys. What the rules measure is the quality floor's; what the styles do to pixels, the generation floor's.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
    model_validator,
)

from catalog.ad_style import AdCopy, AdStyle
from catalog.brand_files import BrandFile, with_digests
from catalog.keys import digest
from catalog.product import SLUG
from catalog.recipe import parse_model, read_yaml

HexColor = Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$"), AfterValidator(str.lower)]
"""An sRGB color written `#rrggbb`."""

MAIN_PART = "main"
"""The part that a recipe changes when none is named."""


class _Color(BaseModel):
    """A color to reach: written as sRGB, or shown on a photo of a swatch, whose median color is meant."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hex: HexColor | None = None
    photo: BrandFile | None = None

    @model_validator(mode="after")
    def _written_or_shown(self) -> Self:
        if (self.hex is None) == (self.photo is None):
            raise ValueError("a color is either `hex` or the `photo` of a swatch; give one of them")
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_left_out(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A color that is written keeps the digest it had before there were photos of swatches."""
        data: dict[str, Any] = handler(self)
        return {name: value for name, value in data.items() if value is not None}


class Colorway(_Color):
    """A color a product is offered in: its name in the shop, and the color."""

    name: str = Field(pattern=SLUG)


class Swatch(_Color):
    """A color by the name it has in a color system or a mill's card ("18-1248 Rust"), for recipes that name it."""

    name: str = Field(min_length=1, max_length=80)


class PartMask(BaseModel):
    """Which pixels of a product's main photo are one of its parts: a gray PNG of the photo's proportions, white where the part is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sku: str = Field(min_length=1)
    part: str = Field(default=MAIN_PART, pattern=SLUG)
    file: BrandFile


class Pattern(BaseModel):
    """A printed or woven pattern: one repeat of it as a picture, and how wide that is in centimeters."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=SLUG)
    file: BrandFile
    repeat_cm: float = Field(gt=0.05, le=500)


class MaterialTexture(Pattern):
    """A material by a picture of its surface that repeats; `look` says how it shines."""

    look: Literal["wood", "metal", "leather", "fabric", "ceramic"]


STYLE_ADDED_LATER = frozenset({"ads", "tallest_cm"})
"""Fields of a category's style that came after the first version."""


class CategoryStyle(BaseModel):
    """How one category is shown: the look's trigger phrase, its scene prompts, its backdrops, how large its products stand.

    `scenes` are prompts for empty sets; variant i uses scene i modulo their number. `product_height_pct` and `product_width_max_pct`
    bound the product's box as a share of the frame in staged scenes; `base_pct` is how far down the frame it stands. `tallest_cm`: products of
    this height and more are shown at `product_height_pct`, lower ones smaller; left out: all alike.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = ""
    trigger: str = Field(min_length=3)
    scenes: tuple[str, ...] = Field(min_length=1)
    backdrops: tuple[HexColor, ...] = Field(min_length=1)
    colorways: tuple[Colorway, ...] = ()
    product_height_pct: float = Field(default=54.0, gt=5, le=95)
    product_width_max_pct: float = Field(default=60.0, gt=5, le=95)
    base_pct: float = Field(default=84.0, gt=40, le=98)
    ads: AdCopy | None = None
    tallest_cm: float | None = Field(default=None, gt=0, le=2000)

    @model_serializer(mode="wrap")
    def _without_what_is_left_out(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A style without what later versions can hold keeps the digest it had."""
        data: dict[str, Any] = handler(self)
        return {name: value for name, value in data.items() if name not in STYLE_ADDED_LATER or value is not None}


class Bound(BaseModel):
    """A brand's own bound on a measurement: replaces the recipe's default for that column.

    Between `review_min` and `min`, or `review_max` and `max`, a person looks.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    min: float | None = Field(default=None, allow_inf_nan=False)
    max: float | None = Field(default=None, allow_inf_nan=False)
    review_min: float | None = Field(default=None, allow_inf_nan=False)
    review_max: float | None = Field(default=None, allow_inf_nan=False)
    severity: str | None = Field(default=None, pattern="^(critical|warning)$")

    @model_serializer(mode="wrap")
    def _without_empty_review_bounds(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A bound without them keeps the digest it had before brands could set them."""
        data: dict[str, Any] = handler(self)
        return {name: value for name, value in data.items() if not name.startswith("review_") or value is not None}


class Channel(BaseModel):
    """Where images go and in which form: a file format, a size, a name.

    `pack` names the rules of a marketplace that its pictures must keep, too; what it refuses is not published there. A channel is commercial
    unless it says otherwise: pictures drawn with a model whose license does not allow that are not published there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=SLUG)
    recipes: tuple[str, ...] = Field(min_length=1)
    format: Literal["jpeg", "webp", "png", "avif"] = "jpeg"
    long_side_px: int = Field(default=1200, ge=64, le=8192)
    quality: int = Field(default=92, ge=40, le=100)
    pack: str | None = Field(default=None, pattern=SLUG)
    commercial: bool = True

    @model_serializer(mode="wrap")
    def _without_what_is_left_out(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A channel without a pack, and a commercial one, keep the digests they had before there were packs and licenses."""
        data: dict[str, Any] = handler(self)
        return {name: value for name, value in data.items() if (name, value) not in (("pack", None), ("commercial", True))}


def plain_name(name: str) -> str:
    """A color's name as it is looked for: whatever its case, spaces, dashes and underscores."""
    return "".join(name.lower().replace("-", " ").replace("_", " ").split())


def _refuse_twice(where: str, named: Iterable[tuple[str, str]]) -> None:
    """Raises ValueError where two entries go by one name; each is given as what it goes by, and how it is written."""
    seen: dict[str, str] = {}
    for name, written in named:
        if name in seen:
            both = f"{written} twice" if seen[name] == written else f"{seen[name]} and {written}, which are looked for as one name"
            raise ValueError(f"{where} has {both}; one of them would never be used. Keep one, or give the other another name")
        seen[name] = written


ADDED_LATER = frozenset({"ads", "logo", "swatches", "part_masks", "patterns", "materials"})
"""Fields of a brand kit that came after the first version."""


class BrandKit(BaseModel):
    """Everything a brand decides about its pictures; versioned by the digest of its content, that of the files it names included."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    brand: str = Field(pattern=SLUG)
    title: str = ""
    version: int = Field(default=1, ge=1)
    palette: tuple[HexColor, ...] = Field(min_length=1)
    recipes: tuple[str, ...] = Field(min_length=1)
    categories: dict[Annotated[str, StringConstraints(pattern=SLUG)], CategoryStyle] = Field(min_length=1)
    colorways: tuple[Colorway, ...] = ()
    rules: dict[str, dict[str, Bound]] = Field(default_factory=dict)
    channels: tuple[Channel, ...] = ()
    logo: BrandFile | None = None
    ads: AdStyle | None = None
    swatches: tuple[Swatch, ...] = ()
    part_masks: tuple[PartMask, ...] = ()
    patterns: tuple[Pattern, ...] = ()
    materials: tuple[MaterialTexture, ...] = ()

    @model_validator(mode="after")
    def _each_name_once(self) -> Self:
        _refuse_twice("part_masks", ((f"{one.sku}\0{one.part}", f"part '{one.part}' of {one.sku}") for one in self.part_masks))
        tiles: tuple[tuple[str, tuple[Pattern, ...]], ...] = (("patterns", self.patterns), ("materials", self.materials))
        for where, offered in tiles:
            _refuse_twice(where, ((one.name, f"'{one.name}'") for one in offered))
        colors: list[tuple[str, Sequence[Colorway | Swatch]]] = [("swatches", self.swatches), ("colorways", self.colorways)]
        colors += [(f"categories.{name}.colorways", style.colorways) for name, style in self.categories.items()]
        for where, shown in colors:
            _refuse_twice(where, ((plain_name(one.name), f"'{one.name}'") for one in shown))
        swatches = {plain_name(one.name): one for one in self.swatches}
        for where, shown in colors[1:]:
            for one in shown:
                same = swatches.get(plain_name(one.name))
                if same is not None and (same.hex, same.photo) != (one.hex, getattr(one, "photo", None)):
                    raise ValueError(
                        f"{where} has '{one.name}', and swatches has '{same.name}' of another color; the swatch would be used for both. "
                        "Give one of them another name, or both the same color"
                    )
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_left_out(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A kit without what later versions can hold keeps the digest it had."""
        data: dict[str, Any] = handler(self)
        return {name: value for name, value in data.items() if name not in ADDED_LATER or value not in (None, [], {})}

    def rules_of(self, recipe_name: str) -> dict[str, Bound]:
        """The brand's own bounds for one recipe, by measurement column; empty when it keeps the defaults."""
        return self.rules.get(recipe_name, {})

    @property
    def digest(self) -> str:
        """Sha256 of the whole kit; changes with any value, not with comments, order or spelling of numbers."""
        return digest(self.model_dump(mode="json"))


def read_brand_kit(path: Path) -> BrandKit:
    """The brand kit in a YAML file, every file that it names digested. Raises SettingsError naming the file and each wrong entry."""
    data: dict[str, Any] = read_yaml(path)
    return with_digests(parse_model(BrandKit, data, path), path.parent, str(path))
