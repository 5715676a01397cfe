"""A person promotes a LoRA or rolls back: what is in use follows, only that category is to be drawn anew, and the choice stands with its look."""

import datetime as dt
import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from assets.catalog import refresh_catalog
from assets.category_lora import train_category
from assets.cutouts import cut_out_cell
from assets.lora_key import lora_key
from assets.lora_use import chosen_for, find_lora, moment_of_use, promote_lora, rollback_lora, uses_of
from assets.planning import known_cells, plan_cell, promoted_lora
from assets.source_photos import screen_cell
from catalog.errors import LoraRefused
from orchestration.cli import app
from orchestration.lora_needs import lora_needs
from resources.ledger import Ledger
from resources.ledger_rebuild import rebuild
from resources.ledger_tables import lora, lora_choice, lora_contest, lora_return
from resources.object_store import blob_path
from resources.project import open_project
from resources.settings import utc_now
from tests.tiny_project import draw_mug, product_row, write_photo, write_project, write_table

START = dt.datetime(2026, 11, 1)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A mug and a bag, screened and cut out, and two LoRAs of mugs and one of bags, of which the first was promoted."""
    folder = write_project(tmp_path_factory.mktemp("use") / "project", skus=("MUG-1", "BAG-1"))
    write_table(folder, [product_row("MUG-1"), product_row("BAG-1", category="bags", title="A bag", photo="MUG-1.jpg")])
    project = open_project(folder)
    refresh_catalog(project)
    for cell in known_cells(project):
        screen_cell(project, *cell)
        cut_out_cell(project, *cell)
    return folder


@pytest.fixture
def project(made, tmp_path):
    return open_project(shutil.copytree(made, tmp_path / "project", symlinks=True))


def add_lora(project, name, *, category="mugs", key=None, promoted=True, minutes=0, **facts):
    """A LoRA as a training leaves it; its digest."""
    blob = project.store.put(f"a LoRA {name}".encode())
    row = {
        "key": key or f"{name:0<64}", "category": category, "lora_digest": blob, "base_model_digest": project.base_model_digest,
        "data_digest": "data", "facts": {"decision": "promoted: it is there", **facts}, "seconds": 1.0, "promoted": promoted,
        "made_at": START + dt.timedelta(minutes=minutes),
    }  # fmt: skip
    project.ledger.record(lora, row)
    return blob


def in_use(project, category="mugs"):
    return promoted_lora(project, category)["lora_digest"]


def scenes(project):
    """The LoRA that each cell's planned scenes are drawn with, and their render keys."""
    plans = {cell[0]: plan_cell(project, *cell) for cell in known_cells(project)}
    return {category: (plan.lora_digest, {w.render_key for w in plan.wanted if w.lora_digest}) for category, plan in plans.items()}


def test_a_promoted_challenger_is_drawn_with_and_only_its_category_becomes_stale(project):
    first, other = add_lora(project, "first"), add_lora(project, "bag", category="bags")
    challenger = add_lora(project, "challenger", promoted=False, minutes=5)
    assert in_use(project) == first
    before = scenes(project)
    promote_lora(project, "mugs", challenger[:8], by="ann", because="the wood is right")
    after = scenes(project)
    assert (after["mugs"][0], after["bags"][0]) == (challenger, other)
    assert after["mugs"][1].isdisjoint(before["mugs"][1]) and after["mugs"][1]
    assert after["bags"] == before["bags"]


def test_rolling_back_goes_to_the_one_before_and_again_to_the_one_before_that(project):
    names = [add_lora(project, name, minutes=n) for n, name in enumerate("abc")]
    assert in_use(project) == names[2]
    assert rollback_lora(project, "mugs", by="ann", because="too dark")["lora_digest"] == names[1]
    assert rollback_lora(project, "mugs", by="ann", because="still too dark")["lora_digest"] == names[0] == in_use(project)
    with pytest.raises(LoraRefused, match="has had 1 LoRA of the present base model, so there is nothing to roll back to"):
        rollback_lora(project, "mugs", by="ann", because="even darker")
    assert [(use.how, use.by, use.because) for use in uses_of(project, "mugs")][-2:] == [
        ("rollback", "ann", "too dark"),
        ("rollback", "ann", "still too dark"),
    ]
    promote_lora(project, "mugs", names[2], by="bob", because="it was the lamp")
    assert rollback_lora(project, "mugs", by="bob", because="no")["lora_digest"] == names[0]


def test_renders_of_the_lora_rolled_back_to_are_wanted_again_under_their_old_keys(project):
    add_lora(project, "first")
    before = scenes(project)["mugs"]
    add_lora(project, "second", minutes=1)
    rollback_lora(project, "mugs", by="ann", because="no")
    assert scenes(project)["mugs"] == before


@pytest.mark.parametrize(
    ("digest", "because", "what"),
    [
        ("000000", "why", "names no LoRA of category mugs.*one of: "),
        ("12", "why", "names too little"),
        ("", "why", "names too little"),
        (None, "  ", "Say why, in 1 to 1000 characters"),
    ],
)
def test_what_is_not_said_well_enough_changes_nothing(project, digest, because, what):
    add_lora(project, "first")
    challenger = add_lora(project, "challenger", promoted=False, minutes=1)
    with pytest.raises(LoraRefused, match=what):
        promote_lora(project, "mugs", challenger if digest is None else digest, by="ann", because=because)
    assert project.ledger.rows(sa.select(lora_choice)) == []


def test_a_lora_in_use_a_lost_one_and_one_of_another_base_model_are_refused_with_the_reason(project):
    first = add_lora(project, "first")
    lost = add_lora(project, "lost", promoted=False)
    project.store.files.remove([blob_path(lost)])
    foreign = {**find_lora(project, "mugs", first), "key": "f" * 64, "lora_digest": "f" * 64, "base_model_digest": "e" * 64}
    project.ledger.record(lora, foreign)
    for digest, what in (
        (first, "is in use for mugs already"),
        (lost, "file of LoRA .* is lost"),
        ("f" * 64, "trained on base model eeeeeeeeeeee;"),
    ):
        with pytest.raises(LoraRefused, match=f"{what}.*Nothing was changed"):
            promote_lora(project, "mugs", digest, by="ann", because="why")
    assert in_use(project) == first


def test_a_rollback_to_a_lost_file_is_refused(project):
    first = add_lora(project, "first")
    second = add_lora(project, "second", minutes=1)
    project.store.files.remove([blob_path(first)])
    with pytest.raises(LoraRefused, match=r"is lost from the store\. Restore it"):
        rollback_lora(project, "mugs", by="ann", because="no")
    assert in_use(project) == second


def test_a_choice_stands_against_the_lora_of_its_own_look_until_the_look_changes(project):
    """The trained LoRA came back at the next run, because its look was still the present one: a person's rollback held for minutes."""
    earlier = add_lora(project, "earlier")
    trained = add_lora(project, "trained", key=lora_key(project, "mugs"), minutes=1)
    rollback_lora(project, "mugs", by="ann", because="the shadows are blue")
    assert lora_needs(project) == []
    row, trained_now = train_category(project, "mugs")
    assert (row["lora_digest"], trained_now, in_use(project)) == (trained, False, earlier)
    look = project.settings.project_dir / "catalog" / "looks" / "mugs"
    write_photo(look / "99.jpg", draw_mug((10, 200, 90), side_px=96))
    assert chosen_for(project, "mugs", lora_key(project, "mugs")) is None
    now = (utc_now().replace(tzinfo=None) - START) / dt.timedelta(minutes=1)
    newest = add_lora(project, "newest", key=lora_key(project, "mugs"), minutes=now)
    assert in_use(project) == newest
    (look / "99.jpg").unlink()
    assert [need.why for need in lora_needs(project)] == ["the look went back to one that was learned before"]
    train_category(project, "mugs")
    assert in_use(project) == earlier, "what was chosen for that look, not what was trained on it"
    assert project.ledger.rows(sa.select(lora_return.c.lora_key)) == [{"lora_key": f"{'earlier':0<64}"}]


def test_a_training_that_ends_after_a_choice_for_its_look_leaves_the_choice(project):
    from types import SimpleNamespace

    from assets.lora_contests import judge_trained

    first = add_lora(project, "first")
    chosen = add_lora(project, "chosen", promoted=False, minutes=1)
    promote_lora(project, "mugs", chosen, by="ann", because="better")
    row = {**find_lora(project, "mugs", first), "key": lora_key(project, "mugs"), "lora_digest": "9" * 64}
    row["facts"] = {"validation_loss": 0.1, "base_validation_loss": 0.2}
    contest = judge_trained(project, row, SimpleNamespace(digest="data"))
    assert (contest["won"], contest["reason"]) == (False, f"not promoted: a person chose {chosen[:12]} for this look")


def test_an_imported_winner_is_no_persons_choice_so_a_training_that_ends_later_has_its_contest(project, monkeypatch):
    from types import SimpleNamespace

    from assets import lora_contests
    from assets.lora_use import choose, lora_to_return

    add_lora(project, "first")
    imported = add_lora(project, "imported", promoted=False, minutes=1)
    key = lora_key(project, "mugs")
    choose(project, find_lora(project, "mugs", imported), "contest", by="contest", because="promoted: better")
    assert in_use(project) == imported and chosen_for(project, "mugs", key) is None
    rivals = []

    def compare(project, data, challenger, incumbent):
        rivals.append(incumbent)
        return SimpleNamespace(won=True, reason="promoted: better", as_json=lambda: {"version": "x", "plates": 0, "scores": []})

    monkeypatch.setattr(lora_contests, "compare", compare)
    now = (utc_now().replace(tzinfo=None) - START) / dt.timedelta(minutes=1)
    earlier = {**find_lora(project, "mugs", imported), "key": key, "promoted": True, "made_at": START}
    assert lora_to_return(project, earlier) is None, "the imported one won after it was trained"
    trained = add_lora(project, "trained", key=key, minutes=now, validation_loss=0.1, base_validation_loss=0.2)
    row = find_lora(project, "mugs", trained)
    project.ledger.transact(lambda connection: connection.execute(sa.delete(lora).where(lora.c.key == key)), repeatable=True)
    assert lora_contests.judge_trained(project, row, SimpleNamespace(digest="data"))["won"] and rivals == [imported]
    project.ledger.record(lora, row)
    assert in_use(project) == trained and lora_to_return(project, row) is None, "who won last stays"


def test_contests_and_choices_come_back_when_the_ledger_is_made_again(project, tmp_path):
    add_lora(project, "first")
    challenger = add_lora(project, "challenger", promoted=False, minutes=1)
    promote_lora(project, "mugs", challenger, by="ann", because="better")
    contest = {
        "key": "1" * 64, "category": "mugs", "challenger_key": "c", "challenger_digest": challenger, "incumbent_key": None,
        "incumbent_digest": None, "base_model_digest": "b", "data_digest": "d", "won": False, "reason": "why", "scores": {"scores": []},
        "seconds": 1.5, "at": utc_now().replace(tzinfo=None),
    }  # fmt: skip
    project.ledger.record(lora_contest, contest)
    again = Ledger.in_folder(tmp_path / "again")
    rebuild(again, project.store)
    for table in (lora, lora_choice, lora_contest):
        assert again.rows(sa.select(table)) == project.ledger.rows(sa.select(table)) != []


def vitrine(project, *arguments):
    return CliRunner().invoke(app, ["lora", *arguments], env={"VITRINE_PROJECT": str(project.settings.project_dir), "COLUMNS": "200"})


def test_the_command_promotes_rolls_back_and_shows_who_and_why(project):
    first = add_lora(project, "first")
    challenger = add_lora(project, "challenger", promoted=False, minutes=1, decision="not promoted: a tie")
    done = vitrine(project, "promote", "mugs", challenger[:10], "--because", "the wood is right", "--by", "ann")
    assert done.exit_code == 0 and f"mugs is drawn with LoRA {challenger[:12]} from now on" in done.output
    listed = vitrine(project, "list", "mugs").output.splitlines()
    assert [line[0] for line in listed] == ["*", " "] and "not promoted: a tie" in listed[0]
    shown = vitrine(project, "show", "mugs").output
    assert "promoted by a person (ann: the wood is right)" in shown and "won its training's contest" in shown
    assert vitrine(project, "rollback", "mugs", "--because", "no", "--by", "ann").exit_code == 0
    assert in_use(project) == first
    refused = vitrine(project, "promote", "mugs", "000000", "--because", "x")
    assert isinstance(refused.exception, LoraRefused)


def test_who_decides_is_the_user_of_the_machine_where_nobody_is_named(project, monkeypatch):
    monkeypatch.setenv("LOGNAME", "carla")
    add_lora(project, "first")
    challenger = add_lora(project, "challenger", promoted=False, minutes=1)
    vitrine(project, "promote", "mugs", challenger, "--because", "x")
    assert project.ledger.rows(sa.select(lora_choice.c.chosen_by)) == [{"chosen_by": "carla"}]


def test_what_is_chosen_last_is_in_use_also_where_this_machines_clock_is_behind(project):
    """The LoRA of a machine whose clock was ahead stayed in use, and the command said that the chosen one was drawn with."""
    first = add_lora(project, "first")
    ahead = (utc_now().replace(tzinfo=None) - START) / dt.timedelta(minutes=1) + 10
    second = add_lora(project, "second", minutes=ahead)
    promote_lora(project, "mugs", first, by="ann", because="better")
    assert in_use(project) == first
    assert rollback_lora(project, "mugs", by="ann", because="no")["lora_digest"] == second == in_use(project)
    assert [use.how for use in uses_of(project, "mugs")] == ["trained", "trained", "promote", "rollback"]
    assert moment_of_use(project, "mugs") > uses_of(project, "mugs")[-1].at


def test_of_two_taken_into_use_in_one_moment_history_and_plan_name_the_same(project):
    add_lora(project, "a")
    last = add_lora(project, "b")
    add_lora(project, "aa")
    assert in_use(project) == last and uses_of(project, "mugs")[-1].key == f"{'b':0<64}"


def test_a_category_without_loras_says_so(project):
    assert "There is no LoRA of category mugs yet" in vitrine(project, "list", "mugs").output
    assert isinstance(vitrine(project, "export", "mugs", "-o", str(Path("x.safetensors"))).exception, LoraRefused)


@pytest.mark.parametrize(
    "words", [["list", "hats"], ["show", "hats"], ["rollback", "hats", "--because", "no"], ["export", "hats", "-o", "x.safetensors"]]
)
def test_a_category_that_nobody_has_is_told_with_those_there_are(project, words):
    """`lora show` and `lora list` answered as if it were a category without a LoRA, with exit code 0."""
    done = CliRunner().invoke(app, ["lora", *words], env={"VITRINE_PROJECT": str(project.settings.project_dir)})
    assert isinstance(done.exception, LoraRefused) and str(done.exception).startswith(
        "The brand kit has no category 'hats'; it has: bags, mugs."
    )


def test_a_category_that_left_the_brand_kit_is_shown_as_long_as_it_has_loras(project):
    digest = add_lora(project, "old", category="hats")
    for words in (["list", "hats"], ["show", "hats"]):
        done = CliRunner().invoke(app, ["lora", *words], env={"VITRINE_PROJECT": str(project.settings.project_dir)})
        assert done.exit_code == 0 and digest[:12] in done.output
