"""What the catalog report shows, as plain values: whoever knows the ledger fills these in. The page itself is `report.py`.

Pictures are `Thumbnail`s, made with `publishing.thumbnails.ThumbnailFolder.add`. Counts are counts of everything, also where only some
pictures are shown; a category may show a selection of its renders.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from catalog.verdict import Reason, Verdict
from catalog.yield_numbers import CatalogNumbers
from publishing.channel_report import ChannelReport


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
    """A category's LoRA: whether it is in use, how much nearer to the category's look it brings generated scenes, and the evidence.

    `palette_nearer_pct` and `layout_nearer_pct`: by how much the distance to held-out look pictures shrinks against the base model, in
    percent (40 = 40 % nearer; negative = farther); `control_nearer_pct`: the same palette number for a LoRA of another category, which
    must be worse. `look` are real pictures of the look, `before` the base model's, `after` the LoRA's, same seeds; `sheet` is one picture
    that shows them together, for whoever has that instead. `note` (how it came into use, or why it is not), `imported` (where one that was
    not trained here came from) and `challenger` (a newer one that is not in use) are sentences, or ''.
    """

    category: str
    title: str
    trigger: str
    digest: str
    in_use: bool
    note: str
    training_pictures: int
    steps: int
    train_seconds: float
    palette_nearer_pct: float | None
    layout_nearer_pct: float | None
    challenger: str = ""
    imported: str = ""
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
    def approved_share(self) -> float | None:
        """Share approved, 0..1; None when there were none."""
        return self.approved / self.total if self.total else None


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
    """Everything the report shows. `made_at` is text for people (`2026-11-21 14:05 UTC`); `brand` the brand kit's title.

    `coverage` may hold some products only: then `coverage_complete` of `coverage_total` have every recipe's picture. None: all are listed.
    """

    title: str
    brand: str
    made_at: str
    counts: Counts
    categories: tuple[CategoryReport, ...]
    quarantined: tuple[QuarantinedPhoto, ...] = ()
    loras: tuple[LoraReport, ...] = ()
    recipes: tuple[RecipeReport, ...] = ()
    coverage: tuple[CoverageRow, ...] = ()
    coverage_complete: int | None = None
    coverage_total: int | None = None
    numbers: CatalogNumbers | None = None
    galleries_href: str | None = None
    version: str = ""
    channels: tuple[ChannelReport, ...] = ()


@dataclass(kw_only=True)
class RecipeTally:
    """Renders summed up per recipe as they pass by; remembers counts and words, no render."""

    titles: dict[str, str] = field(default_factory=dict)
    verdicts: Counter[tuple[str, Verdict]] = field(default_factory=Counter)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    words: dict[str, str] = field(default_factory=dict)

    def add(self, recipe: str, title: str, verdict: Verdict, reasons: Iterable[Reason]) -> None:
        """Count one render; a reason that it has twice counts once."""
        self.titles[recipe] = title
        self.verdicts[recipe, verdict] += 1
        for code, message in {reason.code: reason.message for reason in reasons}.items():
            self.reasons[recipe, code] += 1
            self.words[code] = message

    def reports(self, engines: dict[str, str], top: int = 4) -> tuple[RecipeReport, ...]:
        """One per recipe, in the order of `engines` (recipe -> "studio" or "diffusion"), with the `top` commonest reasons of each."""
        return tuple(self._report(recipe, engine, top) for recipe, engine in engines.items())

    def _report(self, recipe: str, engine: str, top: int) -> RecipeReport:
        mine = sorted(((count, code) for (name, code), count in self.reasons.items() if name == recipe), key=lambda one: (-one[0], one[1]))
        return RecipeReport(
            recipe=recipe,
            title=self.titles.get(recipe, recipe),
            engine=engine,
            approved=self.verdicts[recipe, Verdict.APPROVED],
            review=self.verdicts[recipe, Verdict.REVIEW],
            rejected=self.verdicts[recipe, Verdict.REJECTED],
            top_reasons=tuple(ReasonCount(code=code, message=self.words[code], count=count) for count, code in mine[:top]),
        )
