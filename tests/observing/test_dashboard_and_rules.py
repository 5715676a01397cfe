"""Dashboard and alert rules ask for metrics that exist, with labels and values that occur; each alert leads to a runbook that is there."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import promql_parser
import pytest
import yaml

from orchestration.exported_metrics import FAMILIES
from orchestration.watching import NEEDS
from resources.instruments import INSTRUMENTS, Kind
from resources.ledger_tables import spend

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "k8s" / "observability"
RULES = yaml.safe_load((FOLDER / "rules" / "vitrine.rules.yaml").read_text())["groups"]
DASHBOARD = json.loads((FOLDER / "dashboards" / "vitrine.json").read_text())

ACTIVITIES = {*NEEDS.values(), "train"}
OUTCOMES = {"made", "found", "refused", "doubtful", "approved", "review", "rejected", "withdrawn"}
VOCABULARY = {
    "activity": ACTIVITIES,
    "outcome": OUTCOMES,
    "state": {
        "waiting",
        "delivered",
        "failed",
        "dropped",
        "limit",
        "claimed",
        "pending",
        "active",
        "paused",
        "withdrawn",
        "held",
        "running",
        "done",
    },
    "daemon": {"SENSOR", "SCHEDULER", "QUEUED_RUN_COORDINATOR", "BACKFILL", "MONITORING", "ASSET"},
    "budget": {"day"},
    "job": {"produce_cell", "train_category"},
    "part": {"train", "held_out"},
}


def known_series() -> dict[str, set[str]]:
    """Labels by series, of both exporters and the recording rules."""
    known = {family.name: set(family.labels) for family in FAMILIES}
    for instrument in INSTRUMENTS:
        bucket = {"le"} if instrument.kind == Kind.HISTOGRAM else set()
        known |= {name: set(instrument.labels) | (bucket if name.endswith("_bucket") else set()) for name in instrument.series}
    for group in RULES:
        known |= {rule["record"]: labels_of(parsed(rule["expr"]), known) for rule in group["rules"] if "record" in rule}
    return known


def parsed(expression: str):
    """PromQL with Grafana's own variables filled in."""
    return promql_parser.parse(expression.replace("$__rate_interval", "5m").replace("$category", ".*"))


def selectors(node) -> list:
    if type(node).__name__ == "VectorSelector":
        return [node]
    inner = [getattr(node, name, None) for name in ("lhs", "rhs", "expr", "vector_selector", "param")] + list(
        getattr(node, "args", []) or []
    )
    return [found for part in inner if part is not None and not isinstance(part, str | float) for found in selectors(part)]


def labels_of(node, known) -> set[str]:
    """Labels of an expression's result; raises KeyError for a metric that does not exist."""
    kind = type(node).__name__
    if kind in ("VectorSelector", "MatrixSelector"):
        return set(known[getattr(node, "vector_selector", node).name])
    if kind == "AggregateExpr":
        inner = labels_of(node.expr, known)
        if node.modifier is None:
            return inner if str(node.op) in ("topk", "bottomk") else set()
        named = set(node.modifier.labels)
        assert named <= inner, f"{named - inner} is no label of {node.expr.prettify()}"
        return named
    if kind == "BinaryExpr":
        return labels_of(node.lhs, known) or labels_of(node.rhs, known)
    if kind == "Call":
        found = [labels_of(argument, known) for argument in node.args]
        dropped = {"le"} if node.func.name == "histogram_quantile" else set()
        return set().union(*found) - dropped
    return labels_of(node.expr, known) if hasattr(node, "expr") else set()


def panels() -> list[tuple[str, dict]]:
    return [(panel["title"], target) for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]


EXPRESSIONS = [(rule.get("alert") or rule["record"], rule["expr"]) for group in RULES for rule in group["rules"]]
EXPRESSIONS += [(title, target["expr"]) for title, target in panels()]
KNOWN = known_series()


@pytest.mark.parametrize(("where", "expression"), EXPRESSIONS)
def test_a_query_asks_for_metrics_labels_and_values_that_exist(where, expression):
    tree = parsed(expression)
    labels_of(tree, KNOWN)
    for selector in selectors(tree):
        for matcher in selector.matchers.matchers:
            assert matcher.name in KNOWN[selector.name], f"{where}: {selector.name} has no label {matcher.name}"
            if matcher.name in VOCABULARY and matcher.value != ".*":
                assert set(matcher.value.split("|")) <= VOCABULARY[matcher.name], f"{where}: {matcher.name} is never {matcher.value}"


def test_a_query_for_a_metric_that_does_not_exist_is_seen():
    with pytest.raises(KeyError):
        labels_of(parsed("sum by (recipe) (rate(vitrine_renders_total[5m]))"), KNOWN)
    with pytest.raises(AssertionError, match="sku"):
        labels_of(parsed("sum by (sku) (rate(vitrine_ledger_outcomes_total[5m]))"), KNOWN)


@pytest.mark.parametrize(("title", "target"), panels())
def test_a_legend_names_labels_the_query_gives(title, target):
    named = set(re.findall(r"\{\{\s*(\w+)\s*\}\}", target.get("legendFormat", "")))
    assert named <= labels_of(parsed(target["expr"]), KNOWN), title


@pytest.mark.parametrize("rule", [rule for group in RULES for rule in group["rules"] if "alert" in rule], ids=lambda rule: rule["alert"])
def test_an_alert_says_what_it_means_and_leads_to_its_runbook(rule):
    page = (REPOSITORY / "docs" / "operations" / "alerts.md").read_text()
    anchors = {heading.strip().lower().replace(" ", "-") for heading in re.findall(r"^## (.+)$", page, re.MULTILINE)}
    place, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert place.endswith("/docs/operations/alerts.md") and anchor in anchors
    assert anchor == rule["alert"].lower()
    assert rule["labels"]["severity"] in {"critical", "warning", "info", "none"}
    used = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    assert used <= labels_of(parsed(rule["expr"]), KNOWN), f"{used} is not in what the alert gives"


def test_every_runbook_belongs_to_an_alert():
    page = (REPOSITORY / "docs" / "operations" / "alerts.md").read_text()
    alerts = {rule["alert"] for group in RULES for rule in group["rules"] if "alert" in rule}
    assert set(re.findall(r"^## (.+)$", page, re.MULTILINE)) == alerts
    links = set(re.findall(r"\(#([a-z]+)\)", page))
    assert links <= {alert.lower() for alert in alerts}


def test_the_operators_rules_are_the_plain_rules():
    rule = yaml.safe_load((FOLDER / "prometheus-rule.yaml").read_text())
    assert rule["kind"] == "PrometheusRule" and rule["spec"]["groups"] == RULES


def test_the_dashboards_panels_do_not_overlap_and_fill_their_rows():
    taken = {}
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, f"{panel['title']} lies over {taken[x, y]}"
                taken[x, y] = panel["title"]
        assert place["x"] + place["w"] <= 24
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_activities_of_queries_are_those_the_ledger_books():
    """The words of the ledger and of the queries are one vocabulary."""
    assert "activity" in spend.c
    sources = "".join(path.read_text() for path in (REPOSITORY / "assets").glob("*.py"))
    for activity in ACTIVITIES - {"train"}:
        assert f'saw("{activity}"' in sources, activity


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian: apt install prometheus)")
def test_promtool_finds_the_rules_right_and_alerts_fire_when_they_should():
    for arguments in (["check", "rules", "vitrine.rules.yaml"], ["test", "rules", "vitrine.test.yaml", "shares.test.yaml"]):
        done = subprocess.run(["promtool", *arguments], cwd=FOLDER / "rules", capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
