"""Stores of both kinds, and a bucket behind a proxy that misbehaves as told."""

import pytest

from resources.blob_cache import BlobCache
from resources.folder_files import FolderFiles
from resources.object_store import ObjectStore
from tests.faulty_s3 import bucket_files, faulty_s3


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
