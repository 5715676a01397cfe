"""The page for people who cannot see it well, cannot use a mouse, or do not want things to move: by axe-core where it is, and by checks of our own."""

import os
import shutil
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.review.conftest import serving, signed_in

pytestmark = pytest.mark.slow

AXE = Path(os.environ.get("VITRINE_AXE", REPOSITORY / "node_modules" / "axe-core" / "axe.min.js"))
"""Not in the repository: `npm install --no-save axe-core@4` puts it here."""

LOOKS = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "tablet": {"viewport": {"width": 768, "height": 1024}, "has_touch": True},
    "still": {"reduced_motion": "reduce"},
}
PAGES = ("/", "/?state=approved", "picture", "neighbors")


@pytest.fixture(scope="module")
def served(reviewed, tmp_path_factory):
    folder = shutil.copytree(reviewed, tmp_path_factory.mktemp("accessible") / "project", symlinks=True)
    with serving(folder) as address:
        yield address


def opened(page, address, what):
    """Go to one of `PAGES`."""
    if what.startswith("/"):
        page.goto(address + what)
    else:
        page.goto(address)
        path = page.locator(".tile").first.get_attribute("href")
        page.goto(address + path.replace("/picture/", f"/{what}/"))
    page.wait_for_load_state("networkidle")


@pytest.mark.parametrize("look", LOOKS)
def test_every_control_has_a_name_contrast_and_room_for_a_finger(windows, served, look):
    page = signed_in(windows, served, **LOOKS[look])
    for what in PAGES:
        opened(page, served, what)
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), f"{what} is wider than the window"
        for control in page.locator("button:visible, .choice:visible, select:visible").all():
            assert control.bounding_box()["height"] >= 44, (what, control.inner_text())
        assert page.evaluate(
            "() => [...document.querySelectorAll('input:not([type=hidden]), select, textarea')].every(e => e.labels.length)"
        )
        assert page.evaluate("() => [...document.images].every(i => i.hasAttribute('alt'))")
        assert page.locator("main").count() == page.locator("h1").count() == 1 or what == "neighbors"
        assert worst_contrast(page) >= 4.5, what
    assert page.complaints == []


@pytest.mark.skipif(not AXE.is_file(), reason="needs axe-core: npm install --no-save axe-core@4, or VITRINE_AXE=FILE")
@pytest.mark.parametrize("look", ("light", "dark"))
def test_axe_finds_nothing(windows, served, look):
    page = signed_in(windows, served, **LOOKS[look])
    for what in PAGES:
        opened(page, served, what)
        page.evaluate(AXE.read_text())
        found = page.evaluate(
            "whole => axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],"
            " rules: {'page-has-heading-one': {enabled: whole}}})",
            what != "neighbors",  # a part that the picture's page takes in, under that page's heading
        )
        said = [(rule["id"], [node["target"] for node in rule["nodes"]]) for rule in found["violations"]]
        assert said == [], what


def test_everything_is_reached_by_keys_in_the_order_it_is_read_and_seen_to_have_the_focus(windows, served):
    page = signed_in(windows, served)
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the pictures"
    opened(page, served, "picture")
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        name = focused(page)
        if name in reached or name == "":
            break
        reached.append(name)
        width = page.evaluate("() => parseFloat(getComputedStyle(document.activeElement).outlineWidth)")
        assert width >= 2, f"{name} does not show that it has the focus"
    wanted = ["Skip to the pictures", "All pictures q", "Nothing 0", "Difference 1", "note", "fault", "Approve a", "Reject r", "Waive w"]
    assert [name for name in reached if name in wanted] == wanted


def test_after_a_decision_the_focus_is_on_the_next_picture_and_its_name_is_the_title(windows, served):
    page = signed_in(windows, served)
    page.locator(".tile").first.click()
    page.locator("#render").wait_for()
    first = page.title()
    page.keyboard.press("j")
    page.wait_for_function("before => document.title !== before", arg=first)
    page.wait_for_function("() => document.activeElement.tagName === 'H1'")


def focused(page):
    """What has the focus, in words: its text, or its name in the form."""
    return page.evaluate(
        "() => { const e = document.activeElement; return e === document.body ? '' : e.id && e.matches('input,select,textarea') ? e.id : e.innerText.replace(/\\s+/g, ' ').trim(); }"
    )


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
