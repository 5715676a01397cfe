"""A made-up project of any size, finished: catalog, renders, verdicts and publications straight in the ledger's tables, without a pixel.

    python -m benchmarks.scale_catalog FOLDER --products 1000000

The rows are what the real steps would have written: each key is hashed from text that the product's own code wrote for a stand-in, with the
product's words put in. `tests/test_scale_catalog.py` holds that the real plan finds nothing to do in it. Table `measurement` stays empty,
no plan reads it, and no file lies behind a blob's name.
"""

import argparse
import csv
import datetime as dt
import hashlib
import io
import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import sqlalchemy as sa
import yaml

from assets.expectation import Expectation, expectation_of
from assets.photo_keys import cutout_key, screening_key, screening_rules
from assets.picture_metadata import picture_metadata
from assets.planning import WantedRender, gate_inputs, variants_of
from assets.published_place import WHOLE, publish_folder_of, published_versions
from assets.render_keys import key_of_render
from catalog.keys import canonical_json, gate_key, publish_key
from catalog.product import Product
from catalog.recipe import Recipe
from catalog.variant import Variant
from generation.resolve import resolve
from publishing.manifest import MANIFEST_NAME, PublishedImage
from publishing.metadata import metadata_digest
from publishing.rendition import channel_digest
from resources.ledger_tables import metadata as tables
from resources.project import Project, open_project

REPOSITORY = Path(__file__).resolve().parent.parent
NOW = dt.datetime(2026, 11, 20, 12)
PER_CELL = 2000
BATCH = 2000

COLORS = "Red Blue Sage Clay Ink Olive Sand Black White Gray Teal Plum Rust Cream Navy Mustard".split()
MATERIALS = "stoneware brass oak linen leather glass steel bamboo wool ceramic".split()
NOUNS = "Mug Lamp Stool Tote Bowl Vase Chair Tray Jug Shelf".split()
COLORWAYS = [("sage", "#8a9a7b"), ("clay", "#b5603c"), ("ink", "#2c3c5e"), ("plum", "#6b3a55")]
SEED = 987654321
"""Stands for a seed in a stand-in's key."""
SIZE_CM = {"width": 1001, "depth": 1002, "height": 1003}
"""Stands for a product's size in a stand-in's key."""
RENDER_KEY = "<render-key-16->"
"""Stands for the first 16 digits of a render key: the words in a file name so many."""


@dataclass(frozen=True)
class Scale:
    """How large, and of how many categories; each recipe's pictures make eight variants per product."""

    products: int
    categories: int = 100
    full_every: int = 1
    """Every so manieth product has all its rows; the others only what a plan reads of products that are settled: product and marker."""

    def is_full(self, number: int) -> bool:
        """Whether the product of a number has all its rows."""
        return number % self.full_every == 1 % self.full_every


def write_settings(folder: Path, scale: Scale, *, ledger_variable: str | None = None) -> Project:
    """Write settings, brand kit and recipes, and open the project."""
    (folder / "recipes").mkdir(parents=True, exist_ok=True)
    recipes = {"packshot_white": 1, "backdrop": 2, "staged_scene": 2, "recolor": 3}
    for name, variants in recipes.items():
        shipped = yaml.safe_load((REPOSITORY / "generation" / "recipes" / f"{name}.yaml").read_text())
        (folder / "recipes" / f"{name}.yaml").write_text(yaml.safe_dump({**shipped, "variants": variants}))
    styles = {
        f"category-{n:03}": {
            "trigger": f"look {n:03}",
            "scenes": [f"oak table, wall {n}", f"sand table, wall {n}"],
            "backdrops": ["#e8c39a", "#f3e2c8"],
        }
        for n in range(scale.categories)
    }
    brand = {
        "brand": "scale", "palette": ["#c4704c"], "recipes": list(recipes), "categories": styles,
        "colorways": [{"name": name, "hex": code} for name, code in COLORWAYS],
        "channels": [{"name": "web", "recipes": list(recipes), "long_side_px": 1200}],
    }  # fmt: skip
    (folder / "brand.yaml").write_text(yaml.safe_dump(brand))
    settings: dict[str, Any] = {"brand_kit": "brand.yaml", "recipes": "recipes", "base_model": str(REPOSITORY / "demo" / "base-model")}
    if ledger_variable:
        settings["ledger"] = {"url_env": ledger_variable}
    (folder / "vitrine.yaml").write_text(yaml.safe_dump(settings))
    return open_project(folder)


def made_up(*words: object) -> str:
    """A digest that is the same for the same words."""
    return hashlib.sha256("|".join(map(str, words)).encode()).hexdigest()


def attributes_of(number: int, scale: Scale) -> dict[str, Any]:
    """What the catalog says about the product of a number."""
    noun, material = NOUNS[number % 10], MATERIALS[number // 7 % 10]
    return Product(
        sku=f"SKU-{number:07}",
        title=f"{noun} {number % 5000}",
        description=f"A {noun.lower()} for every day, made to last. Number {number}.",
        category=f"category-{number % scale.categories:03}",
        color=COLORS[number // 3 % 16],
        material=material,
        width_cm=8 + number % 40,
        depth_cm=6 + number % 30,
        height_cm=5.5 + number % 70,
        price=9.9 + number % 300,
        photos=(f"SKU-{number:07}.jpg",),
    ).model_dump(mode="json")


def drop_of(number: int, scale: Scale) -> str:
    """A category's products fill one drop after the other."""
    return (dt.date(2026, 9, 1) + dt.timedelta(days=number // scale.categories // PER_CELL)).isoformat()


@contextmanager
def keys_as_text() -> Iterator[None]:
    """While this holds, a key is the text it would be hashed from."""
    with ExitStack() as stack:
        for module in ("catalog.keys", "publishing.metadata", "assets.photo_keys"):
            stack.enter_context(mock.patch(f"{module}.digest", canonical_json))
        yield


def hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class VariantText:
    """The texts behind the keys of one variant, with stand-ins for what is the product's own."""

    recipe: str
    index: int
    seed: str
    render: str
    words: str
    target_hex: str | None
    lora_digest: str | None
    image: str


class Texts:
    """Texts behind all keys, made once per category and color by the very functions that make keys."""

    def __init__(self, project: Project, category: str, color: str, lora_digest: str) -> None:
        stand_in = Product.model_construct(
            sku="@SKU@",
            title="@TITLE@",
            description="@DESCRIPTION@",
            category=category,
            color=color,
            material="@MATERIAL@",
            photos=("@SKU@.jpg",),
        )
        (channel,) = project.brand_kit.channels
        self.variants = [
            self._variant(project, recipe, stand_in, index, lora_digest)
            for recipe in project.recipes
            for index in range(variants_of(project, recipe, stand_in))
        ]
        sized = stand_in.model_copy(update={f"{name}_cm": value for name, value in SIZE_CM.items()})
        gates = {recipe.name: gate_inputs(project, recipe, sized) for recipe in project.recipes}
        form = channel_digest(channel)
        with keys_as_text():
            self.screening = screening_key("@PHOTO@", "photo.jpg", screening_rules(project))
            self.cutout = cutout_key("@PHOTO@")
            self.gate = {name: gate_key(render_digest="@RENDER@", **by) for name, by in gates.items()}
            self.publish = publish_key(render_digest="@RENDER@", channel_digest=form, metadata_digest="@WORDS@")
        self.rules = {name: by["rules_digest"] for name, by in gates.items()}

    def _variant(self, project: Project, recipe: Recipe, item: Product, index: int, lora_digest: str) -> VariantText:
        resolved = resolve(recipe, item, project.brand_kit, index)
        draws = recipe.engine == "diffusion"
        wanted = WantedRender(
            variant=Variant(sku=item.sku, recipe=recipe.name, index=index), product=item, render_key="", resolved=resolved, recipe=recipe,
            photo_digest="", cutout_digest="", lora_digest=lora_digest if draws else None,
        )  # fmt: skip
        target = resolved.get("target_hex")
        render_row = {"render_key": RENDER_KEY, "facts": {"target_hex": target} if target else {}, "lora_digest": wanted.lora_digest}
        said = picture_metadata(project, wanted, render_row)
        _ = project.base_model_digest  # looked up outside, for it is no key
        with keys_as_text():
            text = key_of_render(
                project, recipe, resolved, photo_digest="@PHOTO@", cutout_digest="@CUTOUT@", index=index, seed=SEED, lora_digest=lora_digest
            )
            words = metadata_digest(said)
        image = PublishedImage.model_construct(
            file="@FILE@", sha256="@SHA@", bytes=90_000, width_px=1200, height_px=1200, media_type="image/jpeg", channel="web",
            category=item.category, sku="@SKU@", recipe=recipe.name, index=index, alt=said.alt_text,
            digital_source_type=recipe.digital_source_type, render_digest="@RENDER@", rules_digest=gate_inputs(project, recipe)["rules_digest"],
            publish_key="@PUBLISH@",
        )  # fmt: skip
        return VariantText(
            recipe=recipe.name, index=index, seed=canonical_json({"sku": "@SKU@", "recipe": recipe.name, "index": index}), render=text,
            words=words, target_hex=target, lora_digest=wanted.lora_digest, image=image.model_dump_json(),
        )  # fmt: skip


class Rows:
    """Collects rows per table and hands them to a database in batches."""

    def __init__(self, write: Callable[[str, Sequence[str], list[tuple[Any, ...]]], None]) -> None:
        self._write, self._rows = write, {name: [] for name in tables.tables}

    def add(self, table: str, *values: Any) -> None:
        self._rows[table].append(values)

    def flush(self) -> None:
        for name, rows in self._rows.items():
            if rows:
                self._write(name, [column.name for column in tables.tables[name].columns], rows)
                rows.clear()


class Filler:
    """Writes the rows of one product after the other."""

    def __init__(self, project: Project, scale: Scale, rows: Rows) -> None:
        self._project, self._scale, self._rows = project, scale, rows
        self._texts: dict[tuple[str, str], Texts] = {}
        self._expected: dict[str, Expectation] = {}
        self._lines = 0

    def prepare(self) -> None:
        """One expectation per category; the LoRAs must be in the ledger, for their licenses decide what may be published."""
        for category in self._project.brand_kit.categories:
            expected = expectation_of(self._project, category, made_up("lora", category))
            self._expected[category] = expected
            self._rows.add("expectation", expected.key, json.dumps(asdict(expected)))

    def add(self, number: int, manifest: io.TextIOBase) -> None:
        """All rows of one product."""
        said = attributes_of(number, self._scale)
        sku, category, drop = said["sku"], said["category"], drop_of(number, self._scale)
        photo = made_up("photo", sku)
        self._rows.add("change", number + 1, sku, category, drop, "new", NOW)
        self._rows.add("product", sku, category, drop, json.dumps(said), json.dumps([photo]), True, number + 1)
        if not self._scale.is_full(number):
            shape = "backdrop:2/2/2,packshot_white:1/1/1,recolor:3/3/3,staged_scene:2/2/2"
            self._rows.add("settled", sku, number + 1, self._expected[category].key, shape, self._expected[category].key)
            return
        self._rows.add("photo_file", said["photos"][0], f"{number}-1000", photo)
        texts = self._texts_of(category, said["color"])
        refused_photo, doubtful = number % 50 == 7, number % 100 == 9
        self._rows.add("source_photo", hashed(texts.screening.replace("@PHOTO@", photo)), photo, not refused_photo, "[]", "{}", None)
        shape, images = "refused", []
        if not refused_photo:
            cut = made_up("cutout", photo)
            self._rows.add("cutout", hashed(texts.cutout.replace("@PHOTO@", photo)), photo, cut, not doubtful, 0.9, "[]", "{}")
            if not doubtful:
                shape, images = self._renders(number, said, texts, photo, cut, manifest)
        expected = self._expected[category].key
        self._rows.add("settled", sku, number + 1, expected, shape, expected)
        if images:
            self._rows.add("on_shelf", sku, WHOLE, json.dumps(sorted(images)))

    def _texts_of(self, category: str, color: str) -> Texts:
        # The words of a picture name the color as it is written, so each color has texts of its own.
        if (category, color) not in self._texts:
            self._texts[category, color] = Texts(self._project, category, color, made_up("lora", category))
        return self._texts[category, color]

    def _renders(
        self, number: int, said: dict[str, Any], texts: Texts, photo: str, cut: str, manifest: io.TextIOBase
    ) -> tuple[str, list[list[Any]]]:
        sku, category = said["sku"], said["category"]
        counts: dict[str, list[int]] = {}
        images = []
        for text in texts.variants:
            count = counts.setdefault(text.recipe, [0, 0, 0])
            count[0] += 1
            seed = int(hashed(text.seed.replace("@SKU@", sku))[:8], 16) & 0x7FFFFFFF
            key = hashed(text.render.replace("@PHOTO@", photo).replace("@CUTOUT@", cut).replace(str(SEED), str(seed)))
            if text.recipe == "recolor" and number % 100 == 11:
                self._rows.add("refused_render", key, sku, category, text.recipe, text.index, "no color to change", NOW)
                continue
            count[1] += 1
            made = made_up("render", key)
            facts = json.dumps({"target_hex": text.target_hex}) if text.target_hex else "{}"
            row = (
                key,
                sku,
                category,
                text.recipe,
                text.index,
                made,
                cut,
                text.lora_digest,
                '{"left_px": 100, "top_px": 90}',
                facts,
                1.0,
                NOW,
            )
            self._rows.add("render", *row)
            verdict = ("rejected", "review", "review", "review")[int(key[:4], 16) % 4] if int(key[4:8], 16) % 25 == 0 else "approved"
            size = canonical_json({name: said[f"{name}_cm"] for name in SIZE_CM})
            gate = hashed(texts.gate[text.recipe].replace("@RENDER@", made).replace(canonical_json(SIZE_CM), size))
            self._rows.add("judgment", gate, key, made, texts.rules[text.recipe], verdict, "[]", NOW)
            if verdict != "approved":
                continue
            count[2] += 1
            images.append(self._publication(text, texts, said, key, made, manifest))
        return ",".join(f"{name}:{w}/{m}/{a}" for name, (w, m, a) in sorted(counts.items())), images

    def _publication(
        self, text: VariantText, texts: Texts, said: dict[str, Any], key: str, made: str, manifest: io.TextIOBase
    ) -> list[Any]:
        def own(words: str) -> str:
            words = words.replace("@SKU@", said["sku"]).replace("@TITLE@", said["title"]).replace("@MATERIAL@", said["material"])
            return words.replace("@DESCRIPTION@", said["description"]).replace(RENDER_KEY, key[:16])

        publish = hashed(texts.publish.replace("@RENDER@", made).replace("@WORDS@", hashed(own(text.words))))
        self._rows.add("publication", publish, said["sku"], text.recipe, text.index, "web", made, NOW)
        content = made_up("file", publish)
        line = own(text.image).replace("@FILE@", f"images/{content[:2]}/{content}.jpg").replace("@SHA@", content)
        line = line.replace("@RENDER@", made).replace("@PUBLISH@", publish)
        name = f"web/{said['category']}/{said['sku']}/{text.recipe}-{text.index}.jpg"
        manifest.write(f'{"," * bool(self._lines)}\n  "{name}": {line}')
        self._lines += 1
        return ["web", said["category"], text.recipe, text.index, made, publish]


def write_loras(project: Project) -> None:
    """One promoted LoRA per category."""
    base = project.base_model_digest
    for category in project.brand_kit.categories:
        row = {
            "key": made_up("lora key", category), "category": category, "lora_digest": made_up("lora", category), "base_model_digest": base,
            "data_digest": made_up("data", category), "facts": {"decision": "promoted"}, "seconds": 40.0, "promoted": True, "made_at": NOW,
        }  # fmt: skip
        project.ledger.record(tables.tables["lora"], row)


def fill(project: Project, scale: Scale, tell: Callable[[str], None] = lambda _: None) -> None:
    """Write everything into the project's ledger and its published manifest."""
    folder = Path(publish_folder_of(project))
    folder.mkdir(parents=True, exist_ok=True)
    write_loras(project)
    database = _Postgres(project) if project.ledger.on_postgres else _Sqlite(project)
    rows = Rows(database.write)
    filler, start = Filler(project, scale, rows), time.perf_counter()
    with (folder / MANIFEST_NAME).open("w", encoding="utf-8") as manifest:
        manifest.write('{\n "vitrine_manifest": 1,\n "images": {')
        filler.prepare()
        for number in range(scale.products):
            filler.add(number, manifest)
            if (number + 1) % BATCH == 0:
                rows.flush()
            if (number + 1) % 50_000 == 0:
                tell(f"{number + 1} products, {time.perf_counter() - start:.0f} s")
        manifest.write('\n },\n "tombstones": []\n}\n')
    rows.add("shelf", str(folder), WHOLE, published_versions(project)[WHOLE])
    rows.flush()
    database.finish()


class _Sqlite:
    """Bulk loading of a SQLite file: no journal, secondary indexes made at the end."""

    def __init__(self, project: Project) -> None:
        project.ledger.engine.dispose()
        self._connection = sqlite3.connect(str(project.ledger.engine.url.database))
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-1500000"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._indexes = self._connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL").fetchall()
        for name, _ in self._indexes:
            self._connection.execute(f"DROP INDEX {name}")

    def write(self, table: str, columns: Sequence[str], rows: list[tuple[Any, ...]]) -> None:
        values = [tuple(str(value) + ".000000" if isinstance(value, dt.datetime) else value for value in row) for row in rows]
        given = columns[: len(rows[0])]
        names = ", ".join(f'"{name}"' for name in given)
        self._connection.executemany(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(given))})", values)

    def finish(self) -> None:
        for _, statement in self._indexes:
            self._connection.execute(statement)
        self._connection.commit()
        self._connection.execute("ANALYZE")
        self._connection.commit()
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.close()


class _Postgres:
    """Bulk loading by COPY."""

    def __init__(self, project: Project) -> None:
        self._engine = project.ledger.engine

    def write(self, table: str, columns: Sequence[str], rows: list[tuple[Any, ...]]) -> None:
        buffer = io.StringIO()
        csv.writer(buffer).writerows([["\\N" if value is None else value for value in row] for row in rows])
        buffer.seek(0)
        names = ", ".join(f'"{name}"' for name in columns[: len(rows[0])])
        connection = self._engine.raw_connection()
        try:
            connection.cursor().copy_expert(f"COPY {table} ({names}) FROM STDIN WITH (FORMAT csv, NULL '\\N')", buffer)
            connection.commit()
        finally:
            connection.close()

    def finish(self) -> None:
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text("SELECT setval(pg_get_serial_sequence('change', 'id'), (SELECT max(id) FROM change))"))
            connection.execute(sa.text("VACUUM ANALYZE"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--products", type=int, default=1_000_000)
    parser.add_argument("--categories", type=int, default=100)
    parser.add_argument("--full-every", type=int, default=1, help="all rows for every so manieth product only")
    parser.add_argument("--ledger-variable", help="environment variable with the ledger's URL; SQLite in the state folder without it")
    given = parser.parse_args()
    scale = Scale(given.products, given.categories, given.full_every)
    fill(write_settings(given.folder, scale, ledger_variable=given.ledger_variable), scale, tell=lambda line: print(line, flush=True))


if __name__ == "__main__":
    main()
