"""Where a project keeps what it makes, and where it delivers: the `store:` and `publish:` sections of `vitrine.yaml`.

Says what may be written, opens nothing; opening is `open_store.py`. Left out, both are folders of this machine.
"""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, HttpUrl, Tag

from resources.catalog_settings import S3Place, Section


class FolderStore(Section):
    """Blobs, manifests, checkpoints and pages in the folder `state:`, as on one machine."""

    kind: Literal["folder"] = "folder"


class S3Store(S3Place):
    """Blobs, manifests, checkpoints and pages under a prefix of a bucket; `state:` is then scratch of one machine.

    `cache_gb` bounds the local copies of what libraries want as files (LoRAs); gigabytes of 10^9 bytes.
    """

    cache_gb: float = Field(default=10.0, gt=0.0)


class FolderPublish(Section):
    """Published pictures under `output:`, beside the report."""

    kind: Literal["folder"] = "folder"


class S3Publish(S3Place):
    """Published pictures, their manifest and their pages under a prefix of a bucket that a shop or a CDN reads.

    `url` is the address that the prefix is served at; the report's links use it, and without it they are left out.
    """

    url: HttpUrl | None = None


def _kind(value: Any) -> str:
    return str(value.get("kind", "folder")) if isinstance(value, dict) else str(getattr(value, "kind", "folder"))


StoreSettings = Annotated[Annotated[FolderStore, Tag("folder")] | Annotated[S3Store, Tag("s3")], Discriminator(_kind)]
PublishSettings = Annotated[Annotated[FolderPublish, Tag("folder")] | Annotated[S3Publish, Tag("s3")], Discriminator(_kind)]
