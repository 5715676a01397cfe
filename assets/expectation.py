"""What decides how the products of a category are made, judged and published, apart from the products themselves.

Found out by asking the very functions that make the keys, for a product that stands for all: a changed recipe, LoRA, rule, channel or code
version changes the answer without anyone listing what goes into a key. What follows for products is `group_needs.py`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from assets.channel_packs import channel_form
from assets.model_clearance import not_cleared
from assets.own_models import unusable
from assets.photo_keys import cutout_key, screening_key, screening_rules, second_cutout_key
from assets.picture_metadata import picture_metadata
from assets.planning import WantedRender, gate_inputs, variants_of
from assets.render_keys import key_of_render
from catalog.brand_kit import BrandKit, Channel
from catalog.errors import RenderError
from catalog.keys import digest, gate_key
from catalog.product import Product
from catalog.recipe import Recipe
from catalog.variant import Variant
from generation.kinds import KINDS, wears_lora
from generation.resolve import resolve
from resources.ledger import Row
from resources.ledger_tables import expectation
from resources.project import Project

KEY_DIGITS = 16
"""Digits of a digest that name an expectation: 64 bits tell the few thousand of an installation's life apart."""

WAITING = "waiting "
UNUSABLE = "unusable "

PACKED = " by pack"
"""After the form of a channel with a pack: which of its approved pictures stand there, their number does not tell."""

NONE = "0" * 64
"""Stands for the digest of a photo, cut-out, render or LoRA, where only what surrounds it is asked for."""


OF_PICTURES = frozenset(BrandKit.model_fields) - {"version", "recipes", "categories", "rules", "channels"}
"""Fields of a brand kit that any kind of recipe may take; the others say what is made, judged and delivered, or are the category's style."""


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What today's settings, LoRA and code ask of the products of one category; plain data.

    `intake`: screening and cut-out. By recipe name: `variants`, `gates`, `words` (metadata) and `channels` (forms by channel name).
    Variants are a list of one key per variant where they are alike for all products of the category, a number of variants while their LoRA is
    missing, and one digest of everything for recipes that look at the product (with `WAITING` before it while their LoRA is missing). Of a recipe
    whose own model cannot be used: `UNUSABLE` and a digest of the words that say why. It has no words then.
    """

    intake: str
    variants: Mapping[str, list[str] | str | int]
    gates: Mapping[str, str]
    words: Mapping[str, str]
    channels: Mapping[str, Mapping[str, str]]

    @cached_property
    def key(self) -> str:
        """Its name: the same content, the same name."""
        return digest(asdict(self))[:KEY_DIGITS]


def expectation_of(project: Project, category: str, lora_digest: str | None) -> Expectation:
    """What is expected of a category's products while `lora_digest` is in use there (None: no LoRA)."""
    forms = {c.name: channel_form(project, c)[:KEY_DIGITS] + (PACKED if c.pack else "") for c in project.brand_kit.channels}
    return Expectation(
        intake=digest([screening_key(NONE, "photo.jpg", screening_rules(project)), *_cutout_keys(project)])[:KEY_DIGITS],
        variants={recipe.name: _variants(project, recipe, category, lora_digest) for recipe in project.recipes},
        gates={recipe.name: gate_key(render_digest=NONE, **gate_inputs(project, recipe))[:KEY_DIGITS] for recipe in project.recipes},
        words={recipe.name: _words(project, recipe, category) for recipe in project.recipes},
        channels={
            recipe.name: {
                c.name: forms[c.name]
                for c in project.brand_kit.channels
                if recipe.name in c.recipes and not _barred(project, c, recipe, lora_digest)
            }
            for recipe in project.recipes
        },
    )


def _barred(project: Project, channel: Channel, recipe: Recipe, lora_digest: str | None) -> bool:
    """Whether a license keeps a recipe's pictures from a channel; while a LoRA or the recipe's own model is missing nothing says so."""
    if unusable(project, recipe):
        return False
    if wears_lora(recipe):
        return lora_digest is not None and bool(not_cleared(project, channel, recipe, lora_digest))
    return bool(not_cleared(project, channel, recipe, None))


def _cutout_keys(project: Project) -> list[str]:
    second = second_cutout_key(project, NONE)
    return [cutout_key(NONE), *([second] if second else [])]


def read_expectation(row: Row) -> Expectation:
    """An expectation from its ledger row."""
    return Expectation(**row["content"])


def remember_expectation(project: Project, wanted: Expectation) -> None:
    """Keep an expectation in the ledger, so that its key can be looked up."""
    project.ledger.record(expectation, {"key": wanted.key, "content": asdict(wanted)})


def _stand_in(category: str) -> Product:
    # Some kinds refuse a product of which less is known; their other products are expected to be like this one.
    words: dict[str, Any] = {
        "width_cm": 10.0,
        "depth_cm": 10.0,
        "height_cm": 10.0,
        "price": 10.0,
        "title": "Title",
        "description": "Description.",
        "color": "color",
        "material": "material",
    }
    return Product(sku="stand-in", category=category, photos=("photo.jpg",), **words)


def _variants(project: Project, recipe: Recipe, category: str, lora_digest: str | None) -> list[str] | str | int:
    if error := unusable(project, recipe):
        return UNUSABLE + digest(str(error))[:KEY_DIGITS]
    kind, item, waits = KINDS[recipe.kind], _stand_in(category), wears_lora(recipe) and lora_digest is None
    try:
        count = variants_of(project, recipe, item)
        if waits and kind.alike_in_category:
            return count
        keys = [
            key_of_render(
                project,
                recipe,
                resolve(recipe, item, project.brand_kit, index, upscaler=project.upscaler),
                photo_digest=NONE,
                cutout_digest=NONE,
                index=index,
                seed=0,
                lora_digest=lora_digest,
            )[:KEY_DIGITS]
            for index in range(count)
        ]
    except RenderError:
        keys = []  # the recipe refuses every product of the category
    if kind.alike_in_category:
        return keys
    style = project.brand_kit.categories.get(category)
    # A recipe that refuses the stand-in, such as one that goes by titles, may take other products: what all its keys share belongs to it.
    shared = key_of_render(project, recipe, {}, photo_digest=NONE, cutout_digest=NONE, index=0, seed=0, lora_digest=lora_digest)
    everything = {
        "recipe": recipe.model_dump(mode="json", exclude={"title", "description", "digital_source_type"}),
        "style": style.model_dump(mode="json", include=kind.of_style) if style else None,
        "kit": project.brand_kit.model_dump(mode="json", include=OF_PICTURES if kind.of_kit is None else kind.of_kit),
        "keys": [*keys, shared[:KEY_DIGITS]],
    }
    return WAITING * waits + digest(everything)[:KEY_DIGITS]


def waits_for_lora(variants: list[str] | str | int) -> bool:
    """Whether variants of an expectation cannot be drawn before their category has a LoRA."""
    return isinstance(variants, int) or (isinstance(variants, str) and variants.startswith(WAITING))


def is_unusable(variants: list[str] | str | int | None) -> bool:
    """Whether variants of an expectation cannot be made because the model that their recipe alone needs cannot be used."""
    return isinstance(variants, str) and variants.startswith(UNUSABLE)


def some_packed(*forms: Mapping[str, str]) -> bool:
    """Whether any of some channels' forms is judged by a pack."""
    return any(form.endswith(PACKED) for mapping in forms for form in mapping.values())


def _words(project: Project, recipe: Recipe, category: str) -> str:
    """Digest of what published files say, for the first and last variant and every color that a recipe may give."""
    from publishing.metadata import metadata_digest

    if unusable(project, recipe):
        return ""
    style = project.brand_kit.categories.get(category)
    offered = (*(style.colorways if style else ()), *project.brand_kit.colorways, *project.brand_kit.swatches)
    colors = [(colorway.hex or "#", colorway.photo.sha256 if colorway.photo else None) for colorway in offered]
    said = []
    for index in (0, recipe.variants - 1):
        for color in (None, *(colors if recipe.changes_product else ())):
            facts = _as_told(recipe, color)
            render_row = {"render_key": NONE, "facts": facts, "lora_digest": NONE if wears_lora(recipe) else None}
            said.append(metadata_digest(picture_metadata(project, _stand_in_render(recipe, category, index), render_row)))
    return digest(said)[:KEY_DIGITS]


def _as_told(recipe: Recipe, color: tuple[str, str | None] | None) -> dict[str, Any]:
    """Facts of a picture in a color: of the product, or of the second one of a pair."""
    if color is None:
        return {}
    beside = not KINDS[recipe.kind].changes_product
    return {"companion": {"colorway": color[0]}} if beside else {"target_hex": color[0], "target_photo": color[1]}


def _stand_in_render(recipe: Recipe, category: str, index: int) -> WantedRender:
    item = _stand_in(category)
    return WantedRender(
        variant=Variant(sku=item.sku, recipe=recipe.name, index=index),
        product=item,
        render_key=NONE,
        resolved={},
        recipe=recipe,
        photo_digest=NONE,
        cutout_digest=NONE,
        lora_digest=None,
    )
