"""Where published pictures stand, and how a cell's are read and delivered: the output folder or a bucket, as the settings say.

What may be published is `published_images.py`; how a place is kept whole is `publishing/folder_channel.py` and `bucket_channel.py`.
"""

import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from assets.planning import skus_of_cell
from resources.ledger import QUERY_CHUNK
from resources.ledger_tables import change
from resources.project import Project
from resources.settings import utc_now
from resources.store_settings import S3Publish

if TYPE_CHECKING:
    from publishing.delivery import DeliveryItem, DeliveryReport
    from publishing.manifest import Manifest


Picture = tuple[str, str, int]
"""A product, a recipe, an index."""

WHOLE = ""
"""The only part of a folder's manifest, which is one file."""


def publish_folder_of(project: Project) -> str:
    """The folder that storefronts read, where pictures are published into a folder."""
    return str(project.settings.output_dir / "published")


def published_address(project: Project, path: str = "") -> str:
    """Where published pictures stand, or one file among them, for people: a path or an `s3://` address."""
    bucket = project.published_bucket
    home = publish_folder_of(project) if bucket is None else bucket.name
    return f"{home}/{path}" if path else home


def published_href(project: Project) -> str | None:
    """What links in the report start with to reach published files; None where the settings do not say the bucket's public address."""
    how = project.settings.publish
    if not isinstance(how, S3Publish):
        return Path(publish_folder_of(project)).name
    return str(how.url).rstrip("/") if how.url else None


def published_of_cell(project: Project, category: str, drop: str) -> "Manifest":
    """What stands now of a cell's products, wherever they were published from; more may be in it, nothing of theirs is missing."""
    return Shown(project).of_cell(category, drop)


class Shown:
    """What stands, asked cell by cell: of a folder its manifest is read once, of a bucket only the parts that are asked for."""

    def __init__(self, project: Project) -> None:
        self._project, self._images = project, 0

    @cached_property
    def _of_folder(self) -> "Manifest":
        from publishing.manifest import read_manifest

        return read_manifest(Path(publish_folder_of(self._project)))

    def of_cell(self, category: str, drop: str) -> "Manifest":
        """The pictures of a cell's products; more may be in it, nothing of theirs is missing."""
        from publishing.bucket_manifest import part_name, read_board
        from publishing.manifest import Manifest

        bucket = self._project.published_bucket
        if bucket is None:
            return self._of_folder
        skus = skus_of_cell(self._project, category, drop)
        board = read_board(bucket, {part_name(category, drop), *former_parts(self._project, skus)})
        return Manifest(images={name: image for part in board.parts.values() for name, image in part.images.items()})

    def files_of_cell(self, category: str, drop: str) -> Mapping[Picture, str]:
        """Files by product, recipe and index; of a folder those of all cells, so that its manifest is gone through once."""
        if self._project.published_bucket is None:
            return self._files_of_folder
        return {(i.sku, i.recipe, i.index): i.file for i in self.of_cell(category, drop).images.values()}

    @cached_property
    def _files_of_folder(self) -> dict[Picture, str]:
        from publishing.manifest import each_image

        found = dict[Picture, str]()
        for image in each_image(Path(publish_folder_of(self._project))):
            found[image["sku"], sys.intern(image["recipe"]), image["index"]] = image["file"]
            self._images += 1
        return found

    @cached_property
    def files(self) -> int:
        """How many files stand, of the whole catalog."""
        from publishing.bucket_manifest import read_index

        bucket = self._project.published_bucket
        if bucket is None:
            return self._images if self._files_of_folder else 0
        return sum(part.images for part in read_index(bucket)[0].parts.values())


def former_parts(project: Project, skus: Iterable[str]) -> set[str]:
    """Parts of the bucket's manifest in which some products may stand: of every cell they ever were in, as the ledger remembers."""
    from publishing.bucket_manifest import part_name

    wanted, found = sorted(set(skus)), set()
    for start in range(0, len(wanted), QUERY_CHUNK):
        query = sa.select(change.c.category, change.c.drop).where(change.c.sku.in_(wanted[start : start + QUERY_CHUNK])).distinct()
        found |= {part_name(row["category"], row["drop"]) for row in project.ledger.rows(query)}
    return found


def deliver_cell(
    project: Project,
    category: str,
    drop: str,
    items: "Iterable[DeliveryItem]",
    *,
    complete_for: Collection[str],
    covers: Callable[[str], bool],
    kept: Collection[tuple[str, str, str]] = (),
    when_delivered: "Callable[[str, str, str, Manifest], None]" = lambda part, before, after, manifest: None,
) -> "DeliveryReport":
    """Bring what stands of some products to the state that `items` describe. Raises PublishRefused and StoreError.

    `when_delivered` is told, of each part of the manifest that was written, its versions before and after and what stands in it.
    """
    from publishing.bucket_channel import deliver_to_bucket
    from publishing.bucket_manifest import part_name
    from publishing.folder_channel import deliver

    bucket, still_mine = project.published_bucket, project.ledger.confirm
    if bucket is None:
        return deliver(
            Path(publish_folder_of(project)),
            items,
            complete_for=complete_for,
            covers=covers,
            kept=kept,
            still_mine=still_mine,
            when_delivered=partial(when_delivered, WHOLE),
            delivered_at=utc_now(),
        )
    return deliver_to_bucket(
        bucket,
        part_name(category, drop),
        items,
        complete_for=complete_for,
        covers=covers,
        kept=kept,
        former_parts=former_parts(project, complete_for),
        still_mine=still_mine,
        when_delivered=when_delivered,
        delivered_at=utc_now(),
    )


def published_versions(project: Project) -> dict[str, str]:
    """The version of each part of the manifest that stands: by it a part is known to be as it was, without reading it."""
    from publishing.bucket_manifest import part_version, read_index
    from publishing.manifest import manifest_version

    bucket = project.published_bucket
    if bucket is None:
        version = manifest_version(Path(publish_folder_of(project)))
        return {WHOLE: version} if version else {}
    index, _ = read_index(bucket)
    return {name: part_version(index, name) for name in index.parts}


def published_parts(project: Project, parts: Iterable[str]) -> "Iterator[tuple[str, str, Manifest]]":
    """What stands in some parts of the manifest, each with its version; '' for a part that is not there."""
    from publishing.bucket_manifest import read_parts
    from publishing.manifest import Manifest, read_manifest

    bucket = project.published_bucket
    if bucket is not None:
        yield from read_parts(bucket, parts)
        return
    for part in parts:
        version = published_versions(project).get(part, "")  # asked first: who writes in between makes it an old one, and is seen
        yield part, version, read_manifest(Path(publish_folder_of(project))) if part == WHOLE else Manifest()
