"""What a product's gallery holds: its published pictures with their words, gathered from the manifest. Pages are `product_page.py`."""

from collections.abc import Collection, Iterable, Mapping
from itertools import groupby
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from catalog.brand_kit import BrandKit, Colorway, Swatch
from catalog.product import Product
from catalog.recipe import Recipe, SourceType
from publishing.manifest import Manifest, PublishedImage
from publishing.wording import PRODUCT_CHANGED, source_type_in_words

GALLERY_NAME: Final = "gallery.json"
GALLERY_VERSION: Final = 1
"""Raised when a storefront that reads the former layout would go wrong."""


class GalleryFile(BaseModel):
    """One file of a picture: address relative to the published folder, its size, type and content digest, and its channel."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    channel: str
    media_type: str
    width_px: int
    height_px: int
    bytes: int
    sha256: str


class GalleryPicture(BaseModel):
    """One variant: alternative text, origin, render digest, and its files, largest first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: str
    recipe_title: str
    index: int
    alt: str
    digital_source_type: SourceType
    disclosure: str
    render_digest: str
    files: tuple[GalleryFile, ...]

    @property
    def main(self) -> GalleryFile:
        """The file for a browser that knows nothing newer: the largest JPEG or PNG, else the largest of all."""
        return next((file for file in self.files if file.media_type in ("image/jpeg", "image/png")), self.files[0])

    def srcset(self, media_types: Collection[str], to_root: str) -> str:
        """The files of some types as a `srcset`, widest last; `to_root` leads from the page to the published folder.

        Of two files of one width the main file's type wins: what a browser is offered first is what shops show.
        """
        fitting = [file for file in self.files if file.media_type in media_types]
        widths = {file.width_px: file for file in sorted(fitting, key=lambda file: file.media_type == self.main.media_type)}
        return ", ".join(f"{to_root}{widths[width].file} {width}w" for width in sorted(widths))

    def widely_known(self, to_root: str) -> str:
        """The `srcset` of everything but AVIF, which a browser of before 2023 may not show; the main file is always in it."""
        return self.srcset({file.media_type for file in self.files} - {"image/avif"} | {self.main.media_type}, to_root)

    @property
    def newer_types(self) -> tuple[str, ...]:
        """Types to offer before the main file's, where they come at its full width; best compression first."""
        full = {file.media_type for file in self.files if file.width_px >= self.main.width_px} - {self.main.media_type}
        return tuple(kind for kind in ("image/avif", "image/webp") if kind in full)


class Gallery(BaseModel):
    """A product's published pictures, as a storefront and the gallery page read them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    vitrine_gallery: Literal[1] = GALLERY_VERSION
    sku: str
    title: str
    description: str
    category: str
    category_title: str
    facts: dict[str, str]
    pictures: tuple[GalleryPicture, ...]


def gallery_of(product: Product, manifest: Manifest, brand_kit: BrandKit, recipes: Mapping[str, Recipe]) -> Gallery:
    """The gallery of a product: everything that the manifest publishes under its SKU, in the brand kit's order of recipes.

    `recipes` gives the titles by recipe name; a recipe that is gone keeps its name as its title.
    """
    return _gallery(product, (image for image in manifest.images.values() if image.sku == product.sku), brand_kit, recipes)


def galleries_of(
    products: Iterable[Product], manifest: Manifest, brand_kit: BrandKit, recipes: Mapping[str, Recipe]
) -> tuple[Gallery, ...]:
    """The galleries of several products, reading the manifest once."""
    by_sku: dict[str, list[PublishedImage]] = {}
    for image in manifest.images.values():
        by_sku.setdefault(image.sku, []).append(image)
    return tuple(_gallery(product, by_sku.get(product.sku, []), brand_kit, recipes) for product in products)


Changed = Literal["color", "material", "pattern"]
"""What a recipe gave a product that it has not."""


def alt_text(product: Product, recipe: Recipe, index: int, *, shown_in: str = "", changed: Changed = "color", beside: str = "") -> str:
    """What a person who cannot see the picture should hear, such as "Brass table lamp, brass, metal. Staged scene, picture 2 of 3".

    `shown_in`: the color, material or pattern that a recipe gave the product; it is named in place of the catalog's, which is not in the picture.
    `beside`: the color of a second one that stands beside it.
    """
    color = "" if shown_in else product.color
    material = "" if shown_in and changed == "material" else product.material
    known = [product.title, *(word for word in (color, material) if word and word.lower() not in product.title.lower())]
    which = f" in {shown_in}" if shown_in else f" beside the same in {beside}" if beside else ""
    which += f", picture {index + 1} of {recipe.variants}" if recipe.variants > 1 else ""
    return f"{', '.join(known)}. {recipe.title}{which}"


def described(product: Product, shown_in: str, changed: Changed = "color", beside: str = "") -> str:
    """The product's description, and, where a recipe gave it another color, material or pattern, or shows one of another beside it, that and which."""
    if beside:
        return f"{product.description} Shown beside the same in {beside}; the color of that one was changed by computer.".strip()
    if not shown_in:
        return product.description
    return f"{product.description} Shown in {shown_in}; the {changed} was changed by computer.".strip()


def color_in_words(brand_kit: BrandKit, category: str, target_hex: str, swatch_photo: str | None = None) -> str:
    """A colorway's name as people read it, its category's before the brand's, or a swatch's; the color itself when neither has it any more.

    swatch_photo: sha256 of the photo that the color was read from, if it was.
    """
    style = brand_kit.categories.get(category)
    ways = (*(style.colorways if style else ()), *brand_kit.colorways)
    named = [(way.name.replace("_", " ").replace("-", " "), way) for way in ways] + [(swatch.name, swatch) for swatch in brand_kit.swatches]
    return next((name for name, color in named if _is_meant(color, target_hex, swatch_photo)), target_hex)


def _is_meant(color: Colorway | Swatch, target_hex: str, swatch_photo: str | None) -> bool:
    return color.hex == target_hex if color.photo is None else color.photo.sha256 == swatch_photo


def _gallery(product: Product, images: Iterable[PublishedImage], brand_kit: BrandKit, recipes: Mapping[str, Recipe]) -> Gallery:
    order = {name: place for place, name in enumerate(brand_kit.recipes)}

    def variant(image: PublishedImage) -> tuple[int, str, int]:
        return order.get(image.recipe, len(order)), image.recipe, image.index

    pictures = tuple(_picture(list(group), recipes) for _, group in groupby(sorted(images, key=variant), key=variant))
    style = brand_kit.categories.get(product.category)
    return Gallery(
        sku=product.sku,
        title=product.title,
        description=product.description,
        category=product.category,
        category_title=(style.title if style else "") or product.category.replace("_", " ").replace("-", " ").capitalize(),
        facts=_facts(product),
        pictures=pictures,
    )


def _picture(images: list[PublishedImage], recipes: Mapping[str, Recipe]) -> GalleryPicture:
    largest_first = sorted(images, key=lambda image: (-image.width_px, image.media_type, image.channel))
    first = largest_first[0]
    recipe = recipes.get(first.recipe)
    return GalleryPicture(
        recipe=first.recipe,
        recipe_title=first.recipe if recipe is None else recipe.title,
        index=first.index,
        alt=first.alt,
        digital_source_type=first.digital_source_type,
        disclosure=_disclosure(first, recipe),
        render_digest=first.render_digest,
        files=tuple(GalleryFile(**{name: getattr(image, name) for name in GalleryFile.model_fields}) for image in largest_first),
    )


def _disclosure(image: PublishedImage, recipe: Recipe | None) -> str:
    """How the picture came to be, in words; where nothing of it is a photograph, it is not called one."""
    altered = recipe is not None and recipe.changes_product and image.digital_source_type != "trainedAlgorithmicMedia"
    return PRODUCT_CHANGED if altered else source_type_in_words(image.digital_source_type)


def _facts(product: Product) -> dict[str, str]:
    """What the catalog knows, in words, leaving out what it does not know."""
    sizes = [("W", product.width_cm), ("D", product.depth_cm), ("H", product.height_cm)]
    facts = {
        "Color": product.color,
        "Material": product.material,
        "Size": " × ".join(f"{letter} {size:g}" for letter, size in sizes if size) + (" cm" if any(size for _, size in sizes) else ""),
        "Price": f"{product.price:,.2f} {product.currency}" if product.price is not None else "",
    }
    return {name: value for name, value in facts.items() if value}
