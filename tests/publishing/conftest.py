"""The shop that publishing tests deliver from, and the places they deliver to."""

import pytest

from tests.faulty_s3 import bucket_files, faulty_s3
from tests.publishing.shop import Shop
from tests.publishing.windows import BucketWindow, FolderWindow


@pytest.fixture
def shop():
    return Shop()


@pytest.fixture
def bucket_window(bucket, s3_endpoint):
    """An empty prefix of a bucket."""
    return BucketWindow(bucket_files(bucket, s3_endpoint, prefix="shop"))


@pytest.fixture(params=["folder", "s3"])
def window(request, tmp_path):
    """An empty published place of either kind."""
    return FolderWindow(tmp_path / "published") if request.param == "folder" else request.getfixturevalue("bucket_window")


@pytest.fixture
def faulty_window(bucket, s3_endpoint):
    """A bucket behind a proxy, and the proxy's faults."""
    with faulty_s3(s3_endpoint) as (address, faults):
        yield BucketWindow(bucket_files(bucket, address, prefix="shop")), faults
