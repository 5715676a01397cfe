"""Holds a deployment to the regions its settings allow: what the settings name is checked when they are read, buckets when they are first opened.

One deployment works in one jurisdiction: its own cluster, ledger and buckets. Where a PostgreSQL server, a webhook's receiver or a collector of
telemetry stands cannot be asked; they are the deployment's own to choose.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, HttpUrl

from catalog.errors import SettingsError
from catalog.sentences import clause
from resources.catalog_settings import S3Place, Section, UploadSettings

if TYPE_CHECKING:
    from resources.settings import Settings

REGION_HEADER = "x-amz-bucket-region"
"""Answer header in which S3 says where a bucket lies, also when it refuses the request."""

_REGION_IN_HOST = re.compile(r"(?<![^.])[a-z]{2}(-[a-z]+)+-[0-9](?=\.)")
"""A region as a part of an AWS host name, such as `sqs.eu-central-1.amazonaws.com`."""

_known: dict[tuple[str, str], str] = {}
"""Region by (endpoint, bucket), asked once per process: a bucket never moves."""


class ResidencySettings(Section):
    """Regions that pictures and products may be kept in. Left out: anywhere.

    `endpoints` are S3-compatible services that are known to stand there; they are not asked, and no others may be used.
    """

    regions: tuple[Annotated[str, Field(pattern=r"^[a-z0-9-]+$")], ...] = Field(min_length=1)
    endpoints: tuple[HttpUrl, ...] = ()


def named_outside(settings: "Settings") -> str | None:
    """What of the settings names no region, another one, or an unknown service; None when nothing does. Connects to nothing."""
    residency = settings.residency
    if residency is None:
        return None
    for name, place in _places(settings):
        if place.endpoint is not None:
            if place.endpoint not in residency.endpoints:
                return f"{name}.endpoint is {place.endpoint}, which residency.endpoints does not list"
        elif place.region not in residency.regions:
            return f"{name}.region is {place.region or 'left out'}; residency.regions allows {', '.join(residency.regions)}"
    return _queue_outside(settings.uploads, residency) if settings.uploads is not None else None


def _queue_outside(uploads: UploadSettings, residency: ResidencySettings) -> str | None:
    """A queue whose own address names another region than `uploads.region` does; where an endpoint is given, that one is asked instead."""
    if uploads.endpoint is not None:
        return None
    for name, url in (("queue_url", uploads.queue_url), ("dead_letter_queue_url", uploads.dead_letter_queue_url)):
        named = _REGION_IN_HOST.search(url.host or "")
        if named is None or named[0] not in residency.regions:
            return f"uploads.{name} names a queue in {named[0] if named else 'no region'}; residency.regions allows {', '.join(residency.regions)}"
    return None


def hold_to_regions(settings: "Settings", place: S3Place) -> None:
    """Refuse a bucket that lies in another region than the settings allow, whatever they call it. Raises SettingsError."""
    residency = settings.residency
    if residency is None or (place.endpoint is not None and place.endpoint in residency.endpoints):
        return
    region = bucket_region(place)
    if region not in residency.regions:
        where = f"lies in {region}" if region else "does not say in which region it lies"
        raise SettingsError(
            f"Bucket {place.bucket} {where}; residency.regions allows {', '.join(residency.regions)}. Name a bucket there, or list a service that "
            "is known to stand there under residency.endpoints. Nothing was read from it or written to it."
        )


def bucket_region(place: S3Place) -> str | None:
    """The region in which a bucket says it lies; None when it does not say."""
    endpoint = str(place.endpoint).rstrip("/") if place.endpoint else None
    asked = (endpoint or "", place.bucket)
    if asked not in _known:
        region = _ask(place, endpoint)
        if region is None:  # an answer of a busy moment says nothing, and must not hold for the life of the process
            return None
        _known[asked] = region
    return _known[asked]


def _ask(place: S3Place, endpoint: str | None) -> str | None:
    try:
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError as error:
        raise SettingsError(
            "`residency` asks buckets where they lie and needs boto3: pip install 'vitrine[s3]'. Nothing was changed."
        ) from error
    answer: dict[str, Any]
    try:
        client = boto3.session.Session().client("s3", region_name=place.region, endpoint_url=endpoint)
        answer = client.head_bucket(Bucket=place.bucket)
    except ClientError as error:  # moved or forbidden, but S3 says where it lies all the same
        answer = dict(error.response)
    except BotoCoreError as error:
        raise SettingsError(
            f"Bucket {place.bucket} cannot be asked where it lies: {clause(error)}. Nothing was read from it or written to it."
        ) from error
    region = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get(REGION_HEADER)
    return str(region) if region else None


def _places(settings: "Settings") -> Iterator[tuple[str, S3Place | UploadSettings]]:
    if settings.pictures_bucket is not None:
        yield "catalog" if settings.pictures_bucket is settings.catalog else "catalog.pictures", settings.pictures_bucket
    for name, place in (("store", settings.store), ("publish", settings.publish)):
        if isinstance(place, S3Place):
            yield name, place
    if settings.uploads is not None:
        yield "uploads", settings.uploads
