"""What the queue shows and when it looks again: many products in portions, approved ones page by page, neighbors. No pixels."""

from dataclasses import replace

import pytest

from assets.decisions import decide, undo
from assets.planning import known_cells
from assets.review_samples import draw_sample
from resources.project import open_project
from review import queue as queue_module
from review.approved import approved_beside, approved_page, drawn_keys, neighbors
from review.found import FEW, MOST_FILTERS, after, before
from review.items import Filter
from review.looking import read_place, write_place
from review.queue import ReviewQueue, _Looked, look_again, look_up
from tests.made_up_work import Shop

SKUS = [*(f"SKU-{number:02}" for number in range(12)), "Mug-01", "mUg-02"]


@pytest.fixture(scope="module")
def worked(tmp_path_factory):
    """Fourteen products with packshots and backdrops; one in four is rejected by a made-up gate."""
    shop = Shop(tmp_path_factory.mktemp("queue") / "shop")
    shop.catalog = {sku: ({"title": "A thing", "category": "mugs", "color": "Red"}, f"photo {sku}") for sku in SKUS}
    shop.brand["recipes"] = ["packshot_white", "backdrop", "recolor"]
    shop.brand["channels"][0]["recipes"] = ["packshot_white"]
    shop.sync()
    shop.work_everywhere()
    return shop


@pytest.fixture
def shop(worked, tmp_path):
    import shutil

    return Shop(shutil.copytree(worked.folder, tmp_path / "shop"), brand=worked.brand, catalog=dict(worked.catalog))


@pytest.fixture
def project(shop):
    return shop.open()


def names(items):
    return [item.name for item in items]


def test_products_are_looked_at_in_portions_and_only_again_when_they_changed(project, monkeypatch):
    whole = look_up(project).items
    assert len({item.made["sku"] for item in whole}) > 3
    looked = _Looked()
    left = [look_again(project, looked, portion=2)]
    assert left[0] > 0 and len(looked.found(left[0]).items) < len(whole)
    while left[-1]:
        left.append(look_again(project, looked, portion=2))
    assert left == sorted(left, reverse=True) and names(looked.found(0).items) == names(whole)

    asked = []
    from review import queue

    real = queue.items_of
    monkeypatch.setattr(
        queue, "items_of", lambda project, cell, rows: asked.extend(row["sku"] for row in rows) or real(project, cell, rows)
    )
    look_again(project, looked)
    assert asked == []
    first = whole[0]
    decide(project, first.made, first.gate, "approve", reviewer="ann", seen=0)
    look_again(project, looked)
    assert asked == [first.made["sku"]]
    assert [item.by["reviewer"] for item in looked.found(0).items if item.by] == ["ann"]


@pytest.fixture
def queue(shop):
    queue = ReviewQueue(shop.folder)
    queue.project.__dict__["base_model_digest"] = shop.open().base_model_digest
    return queue


def test_after_a_decision_only_its_product_is_asked_about(queue, monkeypatch):
    """Every decision asked the ledger about all doubtful products and sorted, filtered and counted all of them anew."""
    first = queue.found().items[0]
    asked = []
    real = queue_module._narrow
    monkeypatch.setattr(queue_module, "_narrow", lambda project, skus: asked.extend(skus) or real(project, skus))
    assert queue.found() is queue.found() and asked == []
    decide(queue.project, first.made, first.gate, "approve", reviewer="ann", seen=0)
    assert [item.name for item in queue.found().items if item.by] == [first.name]
    assert asked == [first.made["sku"]]


FILTERS = [Filter(), Filter(state="all"), Filter(state="decided"), Filter(recipe="backdrop"), Filter(sku="sku-0", state="all")]


def test_a_list_that_is_mended_is_the_list_that_would_be_made_anew(queue):
    project = queue.project
    for wanted in FILTERS[:3]:  # the others are asked for later, when the list was mended already
        queue.found().shown(wanted), queue.found().counts(wanted)
    turns = [(item, action) for item in queue.found().items[::3] for action in ("approve", "undo", "reject")]
    approved = approved_page(project, Filter(state="approved"), "", 2).items
    for item, action in [*turns[:9], *((one, "reject") for one in approved), (approved[0], "undo")]:
        seen = 10**6
        if action == "undo":
            undo(project, item.made, item.gate, reviewer="ann", seen=seen)
        else:
            decide(project, item.made, item.gate, action, reviewer="ann", fault="color", seen=seen)
        mended, anew = queue.found(), look_up(project)
        assert names(mended.items) == names(anew.items)
        for wanted in FILTERS:
            assert names(mended.shown(wanted)) == names(anew.shown(wanted))
            assert mended.counts(wanted) == anew.counts(wanted)
    assert names(queue.found().shown(Filter(state="decided")))


def test_a_list_remembers_few_filters(queue):
    found = queue.found()
    for number in range(MOST_FILTERS + 5):
        found.shown(Filter(sku=str(number)))
    assert len(found._shown) == MOST_FILTERS


def test_many_changes_make_the_list_anew(queue):
    found = queue.found()
    found.shown(Filter())
    doubled = [replace(item, made={**item.made, "sku": f"{item.made['sku']}-{number}"}) for number in range(FEW) for item in found.items]
    many = found.changed([], doubled, 0)
    assert len(many.items) == len(found.items) * (FEW + 1) and many._shown == {}
    assert [item.order for item in many.items] == sorted(item.order for item in many.items)
    assert names(many.changed(doubled, [], 0).items) == names(found.items)


def test_a_product_that_leaves_the_catalog_leaves_the_queue(shop):
    queue = ReviewQueue(shop.folder)
    queue.project.__dict__["base_model_digest"] = shop.open().base_model_digest
    gone = queue.found().items[0].made["sku"]
    del shop.catalog[gone]
    shop.sync()
    queue._looked_at_s = float("-inf")
    assert gone not in {item.made["sku"] for item in queue.found().items}


def test_pages_go_on_behind_a_place_whether_something_still_stands_there_or_not(project):
    items = look_up(project).items
    middle = len(items) // 2
    place = read_place(write_place(items[middle].order))
    assert place == items[middle].order
    assert [*before(items, place), items[middle], *after(items, place)] == list(items)
    without = [item for item in items if item is not items[middle]]
    assert [*before(without, place), *after(without, place)] == without
    assert read_place("nonsense") is None and read_place("[1,2]") is None and read_place('["a","b","c","d","e"]') is None


def test_approved_pictures_are_walked_through_page_by_page_in_the_order_of_their_sku(project):
    wanted, last, pages = Filter(state="approved"), "", []
    while page := approved_page(project, wanted, last, 5):
        pages.append(page)
        last = page.last_sku
        if not last:
            break
    found = [item for page in pages for item in page.items]
    assert len(pages) > 3 and len({item.render_key for item in found}) == len(found)
    assert [item.made["sku"] for item in found] == sorted(item.made["sku"] for item in found)
    assert {item.verdict for item in found} == {"approved"}
    doubtful = {item.render_key for item in look_up(project).items}
    assert not doubtful & {item.render_key for item in found}
    for at, item in enumerate(found):
        back, forth = approved_beside(project, wanted, item)
        assert (back, forth) == (found[at - 1].render_key if at else "", found[at + 1].render_key if at + 1 < len(found) else "")


def test_approved_pictures_are_found_by_sku_recipe_and_category(project):
    def skus(**wanted):
        return {item.made["sku"] for item in approved_page(project, Filter(state="approved", **wanted), "", 500).items}

    everything = skus()
    assert skus(sku="SKU-03") == skus(sku="sku-03") == everything & {"SKU-03"} != set()
    assert skus(sku="sku-1") == {sku for sku in everything if sku.startswith("SKU-1")}
    mugs = everything & {"Mug-01", "mUg-02"}
    assert mugs and all(skus(sku=typed) == mugs for typed in ("mug", "MUG", "Mug-", "mUg-0"))
    assert skus(sku="mug-01") == mugs & {"Mug-01"} and skus(sku="sku-1", category="bags") == set()
    assert skus(category="bags") == set() and skus(sku="KU-0") == set()
    assert {i.made["recipe"] for i in approved_page(project, Filter(state="approved", recipe="backdrop"), "", 500).items} == {"backdrop"}


def test_what_is_marked_as_wrongly_approved_moves_from_the_approved_to_the_decided(project):
    item = approved_page(project, Filter(state="approved"), "", 1).items[0]
    row = decide(project, item.made, item.gate, "reject", reviewer="ann", fault="color", seen=0)
    page = approved_page(project, Filter(state="approved"), "", 500)
    assert item.render_key not in {one.render_key for one in page.items}
    assert names(look_up(project).shown(Filter(state="decided"))) == [item.name]
    undo(project, item.made, item.gate, reviewer="ann", seen=row["id"])
    assert look_up(project).shown(Filter(state="decided")) == []


def test_what_was_drawn_to_be_checked_is_listed_until_somebody_said_whether_it_is_right(project):
    wanted = Filter(state="drawn")
    assert drawn_keys(project, wanted) == []
    sample = draw_sample(project, 6, seed=1)
    keys = drawn_keys(project, wanted)
    assert sorted(keys) == sorted(one.render_key for one in sample.renders)
    item = next(item for item in approved_page(project, Filter(state="approved"), "", 500).items if item.render_key == keys[0])
    assert wanted.takes(item) and drawn_keys(project, Filter(state="drawn", category="bags")) == []
    decide(project, item.made, item.gate, "approve", reviewer="ann", seen=0)
    assert drawn_keys(project, wanted) == keys[1:]


def test_neighbors_are_of_the_same_cell_the_same_picture_or_the_same_product(project):
    item = next(item for item in look_up(project).items if item.made["recipe"] == "backdrop")
    found = neighbors(project, item)
    assert len(known_cells(project)) > 1, "a cell of this shop holds four products"
    assert found.of_others and {one.drop for one in [*found.of_others, *found.of_same]} == {item.drop}
    assert {(one.made["recipe"], one.made["idx"]) for one in found.of_others} == {("backdrop", item.made["idx"])}
    assert item.made["sku"] not in {one.made["sku"] for one in found.of_others}
    assert {one.made["sku"] for one in found.of_same} == {item.made["sku"]} and item.render_key not in {i.render_key for i in found.of_same}


def test_the_same_queue_is_found_on_postgresql(worked, postgres_url, tmp_path, monkeypatch):
    monkeypatch.setenv("LEDGER", postgres_url)
    other = Shop(tmp_path / "shop", brand=worked.brand, catalog=worked.catalog)
    monkeypatch.setattr(Shop, "open", _opened)
    other.sync()
    other.work_everywhere()
    project = other.open()
    assert names(look_up(project).items) == names(look_up(worked.open()).items)
    wanted = Filter(state="approved", sku="sku-0")
    assert names(approved_page(project, wanted, "", 500).items) == names(approved_page(worked.open(), wanted, "", 500).items)
    item = look_up(project).items[0]
    assert names(neighbors(project, item).of_same)
    decide(project, item.made, item.gate, "waive", note="as agreed", reviewer="ann", seen=0)
    assert names(look_up(project).shown(Filter(state="decided"))) == [item.name]


OPEN = Shop.open


def _opened(shop):
    """The shop of this test with its ledger in the variable's database; the one it is compared with as it is."""
    project = OPEN(shop)
    if shop.folder.parent.name.startswith("queue"):
        return project
    with (shop.folder / "vitrine.yaml").open("a") as file:
        file.write("ledger: {url_env: LEDGER}\n")
    there = open_project(shop.folder)
    there.__dict__["base_model_digest"] = project.base_model_digest
    return there
