"""A catalog in a bucket, against a real S3 server over HTTP."""

import pytest

from catalog.errors import CatalogError
from catalog.keys import digest_bytes
from resources.catalog_settings import S3Place
from resources.ledger import Ledger
from resources.photo_digests import photo_digests
from resources.s3_source import Bucket, S3Pictures, S3Table


class CountingPictures(S3Pictures):
    """Pictures in a bucket that record which photos were fetched."""

    fetched: list[str]

    def photo(self, name):
        self.fetched.append(name)
        return super().photo(name)


@pytest.fixture
def place(bucket):
    return S3Place(kind="s3", bucket=bucket.name, prefix="shop/", endpoint=bucket.meta.client.meta.endpoint_url)


def put(bucket, name, data):
    bucket.put_object(Key=f"shop/{name}", Body=data)
    return digest_bytes(data)


@pytest.fixture
def ask(bucket, place, tmp_path):
    """Ask for the digests of photos; `ask.fetched` is what had to be fetched for the last answer."""
    ledger = Ledger.in_folder(tmp_path)

    def digests(*names):
        pictures = CountingPictures(Bucket(place))
        object.__setattr__(pictures, "fetched", [])
        answer = photo_digests(ledger, pictures, names)
        digests.fetched = sorted(pictures.fetched)
        return answer

    return digests


def test_no_photo_is_fetched_twice_while_its_etag_stays(bucket, ask):
    first, second = put(bucket, "photos/a.jpg", b"a"), put(bucket, "photos/more/b c.jpg", b"b")
    assert ask("a.jpg", "more/b c.jpg") == {"a.jpg": first, "more/b c.jpg": second}
    assert ask.fetched == ["a.jpg", "more/b c.jpg"]
    put(bucket, "photos/a.jpg", b"a")  # uploaded again, same bytes
    changed = put(bucket, "photos/more/b c.jpg", b"B")
    assert ask("a.jpg", "more/b c.jpg") == {"a.jpg": first, "more/b c.jpg": changed}
    assert ask.fetched == ["more/b c.jpg"]


def test_a_catalog_in_many_parts_is_listed_once(bucket, place, monkeypatch):
    """Twenty parts of a million products would have been twenty thousand requests."""
    put(bucket, "photos/a.jpg", b"a")
    put(bucket, "photos/b.jpg", b"b")
    listed, objects = [], Bucket.objects
    monkeypatch.setattr(Bucket, "objects", lambda self, folder="": listed.append(folder) or objects(self, folder))
    pictures = S3Pictures(Bucket(place)).as_listed()
    versions = [pictures.photo_versions({name}) for name in ("a.jpg", "b.jpg", "gone.jpg")]
    assert ([len(part) for part in versions], listed) == ([1, 1, 0], ["photos"])
    assert versions[0] == S3Pictures(Bucket(place)).photo_versions({"a.jpg"})


@pytest.mark.parametrize("name", ["gone.jpg", "a//b.jpg", "./a.jpg", "line\nbreak.jpg", "x" * 2000])
def test_a_name_that_no_object_has_is_missing_and_stops_nothing(bucket, ask, name):
    first = put(bucket, "photos/a.jpg", b"a")
    assert ask("a.jpg", name) == {"a.jpg": first, name: None}


def test_a_prefix_that_only_begins_alike_is_another_catalog(bucket, place):
    bucket.put_object(Key="shop2/products.csv", Body=b"sku\nA\n")
    with pytest.raises(CatalogError, match=r"no products.csv, products.jsonl or products.parquet in s3://shop-\w+/shop"):
        S3Table(Bucket(place)).read()


def test_looks_and_their_captions_are_read_from_their_category_alone(bucket, place):
    for name in ("mugs/02.jpg", "mugs/01.PNG", "mugs/captions.csv", "mugs/old/03.jpg", "bags/09.jpg"):
        put(bucket, f"looks/{name}", name.encode())
    pictures = S3Pictures(Bucket(place))
    assert pictures.looks("mugs") == ["01.PNG", "02.jpg"]
    assert pictures.look_file("mugs", "captions.csv") == b"mugs/captions.csv"
    assert pictures.look_file("cups", "captions.csv") is None


def test_a_new_look_changes_the_fingerprint(bucket, place):
    before = S3Pictures(Bucket(place)).fingerprint()
    put(bucket, "looks/mugs/01.jpg", b"look")
    assert S3Pictures(Bucket(place)).fingerprint() != before


def test_a_bucket_that_does_not_exist_is_told_in_one_sentence_and_no_photo_counts_as_gone(place):
    """A missing bucket must not look like a shop without photos: that would take every product's pictures back."""
    pictures = S3Pictures(Bucket(place.model_copy(update={"bucket": "no-such-bucket"})))
    with pytest.raises(CatalogError, match=r"Cannot list s3://no-such-bucket/shop/photos: .*NoSuchBucket") as caught:
        pictures.photo_versions({"a.jpg"})
    assert "\n" not in str(caught.value)


def test_without_credentials_the_error_says_where_they_come_from(place, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(CatalogError, match=r"no AWS credentials for s3://.*AWS_ACCESS_KEY_ID"):
        S3Table(Bucket(place)).read()
