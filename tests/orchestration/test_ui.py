"""A person materializes a cell in Dagster's web UI and looks at its contact sheet and its check: real server, real daemon, real browser."""

import shutil
from urllib.parse import quote

import pytest

from resources.settings import utc_now
from tests.orchestration.dev_process import DevProcess, tolerate_drawn_pictures
from tests.tiny_project import write_project

pytestmark = pytest.mark.slow

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def chromium():
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("needs Chromium on the PATH (Debian and Ubuntu: apt install chromium)")
    return path


@pytest.fixture(scope="module")
def served(chromium, tmp_path_factory):
    """`vitrine dev` on a tiny project whose cell the sensors have already made once."""
    folder = write_project(tmp_path_factory.mktemp("ui") / "project")
    tolerate_drawn_pictures(folder)
    with DevProcess(folder) as dev:
        dev.wait_for_run(lambda run: run["jobName"] == "produce_cell", "the sensors make the first cell")
        yield dev


@pytest.fixture
def page(chromium):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=chromium, headless=True, args=FLAGS) as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(120_000)
        yield page


def appears(locator):
    """Whether something is shown within ten seconds; on a busy machine the dialog forgets what was chosen before its partitions came."""
    from playwright.sync_api import TimeoutError as NotShown

    try:
        locator.wait_for(timeout=10_000)
    except NotShown:
        return False
    return True


def test_a_person_materializes_a_cell_and_sees_its_contact_sheet_and_its_check(served, page):
    cell = f"mugs|{utc_now().date().isoformat()}"

    page.goto(f"{served.url}/assets/validated_renders")
    page.get_by_role("button", name="Materialize").first.click()
    dialog = page.get_by_role("dialog")
    launch = dialog.get_by_role("button", name="Launch 1 run")
    for _ in range(12):
        dialog.get_by_role("button", name="All").first.click()  # every category: there is one
        dialog.get_by_role("button", name="Latest").click()  # today's drop
        if appears(launch):
            break
    launch.click()

    def mine(run):
        return run["assets"] == {"validated_renders"} and "dagster/sensor_name" not in run["tags"]

    run = served.wait_for_run(mine, "the run that was clicked together")
    assert run["tags"]["dagster/partition"] == cell

    page.goto(f"{served.url}/assets/validated_renders?view=partitions&partition={quote(cell, safe='')}")
    page.get_by_role("link", name=run["runId"][:8]).first.wait_for()
    row = page.get_by_role("row").filter(has_text="contact_sheet")
    row.get_by_text("Show Markdown").click()
    picture = page.get_by_role("dialog").locator("img")
    picture.wait_for()
    page.wait_for_function("() => [...document.querySelectorAll('[role=dialog] img')].some(i => i.complete && i.naturalWidth > 300)")
    assert picture.get_attribute("src").startswith("data:image/webp;base64,")

    page.goto(f"{served.url}/assets/validated_renders?view=checks&checkDetail=brand_gate")
    page.get_by_text("This is a blocking asset check.").wait_for()
    page.get_by_text("Passed", exact=True).first.wait_for()
    page.get_by_text(cell).first.wait_for()


def test_every_asset_says_in_the_ui_what_it_is_and_whose(served, page):
    """The catalog of assets as a visitor meets it: a description under each name, no sign-up dialog in front."""
    page.goto(f"{served.url}/assets")
    for name, words in {
        "catalog": "The products of the shop",
        "category_lora": "The category's look as a LoRA",
        "validated_renders": "Every render with its verdict",
        "published_images": "What the storefront gets",
    }.items():
        page.get_by_text(name, exact=True).first.wait_for()
        page.get_by_text(words).first.wait_for()
    assert page.get_by_role("dialog").count() == 0


def test_sensors_are_on_from_the_start(served):
    selector = {"repositoryName": "__repository__", "repositoryLocationName": "vitrine"}
    query = "query Q($s: RepositorySelector!) { sensorsOrError(repositorySelector: $s) { ... on Sensors { results { name sensorState { status } } } } }"
    sensors = served.ask(query, s=selector)["sensorsOrError"]["results"]
    assert {s["name"]: s["sensorState"]["status"] for s in sensors} == dict.fromkeys(
        ("backfill_campaigns", "catalog_changes", "failed_runs", "new_and_changed_products", "publish_follows_verdicts"), "RUNNING"
    )
