"""A LoRA is refreshed when enough looks are new or scenes drift, and the reason is told in words."""

import datetime as dt

import pytest
import sqlalchemy as sa

from assets.catalog import refresh_catalog
from assets.category_lora import lora_key
from assets.training_set import look_parts
from orchestration.lora_needs import drift_of, lora_needs
from resources.ledger_tables import judgment, lora, render
from resources.project import open_project
from resources.schedule_settings import DriftSettings
from resources.settings import utc_now
from tests.tiny_project import draw_mug, write_photo, write_project

DRIFT = DriftSettings(renders=20, above=0.1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = write_project(tmp_path_factory.mktemp("looks") / "project", skus=("MUG-1",))
    refresh_catalog(open_project(folder))
    return folder


@pytest.fixture
def learned(folder):
    """The project with a LoRA that learned today's look; the look is put back afterwards."""
    project, looks = open_project(folder), folder / "catalog" / "looks" / "mugs"
    before = {path: path.read_bytes() for path in looks.iterdir()}
    train(project)
    yield project
    for path in looks.iterdir():
        path.unlink()
    for path, data in before.items():
        path.write_bytes(data)


def train(project, **facts):
    """Record a training of today's look, as the asset would."""
    blob = project.store.put(b"a LoRA")
    row = {
        "key": lora_key(project, "mugs"),
        "category": "mugs",
        "lora_digest": blob,
        "base_model_digest": project.base_model_digest,
        "data_digest": "data",
        "facts": {"looks": look_parts(project, "mugs"), **facts},
        "seconds": 1.0,
        "promoted": True,
        "made_at": utc_now().replace(tzinfo=None),
    }
    project.ledger.record(lora, row)


def add_looks(project, count):
    looks = project.settings.project_dir / "catalog" / "looks" / "mugs"
    for number in range(count):
        write_photo(looks / f"new-{number}.jpg", draw_mug((200, 10 * number, 40), side_px=96, seed=number))


def need(project, **how):
    found = lora_needs(open_project(project.settings.project_dir), **how)
    return found[0] if found else None


def test_a_category_without_a_lora_needs_one(folder):
    project = open_project(folder)
    project.ledger.transact(lambda connection: connection.execute(sa.delete(lora)), repeatable=True)
    assert need(project).why == "it has no LoRA yet"


def test_a_learned_look_needs_nothing(learned):
    assert need(learned) is None


def test_too_few_new_looks_wait_and_enough_do_not(learned):
    """It fired on any change of the look: one picture more trained a LoRA and made all scenes of the category anew."""
    add_looks(learned, 3)
    assert (need(learned, min_new_looks=4).waits, need(learned, min_new_looks=4).new_looks) == (True, 3)
    assert need(learned, min_new_looks=4).why == "3 new look pictures, a refresh waits for 4"
    due = need(learned, min_new_looks=3)
    assert not due.waits and due.why == "3 new look pictures"


def test_a_look_taken_away_counts_too(learned):
    (learned.settings.project_dir / "catalog" / "looks" / "mugs" / "00.jpg").unlink()
    assert need(learned, min_new_looks=1).why == "1 look pictures fewer"
    assert need(learned, min_new_looks=2).waits


def test_other_training_settings_are_due_whatever_the_looks(learned):
    file = learned.settings.project_dir / "vitrine.yaml"
    before = file.read_text()
    file.write_text(before.replace("steps: 30", "steps: 40"))
    try:
        due = need(learned, min_new_looks=9)
    finally:
        file.write_text(before)
    assert not due.waits and "settings" in due.why


def scenes(project, refused, tag):
    """Judged scenes of mugs in the order of making; `refused` says which were."""
    start = dt.datetime(2026, 11, 1)
    for number, bad in enumerate(refused):
        key, at = f"{tag}-{number:04}", start + dt.timedelta(minutes=number)
        made = {"render_key": key, "sku": "MUG-1", "category": "mugs", "recipe": "staged_scene", "idx": 0, "render_digest": key}
        rest = {"cutout_digest": "c", "lora_digest": "l", "placement": {}, "facts": {}, "seconds": 1.0, "made_at": at}
        project.ledger.record(render, {**made, **rest})
        verdict = {"verdict": "rejected" if bad else "approved", "reasons": [], "judged_at": at, "rules_digest": "r", "render_digest": key}
        project.ledger.record(judgment, {"gate_key": key, "render_key": key, **verdict})


def test_drift_lowers_the_bar_to_one_new_look_and_says_so(tmp_path):
    folder = write_project(tmp_path / "project", skus=("MUG-1",))
    refresh_catalog(open_project(folder))
    project = open_project(folder)
    train(project)
    scenes(project, [number % 10 == 0 for number in range(100)] + [number % 2 == 0 for number in range(20)], "d")
    seen = drift_of(project, "mugs", DRIFT)
    assert seen.has_drifted and (seen.share, seen.before) == (0.5, 0.1)
    assert need(project, min_new_looks=5, drift=DRIFT) is None, "the same look would give the same LoRA"
    add_looks(project, 1)
    assert need(project, min_new_looks=5).waits
    due = need(project, min_new_looks=5, drift=DRIFT)
    assert not due.waits and "drift: 50% of the last 20 scenes" in due.why and "10% were before" in due.why


@pytest.mark.parametrize("lately", [[False] * 20, [number < 3 for number in range(20)]])
def test_a_usual_share_and_a_little_bad_luck_are_no_drift(tmp_path, lately):
    from types import SimpleNamespace

    from resources.ledger import Ledger

    recipe = SimpleNamespace(engine="diffusion", kind="staged_scene", name="staged_scene")
    project = SimpleNamespace(ledger=Ledger.in_folder(tmp_path), recipes=(recipe,))
    scenes(project, [number % 10 == 0 for number in range(60)] + lately, "n")
    assert not drift_of(project, "mugs", DRIFT).has_drifted


def test_with_too_few_scenes_nothing_is_said_about_drift(tmp_path):
    from types import SimpleNamespace

    from resources.ledger import Ledger

    recipe = SimpleNamespace(engine="diffusion", kind="staged_scene", name="staged_scene")
    project = SimpleNamespace(ledger=Ledger.in_folder(tmp_path), recipes=(recipe,))
    scenes(project, [True] * 25, "f")
    assert drift_of(project, "mugs", DRIFT) is None
