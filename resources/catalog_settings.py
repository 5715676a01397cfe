"""Where products come from, who announces their photos, and which are worked on: `catalog:`, `uploads:` and `pilot:` of `vitrine.yaml`.

Says what may be written, opens nothing; the sources are in `folder_source.py`, `s3_source.py` and `sql_source.py`.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, HttpUrl, Tag, field_validator, model_validator

from catalog.product import SLUG

TABLE_NAME = r"^[^/\\]+\.(csv|jsonl|parquet)$"
"""A product table is one file beside `photos/`; its ending says how it is written."""

OUR_COLUMNS = Literal[
    "sku", "title", "category", "photos", "description", "color", "material", "width_cm", "depth_cm", "height_cm", "price", "currency"
]
"""Names a column mapping may map: the columns that `quality/catalog_suite.py` knows."""


class Section(BaseModel):
    """A part of the settings file: frozen, and a misspelt name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class _Catalog(Section):
    poll_s: int | None = Field(default=None, ge=15, le=86_400)
    """Least seconds between two full looks for changes (all pictures; all rows of a database without `updated_at`). Left out: 15, or 300
    when uploads are announced."""
    max_cell_products: int = Field(default=2000, ge=1, le=2000)
    """Products per cell; overflow goes to another drop, so that no run grows without bound."""


class FolderPlace(Section):
    """Pictures in a folder: `photos/` and `looks/<category>/` under it."""

    kind: Literal["folder"] = "folder"
    path: Path = Path("catalog")


class S3Place(Section):
    """Pictures in a bucket: `photos/` and `looks/<category>/` under a prefix.

    Credentials come from the ordinary AWS chain, never from here. `endpoint` is for S3-compatible stores; plain http only when it says so.
    """

    kind: Literal["s3"]
    bucket: str = Field(min_length=3, max_length=63)
    prefix: str = Field(default="", pattern=r"^([^/].*)?$")
    endpoint: HttpUrl | None = None
    region: str | None = None

    @field_validator("endpoint")
    @classmethod
    def _endpoint_holds_no_secret(cls, url: HttpUrl | None) -> HttpUrl | None:
        return _without_secret(url)


def _kind(value: Any) -> str:
    """The kind of a section; a section without one is a folder, as it always was."""
    return str(value.get("kind", "folder")) if isinstance(value, dict) else str(getattr(value, "kind", "folder"))


Place = Annotated[Annotated[FolderPlace, Tag("folder")] | Annotated[S3Place, Tag("s3")], Discriminator(_kind)]


class FolderCatalog(FolderPlace, _Catalog):
    """A product table, `photos/` and `looks/<category>/` under one folder. `table` is needed when there are several product tables."""

    table: str | None = Field(default=None, pattern=TABLE_NAME)


class S3Catalog(S3Place, _Catalog):
    """A product table, `photos/` and `looks/<category>/` under one prefix of a bucket."""

    table: str | None = Field(default=None, pattern=TABLE_NAME)


class SqlCatalog(_Catalog):
    """Products in a database, pictures in a folder or a bucket.

    `url_env` names the environment variable with the SQLAlchemy URL: a password never stands in the file. Either `table` (with schema:
    `shop.products`) or `query`. `columns` maps our names to the database's; a name that is not mapped is looked up as it is.
    `updated_at` names a column that rises whenever a row changes: with it, "anything new?" is one aggregate instead of all rows.
    """

    kind: Literal["sql"]
    url_env: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    table: str | None = Field(default=None, pattern=r"^[^.\s]+(\.[^.\s]+)?$")
    query: str | None = Field(default=None, min_length=1)
    columns: dict[OUR_COLUMNS, str] = Field(default_factory=dict)
    updated_at: str | None = None
    pictures: Place = FolderPlace()

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.table is None) == (self.query is None):
            raise ValueError("give either `table` or `query`, not both and not neither")
        return self


CatalogSettings = Annotated[
    Annotated[FolderCatalog, Tag("folder")] | Annotated[S3Catalog, Tag("s3")] | Annotated[SqlCatalog, Tag("sql")], Discriminator(_kind)
]


class UploadSettings(Section):
    """The SQS queue that announces uploads to the pictures' bucket, and the one for messages that are no announcements.

    Credentials come from the ordinary AWS chain. `endpoint` is for SQS-compatible services; plain http only when it says so.
    """

    queue_url: HttpUrl
    dead_letter_queue_url: HttpUrl
    endpoint: HttpUrl | None = None
    region: str | None = None

    @model_validator(mode="after")
    def _two_queues_without_secrets(self) -> Self:
        if self.queue_url == self.dead_letter_queue_url:
            raise ValueError("queue_url and dead_letter_queue_url are the same queue; make a second one")
        for url in (self.queue_url, self.dead_letter_queue_url, self.endpoint):
            _without_secret(url)
        return self


def _without_secret(url: HttpUrl | None) -> HttpUrl | None:
    """An address as it is. Raises ValueError when it holds a user or password: addresses are shown in messages."""
    if url is not None and (url.username or url.password):
        raise ValueError("an address holds no user and no password here; credentials come from the ordinary AWS chain")
    return url


class PilotSettings(Section):
    """Work on a part of the catalog only: chosen categories, a sample of so many products of them, or both. See `resources/pilot.py`."""

    categories: tuple[Annotated[str, Field(pattern=SLUG)], ...] = ()
    sample: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if not self.categories and self.sample is None:
            raise ValueError("give `categories`, `sample` or both; leave `pilot` out to work on everything")
        return self
