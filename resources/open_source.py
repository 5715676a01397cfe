"""The catalog source that a project's settings describe. The one place that knows all kinds."""

from resources.catalog_settings import FolderPlace, S3Catalog, S3Place, SqlCatalog
from resources.catalog_source import CatalogSource, Pictures
from resources.folder_source import FolderPictures, FolderTable
from resources.residency import hold_to_regions
from resources.s3_source import Bucket, S3Pictures, S3Table
from resources.settings import Settings
from resources.sql_source import SqlTable


def open_source(settings: Settings) -> CatalogSource:
    """The source of a project. Connects to nothing yet, apart from asking a bucket where it lies for a project that is held to regions: the rest is
    done when it is first asked, and raises CatalogError then."""
    catalog = settings.catalog
    if settings.pictures_bucket is not None:
        hold_to_regions(settings, settings.pictures_bucket)
    if isinstance(catalog, SqlCatalog):
        return CatalogSource(SqlTable(catalog), _pictures(catalog.pictures, settings))
    if isinstance(catalog, S3Catalog):
        bucket = Bucket(catalog)
        return CatalogSource(S3Table(bucket, catalog.table), S3Pictures(bucket))
    root = settings.path(catalog.path)
    return CatalogSource(FolderTable(root, catalog.table), FolderPictures(root))


def _pictures(place: FolderPlace | S3Place, settings: Settings) -> Pictures:
    return S3Pictures(Bucket(place)) if isinstance(place, S3Place) else FolderPictures(settings.path(place.path))
