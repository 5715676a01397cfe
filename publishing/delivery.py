"""What a delivery is, wherever it goes: approved pictures, what they were approved as, and what came of it.

Delivering into a folder is `folder_channel.py`, into a bucket `bucket_channel.py`; both refuse the same things.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from catalog.brand_kit import Channel
from catalog.errors import PublishRefused
from catalog.recipe import SourceType
from catalog.variant import Variant
from catalog.verdict import Verdict
from imaging.encode import EXTENSIONS
from publishing.manifest import PublishedImage
from publishing.rendition import Rendition

REPLACED_STAYS_H: Final = 24
"""Hours a replaced file stays reachable: the life of a page in a shop's cache, with room; it was approved when it was published."""

TOMBSTONES_STAY_DAYS: Final = 90
"""Days a tombstone stays in the manifest: a storefront that synchronizes at least quarterly sees every withdrawal."""


@dataclass(frozen=True, kw_only=True)
class Approval:
    """A verdict and exactly what it was given for: the picture, and the rules it was held to."""

    verdict: Verdict
    render_digest: str
    rules_digest: str


@dataclass(frozen=True, kw_only=True)
class DeliveryItem:
    """One picture that should stand in one channel.

    `rules_digest` names the rules in force now, `approval` what the gate said (None: nothing). `make` encodes the rendition; it is called
    only when the file is not there yet, so unchanged pictures cost neither pixels nor memory. `publish_key` is `catalog.keys.publish_key`.
    """

    variant: Variant
    category: str
    channel: Channel
    render_digest: str
    rules_digest: str
    approval: Approval | None
    publish_key: str
    alt: str
    digital_source_type: SourceType
    make: Callable[[], Rendition]

    @property
    def name(self) -> str:
        """Stable name in the manifest: `<channel>/<category>/<sku>/<recipe>-<index>.<ext>`."""
        extension = EXTENSIONS[self.channel.format]
        return f"{self.channel.name}/{self.category}/{self.variant.sku}/{self.variant.recipe}-{self.variant.index}.{extension}"


@dataclass(frozen=True, kw_only=True)
class DeliveryReport:
    """What a delivery did: counts of names published new or again, replaced, left alone and withdrawn; files removed; bytes written."""

    published: int
    replaced: int
    unchanged: int
    withdrawn: int
    files_removed: int
    bytes_written: int
    manifest_changed: bool


def refuse_unapproved(items: Iterable[DeliveryItem]) -> None:
    """Raises PublishRefused naming the first items that may not be published, and why."""
    refused = [f"  {item.name}: {why}" for item in items if (why := _why_not(item))]
    if refused:
        more = [f"  and {len(refused) - 5} more"] if len(refused) > 5 else []
        head = f"{len(refused)} of the pictures to publish have no current approval. Nothing was published and the folder is as it was."
        raise PublishRefused("\n".join([head, *refused[:5], *more, "Judge them again, then publish what is approved."]))


def _why_not(item: DeliveryItem) -> str | None:
    approval = item.approval
    if approval is None:
        return "nobody judged it"
    if approval.verdict != Verdict.APPROVED:
        return f"its verdict is {approval.verdict.value!r}, 'approved' is required"
    if approval.render_digest != item.render_digest:
        return f"the approval is for render {approval.render_digest[:12]}, this is render {item.render_digest[:12]}"
    if approval.rules_digest != item.rules_digest:
        return f"the approval is under rules {approval.rules_digest[:12]}, the rules in force are {item.rules_digest[:12]}"
    return None


def image_of(item: DeliveryItem, rendition: Rendition, *, file: str) -> PublishedImage:
    """The manifest's entry of an item whose rendition stands at `file`."""
    return PublishedImage(
        file=file,
        sha256=rendition.sha256,
        bytes=len(rendition.data),
        width_px=rendition.width_px,
        height_px=rendition.height_px,
        media_type=rendition.media_type,
        channel=item.channel.name,
        category=item.category,
        sku=item.variant.sku,
        recipe=item.variant.recipe,
        index=item.variant.index,
        alt=item.alt,
        digital_source_type=item.digital_source_type,
        render_digest=item.render_digest,
        rules_digest=item.rules_digest,
        publish_key=item.publish_key,
    )
