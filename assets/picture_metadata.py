"""What travels inside a published file: its words, and how the picture came to be."""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from assets.planning import WantedRender
from generation.kinds import KINDS
from resources.ledger import Row
from resources.project import Project
from resources.version import vitrine_version

if TYPE_CHECKING:
    from publishing.gallery import Changed
    from publishing.metadata import PictureMetadata


PERSON_IN_WORDS = "The person shown is AI-generated."
"""Said wherever the picture is described: to those who cannot see it, and on the product's page."""


def picture_metadata(project: Project, wanted: WantedRender, render_row: Row) -> "PictureMetadata":
    """What travels inside the published file: title, words for those who cannot see it, and how the picture came to be."""
    from publishing.gallery import alt_text, described
    from publishing.metadata import PictureMetadata, histogram_in_words

    item = wanted.product
    facts, shows_person = render_row["facts"], KINDS[wanted.recipe.kind].shows_person
    shown_in, changed = _shown_in(project, item.category, facts)
    beside = _words_of(facts.get("companion", {}).get("colorway", ""))
    disclosed = f" {PERSON_IN_WORDS}" if shows_person else ""
    said = alt_text(item, wanted.recipe, wanted.variant.index, shown_in=shown_in, changed=changed, beside=beside)
    return PictureMetadata(
        title=item.title,
        description=f"{described(item, shown_in, changed, beside)}{disclosed}".strip(),
        alt_text=f"{said}.{disclosed}" if disclosed else said,
        digital_source_type=wanted.recipe.digital_source_type,
        identifier=f"{wanted.variant.name}@{render_row['render_key'][:16]}",
        creator_tool=_program(),
        ai_system=_ai_system(project, wanted, render_row),
        synthetic_performer=shows_person,
        **{f"histogram_{side}": histogram_in_words(planes) for side, planes in facts.get("enhanced", {}).get("histogram", {}).items()},
    )


def _shown_in(project: Project, category: str, facts: Mapping[str, Any]) -> "tuple[str, Changed]":
    """The color, material or pattern that a recipe gave the product, in words, and which of them it is; no words where it gave none."""
    from publishing.gallery import color_in_words

    if target_hex := facts.get("target_hex"):
        return color_in_words(project.brand_kit, category, target_hex, facts.get("target_photo")), "color"
    named: Changed = "material" if "material" in facts else "pattern"
    return _words_of(facts.get(named, "")), named


def _words_of(name: object) -> str:
    """A name of the brand kit as people read it."""
    return str(name).replace("_", " ").replace("-", " ")


@cache
def _program() -> str:
    """The program and its version; looked up once, for reading a package's metadata costs milliseconds."""
    return f"Vitrine {vitrine_version()}"


def _ai_system(project: Project, wanted: WantedRender, render_row: Row) -> str | None:
    """The models that drew part of the picture, for its metadata; None for studio recipes."""
    if wanted.recipe.engine != "diffusion":
        return None
    lora = f", LoRA {render_row['lora_digest'][:12]}" if render_row["lora_digest"] else ""
    project = project.drawing(wanted.recipe.kind)
    return f"{project.base_model_name} {project.base_model_digest[:12]}{lora}"
