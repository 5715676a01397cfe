"""One small shop kept in each kind of catalog source, so that one test can change the shop and not care where it stands.

Every shop has `rows` (a list of dicts), `save()` for them, `put_photo(name, data)`, and `catalog`, its section of the settings.
"""

import json
from decimal import Decimal
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote_plus

import sqlalchemy as sa

from tests.tiny_project import COLUMNS, product_row, write_table

NUMBERS = ("width_cm", "depth_cm", "height_cm", "price")
FEW_BYTES = b"photo bytes that are never decoded here: "


class Shop:
    """A folder with a CSV; the other shops change where rows or photos go."""

    sections: ClassVar[dict] = {}
    """Other sections of the settings, kept when `limit` writes them anew."""

    def __init__(self, project: Path, catalog: dict | None = None):
        self.project, self.catalog = project, catalog or {"kind": "folder", "path": "catalog"}
        self.rows = [product_row(sku) for sku in ("MUG-1", "MUG-2", "MUG-3", "MUG-4")]
        (project / "catalog" / "photos").mkdir(parents=True)
        for row in self.rows:
            self.put_photo(row["photos"], FEW_BYTES + row["sku"].encode())
        self.save()
        self.limit()

    def save(self):
        """Write the rows to where the shop keeps them."""
        write_table(self.project, self.rows)

    def put_photo(self, name, data):
        """Write a photo to where the shop keeps them."""
        (self.project / "catalog" / "photos" / name).write_bytes(data)

    def limit(self, **pilot):
        """Set the pilot; without anything, take it away."""
        pilot_section = {"pilot": pilot} if pilot else {}
        (self.project / "vitrine.yaml").write_text(json.dumps({"catalog": self.catalog, **self.sections, **pilot_section}))  # JSON is YAML


class JsonlShop(Shop):
    def save(self):
        (self.project / "catalog" / "products.jsonl").write_text(as_jsonl(self.rows))


class ParquetShop(Shop):
    def save(self):
        write_parquet(self.project / "catalog" / "products.parquet", self.rows)


class S3Shop(Shop):
    def __init__(self, project, bucket):
        self.bucket = bucket
        endpoint = bucket.meta.client.meta.endpoint_url
        super().__init__(project, {"kind": "s3", "bucket": bucket.name, "prefix": "shop/catalog", "endpoint": endpoint})

    def save(self):
        super().save()
        self.bucket.put_object(Key="shop/catalog/products.csv", Body=(self.project / "catalog" / "products.csv").read_bytes())

    def put_photo(self, name, data):
        self.bucket.put_object(Key=f"shop/catalog/photos/{name}", Body=data)


class AnnouncedShop(S3Shop):
    """An S3 shop whose bucket announces uploads of the catalog to a queue; the queue is empty at first."""

    def __init__(self, project, bucket):
        import boto3

        endpoint = bucket.meta.client.meta.endpoint_url
        self.sqs = boto3.client("sqs", endpoint_url=endpoint, region_name="us-east-1")
        self.queue_url, self.dead_url = (self.sqs.create_queue(QueueName=f"{bucket.name}-{name}")["QueueUrl"] for name in ("new", "dead"))
        self.sections = {
            "uploads": {
                "queue_url": self.queue_url,
                "dead_letter_queue_url": self.dead_url,
                "endpoint": endpoint,
                "region": "us-east-1",
            }
        }
        super().__init__(project, bucket)

    def announce_by_itself(self, **other):
        """Let the bucket send its own notifications from now on, as S3 does; `other` replaces parts of the configuration."""
        entry = {"QueueArn": self.arn(), "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"], **other}
        wanted = {"QueueConfigurations": [entry]}
        self.bucket.meta.client.put_bucket_notification_configuration(Bucket=self.bucket.name, NotificationConfiguration=wanted)

    def arn(self, url=None):
        """The ARN of a queue."""
        answer = self.sqs.get_queue_attributes(QueueUrl=url or self.queue_url, AttributeNames=["QueueArn"])
        return answer["Attributes"]["QueueArn"]

    def tell(self, *bodies):
        """Put messages into the queue, in this order."""
        for start in range(0, len(bodies), 10):
            entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies[start : start + 10])]
            assert not self.sqs.send_message_batch(QueueUrl=self.queue_url, Entries=entries).get("Failed")

    def left(self, url=None):
        """How many messages a queue holds, hidden ones too."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        return sum(
            int(n) for n in self.sqs.get_queue_attributes(QueueUrl=url or self.queue_url, AttributeNames=names)["Attributes"].values()
        )

    def remove_photo(self, name):
        """Delete a photo."""
        self.bucket.Object(f"shop/catalog/photos/{name}").delete()


def notification(shop, *changes, kind="ObjectCreated:Put"):
    """The text of S3's message about photos, each a name with its sequencer or a name alone."""
    pairs = [change if isinstance(change, tuple) else (change, None) for change in changes]
    return json.dumps({"Records": [record(shop, name, sequencer, kind) for name, sequencer in pairs]})


def record(shop, name, sequencer, kind):
    """What S3 tells of one change of a photo."""
    key = {"key": quote_plus(f"shop/catalog/photos/{name}", safe="/"), **({"sequencer": sequencer} if sequencer else {})}
    s3 = {"bucket": {"name": shop.bucket.name}, "object": key}
    return {"eventVersion": "2.6", "eventSource": "aws:s3", "eventName": kind, "s3": s3}


class SqlShop(Shop):
    """Rows in a database whose columns have names of their own; photos in a folder."""

    def __init__(self, project, url, monkeypatch):
        self.engine = sa.create_engine(url, poolclass=sa.NullPool)
        self.table = sa.Table(
            "articles",
            sa.MetaData(),
            sa.Column("article_no", sa.String, primary_key=True),
            *(sa.Column(name, sa.String) for name in ("title", "category", "description", "color", "material", "currency", "Files")),
            *(sa.Column(name, sa.Numeric(8, 2)) for name in NUMBERS),
            sa.Column("changed_at", sa.Integer),
        )
        self.table.create(self.engine)
        self.clock = 0
        monkeypatch.setenv("SHOP_DATABASE_URL", url)
        columns = {"sku": "article_no", "photos": "Files"}
        super().__init__(project, {"kind": "sql", "url_env": "SHOP_DATABASE_URL", "table": "articles", "columns": columns})

    def save(self):
        """Write changed rows with a new time, and delete those that are gone, as a shop system does."""
        self.clock += 1
        with self.engine.begin() as connection:
            before = {row["article_no"]: dict(row) for row in connection.execute(sa.select(self.table)).mappings()}
            for row in self.rows:
                ours = {**row, "article_no": row["sku"], "Files": row["photos"]}
                names = [column.name for column in self.table.columns if column.name != "changed_at"]
                values = {name: _exact(name, ours.get(name) or None) for name in names}
                old = before.pop(row["sku"], None)
                if old is None or any(old[name] != value for name, value in values.items()):
                    connection.execute(sa.delete(self.table).where(self.table.c.article_no == row["sku"]))
                    connection.execute(sa.insert(self.table).values(**values, changed_at=self.clock))
            for gone in before:
                connection.execute(sa.delete(self.table).where(self.table.c.article_no == gone))


def as_jsonl(rows):
    """Rows as JSON lines, numbers as numbers, photos as lists, empty cells left out."""
    lines = []
    for row in rows:
        plain = {name: _typed(name, cell) for name, cell in row.items() if cell}
        lines.append(json.dumps({**plain, "photos": row["photos"].split(";")}))
    return "\n".join(lines) + "\n"


def write_parquet(file, rows):
    """Rows as Parquet, numbers as numbers (widths as float32), photos as lists, empty cells as nulls."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {name: [_typed(name, row[name]) if row[name] else None for row in rows] for name in COLUMNS if name != "photos"}
    arrays = {name: pa.array(cells) for name, cells in columns.items()}
    arrays["width_cm"] = pa.array(columns["width_cm"], pa.float32())
    arrays["photos"] = pa.array([row["photos"].split(";") for row in rows], pa.list_(pa.string()))
    pq.write_table(pa.table(arrays), file)


def _typed(name, cell):
    return float(cell) if name in NUMBERS else cell


def _exact(name, cell):
    return Decimal(cell) if cell and name in NUMBERS else cell
