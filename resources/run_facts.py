"""What a run is part of: its tier, its campaign, the recipes it is limited to. Told by the run's tags, read wherever a project is opened.

Resources only carry it; what a tier means is `orchestration/placement.py`, what a campaign is `orchestration/campaigns.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from catalog.errors import SettingsError

TierName = Literal["express", "standard", "economy"]
"""The tiers of service: somebody waits, the day's work, whatever is cheap."""

TIER_NAMES: tuple[TierName, ...] = get_args(TierName)

TIER_TAG = "vitrine/tier"
"""Run tag that names the tier; without it a run is `standard`."""

CAMPAIGN_TAG = "vitrine/campaign"
"""Run tag with the name of the campaign that a run is part of."""

ATTEMPT_TAG = "vitrine/attempt"
"""Run tag with the one attempt at one cell (or LoRA) that a run is: `campaign|category|drop|attempt@number`. Retries by Dagster keep it."""

RECIPES_TAG = "vitrine/recipes"
"""Run tag that limits a run to recipes: names with commas between them. Other recipes of the cell are neither made, judged nor published."""


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """The run that a project was opened for. The defaults are a run that nobody tagged."""

    tier: TierName = "standard"
    campaign: str | None = None
    attempt: str | None = None
    recipes: frozenset[str] | None = None
    """Recipes the run is limited to; None: all."""

    def covers(self, recipe: str) -> bool:
        """Whether the run may make, judge and publish renders of a recipe."""
        return self.recipes is None or recipe in self.recipes


def facts_of(tags: Mapping[str, str]) -> RunFacts:
    """The facts that a run's tags tell. Raises SettingsError for a tier that does not exist or an empty list of recipes."""
    recipes = None
    if RECIPES_TAG in tags:
        recipes = frozenset(name.strip() for name in tags[RECIPES_TAG].split(",") if name.strip())
        if not recipes:
            raise SettingsError(f"The run's tag {RECIPES_TAG} names no recipe. Name some, or leave the tag out. Nothing was made.")
    return RunFacts(
        tier=known_tier(tags.get(TIER_TAG, "standard")), campaign=tags.get(CAMPAIGN_TAG), attempt=tags.get(ATTEMPT_TAG), recipes=recipes
    )


def known_tier(name: str) -> TierName:
    """A tier by its name. Raises SettingsError for one that does not exist."""
    for tier in TIER_NAMES:
        if name == tier:
            return tier
    raise SettingsError(f"There is no tier {name!r}; it can be {', '.join(TIER_NAMES)}. Nothing was run.")
