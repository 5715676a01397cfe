"""What one cell needs, as plain counts: what schedules, quotes and the command line read of a plan.

Names no product and no render, so that a million products fit in a few thousand of these. Who finds out is `planning.py`.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from assets.planning import CellPlan


@dataclass(frozen=True, kw_only=True)
class CellNeed:
    """How many things of each kind one cell still needs, and why; counts are of the whole cell.

    `products` are its active products. `to_render` counts by recipe, and takes every photo that is not screened or cut out yet for a good
    one. `to_judge` counts renders that exist and have no verdict by the present rules, by recipe. `to_publish` counts published pictures
    to be added, replaced or taken back. `why` gives reasons in words with their counts.
    """

    category: str
    drop: str
    products: int = 0
    to_screen: int = 0
    to_cut_out: int = 0
    to_render: Mapping[str, int] = field(default_factory=dict)
    to_judge: Mapping[str, int] = field(default_factory=dict)
    to_publish: int = 0
    why: Mapping[str, int] = field(default_factory=dict)

    @property
    def renders(self) -> int:
        """Renders to make, of all recipes."""
        return sum(self.to_render.values())

    @property
    def judgments(self) -> int:
        """Renders that exist and are to be judged, of all recipes."""
        return sum(self.to_judge.values())

    @property
    def is_stale(self) -> bool:
        """Whether running this cell would do anything."""
        return bool(self.to_screen or self.to_cut_out or self.renders or self.judgments or self.to_publish)


PUBLISHED_DIFFERS = "published images differ from what is approved"


def need_of(plan: CellPlan, to_publish: int) -> CellNeed:
    """A plan in numbers. `to_publish` is how many published pictures of the cell would change."""
    why = Counter(plan.why)
    if to_publish:
        why[PUBLISHED_DIFFERS] += to_publish
    return CellNeed(
        category=plan.category,
        drop=plan.drop,
        products=len(plan.rows),
        to_screen=len(plan.photos_to_screen),
        to_cut_out=len(plan.cutouts_to_make),
        to_render=_positive(Counter(wanted.variant.recipe for wanted in plan.to_render) + plan.renders_to_come),
        to_judge=_positive(Counter(wanted.variant.recipe for wanted in plan.to_judge)),
        to_publish=to_publish,
        why=_positive(why),
    )


def _positive(counts: Counter[str]) -> dict[str, int]:
    return {name: count for name, count in sorted(counts.items()) if count}
