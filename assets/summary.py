"""The numbers a run ends with: one line for people, `summary.json` for machines."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Counts over the whole catalog as it stands, and what the last run did. `seconds` is wall time of that run.

    `usd_per_approved` is all money ever spent on the catalog over all images approved now; None while nothing is approved. `numbers` are the
    rates, reasons, review minutes and costs by category, recipe, LoRA and day, as `number_values.plain_numbers` gives them.
    """

    products: int
    photos: int
    photos_quarantined: int
    cutouts_doubtful: int
    renders_total: int
    rendered_now: int
    renders_refused: int
    approved: int
    review: int
    rejected: int
    published: int
    seconds: float
    usd_per_approved: float | None
    numbers: Mapping[str, Any] = field(default_factory=dict)
    refused_by_channels: int = 0
    """Approved pictures that a channel's pack does not take, one for each channel that refuses."""

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON; seconds to a tenth, money to a hundredth of a cent."""
        money = None if self.usd_per_approved is None else round(self.usd_per_approved, 6)
        return {**asdict(self), "seconds": round(self.seconds, 1), "usd_per_approved": money}

    def line(self) -> str:
        """The one line a run ends with."""
        refused = f", {self.refused_by_channels} refused by their channels" if self.refused_by_channels else ""
        return (
            f"{_counted(self.products, 'product')}, {_counted(self.photos_quarantined, 'photo')} quarantined, "
            f"{_counted(self.renders_total, 'render')} "
            f"({self.rendered_now} now): {self.approved} approved, {self.review} review, {self.rejected} rejected; "
            f"{_counted(self.published, 'image')} published{refused}; {self.seconds:.0f} s"
        )

    def write(self, folder: Path) -> None:
        """Write `summary.json` into the output folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "summary.json").write_text(json.dumps(self.as_dict(), indent=2) + "\n", encoding="utf-8")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"
