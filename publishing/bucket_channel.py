"""Deliver approved pictures into a bucket that a storefront or a CDN serves; several deliveries at once lose nothing, without a lock.

Pictures lie as in a folder, `images/3f/3fa9...c1.jpg`; the manifest is an index with a part per cell (`bucket_manifest.py`). A picture that
was taken back and is approved again comes under a new address, `images/3f/3fa9...c1-1.jpg`: whoever took it back may be removing the old
file at this moment, and two machines cannot agree about one file except through the index.
"""

import random
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from catalog.errors import StoreBusy
from catalog.preemption import stop_point
from publishing.bucket import FOR_EVER, Bucket, Uploads
from publishing.bucket_manifest import Board, commit, part_version, read_board, sweep_parts
from publishing.delivery import REPLACED_STAYS_H, TOMBSTONES_STAY_DAYS, DeliveryItem, DeliveryReport, image_of, refuse_unapproved
from publishing.manifest import Manifest, PublishedImage, Tombstone
from publishing.rendition import Rendition

TURN_DEADLINE_S: Final = 300.0
"""How long a delivery tries to commit while others are faster: a commit takes under a second, so dozens of cells may end at once."""

LONGEST_WAIT_S: Final = 2.0
"""Seconds between two tries to commit, at most; the wait is random, so that two deliveries do not meet again and again."""


@dataclass(frozen=True, kw_only=True)
class _Placed:
    """An item's file: the manifest's entry, and the bytes that were written for it now."""

    image: PublishedImage
    written: int


def deliver_to_bucket(
    bucket: Bucket,
    part: str,
    items: Iterable[DeliveryItem],
    *,
    complete_for: Collection[str],
    delivered_at: datetime,
    covers: Callable[[str], bool] = lambda _: True,
    kept: Collection[tuple[str, str, str]] = (),
    former_parts: Collection[str] = (),
    still_mine: Callable[[], None] = lambda: None,
    when_delivered: Callable[[str, str, str, Manifest], None] = lambda part, before, after, manifest: None,
) -> DeliveryReport:
    """Bring one part of a bucket to the state that `items` describe for the products in `complete_for` (SKUs); see `folder_channel.deliver`.

    `covers` says of which recipes the delivery speaks; pictures in `kept` (channel, SKU, recipe) stay as they are. `former_parts` are the parts
    in which those products may stand from before: they are taken out there in the same commit, so no picture stands twice. `still_mine` is asked between
    reading the index and writing it, and raises when these products are another delivery's by now: if that one wrote meanwhile, our conditional
    write fails, and we ask again. `when_delivered` is told, of each part that was written, its versions before and after and what stands in it. Files first, then parts, then the index, removals
    last; wherever this is interrupted, the index that stands names only parts and pictures that exist, and the next delivery finishes.

    Raises PublishRefused before anything is written, if any item lacks an approval of exactly its render under exactly the rules in force;
    StoreError if the bucket cannot be written; StoreBusy if others commit without a pause for five minutes.
    """
    asked = list(items)
    wanted = {item.name: item for item in asked}
    assert len(wanted) == len(asked), "two items of one delivery have the same name"
    refuse_unapproved(wanted.values())
    foreign = sorted({item.variant.sku for item in asked} - set(complete_for))
    assert not foreign, f"items of {foreign[:3]} are delivered, but the delivery does not speak for them"
    assert all(covers(item.variant.recipe) for item in asked), "an item of a recipe that the delivery does not speak for"

    def speaks_for(image: PublishedImage) -> bool:
        return image.sku in complete_for and covers(image.recipe) and (image.channel, image.sku, image.recipe) not in kept

    now, names = delivered_at.astimezone(UTC), {part, *former_parts}
    give_up_at, tries = time.monotonic() + TURN_DEADLINE_S, 0
    placed: dict[str, _Placed] = {}
    while True:
        board = read_board(bucket, names)
        removed = _remove_due(bucket, board.parts.values(), now)
        placed = _put_in_place(bucket, wanted, board, placed)
        images = {name: one.image for name, one in placed.items()}
        changed = _changed(board, part, images, speaks_for, now, removed)
        if not changed:
            break
        still_mine()
        index = commit(bucket, board, changed)
        if index is not None:
            for name, manifest in changed.items():
                when_delivered(name, part_version(board.index, name), part_version(index, name), manifest)
            removed = removed | _remove_due(bucket, changed.values(), now)
            sweep_parts(bucket, index, changed, now)
            break
        tries += 1
        wait_s = random.uniform(0.0, min(LONGEST_WAIT_S, 0.05 * 2**tries))
        if time.monotonic() + wait_s > give_up_at:
            raise StoreBusy(
                f"The delivery of {part} to {bucket.name} was overtaken {tries} times in {TURN_DEADLINE_S:.0f} s. Its files are in place, the "
                "manifest is the others'. Run it again when fewer cells are published at once."
            )
        time.sleep(wait_s)
    return _report(board, placed, speaks_for, len(removed), manifest_changed=bool(changed))


def _put_in_place(bucket: Bucket, wanted: Mapping[str, DeliveryItem], board: Board, had: Mapping[str, _Placed]) -> dict[str, _Placed]:
    """Make sure that the file of every item is there; the items' manifest entries by name.

    `had` is what was put in place before another delivery was faster: it stands, unless a tombstone names its file now.
    """
    live = {image.publish_key: image for manifest in board.parts.values() for image in manifest.images.values()}
    taken_back = _taken_back(board)
    placed = {name: one for name, one in had.items() if one.image.file not in taken_back}
    known = {name: live[item.publish_key] for name, item in wanted.items() if name not in placed and item.publish_key in live}
    sizes = bucket.sizes({image.file for image in known.values()})
    for name, image in known.items():
        if sizes.get(image.file) == image.bytes:
            placed[name] = _Placed(image=_as_asked(image, wanted[name]), written=0)
    with Uploads() as uploads:
        for name, item in wanted.items():
            if name in placed:
                continue
            stop_point()
            rendition = item.make()
            image = image_of(item, rendition, file=_address(rendition, taken_back))

            def put(name: str = name, image: PublishedImage = image, data: bytes = rendition.data) -> None:
                placed[name] = _Placed(image=image, written=_put(bucket, image, data))

            uploads.start(put)
    return placed


def _put(bucket: Bucket, image: PublishedImage, data: bytes) -> int:
    """Write a picture unless it is there in full length; the bytes written."""
    if bucket.create(image.file, data, image.media_type, FOR_EVER):
        return image.bytes
    if bucket.sizes([image.file]).get(image.file) == image.bytes:
        return 0
    bucket.write(image.file, data, image.media_type, FOR_EVER)
    return image.bytes


def _taken_back(board: Board) -> set[str]:
    """Files that somebody may remove at any moment.

    The parts at hand are enough: a file's bytes name its variant (`PictureMetadata.identifier`), so no part of other products names it.
    """
    live = {image.file for manifest in board.parts.values() for image in manifest.images.values()}
    return {stone.file for manifest in board.parts.values() for stone in manifest.tombstones} - live


def _address(rendition: Rendition, taken_back: Collection[str]) -> str:
    """Where a picture goes: its content's name, with a number where that was taken back."""
    home, (stem, extension) = f"images/{rendition.sha256[:2]}", rendition.file_name.rsplit(".", 1)
    address, number = f"{home}/{rendition.file_name}", 0
    while address in taken_back:
        number += 1
        address = f"{home}/{stem}-{number}.{extension}"
    return address


def _as_asked(image: PublishedImage, item: DeliveryItem) -> PublishedImage:
    """A picture that stands already, under the name and the rules that are asked for now."""
    return image.model_copy(update={"category": item.category, "rules_digest": item.rules_digest, "alt": item.alt})


def _changed(
    board: Board,
    part: str,
    images: dict[str, PublishedImage],
    speaks_for: Callable[[PublishedImage], bool],
    now: datetime,
    removed: set[str],
) -> dict[str, Manifest]:
    """The parts that must be written again, as they shall be."""
    after = {
        name: {key: image for key, image in before.images.items() if not speaks_for(image)} | (images if name == part else {})
        for name, before in board.parts.items()
    }
    live = {image.file for standing in after.values() for image in standing.values()}
    names = {key for standing in after.values() for key in standing}
    changed = {}
    for name, before in board.parts.items():
        stones = [*_old_stones(before, live, now, removed), *_new_stones(before, live, names, now)]
        marks_aside = [stone.model_copy(update={"removed": False}) for stone in stones]
        standing = [stone.model_copy(update={"removed": False}) for stone in before.tombstones]
        if after[name] != before.images or marks_aside != standing:
            changed[name] = Manifest(images=after[name], tombstones=tuple(stones))
    return changed


def _old_stones(before: Manifest, live: set[str], now: datetime, removed: set[str]) -> list[Tombstone]:
    """The tombstones that still hold: young, or of a file that may still be there."""
    oldest = (now - timedelta(days=TOMBSTONES_STAY_DAYS)).isoformat(timespec="seconds")
    marked = [stone.model_copy(update={"removed": stone.removed or stone.file in removed}) for stone in before.tombstones]
    return [stone for stone in marked if stone.file not in live and (stone.at > oldest or not stone.removed)]


def _new_stones(before: Manifest, live: set[str], names: set[str], now: datetime) -> list[Tombstone]:
    """A tombstone for each picture that stands in a part and will stand nowhere."""
    return [
        Tombstone(
            name=name,
            file=old.file,
            sha256=old.sha256,
            sku=old.sku,
            why="replaced" if name in names else "withdrawn",
            at=now.isoformat(timespec="seconds"),
            remove_after=(now + timedelta(hours=REPLACED_STAYS_H if name in names else 0)).isoformat(timespec="seconds"),
        )
        for name, old in before.images.items()
        if old.file not in live
    ]


def _remove_due(bucket: Bucket, parts: Iterable[Manifest], now: datetime) -> set[str]:
    """Remove the files of committed tombstones that are due and not known to be gone; asking again is no error."""
    due = now.isoformat(timespec="seconds")
    files = {stone.file for part in parts for stone in part.tombstones if not stone.removed and stone.remove_after <= due}
    if files:
        bucket.remove(sorted(files))
    return files


def _report(
    board: Board, placed: Mapping[str, _Placed], speaks_for: Callable[[PublishedImage], bool], files_removed: int, *, manifest_changed: bool
) -> DeliveryReport:
    old = {name: i.file for part in board.parts.values() for name, i in part.images.items() if speaks_for(i)}
    replaced = sum(name in old and old[name] != one.image.file for name, one in placed.items())
    published = sum(name not in old for name in placed)
    return DeliveryReport(
        published=published,
        replaced=replaced,
        unchanged=len(placed) - published - replaced,
        withdrawn=sum(name not in placed for name in old),
        files_removed=files_removed,
        bytes_written=sum(one.written for one in placed.values()),
        manifest_changed=manifest_changed,
    )
