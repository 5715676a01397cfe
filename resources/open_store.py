"""The stores that a project's settings describe. The one place that knows all kinds."""

from catalog.errors import StoreError
from resources.blob_cache import BlobCache
from resources.bucket_files import BucketFiles
from resources.catalog_settings import S3Place
from resources.object_store import ObjectStore
from resources.residency import hold_to_regions
from resources.s3_access import open_s3, s3_address
from resources.settings import Settings
from resources.store_settings import S3Publish, S3Store

UNCHANGED = "Nothing was changed."


def open_store(settings: Settings) -> ObjectStore:
    """The object store of a project. Raises StoreError when there are no credentials, SettingsError for a bucket outside the project's regions;
    whether the bucket is there shows on first use."""
    place = settings.store
    if not isinstance(place, S3Store):
        return ObjectStore(settings.state_dir)
    hold_to_regions(settings, place)
    return ObjectStore(open_bucket(place), BlobCache(settings.state_dir / "cache" / "blobs", int(place.cache_gb * 1e9)))


def open_published_bucket(settings: Settings) -> BucketFiles | None:
    """The bucket that pictures are delivered to; None where they go into the output folder."""
    if not isinstance(settings.publish, S3Publish):
        return None
    hold_to_regions(settings, settings.publish)
    return open_bucket(settings.publish)


def open_bucket(place: S3Place) -> BucketFiles:
    """A prefix of a bucket, with our own retries."""
    return BucketFiles(open_s3(place, error_class=StoreError, unchanged=UNCHANGED), s3_address(place))
