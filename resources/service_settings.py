"""Settings of service and money: what a worker-hour costs in each tier, which tier what starts in, how much may be spent.

All optional: without them one price holds, nothing is express, and only a campaign's own budget ends it.
"""

from pydantic import Field

from resources.catalog_settings import Section
from resources.run_facts import TierName

GPU_ACTIVITIES = frozenset({"train", "render", "load model"})
"""Activities that hold the GPU where there is one; all others run beside it."""


class TierPrice(Section):
    """What a worker costs per hour in one tier, US dollars; `cpu_usd_per_hour` for work that needs no GPU, where it is cheaper."""

    usd_per_hour: float = Field(ge=0.0)
    cpu_usd_per_hour: float | None = Field(default=None, ge=0.0)

    def hourly_usd(self, activity: str) -> float:
        """Price of an hour of an activity."""
        return self.usd_per_hour if activity in GPU_ACTIVITIES or self.cpu_usd_per_hour is None else self.cpu_usd_per_hour


class CostSettings(TierPrice):
    """What a worker-hour costs, for quotes, budgets and cost per approved image; `tiers` where a tier has a price of its own."""

    usd_per_hour: float = Field(default=0.10, ge=0.0)
    tiers: dict[TierName, TierPrice] = Field(default_factory=dict)

    def of_tier(self, tier: TierName) -> TierPrice:
        """The price of a tier."""
        return self.tiers.get(tier, self)


class TierSettings(Section):
    """Which tier a run gets, by what started it. `categories` is for changed products only: a category somebody waits for."""

    changed_products: TierName = "standard"
    categories: dict[str, TierName] = Field(default_factory=dict)
    nightly: TierName = "economy"
    lora_refresh: TierName = "economy"

    def of_changed_products(self, category: str) -> TierName:
        """The tier of a cell that a sensor starts."""
        return self.categories.get(category, self.changed_products)


class BudgetSettings(Section):
    """Upper bounds in US dollars, each for a day (UTC); what is left out is not bounded. `campaign_usd` is for campaigns that name no budget.

    Everything spent counts, whoever started it; only backfills (nightly, campaigns, LoRA refreshes) are held back.
    """

    day_usd: float | None = Field(default=None, ge=0.0)
    tier_day_usd: dict[TierName, float] = Field(default_factory=dict)
    category_day_usd: dict[str, float] = Field(default_factory=dict)
    campaign_usd: float | None = Field(default=None, ge=0.0)


class BackfillSettings(Section):
    """How campaigns are handed out: runs that may be waiting or going on per campaign, requests per tick, runs that a cell may fail."""

    max_running: int = Field(default=8, ge=1, le=500)
    per_tick: int = Field(default=8, ge=1, le=200)
    max_attempts: int = Field(default=3, ge=1, le=10)
