"""From each kind of source to the shop window and back: sensors, catalog, cells and publication, run as the daemon runs them."""

import dagster as dg
import pytest
import sqlalchemy as sa

from assets.partitions import FIRST_DROP
from catalog.errors import CatalogError
from orchestration.announced_uploads import announced_uploads
from orchestration.definitions import build_defs
from orchestration.sensors import catalog_changes, new_and_changed_products
from publishing.manifest import read_manifest
from resources.ledger_tables import product
from resources.project import VitrineResource, open_project
from resources.settings import read_settings, utc_now
from tests.orchestration.dev_process import tolerate_drawn_pictures
from tests.shops import AnnouncedShop, JsonlShop, ParquetShop, S3Shop, Shop, SqlShop, notification
from tests.tiny_project import BRAND, PHOTO_PX, draw_mug, small_recipe, write_photo

pytestmark = pytest.mark.slow

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

ONE_RECIPE = BRAND.replace("recipes: [packshot_white, staged_scene]", "recipes: [packshot_white]").split("  # A model")[0]
"""Packshots alone: everything between source and shop, and no base model."""
SECTIONS = {
    "recipes": "recipes",
    "output": "out",
    "screening": {"min_side_px": 400},
    "gate": {"min_approved_share": 0.0},
    "training": {},
}


@pytest.fixture(params=["csv", "jsonl", "parquet", "s3", "sqs", "sqlite", "postgres"])
def shop(request, tmp_path, monkeypatch):
    """Three drawn mugs in one kind of source."""
    folder = tmp_path / "project"
    kinds = {"csv": Shop, "jsonl": JsonlShop, "parquet": ParquetShop}
    if request.param in kinds:
        made = kinds[request.param](folder)
    elif request.param in {"s3", "sqs"}:
        monkeypatch.setattr("resources.upload_queue.WAIT_S", 0)
        made = {"s3": S3Shop, "sqs": AnnouncedShop}[request.param](folder, request.getfixturevalue("bucket"))
    else:
        url = f"sqlite:///{tmp_path / 'shop.sqlite'}" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
        made = SqlShop(folder, url, monkeypatch)
    made.sections = {**made.sections, **SECTIONS}
    made.limit()
    (folder / "brand.yaml").write_text(ONE_RECIPE)
    tolerate_drawn_pictures(folder)
    write_small_packshot(folder / "recipes")
    del made.rows[3]
    for number, row in enumerate(made.rows):
        made.put_photo(row["photos"], drawn(folder, number))
    made.save()
    return made


def write_small_packshot(folder):
    folder.mkdir()
    (folder / "packshot_white.yaml").write_text(small_recipe("packshot_white", 520))


def drawn(folder, number):
    """The bytes of a drawn mug's photo."""
    file = folder / "drawn.jpg"
    write_photo(file, draw_mug([(178, 62, 50), (46, 92, 140), (92, 120, 70), (200, 150, 40)][number % 4], side_px=PHOTO_PX, seed=number))
    return file.read_bytes()


class Daemon:
    """Ticks the sensors and runs what they ask for, one thing after another."""

    def __init__(self, shop, instance):
        self.shop, self.instance, self.cursors, self.cells = shop, instance, {}, []
        self.vitrine = VitrineResource(project_dir=str(shop.project))

    def settle(self):
        """Tick until no sensor asks for anything; the cells that were run."""
        self.cells = []
        defs = build_defs(read_settings(self.shop.project))
        for _ in range(6):
            sensors = [catalog_changes, new_and_changed_products]
            if isinstance(self.shop, AnnouncedShop):
                sensors.insert(0, announced_uploads)
            requests = [(sensor, request) for sensor in sensors for request in self.tick(sensor)]
            if not requests:
                return sorted(self.cells)
            for sensor, request in requests:
                job = defs.resolve_job_def(sensor.job_name)
                job.execute_in_process(QUIET, self.instance, partition_key=request.partition_key, tags=request.tags)
                self.cells += [request.partition_key] if request.partition_key else []
        raise AssertionError("the sensors do not come to rest")

    def tick(self, sensor):
        context = dg.build_sensor_context(self.instance, cursor=self.cursors.get(sensor.name))
        result = sensor(context, vitrine=self.vitrine)
        if isinstance(result, dg.SkipReason):
            return []
        self.cursors[sensor.name] = result.cursor
        for new in result.dynamic_partitions_requests or []:
            self.instance.add_dynamic_partitions(new.partitions_def_name, list(new.partition_keys))
        return result.run_requests or []


def published(shop):
    """SKU -> digest of its one published image."""
    images = read_manifest(shop.project / "out" / "published").images.values()
    return {image.sku: image.render_digest for image in images}


def drops(shop):
    return {row["sku"]: row["drop"] for row in open_project(shop.project).ledger.rows(sa.select(product))}


def set_back(shop):
    """As if everything so far had happened on an earlier day: the present products live in an old drop."""
    with open_project(shop.project).ledger.writing("catalog") as connection:
        connection.execute(sa.update(product).values(drop=FIRST_DROP.isoformat()))


def test_what_happens_in_the_source_happens_in_the_shop_and_nothing_else(shop):
    with dg.DagsterInstance.ephemeral() as instance:
        daemon = Daemon(shop, instance)
        assert len(daemon.settle()) == 1
        first = published(shop)
        assert set(first) == {"MUG-1", "MUG-2", "MUG-3"}
        set_back(shop)

        shop.put_photo("MUG-1.jpg", drawn(shop.project, 3))
        if isinstance(shop, AnnouncedShop):
            shop.tell(notification(shop, ("MUG-1.jpg", "02"), ("MUG-1.jpg", "01"), ("MUG-1.jpg", "02")))
        shop.rows[1]["category"] = "bags"
        del shop.rows[2]
        shop.save()
        old, today = FIRST_DROP.isoformat(), utc_now().date().isoformat()
        assert daemon.settle() == sorted({f"mugs|{today}", f"bags|{today}", f"mugs|{old}"})
        assert drops(shop) == {"MUG-1": today, "MUG-2": today, "MUG-3": old}
        second = published(shop)
        assert set(second) == {"MUG-1", "MUG-2"}  # the withdrawn one is taken back
        assert second["MUG-1"] != first["MUG-1"]

        break_off(shop)
        with pytest.raises(CatalogError, match="left as it was"):
            daemon.settle()
        assert published(shop) == second  # a failed read is not an empty catalog
        shop.limit()
        assert daemon.settle() == []

        shop.limit(categories=["mugs"])
        touch(shop, daemon)
        assert published(shop) == second  # paused, not taken back
        shop.limit()
        assert f"bags|{today}" in touch(shop, daemon)  # resumed in its drop
        assert published(shop) == second


def break_off(shop):
    """Let the settings name a place that is not there, as when a disk or a database is gone; `shop.limit()` mends it."""
    entry = {"folder": {"path": "gone"}, "s3": {"bucket": "no-such-bucket"}, "sql": {"table": "gone"}}[shop.catalog["kind"]]
    good, shop.catalog = shop.catalog, {**shop.catalog, **entry}
    shop.limit()
    shop.catalog = good


def touch(shop, daemon):
    """Change a word, so that the catalog is read anew."""
    shop.rows[0]["description"] += "."
    shop.save()
    return daemon.settle()
