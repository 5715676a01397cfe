"""What the catalog report shows, as plain values: whoever knows the ledger fills these in. The page itself is `report.py`.

Pictures are `Thumbnail`s, made with `publishing.thumbnails.ThumbnailFolder.add`. Counts are counts of everything, also where only some
pictures are shown; a category may show a selection of its renders.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from catalog.verdict import Reason, Verdict


@dataclass(frozen=True, kw_only=True)
class Thumbnail:
    """A small picture beside the report: `src` relative to report.html, size in pixels of the file."""

    src: str
    width_px: int
    height_px: int


@dataclass(frozen=True, kw_only=True)
class Counts:
    """The headline numbers of one run over the whole catalog; the same as in `summary.json`.

    `usd_per_approved` None: nothing was approved, or costs are not configured.
    """

    products: int
    photos: int
    photos_quarantined: int
    renders_total: int
    rendered_now: int
    approved: int
    review: int
    rejected: int
    published: int
    seconds: float
    usd_per_approved: float | None = None


@dataclass(frozen=True, kw_only=True)
class RenderCard:
    """One render with its verdict. `full_href` opens in the lightbox (the published file; None: the thumbnail), `gallery_href` is the
    product's gallery page; both relative to report.html. `source_type` is IPTC's term."""

    sku: str
    product_title: str
    recipe: str
    recipe_title: str
    index: int
    verdict: Verdict
    reasons: tuple[Reason, ...]
    thumbnail: Thumbnail
    source_type: str = ""
    full_href: str | None = None
    gallery_href: str | None = None


@dataclass(frozen=True, kw_only=True)
class CategoryReport:
    """One category: its counts, and the renders to show."""

    key: str
    title: str
    products: int
    approved: int
    review: int
    rejected: int
    cards: tuple[RenderCard, ...]
    gallery_href: str | None = None


@dataclass(frozen=True, kw_only=True)
class QuarantinedPhoto:
    """A source photo that was not used, and why. `thumbnail` None: the file cannot be decoded."""

    file_name: str
    sku: str
    product_title: str
    reasons: tuple[Reason, ...]
    thumbnail: Thumbnail | None = None


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """Validation loss (mean squared error on held-out pictures, fixed noise and timesteps) after `step` optimizer steps."""

    step: int
    loss: float


@dataclass(frozen=True, kw_only=True)
class LoraReport:
    """A category's LoRA: whether it was promoted, how much nearer to the category's look it brings generated scenes, and the evidence.

    `palette_nearer_pct` and `layout_nearer_pct`: by how much the distance to held-out look pictures shrinks against the base model, in
    percent (40 = 40 % nearer; negative = farther); `control_nearer_pct`: the same palette number for a LoRA of another category, which
    must be worse. `look` are real pictures of the look, `before` the base model's, `after` the LoRA's, same seeds; `sheet` is one picture
    that shows them together, for whoever has that instead. `note` ends with a full stop.
    """

    category: str
    title: str
    trigger: str
    promoted: bool
    note: str
    training_pictures: int
    steps: int
    train_seconds: float
    palette_nearer_pct: float | None
    layout_nearer_pct: float | None
    control_nearer_pct: float | None = None
    validation_curve: tuple[CurvePoint, ...] = ()
    look: tuple[Thumbnail, ...] = ()
    before: tuple[Thumbnail, ...] = ()
    after: tuple[Thumbnail, ...] = ()
    sheet: Thumbnail | None = None


@dataclass(frozen=True, kw_only=True)
class ReasonCount:
    """How many renders one reason held back."""

    code: str
    message: str
    count: int


@dataclass(frozen=True, kw_only=True)
class RecipeReport:
    """How one recipe fared: counts by verdict, and the commonest reasons against it."""

    recipe: str
    title: str
    engine: str
    approved: int
    review: int
    rejected: int
    top_reasons: tuple[ReasonCount, ...] = ()

    @property
    def total(self) -> int:
        """Renders judged."""
        return self.approved + self.review + self.rejected

    @property
    def pass_pct(self) -> float:
        """Share approved, in percent; 0 when there were none."""
        return 100 * self.approved / self.total if self.total else 0.0


CoverageState = Literal["published", "approved", "review", "rejected", "missing"]
"""Best state of one recipe for one product; `missing`: no render at all."""


@dataclass(frozen=True, kw_only=True)
class CoverageCell:
    """One recipe for one product: its best state, and, where nothing is published, why in words."""

    recipe: str
    state: CoverageState
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class CoverageRow:
    """One product across all recipes, in the order of `ReportData.recipes`."""

    sku: str
    title: str
    category: str
    cells: tuple[CoverageCell, ...]
    gallery_href: str | None = None


@dataclass(frozen=True, kw_only=True)
class ReportData:
    """Everything the report shows. `made_at` is text for people (`2026-11-21 14:05 UTC`); `brand` the brand kit's title."""

    title: str
    brand: str
    made_at: str
    counts: Counts
    categories: tuple[CategoryReport, ...]
    quarantined: tuple[QuarantinedPhoto, ...] = ()
    loras: tuple[LoraReport, ...] = ()
    recipes: tuple[RecipeReport, ...] = ()
    coverage: tuple[CoverageRow, ...] = ()
    galleries_href: str | None = None
    version: str = ""


def recipe_reports(cards: Iterable[RenderCard], engines: dict[str, str], top: int = 4) -> tuple[RecipeReport, ...]:
    """The cards summed up per recipe, in the order of `engines` (recipe -> "studio" or "diffusion"); the `top` commonest reasons of each.

    For a catalog whose cards are all at hand; a large one is summed up by its ledger.
    """
    cards = tuple(cards)
    by_recipe = {recipe: [card for card in cards if card.recipe == recipe] for recipe in engines}
    return tuple(_recipe_report(recipe, engine, by_recipe[recipe], top) for recipe, engine in engines.items())


def _recipe_report(recipe: str, engine: str, cards: list[RenderCard], top: int) -> RecipeReport:
    verdicts = Counter(card.verdict for card in cards)
    codes = Counter(reason.code for card in cards for reason in {reason.code: reason for reason in card.reasons}.values())
    words = {reason.code: reason.message for card in cards for reason in card.reasons}
    return RecipeReport(
        recipe=recipe,
        title=cards[0].recipe_title if cards else recipe,
        engine=engine,
        approved=verdicts[Verdict.APPROVED],
        review=verdicts[Verdict.REVIEW],
        rejected=verdicts[Verdict.REJECTED],
        top_reasons=tuple(ReasonCount(code=code, message=words[code], count=count) for code, count in codes.most_common(top)),
    )
