"""Deliver approved pictures into a folder that a storefront or a CDN serves.

    <folder>/manifest.json                  names -> files, and tombstones; written after every file is in place
    <folder>/images/3f/3fa9...c1.jpg        the pictures, named by their sha256: immutable, no query string, cacheable for ever

Readable names (`web/lighting/LMP-003/staged_scene-0.jpg`) live in the manifest. A second tree of readable files was rejected: a picture
that changes behind a cached address is the commonest way to show a shopper the wrong product. Repeating a delivery writes nothing.
Gallery pages are `product_page.py`; deciding what is approved is not done here, only insisted on.
"""

import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from catalog.failpoint import failpoint
from catalog.preemption import stop_point
from publishing.atomic_file import write_atomically, write_if_changed
from publishing.delivery import (
    REPLACED_STAYS_H,
    TOMBSTONES_STAY_DAYS,
    Approval,
    DeliveryItem,
    DeliveryReport,
    image_of,
    refuse_unapproved,
)
from publishing.folder_lock import alone_in
from publishing.manifest import MANIFEST_NAME, Manifest, PublishedImage, Tombstone, manifest_version, read_manifest

__all__ = ["REPLACED_STAYS_H", "TOMBSTONES_STAY_DAYS", "Approval", "DeliveryItem", "DeliveryReport", "deliver"]

_STRAY_AFTER_S: Final = 86_400
"""A half-written file that is a day old belongs to nobody who is still alive."""


def deliver(
    folder: Path,
    items: Iterable[DeliveryItem],
    *,
    complete_for: Collection[str],
    delivered_at: datetime,
    covers: Callable[[str], bool] = lambda _: True,
    kept: Collection[tuple[str, str, str]] = (),
    still_mine: Callable[[], None] = lambda: None,
    when_delivered: Callable[[str, str, Manifest], None] = lambda before, after, manifest: None,
) -> DeliveryReport:
    """Bring a folder to the state that `items` describe for the products in `complete_for` (SKUs), and leave all others alone.

    A name of those products that no item asks for is withdrawn: its file goes, a tombstone line stays. `covers` says of which recipes the
    delivery speaks; pictures of others stay as they are, and so do those in `kept` (channel, SKU, recipe). Files first, manifest after them,
    removals last; wherever this is interrupted, the manifest that stands names only files that exist, and the next delivery finishes.
    Several deliveries into one folder may run at once. `still_mine` is asked once nobody else can write the manifest and raises what it
    likes when these products are another delivery's by now; that one writes after us, so what it knows is newer. `when_delivered` is told the
    manifest's versions before and after and what stands, while no other delivery can come between. `delivered_at` (with a time zone) is
    written into tombstones only.

    Raises PublishRefused before anything is written, if any item lacks an approval of exactly its render under exactly the rules in
    force; StoreError if the folder cannot be written.
    """
    asked = list(items)
    wanted = {item.name: item for item in asked}
    assert len(wanted) == len(asked), "two items of one delivery have the same name"
    refuse_unapproved(wanted.values())
    foreign = sorted({item.variant.sku for item in wanted.values()} - set(complete_for))
    assert all(covers(item.variant.recipe) for item in asked), "an item of a recipe that the delivery does not speak for"
    assert not foreign, f"items of {foreign[:3]} are delivered, but the delivery does not speak for them"
    now = delivered_at.astimezone(UTC)

    before = read_manifest(folder)
    made = {name: _put(folder, item, before.images.get(name)) for name, item in wanted.items()}
    failpoint("delivery.files_in_place")
    with alone_in(folder):
        failpoint("delivery.locked")
        still_mine()
        before, version = read_manifest(folder), manifest_version(folder)
        images = {
            name: image
            for name, image in before.images.items()
            if image.sku not in complete_for or not covers(image.recipe) or (image.channel, image.sku, image.recipe) in kept
        }
        for name, item in wanted.items():
            image, written = made[name]
            if not (folder / image.file).is_file():  # another delivery withdrew the same bytes meanwhile
                image, written = _put(folder, item, None)
            images[name], made[name] = image, (image, written)
        after = Manifest(images=images, tombstones=_tombstones(folder, before, images, now))
        failpoint("delivery.before_manifest")
        changed = write_if_changed(folder / MANIFEST_NAME, after.as_bytes()) if images or before.images or before.tombstones else False
        failpoint("delivery.manifest_written")
        when_delivered(version, manifest_version(folder), after)
        removed = _remove_taken_back(folder, after, now)
    failpoint("delivery.unlocked")
    old = before.images
    replaced = sum(name in old and old[name].file != images[name].file for name in wanted)
    published = sum(name not in old for name in wanted)
    return DeliveryReport(
        published=published,
        replaced=replaced,
        unchanged=len(wanted) - published - replaced,
        withdrawn=sum(name not in images for name in old),
        files_removed=removed,
        bytes_written=sum(written for _, written in made.values()),
        manifest_changed=changed,
    )


def _put(folder: Path, item: DeliveryItem, known: PublishedImage | None) -> tuple[PublishedImage, int]:
    """Make sure the file of an item is in place; its manifest entry and the bytes written (0 when it was there)."""
    if known is not None and known.publish_key == item.publish_key and _is_in_place(folder / known.file, known.bytes):
        return known.model_copy(update={"rules_digest": item.rules_digest}), 0
    stop_point()
    rendition = item.make()
    image = image_of(item, rendition, file=f"images/{rendition.sha256[:2]}/{rendition.file_name}")
    if _is_in_place(folder / image.file, image.bytes):
        return image, 0
    failpoint("delivery.encoded")
    write_atomically(folder / image.file, rendition.data, incoming=folder / ".incoming")
    failpoint("delivery.file_written")
    return image, image.bytes


def _is_in_place(path: Path, size_bytes: int) -> bool:
    """Whether the file is there in full length; its content is its name, and it came by a rename, so length is enough.

    Asks once: another delivery may remove the file between two questions.
    """
    try:
        return path.stat().st_size == size_bytes
    except FileNotFoundError:
        return False


def _tombstones(folder: Path, before: Manifest, images: dict[str, PublishedImage], now: datetime) -> tuple[Tombstone, ...]:
    """The tombstones that stand after this delivery: the old ones that still hold, then those of what was taken back now."""
    live_files = {image.file for image in images.values()}
    oldest = (now - timedelta(days=TOMBSTONES_STAY_DAYS)).isoformat(timespec="seconds")
    stones = [
        stone for stone in before.tombstones if stone.file not in live_files and (stone.at > oldest or (folder / stone.file).exists())
    ]
    for name, old in before.images.items():
        if old.file in live_files:
            continue
        replaced = name in images
        stones.append(
            Tombstone(
                name=name,
                file=old.file,
                sha256=old.sha256,
                sku=old.sku,
                why="replaced" if replaced else "withdrawn",
                at=now.isoformat(timespec="seconds"),
                remove_after=(now + timedelta(hours=REPLACED_STAYS_H if replaced else 0)).isoformat(timespec="seconds"),
            )
        )
    return tuple(stones)


def _remove_taken_back(folder: Path, manifest: Manifest, now: datetime) -> int:
    """Remove files whose tombstone is due, and half-written ones left by a killed delivery; how many of the former there were."""
    removed = 0
    due = now.isoformat(timespec="seconds")
    for stone in manifest.tombstones:
        path = folder / stone.file
        if stone.remove_after <= due and path.is_file():
            path.unlink()
            failpoint("delivery.file_removed")
            removed += 1
    for stray in (folder / ".incoming").glob("*.part"):
        with suppress(FileNotFoundError):  # a delivery at work renamed it meanwhile
            if time.time() - stray.stat().st_mtime > _STRAY_AFTER_S:
                stray.unlink()
    return removed
