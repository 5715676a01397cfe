"""A catalog folder is changed while `vitrine dev` runs: what follows by itself, and that it follows once. Real daemon, real runs."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from publishing.manifest import read_manifest
from resources.settings import utc_now
from tests.orchestration.dev_process import DevProcess, set_rules, tolerate_drawn_pictures
from tests.tiny_project import draw_mug, product_row, write_photo, write_project, write_table

pytestmark = pytest.mark.slow

QUIET_S = 40
"""Longer than two ticks of every sensor: what would follow a second time has followed by then."""

LAUNCH = """
mutation L($p: ExecutionParams!) {
  launchPipelineExecution(executionParams: $p) { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } }
}
"""


@pytest.fixture(scope="module")
def webhook():
    """An HTTP receiver; `received` is what was posted to it."""

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            self.server.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        server.received = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def dev(webhook, tmp_path_factory):
    """`vitrine dev` on a tiny project whose first product the sensors have already published."""
    folder = write_project(tmp_path_factory.mktemp("live") / "project", skus=("MUG-1",), looks=False)
    tolerate_drawn_pictures(folder)
    with (folder / "vitrine.yaml").open("a") as settings:
        settings.write(f"failure_webhook_url: http://127.0.0.1:{webhook.server_port}/failed\n")
    with DevProcess(folder) as dev:
        dev.wait_until(lambda: published(dev) == {"MUG-1"}, "the first product is published")
        yield dev


def published(dev):
    """SKUs in the manifest of the published folder."""
    return {image.sku for image in read_manifest(dev.folder / "out" / "published").images.values()}


def manifest(dev):
    return next((dev.folder / "out" / "published").glob("manifest*.json")).read_bytes()


def cell_runs(dev):
    """Runs that made a cell or published, whoever started them."""
    return [run for run in dev.runs() if run["jobName"] == "produce_cell" or "published_images" in run["assets"]]


def launch(dev, asset):
    """Materialize one asset of today's cell, as the UI's button does."""
    selector = {
        "repositoryLocationName": "vitrine",
        "repositoryName": "__repository__",
        "pipelineName": "__ASSET_JOB",
        "assetSelection": [{"path": [asset]}],
        "assetCheckSelection": [{"assetKey": {"path": [asset]}, "name": "brand_gate"}],
    }
    cell = f"mugs|{utc_now().date().isoformat()}"
    tags = [{"key": "dagster/partition", "value": cell}]
    answer = dev.ask(LAUNCH, p={"selector": selector, "mode": "default", "executionMetadata": {"tags": tags}})["launchPipelineExecution"]
    assert answer["__typename"] == "LaunchRunSuccess", answer
    return answer["run"]["runId"]


def test_a_new_row_and_photo_are_published_within_minutes_and_once(dev, record_property):
    before = {run["runId"] for run in cell_runs(dev)}
    rows = [product_row("MUG-1"), product_row("MUG-2", title="A blue mug")]
    start = time.monotonic()
    write_photo(dev.folder / "catalog" / "photos" / "MUG-2.jpg", draw_mug((46, 92, 140), seed=1))
    write_table(dev.folder, rows)
    dev.wait_until(lambda: published(dev) == {"MUG-1", "MUG-2"}, "the new product is published")
    record_property("seconds_until_published", round(time.monotonic() - start, 1))
    print(f"published after {time.monotonic() - start:.1f} s")

    dev.wait_until(lambda: all(run["status"] == "SUCCESS" for run in dev.runs()), "all runs end")
    first = manifest(dev)
    time.sleep(QUIET_S)
    assert manifest(dev) == first
    new = [run for run in cell_runs(dev) if run["runId"] not in before]
    assert [run["jobName"] for run in new] == ["produce_cell"]
    assert new[0]["tags"]["dagster/sensor_name"] == "new_and_changed_products"


def test_publication_follows_when_only_the_verdicts_were_renewed(dev):
    """Tightened rules and a run of `validated_renders` alone: what lost its approval is taken back by the automation condition."""
    set_rules(dev.folder, "packshot_white: {blockiness_ratio: {max: 0.01}}")
    mine = launch(dev, "validated_renders")
    dev.wait_for_run(lambda run: run["runId"] == mine, "the verdicts are renewed")
    dev.wait_until(lambda: published(dev) == set(), "the images are taken back")
    (run,) = [run for run in dev.runs() if run["assets"] == {"published_images"}]
    assert run["tags"]["dagster/sensor_name"] == "publish_follows_verdicts"


def test_a_failed_run_is_told_to_the_webhook(dev, webhook):
    (dev.folder / "brand.yaml").write_text("brand: [not, a, name]\n")
    mine = launch(dev, "validated_renders")
    dev.wait_until(lambda: webhook.received, "the webhook is called")
    (told,) = [body for body in webhook.received if body["run_id"] == mine]
    assert told["type"] == "run.failed"
    assert told["cell"] == f"mugs|{utc_now().date().isoformat()}"
    assert told["what"] == "validated_renders"
    assert "brand.yaml" in told["message"]
