"""What a kind of recipe is: its parameters, what it takes from product and brand kit, and the code that composes its pictures.

The kinds that exist are `kinds.KINDS`; each is defined in its own file.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from catalog.brand_kit import BrandKit, CategoryStyle
from catalog.errors import RenderError
from catalog.photo_roles import FurtherPhoto, PhotoRole
from catalog.placement import Placement
from catalog.product import Product
from catalog.recipe import Recipe
from generation.plate_requests import PlateRequest
from imaging.upscaler import Upscaler

Uint8 = npt.NDArray[np.uint8]


class RecipeParams(BaseModel):
    """Parameters of a kind: frozen, and closed, for a misspelt parameter is an error, not a default."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def no_upscaler(name: str) -> NoReturn:
    """Stands where no upscaler model of a name is registered; raises RenderError that says how one is."""
    raise RenderError(
        f"A recipe asks for upscaler '{name}', and none of that name is registered. Nothing was made. Put a Swin2SR folder, as `save_pretrained` of "
        f"transformers writes it, beside the project and register it in vitrine.yaml: `upscalers: {{{name}: {{model: FOLDER, license: NAME}}}}`; "
        "or set `upscale` to lanczos or none."
    )


@dataclass(frozen=True, kw_only=True)
class Wish:
    """One variant that is wanted: the `index`-th of a recipe for a product, in the brand's manner; `further` are its photos beside the main one."""

    recipe: Recipe
    product: Product
    brand_kit: BrandKit
    index: int = 0
    further: Mapping[PhotoRole, FurtherPhoto] = field(default_factory=dict)
    upscaler: Callable[[str], Upscaler] = field(default=no_upscaler, compare=False, repr=False)
    """The registered upscaler model of a name; raises RenderError where there is none."""

    @property
    def style(self) -> CategoryStyle:
        """The style of the product's category. Raises RenderError if the brand kit has none."""
        style = self.brand_kit.categories.get(self.product.category)
        if style is None:
            raise RenderError(
                f"Product {self.product.sku} is of category '{self.product.category}', for which brand kit '{self.brand_kit.brand}' has no style. "
                f"It has: {', '.join(sorted(self.brand_kit.categories))}. Add the category to the brand kit or correct the product."
            )
        return style


def no_files(sha256: str) -> bytes:
    """Stands where no brand files are at hand; raises RenderError."""
    raise RenderError(f"Brand file {sha256[:12]} is needed, and no brand kit's files are at hand. Nothing was made.")


def no_photo() -> Uint8:
    """Stands where only the cut-out is at hand; raises RenderError."""
    raise RenderError("The photo with its own background is needed, and only its cut-out is at hand. Nothing was made.")


def no_further_photo(digest: str) -> Uint8:
    """Stands where only the main photo is at hand; raises RenderError."""
    raise RenderError(f"A further photo ({digest[:12]}) is needed, and only the main one is at hand. Nothing was made.")


def no_further_cutout(digest: str) -> tuple[Uint8, Uint8]:
    """Stands where only the main photo's cut-out is at hand; raises RenderError."""
    raise RenderError(f"The cut-out of a further photo ({digest[:12]}) is needed, and only the main one is at hand. Nothing was made.")


@dataclass(frozen=True, kw_only=True)
class RenderSource:
    """A cut-out product photo: its colors (decontaminated, uint8 (H, W, 3) sRGB) and its alpha (uint8 (H, W)).

    `brand_file` gives the bytes of a brand kit's file by its sha256: a logo, a font, a pattern, a swatch. `photo` reads the photo itself, of
    the same size: few kinds look at what was behind the product. `further_photo` and `further_cutout` (colors and alpha) read a photo beside the main
    one by the digests that a `FurtherPhoto` holds. `upscaler` gives a registered upscaler model by its name.
    """

    foreground_HW3: Uint8
    alpha_HW: Uint8
    brand_file: Callable[[str], bytes] = field(default=no_files, compare=False, repr=False)
    photo: Callable[[], Uint8] = field(default=no_photo, compare=False, repr=False)
    further_photo: Callable[[str], Uint8] = field(default=no_further_photo, compare=False, repr=False)
    further_cutout: Callable[[str], tuple[Uint8, Uint8]] = field(default=no_further_cutout, compare=False, repr=False)
    upscaler: Callable[[str], Upscaler] = field(default=no_upscaler, compare=False, repr=False)

    @cached_property
    def digest(self) -> str:
        """Of the cut-out's pixels, by which what was worked out from them is known again; they must not be changed."""
        found = hashlib.sha256(str(self.foreground_HW3.shape).encode())
        for plane in (self.foreground_HW3, self.alpha_HW):
            found.update(np.ascontiguousarray(plane).data)
        return found.hexdigest()


Source = Callable[[], RenderSource]
"""The product, read when it is asked for: most kinds draw their plate without it."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """Everything one picture is composed from: a resolved recipe, a seed, the product at photo size, and a plate for kinds that draw one."""

    resolved: dict[str, Any]
    seed: int
    source: RenderSource
    plate_HW3: Uint8 | None = None

    @property
    def name(self) -> str:
        """The recipe's name, for messages."""
        return str(self.resolved["name"])

    @property
    def params(self) -> dict[str, Any]:
        """The recipe's parameters, defaults filled in."""
        params: dict[str, Any] = self.resolved["params"]
        return params

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of the picture."""
        return self.resolved["width_px"], self.resolved["height_px"]


Composed = tuple[Uint8, Placement, dict[str, Any]]
"""A picture, uint8 sRGB at the recipe's size (`enhance`: at most that); where the product stands in it; facts for the gate and for people, as plain data."""


def takes_nothing(wish: Wish, params: dict[str, Any]) -> dict[str, Any]:
    """What a kind resolves that depends on its parameters alone."""
    return {}


def as_many_as_asked(wish: Wish) -> int:
    """As many variants as the recipe says."""
    return wish.recipe.variants


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of recipe.

    `resolve` gives everything beside the parameters that the pixels depend on, as plain data for the render key: what it takes from product and
    brand kit and nothing it does not use, so that a changed backdrop color renders no packshot again. It may take entries out of the parameters
    that it has turned into something else. Files of the brand kit are named by their sha256. It raises RenderError for what cannot be made.

    `variants` says how many different ones a product can have. `compose` makes the picture; it raises RenderError when it refuses the product.
    `plate`, for kinds that are drawn by a base model, says what is asked of the engine; a request must follow from its arguments alone.

    `edits`: a plate is drawn from pictures of the product by the project's edit model, and wears no LoRA; others wear their category's.
    `shows_person`: somebody is to be seen who does not exist; the picture's facts and its published file say so.

    `changes_product`: the product looks other than photographed; a recipe of such a kind has to say so, for galleries and gate go by it.
    `changed_if`: whether parameters ask for that, for kinds that show products as photographed otherwise.

    `drawn_if`: whether parameters ask for a plate, for kinds that do without one otherwise; None where all are drawn, or none.

    `added_later`: parameters that came after pictures had been made without them; at their default they are left out, and keys stay as they were.

    `for_some`: made of some products only, so that what it refuses is no mistake of the brand kit.

    `upscaler`, for kinds that may ask for an upscaler model: its name, from their parameters; None where they ask for none.

    `concepts`, for kinds whose first variants are different ideas to choose from: how many there are with given parameters.

    `photos`: roles of photos beside the main one that it uses where a product has them; `catalog/photo_roles.py`.

    `alike_in_category`: takes nothing from the product but its category, so that all products of one resolve alike. Other kinds name in
    `of_style` and `of_kit` the fields of category style and brand kit that they take; None may be any.
    """

    params: type[RecipeParams]
    compose: Callable[[Job], Composed]
    resolve: Callable[[Wish, dict[str, Any]], dict[str, Any]] = takes_nothing
    variants: Callable[[Wish], int] = as_many_as_asked
    plate: Callable[[dict[str, Any], int, Source], PlateRequest] | None = None
    edits: bool = False
    changes_product: bool = False
    changed_if: Callable[[dict[str, Any]], bool] | None = None
    drawn_if: Callable[[dict[str, Any]], bool] | None = None
    shows_person: bool = False
    added_later: frozenset[str] = frozenset()
    for_some: bool = False
    upscaler: Callable[[dict[str, Any]], str | None] | None = None
    concepts: Callable[[dict[str, Any]], int] | None = None
    photos: frozenset[PhotoRole] = frozenset()
    alike_in_category: bool = False
    of_style: frozenset[str] | None = None
    of_kit: frozenset[str] | None = None

    def changes(self, params: dict[str, Any]) -> bool:
        """Whether a picture of these parameters shows a product other than photographed."""
        return self.changes_product or (self.changed_if is not None and self.changed_if(params))

    def is_drawn(self, params: dict[str, Any]) -> bool:
        """Whether a picture of these parameters is drawn on a plate."""
        return self.plate is not None and (self.drawn_if is None or self.drawn_if(params))
