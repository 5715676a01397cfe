"""What channels' packs and models' licenses say of approved pictures, for people: taken, refused or not judged yet, and why.

Judges nothing; that is `channel_packs.py`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from assets.channel_packs import is_refused, is_unjudged
from assets.model_clearance import LICENSE_CODE, may_refuse
from catalog.verdict import Reason
from resources.ledger import Row
from resources.project import Project

if TYPE_CHECKING:
    from assets.published_images import Candidate
    from publishing.channel_report import ChannelReport

NO_PACK = "licenses of models only"
"""In place of a pack's title, for a channel without one."""

REFUSED_SHOWN = 40
"""Refused pictures named per channel in the report."""


@dataclass(frozen=True, kw_only=True)
class ChannelOpinion:
    """What one channel says of one approved picture by the rules of its pack that hold today, or what a license says of it there."""

    sku: str
    title: str
    recipe: str
    index: int
    render_key: str
    channel: str
    pack: str | None
    verdict: Literal["taken", "refused", "not judged"]
    reasons: tuple[Reason, ...]

    @property
    def refusals(self) -> tuple[Reason, ...]:
        """Why the channel does not take it; empty unless it is refused."""
        return tuple(reason for reason in self.reasons if reason.severity == "critical")

    @property
    def recommendations(self) -> tuple[Reason, ...]:
        """What the channel recommends and the picture does not have; it goes out all the same."""
        return tuple(reason for reason in self.reasons if reason.severity == "warning")

    def as_row(self) -> dict[str, Any]:
        """One line of a table for people."""
        named = {"sku": self.sku, "recipe": f"{self.recipe} {self.index}", "channel": self.channel}
        return {
            **named,
            "why": "; ".join(reason.message for reason in self.refusals),
            "recommended": "; ".join(reason.message for reason in self.recommendations),
        }


def any_opinions(project: Project) -> bool:
    """Whether any channel has a pack, or licenses could keep a picture from one."""
    return any(channel.pack for channel in project.brand_kit.channels) or may_refuse(project)


def opinions_of(found: Iterable["Candidate"], verdicts: Mapping[str, Row], *, of_all: bool = False) -> list[ChannelOpinion]:
    """Opinions on candidates of channels with a pack, or (`of_all`: a license may speak, too) of all channels; `verdicts` from `pack_verdicts`."""
    return [_opinion(one, dict(verdicts)) for one in found if one.channel.pack is not None or of_all]


def _opinion(one: "Candidate", verdicts: dict[str, Row]) -> ChannelOpinion:
    refused, unjudged = is_refused(one, verdicts), is_unjudged(one, verdicts)
    reasons = tuple(Reason(**reason) for reason in verdicts[one.publish_key]["reasons"]) if one.publish_key in verdicts else ()
    if one.not_cleared:
        refused, reasons = True, (Reason(code=LICENSE_CODE, message=one.not_cleared), *reasons)
    return ChannelOpinion(
        sku=one.wanted.variant.sku,
        title=one.wanted.product.title,
        recipe=one.wanted.variant.recipe,
        index=one.wanted.variant.index,
        render_key=one.render_row["render_key"],
        channel=one.channel.name,
        pack=one.channel.pack,
        verdict="refused" if refused else "not judged" if unjudged else "taken",
        reasons=reasons,
    )


@dataclass(kw_only=True)
class ChannelTally:
    """Opinions of one channel summed up as they pass by; remembers counts, and the first pictures that are refused."""

    verdicts: Counter[str] = field(default_factory=Counter)
    refused_for: Counter[str] = field(default_factory=Counter)
    recommended: Counter[str] = field(default_factory=Counter)
    pictures: list[ChannelOpinion] = field(default_factory=list)

    def add(self, one: ChannelOpinion) -> None:
        """Count one opinion."""
        self.verdicts[one.verdict] += 1
        self.refused_for.update({reason.code for reason in one.refusals})
        self.recommended.update({reason.code for reason in one.recommendations})
        if one.verdict == "refused" and len(self.pictures) < REFUSED_SHOWN:
            self.pictures.append(one)

    def report(self, channel: str, title: str) -> "ChannelReport":
        """What the catalog report shows of it."""
        from publishing.channel_report import ChannelReport, RefusedPicture

        return ChannelReport(
            channel=channel,
            title=title,
            taken=self.verdicts["taken"],
            refused=self.verdicts["refused"],
            not_judged=self.verdicts["not judged"],
            refused_for=tuple(self.refused_for.most_common()),
            recommended=tuple(self.recommended.most_common()),
            pictures=tuple(
                RefusedPicture(sku=one.sku, product_title=one.title, recipe=one.recipe, index=one.index, reasons=one.refusals)
                for one in self.pictures
            ),
        )


def channel_reports(project: Project) -> "tuple[ChannelReport, ...]":
    """For the catalog report, each channel that has a pack or that a license keeps pictures from: counts, reasons ranked, the pictures."""
    from assets.planning import known_cells
    from assets.published_images import channel_opinions

    tallies = {channel.name: ChannelTally() for channel in project.brand_kit.channels}
    for cell in known_cells(project) if any_opinions(project) else ():
        for one in channel_opinions(project, *cell):
            tallies[one.channel].add(one)
    shown = [channel for channel in project.brand_kit.channels if channel.pack or tallies[channel.name].verdicts["refused"]]
    titles = {channel.name: project.packs.pack(channel.pack).title if channel.pack else NO_PACK for channel in shown}
    return tuple(tallies[channel.name].report(channel.name, titles[channel.name]) for channel in shown)
