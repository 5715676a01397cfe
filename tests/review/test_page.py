"""People review in a browser: keys, two reviewers on one picture, the picture in the shop afterwards. Real server, real Chromium."""

import shutil

import pytest

from assets.planning import known_cells
from assets.published_images import publish_cell
from assets.published_place import published_of_cell
from assets.validated_renders import judge_cell
from orchestration.stale import cell_need
from resources.project import open_project
from tests.review.conftest import PASSWORD

pytestmark = pytest.mark.slow

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync")


@pytest.fixture(scope="module")
def browser():
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("needs Chromium on the PATH (Debian and Ubuntu: apt install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=path, headless=True, args=FLAGS) as browser:
        yield browser


@pytest.fixture
def windows(browser, served):
    """Opens browser windows and closes them before the server ends."""
    contexts = []

    def opened(how):
        contexts.append(browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **how}))
        return contexts[-1].new_page()

    yield opened
    for context in contexts:
        context.close()


def signed_in(windows, served, name="ann", **how):
    """A browser window of a reviewer; what it complains about is kept in `complaints`."""
    page = windows(how)
    page.set_default_timeout(20_000)
    page.complaints = []
    page.on("console", lambda said: page.complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.goto(served)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="to review").wait_for()
    return page


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
    page.get_by_alt_text("Where the product differs from its photo").wait_for()
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


@pytest.mark.parametrize("how", [{"color_scheme": "dark"}, {"viewport": {"width": 768, "height": 1024}, "has_touch": True}])
def test_every_control_has_a_name_contrast_and_room_for_a_finger(windows, served, how):
    page = signed_in(windows, served, **how)
    page.locator(".tile").first.click()
    page.get_by_text("1 of 3").wait_for()
    all_loaded(page)
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    for button in page.get_by_role("button").all():
        box = button.bounding_box()
        assert button.inner_text().strip() and box["height"] >= 44, button.inner_text()
    assert page.evaluate("() => [...document.querySelectorAll('input:not([type=hidden]), select, textarea')].every(e => e.labels.length)")
    assert worst_contrast(page) >= 4.5


def worst_contrast(page):
    """The smallest WCAG 2 contrast of any text to the plain background behind it; what is disabled is exempt."""
    return page.evaluate(
        """() => {
      const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
      const rgba = (color) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
      const light = ([r, g, b]) => { const f = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b); };
      const behind = (e) => { for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor); if (c[3] > 200) return c; } return [255, 255, 255, 255]; };
      let worst = 21;
      for (const e of document.querySelectorAll("body *")) {
        const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
        if (!own || !e.offsetParent || e.closest(":disabled, .skip, .visually-hidden")) continue;
        const [a, b] = [light(rgba(getComputedStyle(e).color)), light(behind(e))];
        worst = Math.min(worst, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05));
      }
      return worst; }"""
    )
