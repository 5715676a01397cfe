"""A plan that passes over settled products says the same as one that looks at every product."""

import shutil
from contextlib import suppress

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.catalog_needs import catalog_needs
from assets.new_seeds import ask_new_seed, asked_seeds, take_back_seed
from assets.planning import known_cells, plan_cell, plan_products
from catalog.errors import DecisionRefused
from catalog.product import Product
from generation.kinds import KINDS
from generation.recipe_book import read_recipe_book
from generation.resolve import resolve, variant_count
from publishing.manifest import MANIFEST_NAME
from resources.ledger_tables import settled
from tests.made_up_work import Shop, forget_markers

SKUS = ("A", "B", "C", "D", "E", "F")
COLORS = ("Red", "Sage", "clay")


def words(category="mugs", color="Red", title="A thing"):
    return {"title": title, "category": category, "color": color}


@pytest.fixture
def shop(tmp_path):
    shop = Shop(tmp_path / "shop")
    shop.catalog = {sku: (words("mugs" if n % 3 else "bags", COLORS[n % 3]), f"photo {sku}") for n, sku in enumerate(SKUS)}
    shop.sync()
    shop.promote_lora("mugs", 1)
    shop.promote_lora("bags", 1)
    return shop


def planned_one_by_one(monkeypatch, shop):
    """How many products the plan with markers looks at one by one, and its needs."""
    seen = []

    def counted(project, category, drop, rows, lora_digest):
        seen.extend(row["sku"] for row in rows)
        return plan_products(project, category, drop, rows, lora_digest)

    monkeypatch.setattr("assets.catalog_needs.plan_products", counted)
    needs = shop.needs(markers=True)
    monkeypatch.undo()
    return len(seen), needs


def test_a_finished_catalog_is_planned_without_looking_at_any_product(shop, monkeypatch):
    shop.work_everywhere()
    looked_at, needs = planned_one_by_one(monkeypatch, shop)
    assert looked_at == 0
    assert not any(need.is_stale for need in needs)
    assert sum(need.products for need in needs) == len(SKUS)
    assert needs == shop.needs(markers=False)


def test_one_changed_product_is_the_only_one_looked_at(shop, monkeypatch):
    shop.work_everywhere()
    shop.catalog["B"] = (words(title="A better thing"), "photo B")
    shop.sync()
    looked_at, needs = planned_one_by_one(monkeypatch, shop)
    assert looked_at == 1
    assert needs == shop.needs(markers=False)


@pytest.mark.parametrize(
    "change",
    [
        {"rules": {"packshot_white": {"fill_pct": {"min": 20, "max": 100}}}},
        {"recipes": ["packshot_white", "backdrop", "staged_scene"]},
        {"channels": [{"name": "web", "recipes": ["packshot_white", "backdrop", "staged_scene", "recolor"], "long_side_px": 500}]},
        {"channels": [{"name": "feed", "recipes": ["packshot_white"], "long_side_px": 500}]},
        {"title": "Another name"},
    ],
    ids=["rule", "recipe dropped", "channel form", "other channel", "brand title"],
)
def test_a_changed_brand_is_counted_without_looking_at_any_product(shop, monkeypatch, change):
    shop.work_everywhere()
    shop.brand |= change
    looked_at, needs = planned_one_by_one(monkeypatch, shop)
    assert looked_at == 0
    assert needs == shop.needs(markers=False)
    assert any(need.is_stale for need in needs) == ("title" not in change)


def test_a_new_lora_is_counted_without_looking_at_products_without_refusals(shop, monkeypatch):
    shop.work_everywhere()
    shop.promote_lora("mugs", 2)
    looked_at, needs = planned_one_by_one(monkeypatch, shop)
    assert looked_at < len(SKUS)
    assert needs == shop.needs(markers=False)
    assert sum(need.to_render.get("staged_scene", 0) for need in needs) > 0


def test_a_plan_marks_what_it_finds_finished(shop, monkeypatch):
    shop.work_everywhere()
    project = shop.open()
    forget_markers(project)
    assert not any(need.is_stale for need in catalog_needs(project))
    assert planned_one_by_one(monkeypatch, shop)[0] == 0


def test_a_deleted_published_folder_is_seen(shop):
    shop.work_everywhere()
    shutil.rmtree(shop.folder / shop.output)
    needs = shop.needs(markers=True)
    assert sum(need.to_publish for need in needs) > 0
    assert needs == shop.needs(markers=False)


def test_a_moved_product_is_taken_out_of_its_old_place(shop):
    """The same picture stands under its product's category; a packshot kept its key and stayed in the old one for ever."""
    shop.brand["recipes"] = ["packshot_white"]
    shop.work_everywhere()
    assert not any(need.to_publish for need in shop.needs(markers=True))
    published = {row["sku"]: row["shape"] for row in shop.open().ledger.rows(sa.select(settled))}
    sku = next(sku for sku in SKUS if published[sku].endswith("1/1/1"))
    before = shop.catalog[sku][0]
    shop.catalog[sku] = ({**before, "category": "bags" if before["category"] == "mugs" else "mugs"}, f"photo {sku}")
    shop.sync()
    assert sum(need.to_publish for need in shop.needs(markers=True)) == 2


def test_kinds_that_are_called_alike_in_a_category_take_nothing_else_from_the_product(shop):
    project, book = shop.open(), read_recipe_book()
    plain = Product(sku="A", title="A", category="mugs", photos=("a.jpg",))
    rich = Product(
        sku="B-2", title="Other words", description="Long.", category="mugs", color="Sage", material="brass", width_cm=3, depth_cm=4,
        height_cm=5, price=6, photos=("b.png", "c.png"),
    )  # fmt: skip
    alike = [recipe for recipe in book.values() if KINDS[recipe.kind].alike_in_category]
    asked = [recipe for recipe in alike if recipe.kind != "enhance_uniform"]  # refuses this kit, which has no neutral color
    assert asked
    for recipe in asked:
        counts = {variant_count(recipe, item, project.brand_kit) for item in (plain, rich)}
        assert len(counts) == 1
        for index in range(counts.pop()):
            assert resolve(recipe, plain, project.brand_kit, index) == resolve(recipe, rich, project.brand_kit, index)


# Histories: a list of (what happens, two numbers that say to what).
EVENTS = (
    "words photo photo_back no_photo category withdraw return add color size pilot "
    "rule channel words_of_recipe recipes version variants scene colorway lora "
    "work work work work_in_part work_in_part everywhere everywhere delete_folder delete_picture other_folder plan forget day "
    "new_seed new_seed former_seed upscaler upscaler"
).split()


def happen(shop, event, a, b):  # noqa: PLR0912, PLR0915 - one line per event
    sku = SKUS[a % len(SKUS)]
    brand = shop.brand
    if event in ("words", "photo", "photo_back", "no_photo", "category", "color", "size"):
        if sku not in shop.catalog:
            return
        known, photo = shop.catalog[sku]
        if event == "words":
            known = {**known, "title": f"Thing {b}"}
        elif event == "color":
            known = {**known, "color": COLORS[b % 3]}
        elif event == "size":
            known = {**known, "width_cm": (None, 10, 12)[b % 3], "height_cm": (None, 20)[a % 2]}
        elif event == "category":
            known = {**known, "category": ("mugs", "bags", "hats")[b % 3]}
        else:
            photo = {"photo": f"photo {sku} {b % 3}", "photo_back": f"photo {sku}", "no_photo": None}[event]
        shop.catalog[sku] = (known, photo)
        shop.sync()
    elif event == "withdraw":
        shop.catalog.pop(sku, None)
        shop.sync()
    elif event in ("return", "add"):
        shop.catalog.setdefault(sku, (words("mugs"), f"photo {sku}"))
        shop.sync()
    elif event == "pilot":
        shop.outside = {sku for n, sku in enumerate(SKUS) if (b >> n) & 1 and b % 2}
        shop.sync()
    elif event == "rule":
        brand["rules"] = {} if b % 3 == 0 else {("packshot_white", "recolor")[b % 2]: {"fill_pct": {"min": 10 + b % 3, "max": 100}}}
    elif event == "channel":
        web = {"name": "web", "recipes": ["packshot_white", "backdrop", "staged_scene", "recolor"], "long_side_px": 400 + b % 2}
        feed = {"name": "feed", "recipes": ["packshot_white"], "long_side_px": 300}
        brand["channels"] = [web, feed][: 1 + a % 2] if b % 5 else []
    elif event == "words_of_recipe":
        shop.versions.setdefault("backdrop", {})["title"] = f"Backdrop {b % 2}"
    elif event == "recipes":
        every = ["packshot_white", "backdrop", "staged_scene", "recolor"]
        brand["recipes"] = [name for n, name in enumerate(every) if n == 0 or (b >> n) & 1]
    elif event == "version":
        shop.versions.setdefault(("packshot_white", "staged_scene", "recolor")[a % 3], {})["version"] = 1 + b % 3
    elif event == "variants":
        shop.versions.setdefault(("backdrop", "staged_scene", "recolor")[a % 3], {})["variants"] = 1 + b % 3
    elif event == "scene":
        brand["categories"]["mugs"]["scenes"] = ["oak table", "sand table", "stone table"][: 1 + b % 3]
        brand["categories"]["mugs"]["backdrops"] = ["#e8c39a", "#f3e2c8", "#d9d3c6"][: 1 + a % 3]
    elif event == "colorway":
        name, known = ("sage", "clay", "ink", "sea")[a % 4], [one["name"] for one in brand["colorways"]]
        brand["colorways"][b % 3]["name"] = known[b % 3] if name in known else name
    elif event == "lora":
        shop.promote_lora(("mugs", "bags")[a % 2], b % 4)
    elif event.startswith("work"):
        cells = known_cells(shop.open())
        if cells:
            parts = {"steps": 1 + b % 5, "killed_after": 1 + a % 3} if event == "work_in_part" else {}
            shop.work(cells[(a + b) % len(cells)], **parts)
    elif event == "everywhere":
        shop.work_everywhere()
    elif event == "delete_folder":
        shutil.rmtree(shop.folder / shop.output, ignore_errors=True)
    elif event == "other_folder":
        shop.output = ("vitrine-out", "elsewhere")[b % 2]
    elif event == "delete_picture":
        remove_one_picture(shop, a)
    elif event == "plan":
        catalog_needs(shop.open())
    elif event == "forget":
        forget_markers(shop.open())
    elif event in ("new_seed", "former_seed"):
        another_seed(shop, event, a + b)
    elif event == "upscaler":
        another_upscaler(shop, a, b)
    elif event == "day":
        shop.day = shop.day.replace(day=1 + b % 20)


def another_upscaler(shop, a, b):
    """A recipe asks for a model of its own, whose folder comes and goes; its license is accepted or not."""
    shop.versions["enhance"] = {"params": {"upscale": "twice"}}
    shop.brand["recipes"] = [*(name for name in shop.brand["recipes"] if name != "enhance"), *(["enhance"] if a % 4 else [])]
    shop.more_settings = {"upscalers": {"twice": {"model": "twice", "license": "House-1"}}} | (
        {"accepted_licenses": ["House-1"]} if b % 3 else {}
    )
    shutil.rmtree(shop.folder / "twice", ignore_errors=True)
    if b % 2:
        (shop.folder / "twice").mkdir()
        (shop.folder / "twice" / "config.json").write_text('{"model_type": "swin2sr"}')
        (shop.folder / "twice" / "model.safetensors").write_bytes(bytes([a]))


def another_seed(shop, event, which):
    """A reviewer asks that a scene be drawn again, or takes the newest request back."""
    project = shop.open()
    if event == "former_seed":
        for asked in list(asked_seeds(project, SKUS).values())[:1]:
            take_back_seed(project, asked, reviewer="ann", seen=10**6)
        return
    judged = [pair for cell in known_cells(project) for pair in plan_cell(project, *cell).judged.values() if pair[1] is not None]
    scenes = [pair for pair in judged if pair[0]["recipe"] == "staged_scene"]
    if scenes:
        with suppress(DecisionRefused):  # eight times at most
            ask_new_seed(project, *scenes[which % len(scenes)], project.recipe_book["staged_scene"], reviewer="ann", seen=10**6)


def remove_one_picture(shop, which):
    """Somebody edits the manifest by hand."""
    from publishing.manifest import Manifest, read_manifest

    folder = shop.folder / shop.output / "published"
    manifest = read_manifest(folder)
    if manifest.images:
        gone = sorted(manifest.images)[which % len(manifest.images)]
        left = {name: image for name, image in manifest.images.items() if name != gone}
        (folder / MANIFEST_NAME).write_bytes(Manifest(images=left, tombstones=manifest.tombstones).as_bytes())


HISTORIES = st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 11), st.integers(0, 11)), min_size=3, max_size=12)


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=HISTORIES)
def test_markers_never_change_what_is_planned(history, tmp_path_factory):
    shop = Shop(tmp_path_factory.mktemp("history") / "shop")
    shop.catalog = {sku: (words("mugs" if n % 3 else "bags", COLORS[n % 3]), f"photo {sku}") for n, sku in enumerate(SKUS[:4])}
    shop.sync()
    shop.promote_lora("mugs", 1)
    shop.work_everywhere()
    for event, a, b in history:
        happen(shop, event, a, b)
        assert shop.needs(markers=True) == shop.needs(markers=False), (event, a, b)
