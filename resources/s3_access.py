"""Open a prefix of an S3 bucket: the one place that knows how credentials, region and endpoint are found.

Credentials come from the ordinary AWS chain (environment, profile, web identity, container, instance) and are renewed while a process
runs; they are never read from settings. How often to ask again is the caller's business.
"""

import datetime as dt
from typing import TYPE_CHECKING

from catalog.errors import VitrineError
from catalog.sentences import clause
from resources.catalog_settings import S3Place

if TYPE_CHECKING:
    from obstore.store import S3Store

DEFAULT_REGION = "us-east-1"
"""What AWS itself assumes of a bucket when neither settings nor environment name a region."""
REQUEST_TIMEOUT_S, CONNECT_TIMEOUT_S = 60, 5
"""One request: 50 MB at 1 MB/s fit; a store that does not even answer the door is known after five seconds."""


def s3_address(place: S3Place) -> str:
    """The place as `s3://bucket/prefix`."""
    return f"s3://{place.bucket}/{place.prefix.strip('/')}".rstrip("/")


def open_s3(
    place: S3Place, *, error_class: type[VitrineError], unchanged: str, max_retries: int = 0, retry_timeout_s: float = 30.0
) -> "S3Store":
    """The opened prefix; connects to nothing yet. `unchanged` ends each message ("Nothing was changed.").

    Raises `error_class` when boto3 is missing or there are no credentials.
    """
    try:
        import boto3
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError as error:
        raise error_class(f"{s3_address(place)} needs boto3 to find AWS credentials: pip install 'vitrine[s3]'. {unchanged}") from error
    from botocore.exceptions import BotoCoreError
    from obstore.store import S3Store

    endpoint = str(place.endpoint).rstrip("/") if place.endpoint else None
    try:
        session = boto3.session.Session()
        region = place.region or session.region_name or DEFAULT_REGION
        if session.get_credentials() is None:
            raise error_class(
                f"There are no AWS credentials for {s3_address(place)}. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE, or "
                f"give this machine a role. {unchanged}"
            )
        return S3Store(
            place.bucket,
            # The checksum lets the store refuse bytes that were damaged on the way; what comes back is checked by us, always.
            config={"region": region, "checksum_algorithm": "sha256", **({"endpoint": endpoint} if endpoint else {})},
            prefix=place.prefix.strip("/") or None,
            credential_provider=Boto3CredentialProvider(session),
            client_options={
                "allow_http": endpoint is not None and endpoint.startswith("http://"),
                "timeout": f"{REQUEST_TIMEOUT_S}s",
                "connect_timeout": f"{CONNECT_TIMEOUT_S}s",
            },
            retry_config={"max_retries": max_retries, "retry_timeout": dt.timedelta(seconds=retry_timeout_s)},
        )
    except BotoCoreError as error:
        raise error_class(f"The AWS settings for {s3_address(place)} are wrong: {clause(error)}. {unchanged}") from error
