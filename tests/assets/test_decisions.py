"""A person's decision about a picture: approve and it is published, take it back and it is withdrawn; nothing else is touched."""

import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml

from assets.decisions import decide, decisions_on, history, last_of, undo
from assets.faults import COLUMNS_OF, FAULTS, IN_NO_WORD, IN_WORDS, columns_of_fault
from assets.planning import known_cells, plan_cell
from assets.published_images import publish_cell
from assets.published_place import published_of_cell
from assets.validated_renders import judge_cell
from catalog.errors import DecisionRefused
from orchestration.stale import cell_need, stale_cells
from orchestration.triggers import due_cells
from quality import rules
from quality.columns import COLUMNS
from resources.catalog_sync import newest_revision
from resources.ledger_rebuild import rebuild
from resources.ledger_tables import decision, judgment
from resources.project import open_project
from tests.reviewed_shop import write_reviewed_shop


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A project whose packshots the gate sends to a person."""
    return write_reviewed_shop(tmp_path_factory.mktemp("reviewed") / "project")


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made, tmp_path / "project", symlinks=True)


@pytest.fixture
def project(folder):
    return open_project(folder)


def the_cell(project):
    (cell,) = known_cells(project)
    return cell


def picture(project, sku="MUG-1"):
    """The rows of a product's packshot: the render, and its judgment."""
    plan = plan_cell(project, *the_cell(project))
    (wanted,) = (w for w in plan.wanted if w.variant.sku == sku)
    return plan.judged[wanted.render_key]


def published(project):
    return sorted(image.sku for image in published_of_cell(project, *the_cell(project)).images.values())


def run(project):
    judge_cell(project, *the_cell(project))
    publish_cell(project, *the_cell(project))


def test_an_approval_is_one_picture_to_publish_and_a_run_publishes_it(project, folder):
    assert picture(project)[1]["verdict"] == "review"
    assert stale_cells(project) == [] and published(project) == []
    decide(project, *picture(project), "approve", reviewer="ann", seen=0)
    need = cell_need(project, *the_cell(project))
    assert (need.to_publish, need.renders, need.judgments) == (1, 0, 0)
    run(open_project(folder))
    assert published(project) == ["MUG-1"]
    assert stale_cells(open_project(folder)) == []


def test_an_approval_that_is_taken_back_takes_the_picture_back(project):
    decide(project, *picture(project), "approve", reviewer="ann", seen=0)
    run(project)
    (first,) = history(project, "MUG-1", picture(project)[0]["render_digest"])
    undo(project, *picture(project), reviewer="ben", seen=first["id"])
    assert picture(project)[1]["verdict"] == "review"
    assert cell_need(project, *the_cell(project)).to_publish == 1
    run(project)
    assert published(project) == [] and stale_cells(project) == []


def test_taking_back_a_rejection_brings_the_approval_before_it_back(project):
    one = decide(project, *picture(project), "approve", reviewer="ann", seen=0)
    two = decide(project, *picture(project), "reject", reviewer="ben", seen=one["id"])
    assert picture(project)[1]["verdict"] == "rejected"
    undo(project, *picture(project), reviewer="ben", seen=two["id"])
    assert picture(project)[1]["verdict"] == "approved"
    assert picture(project)[1]["decision"]["reviewer"] == "ann"


def test_a_decision_makes_its_cell_due_at_the_next_tick(project):
    before = newest_revision(project.ledger)
    assert due_cells(project, before)[0] == []
    decide(project, *picture(project), "approve", reviewer="ann", seen=0)
    due, _ = due_cells(project, before)
    assert [(cell.category, cell.drop) for cell in due] == [the_cell(project)]


def test_a_plan_made_before_the_decision_does_not_settle_the_product_after_it(project):
    from assets.expectation import expectation_of
    from assets.settled import settle

    category, drop = the_cell(project)
    early = plan_cell(project, category, drop)
    decide(project, *picture(project), "approve", reviewer="ann", seen=0)
    settle(project, expectation_of(project, category, early.lora_digest), early, {})
    assert cell_need(project, category, drop).to_publish == 1


def test_the_second_reviewer_is_told_what_the_first_decided(project):
    seen_by_both = picture(project)
    decide(project, *seen_by_both, "reject", reviewer="ann", note="the handle is cut", seen=0)
    with pytest.raises(DecisionRefused, match=r"ann rejected it at .*the handle is cut"):
        decide(project, *seen_by_both, "approve", reviewer="ben", seen=0)
    assert picture(project)[1]["verdict"] == "rejected"
    assert len(project.ledger.rows(sa.select(decision))) == 1


def test_a_waiver_needs_its_reason_in_words(project):
    with pytest.raises(DecisionRefused, match="needs its reason"):
        decide(project, *picture(project), "waive", reviewer="ann", note="  ", seen=0)
    decide(project, *picture(project), "waive", reviewer="ann", note="the mug is meant to be off center", seen=0)
    assert picture(project)[1]["verdict"] == "approved"


def test_a_rejection_may_say_what_is_wrong_and_an_approval_does_not(project):
    one = decide(project, *picture(project), "reject", reviewer="ann", fault="fringe", seen=0)
    assert one["fault"] == "fringe" and columns_of_fault("fringe") == {"halo_delta_e", "halo_step", "halo_share_pct"}
    two = decide(project, *picture(project), "reject", reviewer="ben", fault="ssim", seen=one["id"])
    assert two["fault"] == "ssim" and columns_of_fault("ssim") == {"ssim"}
    three = decide(project, *picture(project), "approve", reviewer="ann", fault="ssim", seen=two["id"])
    assert three["fault"] is None and columns_of_fault(None) == set()
    with pytest.raises(DecisionRefused, match="'ugly' is no fault"):
        decide(project, *picture(project), "reject", reviewer="ann", fault="ugly", seen=three["id"])


def test_every_fault_names_columns_that_exist():
    assert FAULTS.keys() == COLUMNS_OF.keys()
    assert COLUMNS.keys() >= IN_WORDS


def test_every_column_of_a_shipped_rule_is_in_a_word_or_listed_as_in_none():
    packs = Path(rules.__file__).with_name("rules").glob("*.yaml")
    ruled = {rule["column"] for pack in packs for rule in yaml.safe_load(pack.read_text(encoding="utf-8"))["rules"]}
    assert len(ruled) > 40
    assert sorted(ruled - IN_WORDS - IN_NO_WORD) == [], "add it to the word that people would say, or to IN_NO_WORD"
    assert ruled >= IN_NO_WORD and not IN_NO_WORD & IN_WORDS, "an exception that is none any more"


@pytest.mark.parametrize(
    ("column", "word"),
    [
        ("halo_share_pct", "fringe"),
        ("overlay_pct", "text"),
        ("twin_similarity", "text"),
        ("aspect_error_pct", "shape"),
        ("hue_shift_deg", "color"),
    ],
)
def test_a_measurement_is_in_the_word_that_people_would_say(column, word):
    assert [name for name, columns in COLUMNS_OF.items() if column in columns] == [word]


def test_a_wrongly_approved_picture_is_taken_out_of_the_shop_and_kept_as_a_miss_of_the_gate(folder):
    brand = folder / "brand.yaml"
    brand.write_text(brand.read_text().replace("min: 90.0", "min: -100.0"))
    project = open_project(folder)
    run(project)
    assert published(project) == ["MUG-1", "MUG-2"] and stale_cells(project) == []
    with pytest.raises(DecisionRefused, match="say what is wrong"):
        decide(project, *picture(project), "reject", reviewer="ann", seen=0)
    row = decide(project, *picture(project), "reject", reviewer="ann", note="the handle is bent", fault="shape", seen=0)
    assert (row["gate_verdict"], row["fault"], row["codes"]) == ("approved", "shape", [])
    assert cell_need(project, *the_cell(project)).to_publish == 1
    run(project)
    assert published(project) == ["MUG-2"]


def test_the_last_decision_of_a_reviewer_is_the_newest_that_was_not_taken_back(project):
    assert last_of(project, "ann") is None
    one = decide(project, *picture(project), "approve", reviewer="ann", seen=0)
    two = decide(project, *picture(project, "MUG-2"), "reject", reviewer="ann", seen=0)
    decide(project, *picture(project), "reject", reviewer="ben", seen=one["id"])
    assert last_of(project, "ann")["id"] == two["id"]
    undo(project, *picture(project, "MUG-2"), reviewer="ann", seen=two["id"])
    assert last_of(project, "ann")["id"] == one["id"]


def test_nothing_can_be_taken_back_where_nothing_was_decided(project):
    with pytest.raises(DecisionRefused, match="none to take back"):
        undo(project, *picture(project), reviewer="ann", seen=0)


def test_a_decision_speaks_for_these_bytes_of_this_product_only(project):
    made_row, judged = picture(project)
    decide(project, made_row, judged, "approve", reviewer="ann", seen=0)
    people = decisions_on(project, ["MUG-1", "MUG-2"])
    assert set(people) == {("MUG-1", made_row["render_digest"])}
    assert picture(project, "MUG-2")[1]["verdict"] == "review"


def test_rules_that_find_another_reason_ask_for_a_person_again(folder):
    project = open_project(folder)
    decide(project, *picture(project), "approve", reviewer="ann", seen=0)
    brand = folder / "brand.yaml"
    brand.write_text(brand.read_text().replace("packshot_white:\n", "packshot_white:\n    min_side_px: {min: 4000}\n"))
    project = open_project(folder)
    assert picture(project)[1] is None  # not judged by these rules yet, whatever was decided
    judge_cell(project, *the_cell(project))
    assert picture(project)[1]["verdict"] == "rejected"


def test_a_rejection_outlives_changed_rules(folder):
    project = open_project(folder)
    decide(project, *picture(project), "reject", reviewer="ann", seen=0)
    brand = folder / "brand.yaml"
    brand.write_text(brand.read_text().replace("min: 90.0", "min: -100.0"))
    project = open_project(folder)
    judge_cell(project, *the_cell(project))
    assert picture(project, "MUG-2")[1]["verdict"] == "approved"
    assert picture(project)[1]["verdict"] == "rejected"


def test_what_the_gate_said_stays_recorded(project):
    decide(project, *picture(project), "approve", reviewer="ann", seen=0)
    judge_cell(project, *the_cell(project))
    assert {row["verdict"] for row in project.ledger.rows(sa.select(judgment))} == {"review"}
    assert {row["gate_verdict"] for row in project.ledger.rows(sa.select(decision))} == {"review"}


def test_decisions_come_back_with_a_rebuilt_ledger(project, folder):
    one = decide(project, *picture(project), "waive", reviewer="ann", note="as agreed", seen=0)
    decide(project, *picture(project), "reject", reviewer="ben", fault="color", seen=one["id"])
    before = project.ledger.rows(sa.select(decision))
    project.ledger.engine.dispose()
    for file in (folder / ".vitrine").glob("ledger.sqlite*"):
        file.unlink()
    again = open_project(folder)
    rebuild(again.ledger, again.store)
    assert again.ledger.rows(sa.select(decision)) == before
    assert picture(again)[1]["verdict"] == "rejected"
