"""The pictures of the catalog report: thumbnails of what is shown, and of nothing else.

What is shown is chosen in `report_rows.py`.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from assets.published_place import published_href
from assets.report_rows import Card, Gathered
from catalog.verdict import Verdict
from resources.project import Project

if TYPE_CHECKING:
    from imaging.encode import Pixels
    from publishing.report_data import CategoryReport, QuarantinedPhoto, RenderCard
    from publishing.thumbnails import ThumbnailFolder


def category_reports(project: Project, gathered: Gathered, thumbnails: "ThumbnailFolder") -> "tuple[CategoryReport, ...]":
    """One section per category: counts of everything, and the renders to show."""
    from publishing.report_data import CategoryReport

    home, reports = published_href(project), []
    for key, tally in sorted(gathered.categories.items()):
        style = project.brand_kit.categories.get(key)
        cards = sorted(tally.cards, key=lambda card: (card.sku, card.recipe, card.index))
        reports.append(
            CategoryReport(
                key=key,
                title=(style.title if style else "") or key,
                products=tally.products,
                approved=tally.verdicts[Verdict.APPROVED],
                review=tally.verdicts[Verdict.REVIEW],
                rejected=tally.verdicts[Verdict.REJECTED],
                cards=tuple(_shown(project, key, card, home, thumbnails) for card in cards),
            )
        )
    return tuple(reports)


def _shown(project: Project, category: str, card: Card, home: str | None, thumbnails: "ThumbnailFolder") -> "RenderCard":
    from imaging.storage_format import decode_rgb
    from publishing.report_data import RenderCard

    linked = bool(card.file and home)
    return RenderCard(
        sku=card.sku,
        product_title=card.title,
        recipe=card.recipe,
        recipe_title=card.recipe_title,
        index=card.index,
        verdict=card.verdict,
        reasons=card.reasons,
        thumbnail=thumbnails.add(card.render_digest, partial(_load, project, card.render_digest, decode_rgb)),
        source_type=card.source_type,
        full_href=f"{home}/{card.file}" if linked else None,
        gallery_href=f"{home}/products/{category}/{card.sku}/index.html" if linked else None,
    )


def quarantined_photos(project: Project, gathered: Gathered, thumbnails: "ThumbnailFolder") -> "tuple[QuarantinedPhoto, ...]":
    """The photos that were not used, each with its reasons."""
    from imaging.storage_format import decode_rgb
    from publishing.report_data import QuarantinedPhoto

    photos = []
    for photo in gathered.unused:
        name = photo.thumbnail_digest
        small = thumbnails.add(name, partial(_load, project, name, decode_rgb), long_side_px=256) if name else None
        photos.append(
            QuarantinedPhoto(file_name=photo.file_name, sku=photo.sku, product_title=photo.title, reasons=photo.reasons, thumbnail=small)
        )
    return tuple(photos)


def _load(project: Project, blob: str, decode: "Callable[[bytes], Pixels]") -> "Pixels":
    return decode(project.store.get(blob))
