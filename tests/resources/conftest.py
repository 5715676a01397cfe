"""Stores of both kinds, and a bucket behind a proxy that misbehaves as told."""

import pytest

from catalog.errors import StoreError
from resources.blob_cache import BlobCache
from resources.bucket_files import BucketFiles, Patience
from resources.catalog_settings import S3Place
from resources.folder_files import FolderFiles
from resources.object_store import ObjectStore
from resources.s3_access import open_s3, s3_address
from tests.faulty_s3 import faulty_s3

QUICK = Patience(deadline_s=20.0, first_wait_s=0.002, longest_wait_s=0.02)


def bucket_files(bucket, endpoint, prefix="made", patience=QUICK):
    """A prefix of a test bucket, asked through an endpoint."""
    place = S3Place(kind="s3", bucket=bucket.name, prefix=prefix, endpoint=endpoint, region="us-east-1")
    return BucketFiles(open_s3(place, error_class=StoreError, unchanged="Nothing was changed."), s3_address(place), patience)


@pytest.fixture(params=["folder", "s3"])
def files(request, tmp_path):
    """An empty root of either kind."""
    if request.param == "folder":
        return FolderFiles(tmp_path / "state")
    return bucket_files(request.getfixturevalue("bucket"), request.getfixturevalue("s3_endpoint"))


@pytest.fixture
def store(files, tmp_path):
    """An empty object store of either kind."""
    return ObjectStore(files, BlobCache(tmp_path / "cache", 10**9))


@pytest.fixture
def faulty(bucket, s3_endpoint):
    """A bucket's files through a proxy, and the proxy's faults."""
    with faulty_s3(s3_endpoint) as (address, faults):
        yield bucket_files(bucket, address), faults
