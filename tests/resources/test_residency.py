"""A project that is held to regions, against buckets of a real S3 server over HTTP."""

import uuid

import boto3
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.errors import SettingsError
from resources.catalog_settings import S3Place
from resources.open_source import open_source
from resources.open_store import open_published_bucket, open_store
from resources.residency import bucket_region, hold_to_regions
from resources.settings import read_settings

SERVICE = "https://objects.example.com/"
QUEUES = {name: f"https://sqs.eu-central-1.amazonaws.com/1/{name}" for name in ("queue_url", "dead_letter_queue_url")}


def place(region="eu-central-1", **more):
    return {"kind": "s3", "bucket": "pictures", **({"region": region} if region else {}), **more}


def project(folder, **sections):
    (folder / "vitrine.yaml").write_text(yaml.safe_dump(sections))
    return read_settings(folder)


@pytest.fixture
def bucket_in(bucket, s3_endpoint):
    """Make a bucket in a region; its place, whatever region that calls itself."""

    def make(region, called):
        name = f"shop-{uuid.uuid4().hex[:12]}"
        client = boto3.client("s3", endpoint_url=s3_endpoint, region_name=region)
        client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
        return S3Place(kind="s3", bucket=name, region=called, endpoint=s3_endpoint)

    return make


SECTIONS = {
    "catalog": lambda p: {"catalog": p},
    "pictures": lambda p: {"catalog": {"kind": "sql", "url_env": "SHOP", "table": "products", "pictures": p}},
    "store": lambda p: {"store": p},
    "publish": lambda p: {"publish": p},
}


@pytest.mark.parametrize("section", SECTIONS)
def test_a_place_in_another_region_is_refused_when_the_settings_are_read(tmp_path, section):
    with pytest.raises(SettingsError, match=r"us-east-1.*allows eu-central-1"):
        project(tmp_path, **SECTIONS[section](place("us-east-1")), residency={"regions": ["eu-central-1"]})
    with pytest.raises(SettingsError, match="left out"):
        project(tmp_path, **SECTIONS[section](place(None)), residency={"regions": ["eu-central-1"]})
    project(tmp_path, **SECTIONS[section](place()), residency={"regions": ["eu-central-1"]})


def test_a_queue_in_another_region_is_refused(tmp_path):
    held = {"catalog": place(), "residency": {"regions": ["eu-central-1"]}}
    with pytest.raises(SettingsError, match=r"uploads.region is us-east-1"):
        project(tmp_path, **held, uploads={**QUEUES, "region": "us-east-1"})
    for queue in QUEUES:
        elsewhere = {**QUEUES, queue: "https://sqs.us-east-1.amazonaws.com/1/elsewhere"}
        with pytest.raises(SettingsError, match=rf"uploads.{queue} names a queue in us-east-1"):
            project(tmp_path, **held, uploads={**elsewhere, "region": "eu-central-1"})
    project(tmp_path, **held, uploads={**QUEUES, "region": "eu-central-1"})


def test_a_bucket_that_did_not_say_where_it_lies_is_asked_again(tmp_path, bucket_in):
    """A store that was busy for a moment would have been refused until the process ended."""
    there = bucket_in("eu-central-1", called="eu-central-1")
    client = boto3.client("s3", endpoint_url=str(there.endpoint), region_name="eu-central-1")
    client.delete_bucket(Bucket=there.bucket)
    assert bucket_region(there) is None
    client.create_bucket(Bucket=there.bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    assert bucket_region(there) == "eu-central-1"


def test_a_service_that_is_not_listed_is_refused_and_a_listed_one_is_believed(tmp_path):
    with pytest.raises(SettingsError, match=r"residency.endpoints does not list"):
        project(tmp_path, store=place(endpoint=SERVICE), residency={"regions": ["eu-central-1"]})
    listed = project(tmp_path, store=place(None, endpoint=SERVICE), residency={"regions": ["eu-central-1"], "endpoints": [SERVICE]})
    hold_to_regions(listed, listed.store)


def test_a_bucket_that_lies_elsewhere_than_it_is_called_is_refused(tmp_path, bucket_in):
    held = project(tmp_path, residency={"regions": ["eu-central-1"]})
    disguised = bucket_in("us-west-2", called="eu-central-1")
    assert bucket_region(disguised) == "us-west-2"
    with pytest.raises(SettingsError, match=r"lies in us-west-2.*Nothing was read"):
        hold_to_regions(held, disguised)
    hold_to_regions(held, bucket_in("eu-central-1", called="eu-central-1"))


def test_a_bucket_that_is_not_there_is_refused_as_one_that_does_not_say(tmp_path, bucket_in):
    held = project(tmp_path, residency={"regions": ["eu-central-1"]})
    gone = bucket_in("eu-central-1", called="eu-central-1").model_copy(update={"bucket": "nobody-made-this"})
    with pytest.raises(SettingsError, match="does not say in which region"):
        hold_to_regions(held, gone)


def test_every_way_to_open_a_bucket_is_guarded(tmp_path, bucket_in):
    """Built past the reading of settings, as a bucket that moved would be: the doors themselves refuse."""
    elsewhere, held = bucket_in("us-west-2", called="eu-central-1"), project(tmp_path, residency={"regions": ["eu-central-1"]})
    values = elsewhere.model_dump()
    for section, door in (("store", open_store), ("publish", open_published_bucket), ("catalog", open_source)):
        kind = type(project(tmp_path, **{section: place()}).__getattribute__(section))
        with pytest.raises(SettingsError, match="lies in us-west-2"):
            door(held.model_copy(update={section: kind(**values)}))


REGIONS = st.sampled_from(["eu-central-1", "eu-west-1", "us-east-1", None])


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    allowed=st.lists(REGIONS.filter(bool), min_size=1, unique=True),
    places=st.dictionaries(st.sampled_from(sorted(SECTIONS)), REGIONS, max_size=4),
)
def test_no_settings_with_a_place_outside_can_be_read(tmp_path, allowed, places):
    sections = {}
    for section, region in places.items():
        sections |= SECTIONS[section](place(region))
    used = {place.get("region") for place in _places_of(sections)}
    if used <= set(allowed):
        project(tmp_path, **sections, residency={"regions": allowed})
    else:
        with pytest.raises(SettingsError):
            project(tmp_path, **sections, residency={"regions": allowed})


def _places_of(sections):
    for section in sections.values():
        yield section.get("pictures", section)
