"""A shop that is worked on without pixels: every step writes the rows the real one writes, with made-up digests.

For questions about what is planned over long histories of a catalog, where drawing each picture would take hours.
"""

import datetime as dt
import hashlib
import json
import shutil
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import sqlalchemy as sa
import yaml

from assets import published_images
from assets.catalog_needs import catalog_needs
from assets.expectation import expectation_of
from assets.photo_keys import cutout_key, screening_key, screening_rules
from assets.planning import gate_of, known_cells, plan_cell, rules_in_force
from assets.published_images import publish_cell
from assets.settled import announce
from catalog.errors import PublishRefused
from catalog.keys import digest_bytes
from catalog.product import Product
from publishing.rendition import Rendition
from resources.catalog_sync import SnapshotRow, sync_catalog
from resources.ledger_tables import cutout, expectation, judgment, lora, on_shelf, refused_render, render, settled, shelf, source_photo
from resources.project import open_project

NOW = dt.datetime(2026, 11, 21)
MARKERS = (settled, expectation, shelf, on_shelf)

BRAND = {
    "brand": "made-up",
    "palette": ["#c4704c"],
    "recipes": ["packshot_white", "backdrop", "staged_scene", "recolor"],
    "categories": {
        "mugs": {"trigger": "tiny mugs look", "scenes": ["oak table", "sand table"], "backdrops": ["#e8c39a", "#f3e2c8", "#d9d3c6"]},
        "bags": {"trigger": "tiny bags look", "scenes": ["walnut table"], "backdrops": ["#e9a9a8"]},
    },
    "colorways": [{"name": "sage", "hex": "#8a9a7b"}, {"name": "clay", "hex": "#b5603c"}, {"name": "ink", "hex": "#2c3c5e"}],
    "channels": [{"name": "web", "recipes": ["packshot_white", "backdrop", "staged_scene", "recolor"], "long_side_px": 400}],
    "rules": {},
}


def made_up(*words: object) -> str:
    """A digest that is the same for the same words."""
    return hashlib.sha256("|".join(map(str, words)).encode()).hexdigest()


def chance(share: float, *words: object) -> bool:
    """Whether something that happens to this share of things happens to this one, always with the same answer."""
    return int(made_up(*words)[:8], 16) / 0xFFFFFFFF < share


BASE_MODEL = {
    "title": "Nobody has it, and nobody needs it to plan and publish",
    "family": "sd",
    "folder": "base-model",
    "license": {"name": "Apache-2.0", "commercial_ok": True},
    "files": {"model_index.json": made_up("base model")},
}


@dataclass
class Shop:
    """A project folder with a catalog in memory; each call opens the project anew, as each process does."""

    folder: Path
    brand: dict = field(default_factory=lambda: json.loads(json.dumps(BRAND)))
    catalog: dict = field(default_factory=dict)
    outside: set = field(default_factory=set)
    versions: dict = field(default_factory=dict)
    day: dt.date = dt.date(2026, 11, 1)
    output: str = "vitrine-out"
    base_model: dict = field(default_factory=lambda: json.loads(json.dumps(BASE_MODEL)))
    max_cell_products: int = 4
    more_settings: dict = field(default_factory=dict)

    def open(self):
        """The project as it stands now."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "brand.yaml").write_text(yaml.safe_dump(self.brand))
        (self.folder / "recipes").mkdir(exist_ok=True)
        for name, version in self.versions.items():
            shipped = yaml.safe_load((Path("generation/recipes") / f"{name}.yaml").read_text())
            (self.folder / "recipes" / f"{name}.yaml").write_text(yaml.safe_dump({**shipped, **version}))
        settings = f"brand_kit: brand.yaml\nrecipes: recipes\noutput: {self.output}\nbase_model: made-up\n"
        settings += yaml.safe_dump(self.more_settings) if self.more_settings else ""
        (self.folder / "vitrine.yaml").write_text(settings)
        (self.folder / "models.yaml").write_text(yaml.safe_dump({"models": {"made-up": self.base_model}}))
        return open_project(self.folder)

    def sync(self) -> None:
        """Read the catalog."""
        rows = [
            SnapshotRow(product=Product(sku=sku, photos=(f"{sku}.jpg",), **words), photo_digests=(photo and made_up(photo),))
            for sku, (words, photo) in sorted(self.catalog.items())
            if sku not in self.outside
        ]
        if rows:
            sync_catalog(
                self.open().ledger, rows, keep_skus=frozenset(), today=self.day, first_drop=dt.date(2026, 1, 1), max_cell_products=self.max_cell_products,
                outside=frozenset(self.outside),
            )  # fmt: skip

    def promote_lora(self, category: str, number: int) -> None:
        """Take a new LoRA into use."""
        project = self.open()
        project.ledger.record(
            lora,
            {
                "key": made_up("lora", category, number), "category": category, "lora_digest": made_up("lora file", category, number),
                "base_model_digest": project.base_model_digest, "data_digest": "", "facts": {}, "seconds": 1.0, "promoted": True,
                "made_at": NOW + dt.timedelta(minutes=number),
            },
        )  # fmt: skip

    def work(self, cell: tuple[str, str], *, steps: int = 5, killed_after: int | None = None) -> None:
        """Screen, cut out, render, judge, publish: the first `steps` of these; the last one is killed after some products."""
        project = self.open()
        for number, step in enumerate((screen, cut_out, draw, judge)[:steps], start=1):
            step(project, *cell, at_most=killed_after if number == steps else None)
        if steps == 5:
            killed_in = None if killed_after is None else ("restock", "settle")[killed_after % 2]
            self.publish(project, cell, killed_in=killed_in)

    def publish(self, project, cell: tuple[str, str], *, killed_in: str | None = None) -> None:
        """Deliver a cell with files that hold their own key; the worker may die before or after it tells the ledger."""
        with ExitStack() as stack:
            stack.enter_context(mock.patch.object(published_images, "_rendition", _file))
            stack.enter_context(suppress(PublishRefused))
            if killed_in:
                stack.enter_context(suppress(KeyboardInterrupt))
                stack.enter_context(mock.patch.object(published_images, killed_in, side_effect=KeyboardInterrupt))
            publish_cell(project, *cell)

    def work_everywhere(self) -> None:
        """All steps in all cells."""
        for cell in known_cells(self.open()):
            self.work(cell)

    def needs(self, *, markers: bool):
        """The plan, made on a copy of the ledger, with the markers that are there or without any."""
        copy = self.folder.parent / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.folder / ".vitrine", copy / ".vitrine")
        project = self.open()
        there = project.settings.model_copy(update={"state": copy / ".vitrine"})
        looked = type(project)(there)
        if not markers:
            forget_markers(looked)
        needs = catalog_needs(looked)
        for opened in (looked, project):
            opened.ledger.engine.dispose()
        return needs


def forget_markers(project) -> None:
    """Delete everything that is only remembered to plan faster."""
    with project.ledger.writing() as connection:
        for table in MARKERS:
            connection.execute(sa.delete(table))


def screen(project, category, drop, at_most=None) -> None:
    """Screen photos; one in eight is refused."""
    for row in plan_cell(project, category, drop).photos_to_screen[:at_most]:
        photo = row["photo_digests"][0]
        project.ledger.record(
            source_photo,
            {
                "key": screening_key(photo, row["attributes"]["photos"][0], screening_rules(project)), "photo_digest": photo,
                "accepted": not chance(0.12, "screen", photo), "reasons": [], "measurements": {}, "thumbnail_digest": None,
            },
        )  # fmt: skip


def cut_out(project, category, drop, at_most=None) -> None:
    """Cut out photos; one in eight is doubtful."""
    for row in plan_cell(project, category, drop).cutouts_to_make[:at_most]:
        photo = row["photo_digests"][0]
        project.ledger.record(
            cutout,
            {
                "key": cutout_key(photo), "photo_digest": photo, "cutout_digest": made_up("cutout", photo),
                "accepted": not chance(0.12, "cut", photo), "confidence": 1.0, "reasons": [], "measurements": {},
            },
        )  # fmt: skip


def draw(project, category, drop, at_most=None) -> None:
    """Render what is missing; one group in ten is refused by its recipe."""
    plan = plan_cell(project, category, drop)
    todo = plan.to_render[:at_most]
    if todo:
        announce(project, expectation_of(project, category, plan.lora_digest), {w.variant.sku for w in todo})
    for wanted in todo:
        named = {
            "render_key": wanted.render_key, "sku": wanted.variant.sku, "category": category, "recipe": wanted.variant.recipe,
            "idx": wanted.variant.index,
        }  # fmt: skip
        if chance(0.1, "draw", wanted.variant.sku, wanted.variant.recipe, wanted.cutout_digest):
            project.ledger.record(refused_render, {**named, "message": "no", "refused_at": NOW})
            continue
        target = wanted.resolved.get("target_hex")
        project.ledger.record(
            render,
            {
                **named, "render_digest": made_up("render", wanted.render_key), "cutout_digest": wanted.cutout_digest,
                "lora_digest": wanted.lora_digest, "placement": {}, "facts": {"target_hex": target} if target else {}, "seconds": 1.0,
                "made_at": NOW,
            },
        )  # fmt: skip


def judge(project, category, drop, at_most=None) -> None:
    """Judge what is not judged; one in four is not approved, and which ones depends on the rules and the product's size."""
    plan = plan_cell(project, category, drop)
    todo = plan.to_judge[:at_most]
    if todo:
        announce(project, expectation_of(project, category, plan.lora_digest), {w.variant.sku for w in todo})
    for wanted in todo:
        made = plan.judged[wanted.render_key][0]
        rules, gate = rules_in_force(project, wanted.recipe).digest, gate_of(project, wanted, made["render_digest"])
        size = [value for value in wanted.product.size_cm.values() if value is not None]
        verdict = "rejected" if chance(0.25, "judge", wanted.render_key, rules, *size) else "approved"
        project.ledger.record(
            judgment,
            {
                "gate_key": gate, "render_key": wanted.render_key, "render_digest": made["render_digest"], "rules_digest": rules, "verdict": verdict,
                "reasons": [], "judged_at": NOW,
            },
        )  # fmt: skip


def _file(_project, candidate) -> Rendition:
    data = candidate.publish_key.encode()
    name = digest_bytes(data)
    return Rendition(data=data, sha256=name, width_px=4, height_px=4, media_type="image/jpeg", file_name=f"{name}.jpg")
