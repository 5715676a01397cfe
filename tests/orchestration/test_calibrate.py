"""`vitrine calibrate` on decisions that people really made: what it tells, what it proposes, and what it leaves alone."""

import errno
import gc
import hashlib
import json
import pydoc
import shutil
import subprocess

import pytest
import sqlalchemy as sa
import yaml

from assets import review_samples
from assets.calibrating import beyond_channels
from assets.decisions import decide, decisions_on, undo
from assets.labels import gather_labels
from assets.rejudging import rejudged_cells
from assets.review_samples import KIND, draw_sample
from quality.calibration import RuleCalibration, SideCalibration
from quality.rules import read_rules
from resources.ledger_tables import metadata
from resources.project import open_project
from tests.labeled_shop import BEST_BOUND, halos, review_stopped, truly_bad, verdicts, write_labeled_shop

HALO = next(rule for rule in read_rules("packshot_white").rules if rule.column == "halo_delta_e")


@pytest.fixture(scope="module")
def decided(tmp_path_factory):
    """A shop of 120 packshots; ann decided truthfully about everything the gate stopped."""
    project = write_labeled_shop(tmp_path_factory.mktemp("labeled") / "shop", products=140)
    assert review_stopped(project) >= 60
    project.ledger.engine.dispose()
    return project.settings.project_dir


@pytest.fixture
def folder(decided, tmp_path, monkeypatch):
    shutil.copytree(decided, tmp_path / "shop")
    monkeypatch.setenv("VITRINE_PROJECT", str(tmp_path / "shop"))
    return tmp_path / "shop"


@pytest.fixture
def vitrine(folder, vitrine):
    """The command, in this shop."""
    return vitrine


def halo_of(told):
    return next(rule for recipe in told["recipes"] for rule in recipe["rules"] if rule["column"] == "halo_delta_e")


def test_the_proposed_bound_is_near_the_best_one_and_the_others_are_left_alone(vitrine, folder):
    before = (folder / "brand.yaml").read_text()
    rows = {table.name: open_project(folder).ledger.rows(sa.select(table)) for table in metadata.sorted_tables}
    code, out, _ = vitrine("calibrate", "--json", "--max-miss-pct", 5)
    told = json.loads(out)
    halo = halo_of(told)
    assert code == 0 and told["applied"] is False
    assert abs(halo["sides"][0]["proposed"] - BEST_BOUND) < 1.0
    assert halo["sides"][0]["area"]["low"] > 0.9
    assert halo["sides"][0]["now"]["false_alarms"]["value"] == 1.0, "only stopped renders are labeled"
    assert [edit["column"] for edit in told["edits"]] == ["halo_delta_e"]
    others = [rule for rule in told["recipes"][0]["rules"] if rule["column"] != "halo_delta_e"]
    assert all(rule["why_not"].startswith("not enough labels") for rule in others)
    assert (folder / "brand.yaml").read_text() == before
    assert {table.name: open_project(folder).ledger.rows(sa.select(table)) for table in metadata.sorted_tables} == rows


def test_the_diff_applies_and_says_why(vitrine, folder, tmp_path):
    code, out, _ = vitrine("calibrate", "--out", tmp_path / "calibration.diff", "--report", tmp_path / "calibration.html")
    assert code == 0
    for words in ("lower bound", "held out", "AUC", "decided by a person before", "Nothing was changed"):
        assert words in out, out
    before = (folder / "brand.yaml").read_text()
    subprocess.run(["patch", "-p1", "-i", tmp_path / "calibration.diff"], cwd=folder, check=True, capture_output=True)
    rules = yaml.safe_load((folder / "brand.yaml").read_text())["rules"]
    assert rules["packshot_white"]["halo_delta_e"]["max"] > 9
    assert "# calibration:" in (folder / "brand.yaml").read_text() and "good and" in (folder / "brand.yaml").read_text()
    page = (tmp_path / "calibration.html").read_text()
    assert "<svg role=" in page and "http" not in page.replace("http-equiv", "")
    (folder / "brand.yaml").write_text(before)
    code, out, _ = vitrine("calibrate", "--apply")
    assert code == 0 and "Changed" in out and "Nothing was changed" not in out
    assert yaml.safe_load((folder / "brand.yaml").read_text())["rules"] == rules
    assert open_project(folder).brand_kit.rules_of("packshot_white")["halo_delta_e"].max > 9
    code, out, _ = vitrine("calibrate", "--apply", "--json")
    told = json.loads(out)
    assert told["applied"] is False and told["edits"] == [], "labels that asked for a bound ask for no other once it is there"


@pytest.mark.parametrize("during", ["assets.calibrating.calibrate", "assets.proposed_verdicts.proposed_changes"])
def test_what_somebody_writes_into_the_brand_kit_meanwhile_is_kept(vitrine, folder, monkeypatch, during):
    brand, real = folder / "brand.yaml", pydoc.locate(during)
    theirs = brand.read_bytes() + b"# ours, written meanwhile\n"

    def slow(*arguments, **options):
        brand.write_bytes(theirs)
        return real(*arguments, **options)

    monkeypatch.setattr(during, slow)
    code, out, err = vitrine("calibrate", "--apply", "--json")
    assert code != 0 and "changed while" in err and "--apply" in err
    assert out == "", "nothing is said to be applied that is not"
    assert brand.read_bytes() == theirs
    monkeypatch.setattr(during, real)
    assert vitrine("calibrate", "--apply")[0] == 0
    assert b"# ours, written meanwhile" in brand.read_bytes() and b"# calibration:" in brand.read_bytes()


def test_what_was_applied_is_told_as_data_too(vitrine, folder):
    code, out, _ = vitrine("calibrate", "--apply", "--json")
    assert code == 0 and json.loads(out)["applied"] is True
    assert "# calibration:" in (folder / "brand.yaml").read_text()


def test_a_brand_kit_that_cannot_be_written_stays_as_it_was(vitrine, folder, monkeypatch):
    before = (folder / "brand.yaml").read_bytes()
    (folder / "brand.yaml").chmod(0o640)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        code, _, err = vitrine("calibrate", "--apply")
    assert code != 0 and "No space left on device" in err
    assert (folder / "brand.yaml").read_bytes() == before
    assert [path.name for path in folder.iterdir() if "brand" in path.name] == ["brand.yaml"], "nothing half written is left"
    assert vitrine("calibrate", "--apply")[0] == 0
    assert (folder / "brand.yaml").stat().st_mode & 0o777 == 0o640


def test_a_bound_looser_than_a_channels_is_said(folder):
    brand = folder / "brand.yaml"
    text = brand.read_text().replace("packshot_white, backdrop], format", "packshot_white], pack: amazon_main, format")
    brand.write_text(text)
    rule = next(rule for rule in read_rules("packshot_white").rules if rule.column == "extra_edge_permille")
    loosened = {"side": "max", "good": 50, "bad": 50, "bad_alone": 50, "found": 0, "of_population": False}
    project = open_project(folder)

    def told(present, proposed):
        side = SideCalibration(**loosened, present=present, proposed=proposed)
        return beyond_channels(project, "packshot_white", RuleCalibration(rule=rule, labels=100, products=100, sides=(side,)))

    (words,) = told(0.8, 1.4)
    assert "amazon_main asks for at most 1 permille (EXTRA_CONTENT)" in words
    assert told(0.8, 0.9) == [] and told(1.2, 1.4) == []


def test_a_rejection_labels_the_rules_that_were_seen_and_an_approval_all(folder):
    mine = gather_labels(open_project(folder)).by_recipe["packshot_white"]
    measured = halos(open_project(folder))
    labels = mine.of_rule(HALO)
    by_sku = dict(zip(labels.product, zip(labels.value, labels.is_bad, strict=True), strict=True))
    stopped = {sku for sku, (_, judged) in verdicts(open_project(folder)).items() if "decision" in judged}
    assert by_sku.keys() == stopped
    assert all((value, bool(bad)) == (measured[sku], truly_bad(sku)) for sku, (value, bad) in by_sku.items())
    other = next(rule for rule in read_rules("packshot_white").rules if rule.column == "ssim")
    assert not mine.of_rule(other).is_bad.any()
    assert len(mine.of_rule(other)) == int((~labels.is_bad).sum()), "what was rejected for its halo says nothing about ssim"


def test_a_wrongly_approved_picture_is_a_miss_of_the_rule_that_measures_its_fault(folder):
    """Two rules measure fringes; of this picture only `halo_delta_e` is higher than of others that people approved."""
    project = open_project(folder)
    rows, along_edge = verdicts(project), halos(project, "halo_share_pct")
    passed = [sku for sku, (_, judged) in rows.items() if judged["verdict"] == "approved" and "decision" not in judged]
    sku = min(passed, key=lambda one: along_edge[one])
    measured = halos(project)
    below = [other for other in passed if measured[other] < measured[sku]]
    for other in below[:5]:
        decide(project, *rows[other], "approve", reviewer="ann", seen=0)
    decide(project, *rows[sku], "reject", reviewer="ann", fault="fringe", seen=0)
    labels = gather_labels(project).by_recipe["packshot_white"].of_rule(HALO)
    mine = labels.product == sku
    assert (mine.sum(), bool(labels.is_bad[mine][0]), bool(labels.is_found[mine][0])) == (1, True, True)


def test_waived_and_taken_back_decisions_label_nothing(folder):
    project = open_project(folder)
    before = gather_labels(project).by_recipe["packshot_white"].of_rule(HALO)
    skus = [sku for sku in sorted(set(before.product)) if truly_bad(sku)][:2]
    for sku in skus:
        made, judged = verdicts(project)[sku]
        by = decisions_on(project, [sku])[sku, made["render_digest"]]
        gate = {**judged, "verdict": judged["gate_verdict"]}
        undone = undo(project, made, gate, reviewer="ben", seen=by["id"])
        if sku == skus[0]:
            decide(project, made, gate, "waive", note="the client wants it", reviewer="ben", seen=undone["id"])
    labels = gather_labels(project)
    assert len(labels.by_recipe["packshot_white"].of_rule(HALO)) == len(before) - 2
    assert labels.counts["waived"] == 1


def test_a_drawn_sample_makes_rates_of_all_renders_of_it(vitrine, folder, tmp_path):
    """Nobody knew what the gate let through; 60 of its approvals are drawn and looked at, and all turn out good."""
    code, out, _ = vitrine("calibrate", "--sample", 60, "--seed", 7, "--json", "--out", tmp_path / "look.tsv")
    drawn = json.loads(out)
    assert code == 0 and len(drawn["renders"]) == 60
    assert len((tmp_path / "look.tsv").read_text().splitlines()) == 60
    by_category = {name: sum(one["category"] == name for one in drawn["renders"]) for name in ("bags", "mugs")}
    assert abs(by_category["bags"] - by_category["mugs"]) < 20
    assert json.loads(vitrine("calibrate", "--sample", 60, "--seed", 7, "--json")[1])["renders"] == drawn["renders"]
    project = open_project(folder)
    rows = verdicts(project)
    for one in drawn["renders"]:
        made, judged = rows[one["sku"]]
        decide(project, made, judged, "approve", reviewer="ann", seen=0)
    told = json.loads(vitrine("calibrate", "--json")[1])
    assert told["recipes"][0]["of_population"]
    now = halo_of(told)["sides"][0]["now"]
    assert now["missed"]["value"] == 0.0 and now["missed"]["high"] > 0.05
    assert now["false_alarms"]["value"] < 0.5, "most good renders pass, which the stopped ones alone cannot show"
    assert "Rates are of all renders" in vitrine("calibrate")[1]


def test_drawing_holds_no_more_renders_than_it_may_draw(folder, monkeypatch):
    """Of a catalog of a million approved renders a sample of 200 holds 200 per stratum, and draws what sorting all of them would."""
    alive, shares = [], review_samples._shares

    def counted(strata, count):
        alive.append(sum(type(one) is review_samples.SampledRender for one in gc.get_objects()))
        return shares(strata, count)

    monkeypatch.setattr(review_samples, "_shares", counted)
    project = open_project(folder)
    passed = {
        sku: made for sku, (made, judged) in verdicts(project).items() if judged["verdict"] == "approved" and "decision" not in judged
    }
    drawn = draw_sample(project, 6, seed=3).renders
    assert len(passed) > 40 and len(drawn) == 6
    assert alive == [12], "two categories of six each"
    for category in ("bags", "mugs"):
        mine = [one.render_key for one in drawn if one.category == category]
        order = sorted(
            (made["render_key"] for made in passed.values() if made["category"] == category),
            key=lambda key: hashlib.sha256(f"3|{key}".encode()).hexdigest(),
        )
        assert mine == order[: len(mine)] and mine


def test_renders_that_share_a_key_are_drawn_in_the_order_they_came():
    stratum = review_samples.Stratum(most=3, seed=1)
    for sku in "ABCDE":
        stratum.add(review_samples.SampledRender(render_key="same", sku=sku, category="mugs", recipe="packshot_white", variant=sku))
    assert (stratum.size, [one.sku for one in stratum.first(2)]) == (5, ["A", "B"])


def test_what_a_sample_was_drawn_from_does_not_change_when_rules_or_decisions_do(folder):
    """Renders that were stopped when somebody decided stay in that part, drawn ones in theirs; those found by chance are in none."""
    project = open_project(folder)
    rows = verdicts(project)
    decided = sum("decision" in judged for _, judged in rows.values())
    first = draw_sample(project, 20, seed=1)
    assert (first.stopped, first.approved) == ({"packshot_white": decided}, {"packshot_white": len(rows) - decided})
    drawn = {one.sku for one in first.renders}
    by_chance = next(sku for sku, (_, judged) in rows.items() if "decision" not in judged and sku not in drawn)
    for sku in [*sorted(drawn)[:5], by_chance]:
        decide(project, *rows[sku], "approve", reviewer="ann", seen=0)
    brand = folder / "brand.yaml"
    brand.write_text(brand.read_text() + "rules: {packshot_white: {halo_delta_e: {max: 90}}}\n")
    other = open_project(folder)
    for _ in rejudged_cells(other, holder="test"):
        pass
    second = draw_sample(other, 500, seed=2)
    assert (second.stopped, second.approved) == (first.stopped, {"packshot_white": len(rows) - decided - 1})
    assert not {one.sku for one in second.renders} & (
        {by_chance, *sorted(drawn)[:5]} | {s for s, (_, j) in rows.items() if "decision" in j}
    )
    population = gather_labels(other).by_recipe["packshot_white"].population()
    assert (population.approved_seen, population.stopped_seen) == (5, decided)


def test_wrong_use_is_refused(vitrine):
    assert vitrine("calibrate", "--recipes", "packshot_wite")[0] == 2
    assert vitrine("calibrate", "--max-miss-pct", "80")[0] == 2


def test_a_file_that_cannot_lie_where_it_is_asked_for_is_refused_before_anything_is_drawn(vitrine, folder, tmp_path):
    for arguments in (("--sample", "10", "--out"), ("--report",)):
        code, _, err = vitrine("calibrate", *arguments, str(tmp_path / "nowhere" / "list.tsv"))
        assert code == 2 and "which is no folder" in err
    assert list(open_project(folder).store.manifests(KIND)) == []
