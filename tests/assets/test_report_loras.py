"""The report's section of looks: it shows the LoRA in use, whoever took it into use, and names a newer one."""

import datetime as dt

import numpy as np
import pytest

from assets.lora_use import choose, promote_lora, rollback_lora
from assets.report_loras import lora_reports
from imaging.encode import encode_webp
from publishing.report import catalog_report_html
from publishing.report_data import Counts, ReportData
from publishing.thumbnails import ThumbnailFolder
from resources.ledger_tables import lora
from tests.planned_shop import write_shop

DAY = dt.datetime(2026, 11, 1)
COUNTS = Counts(
    products=1, photos=1, photos_quarantined=0, renders_total=0, rendered_now=0, approved=0, review=0, rejected=0, published=0, seconds=1.0
)  # fmt: skip


@pytest.fixture
def project(tmp_path):
    return write_shop(tmp_path / "shop", {("mugs", "2026-11-01"): 1}, settings="base_model: embedded\n")


def add_lora(project, name, *, category="mugs", promoted=True, day=0, **facts):
    """A LoRA as a training leaves it; its digest."""
    sheet = project.store.put(encode_webp(np.full((40, 60, 3), 90 + day, np.uint8)))
    blob = project.store.put(f"a LoRA {name}".encode())
    told = {"decision": "promoted: it is there", "pictures": 20, "steps": 240, "validation_curve": [[0, 0.3], [240, 0.2]]}
    row = {
        "key": f"{name:0<64}", "category": category, "lora_digest": blob, "base_model_digest": project.training_model_digest,
        "data_digest": "data", "facts": {**told, "sample_sheet_digest": sheet, **facts}, "seconds": 71.0, "promoted": promoted,
        "made_at": DAY + dt.timedelta(days=day),
    }  # fmt: skip
    project.ledger.record(lora, row)
    return blob


def looks(project, tmp_path):
    return {one.category: one for one in lora_reports(project, ThumbnailFolder(tmp_path / "report", "thumbs"))}


def test_a_lora_that_lost_its_contest_is_named_and_the_one_in_use_is_shown(project, tmp_path):
    """The newest training was shown, with the tag "Not promoted", while pictures were drawn with another one."""
    first = add_lora(project, "first")
    second = add_lora(project, "second", promoted=False, day=2, steps=300, decision="not promoted: a tie keeps the LoRA in use")
    shown = looks(project, tmp_path)["mugs"]
    assert (shown.digest, shown.in_use, shown.steps, shown.note) == (first, True, 240, "Promoted: it is there.")
    told = f"LoRA {second[:12]}, trained on 2026-11-03, is newer and not in use: not promoted: a tie keeps the LoRA in use."
    assert shown.challenger == told


def test_what_a_person_chose_is_shown_with_who_and_why(project, tmp_path):
    first, second = add_lora(project, "first"), add_lora(project, "second", day=1)
    rollback_lora(project, "mugs", by="ann", because="Too dark.")
    shown = looks(project, tmp_path)["mugs"]
    assert shown.digest == first and shown.note.startswith("Rolled back to by ann on 20") and shown.note.endswith(": Too dark.")
    assert shown.challenger.endswith(f"LoRA {second[:12]}, trained on 2026-11-02, is newer and not in use: it was in use before.")
    promote_lora(project, "mugs", second, by="bob", because="it was the lamp")
    shown = looks(project, tmp_path)["mugs"]
    assert shown.digest == second and "Promoted by bob" in shown.note and shown.challenger == ""


def test_an_imported_lora_in_use_is_told_by_where_it_came_from(project, tmp_path):
    trained = add_lora(project, "first")
    origin = {"file": "clay.safetensors", "by": "ann", "license": "MIT", "commercial_ok": True}
    facts = {"origin": origin, "steps": 0, "pictures": 0, "validation_curve": [], "sample_sheet_digest": None}
    imported = add_lora(project, "came", promoted=False, day=1, **facts)
    row = project.ledger.by_keys(lora, [f"{'came':0<64}"])[f"{'came':0<64}"]
    assert looks(project, tmp_path)["mugs"].digest == trained
    choose(project, row, "contest", by="contest", because="promoted: surely better in layout, and worse in none")
    shown = looks(project, tmp_path)["mugs"]
    assert (shown.digest, shown.imported) == (imported, "Imported from clay.safetensors by ann, under MIT.") and shown.sheet is None
    assert shown.note == "Promoted: surely better in layout, and worse in none."
    page = catalog_report_html(ReportData(title="t", brand="b", made_at="now", counts=COUNTS, categories=(), loras=(shown,)))
    assert "Imported from clay.safetensors by ann, under MIT." in page and "0 look pictures" not in page and 'class="nearer"' not in page


def test_where_none_is_in_use_the_newest_is_shown_as_such(project, tmp_path):
    add_lora(project, "first", promoted=False, decision="not promoted: no better than the base model")
    newest = add_lora(project, "second", promoted=False, day=1, decision="not promoted: no better than the base model")
    shown = looks(project, tmp_path)["mugs"]
    assert (shown.digest, shown.in_use, shown.note) == (newest, False, "Not promoted: no better than the base model.")


def test_a_lost_sheet_does_not_keep_the_report_from_being_written(project, tmp_path):
    add_lora(project, "first", sample_sheet_digest="e" * 64)
    assert looks(project, tmp_path)["mugs"].sheet is None
