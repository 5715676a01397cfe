"""People review in a browser: keys, two reviewers on one picture, the picture in the shop afterwards. Real server, real Chromium."""

import shutil

import pytest

from assets.decisions import decisions_on, undo
from assets.planning import known_cells, plan_cell
from assets.published_images import publish_cell
from assets.published_place import published_of_cell
from assets.validated_renders import judge_cell
from orchestration.stale import cell_need
from resources.project import open_project
from tests.review.conftest import serving, signed_in

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shop(reviewed, tmp_path_factory):
    """One project and one server for all tests of this file."""
    folder = shutil.copytree(reviewed, tmp_path_factory.mktemp("page") / "project", symlinks=True)
    with serving(folder) as address:
        yield folder, address


@pytest.fixture
def folder(shop):
    """The project with nothing decided and nothing published, as it is at first."""
    yield shop[0]
    project = open_project(shop[0])
    (cell,) = known_cells(project)
    rows = [row for row, _ in plan_cell(project, *cell).judged.values()]
    while people := decisions_on(project, (row["sku"] for row in rows)):
        for by in people.values():
            undo(project, by, {**by, "verdict": "review", "reasons": []}, reviewer="test", seen=by["id"] + 99)
    published(shop[0])
    project.ledger.engine.dispose()


@pytest.fixture
def served(shop, folder):
    return shop[1]


def published(folder):
    project = open_project(folder)
    (cell,) = known_cells(project)
    judge_cell(project, *cell)
    publish_cell(project, *cell)
    return sorted(image.sku for image in published_of_cell(project, *cell).images.values())


def all_loaded(page):
    page.wait_for_function("() => [...document.images].filter(i => !i.hidden).every(i => i.complete && i.naturalWidth > 0)")


def shown_at_the_product(page):
    """The color on the screen in the middle of the render, where the product is."""
    import io

    from PIL import Image

    picture = Image.open(io.BytesIO(page.locator(".stack").screenshot())).convert("RGB")
    return picture.getpixel((picture.width * 4 // 10, picture.height // 2))


def test_a_reviewer_decides_with_keys_and_the_approved_picture_is_published(windows, served, folder):
    page = signed_in(windows, served)
    page.get_by_role("heading", name="3 pictures to review").wait_for()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.get_by_text("1 of 3").wait_for()
    page.get_by_text("No shadow grounds the product").wait_for()
    page.get_by_text("≥ 90").or_(page.get_by_text("at least 90")).first.wait_for()
    all_loaded(page)
    page.keyboard.press("o")
    page.get_by_alt_text("Difference over the render").wait_for()
    all_loaded(page)
    red, green, blue = shown_at_the_product(page)
    assert red > green + 60 and red > blue + 60, "the map lies over the red mug, it does not hide it"
    page.keyboard.press("a")
    page.get_by_text("1 of 2").wait_for()
    project = open_project(folder)
    assert cell_need(project, *known_cells(project)[0]).to_publish == 1
    assert published(folder) == ["MUG-1"]
    page.keyboard.press("u")  # of what was decided last, though another picture is shown by now
    page.get_by_text("took a decision back").wait_for()
    assert published(folder) == []
    assert page.complaints == []


def test_a_waiver_asks_for_its_reason_first(windows, served, folder):
    page = signed_in(windows, served)
    page.locator(".tile").first.click()
    page.get_by_text("1 of 3").wait_for()
    page.keyboard.press("w")
    reason = page.get_by_label("Reason in words")
    assert reason.evaluate("e => e === document.activeElement")
    page.keyboard.type("just as the maker wants it; a, r and u are letters here")
    page.keyboard.press("Escape")
    page.keyboard.press("w")
    page.get_by_text("1 of 2").wait_for()
    assert published(folder) == ["MUG-1"]
    page.goto(f"{served}/?state=decided")
    page.get_by_text("Approved by ann").wait_for()
    page.locator(".tile").first.click()
    page.get_by_text("“just as the maker wants it").first.wait_for()


def test_the_second_reviewer_sees_what_the_first_decided(windows, served, folder):
    ann, ben = signed_in(windows, served), signed_in(windows, served, "ben")
    for page in (ann, ben):
        page.locator(".tile").first.click()
        page.get_by_text("1 of 3").wait_for()
    ann.get_by_label("Reason in words").fill("the handle is cut")
    ann.keyboard.press("Escape")
    ann.keyboard.press("r")
    ann.get_by_text("1 of 2").wait_for()
    ben.keyboard.press("a")
    told = ben.get_by_role("alert")
    told.wait_for()
    assert "ann rejected it" in told.inner_text() and "the handle is cut" in told.inner_text()
    assert published(folder) == []
    ben.keyboard.press("a")  # he has seen it now, and still wants to
    ben.get_by_text("1 of 2").wait_for()
    assert published(folder) == ["MUG-1"]


def test_renders_are_found_by_category_recipe_and_reason(windows, served):
    page = signed_in(windows, served)
    assert page.locator(".tile").count() == 3
    page.get_by_label("Reason").select_option("FLOATING")
    page.wait_for_url("**reason=FLOATING**")
    assert page.locator(".tile").count() == 3
    page.get_by_label("Show").select_option("decided")
    page.get_by_text("Nothing to show").wait_for()
