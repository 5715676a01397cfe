"""A LoRA trained elsewhere comes in as a challenger, and what goes out draws the same in stock diffusers."""

import datetime as dt
import json
from types import SimpleNamespace

import numpy as np
import pytest
import sqlalchemy as sa
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from assets import lora_contests
from assets.catalog import refresh_catalog
from assets.lora_contests import contest_key, contest_markdown, judge_trained, judged_by
from assets.lora_exchange import exported_file, import_lora, usual_key_format
from assets.lora_use import choose, contests_of, loras_of, promote_lora, uses_of
from assets.planning import promoted_lora
from assets.training_set import read_training_set
from catalog.errors import LoraRefused, ModelError, SettingsError
from catalog.keys import digest_bytes
from orchestration.cli import app
from resources.ledger_tables import lora, lora_choice, lora_contest
from resources.project import open_project
from resources.settings import utc_now
from tests.tiny_model import write_tiny_lora
from tests.tiny_project import write_project
from tests.tiny_z_image import write_tiny_z_image
from training.lora_export import exported
from training.lora_file import lora_bytes


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = write_project(tmp_path_factory.mktemp("exchange") / "project", skus=("MUG-1",))
    refresh_catalog(open_project(folder))
    return folder


@pytest.fixture(scope="module")
def tensors(folder, tmp_path_factory):
    return load_file(write_tiny_lora(folder / "base-model", tmp_path_factory.mktemp("tiny") / "a.safetensors", seed=3))


@pytest.fixture(scope="module")
def kohya(tensors, tmp_path_factory):
    """A LoRA as sd-scripts writes it, in half precision."""
    path = tmp_path_factory.mktemp("kohya") / "clay.safetensors"
    save_file({name: tensor.half() for name, tensor in exported(tensors, "sd", "kohya").items()}, path, metadata={"ss_output_name": "clay"})
    return path


@pytest.fixture
def project(folder):
    """The project without any LoRA."""
    project = open_project(folder)
    for table in (lora, lora_choice, lora_contest):
        project.ledger.transact(lambda connection, table=table: connection.execute(sa.delete(table)), repeatable=True)
    return project


def take_in(project, path, category="mugs"):
    done = import_lora(project, category, path, license_name="CC-BY-4.0", commercial_ok=True, by="ann")
    return done.row, done.contest


def test_an_imported_lora_is_a_challenger_with_its_origin_license_and_contest(project, kohya, tensors):
    row, contest = take_in(project, kohya)
    assert row["facts"]["origin"] == {
        "file": "clay.safetensors", "sha256": digest_bytes(kohya.read_bytes()), "license": "CC-BY-4.0", "commercial_ok": True, "by": "ann",
        "title": "", "rank": [2],
    }  # fmt: skip
    assert row["promoted"] is False and "CC-BY-4.0; commercial use allowed" in row["facts"]["card"]
    stored = load_file(project.store.local_file(row["lora_digest"]))
    assert stored.keys() == tensors.keys() and all(torch.equal(stored[name], tensors[name].half()) for name in stored)
    assert contest["incumbent_key"] is None and contest["challenger_key"] == row["key"]
    assert [score["name"] for score in contest["scores"]["scores"]] == [
        "held_out_loss",
        "palette_delta_e",
        "layout_delta_e",
        "gradient_energy",
    ]
    in_use = promoted_lora(project, "mugs")
    assert (in_use is not None) == contest["won"]
    again, _ = take_in(project, kohya)
    assert again["key"] == row["key"] and len(loras_of(project, "mugs")) == len(contests_of(project, "mugs")) == 1, (
        "the same file is the same LoRA"
    )


def test_one_that_wins_is_in_use_and_its_contest_is_the_reason(project, kohya, monkeypatch):
    from training import contest

    monkeypatch.setattr(contest, "decide", lambda scores: (True, "promoted: surely better in everything, and worse in none"))
    row, held = take_in(project, kohya)
    assert held["won"] and promoted_lora(project, "mugs")["key"] == row["key"]
    assert [(use.how, use.by) for use in uses_of(project, "mugs")] == [("contest", "contest")]


def test_a_contests_plates_are_drawn_as_the_shops_pictures_are(project, kohya, monkeypatch):
    from generation.denoise import Sampling
    from generation.plates import DiffusionPlates

    drawn, draw_plates = [], DiffusionPlates.draw_plates

    def draw(self, prompts, seeds):
        drawn.append((self.base_model_digest, self.sampling, self.few_step))
        return draw_plates(self, prompts, seeds)

    monkeypatch.setattr(DiffusionPlates, "draw_plates", draw)
    row, contest = take_in(project, kohya)
    assert drawn == [(project.base_model_digest, Sampling(steps=2, guidance=2.0), None)] * 2
    told = {"base_model": project.base_model_digest, "steps": 2, "guidance": 2.0, "guided_share": 1.0, "step_cache": None}
    assert contest["scores"]["drawing"] == told
    judged = judged_by(project)
    assert judged["drawing"] == told and contest_key(row, None, contest["data_digest"], judged) == contest["key"]


def test_what_judges_names_a_contest_and_one_that_was_held_is_not_measured_again(project, kohya, monkeypatch):
    """One that DINOv2 judged was kept under the name of one that gradient statistics had judged, so the ledger told the other's scores."""
    row, contest = take_in(project, kohya)
    judged = judged_by(project)
    others = [
        {"measure": "dino_energy"}, {"learned": "e" * 64}, {"mask_floor": 0.3}, {"drawing": {**judged["drawing"], "steps": 3}},
    ]  # fmt: skip
    keys = {contest_key(row, None, contest["data_digest"], judged | other) for other in others}
    assert len(keys | {contest["key"]}) == 5 and judged["measure"] == "gradient_energy" and judged["mask_floor"] == 0.0
    project.ledger.transact(lambda connection: connection.execute(sa.delete(lora_choice)), repeatable=True)
    monkeypatch.setattr(lora_contests, "compare", lambda *args: pytest.fail("it was measured again"))
    again = import_lora(project, "mugs", kohya, license_name="CC-BY-4.0", commercial_ok=True, by="ann")
    assert again.contest == contest
    monkeypatch.setattr(lora_contests, "judged_by", lambda project: judged | {"mask_floor": 0.3})
    with pytest.raises(pytest.fail.Exception):
        take_in(project, kohya)


def add_trained(project, name, tensors):
    """A LoRA in the store and the ledger as a training leaves it."""
    blob = project.store.put(lora_bytes(tensors, {"vitrine.base_model": project.base_model_digest, "name": name}))
    row = {
        "key": f"{name:0<64}", "category": "mugs", "lora_digest": blob, "base_model_digest": project.base_model_digest, "data_digest": "data",
        "facts": {}, "seconds": 1.0, "promoted": True, "made_at": utc_now().replace(tzinfo=None),
    }  # fmt: skip
    project.ledger.record(lora, row)
    return row


def won(reason="promoted: better"):
    return SimpleNamespace(won=True, reason=reason, as_json=lambda: {"version": "x", "plates": 8, "scores": []})


def test_an_imported_winner_does_not_displace_what_a_person_chose_for_this_look(project, kohya, tensors, monkeypatch):
    monkeypatch.setattr(lora_contests, "compare", lambda *args: won())
    chosen = add_trained(project, "chosen", tensors)
    add_trained(project, "newer", tensors)
    promote_lora(project, "mugs", chosen["lora_digest"], by="ann", because="the wood is right")
    done = import_lora(project, "mugs", kohya, license_name="CC-BY-4.0", commercial_ok=True, by="bob")
    assert promoted_lora(project, "mugs")["key"] == chosen["key"]
    assert done.contest["won"] and done.told.startswith(f"a person chose {chosen['lora_digest'][:12]} for this look, so that one stays")


@pytest.mark.parametrize("by_person", [True, False])
def test_an_imported_winner_meets_what_came_into_use_during_its_contest(project, kohya, tensors, monkeypatch, by_person):
    """It was taken into use over a LoRA that it had never met."""
    first, other = (add_trained(project, name, tensors) for name in ("first", "other"))
    add_trained(project, "present", tensors)
    met = []

    def compare(project, data, challenger, incumbent):
        met.append(incumbent)
        if len(met) == 1 and by_person:
            promote_lora(project, "mugs", other["lora_digest"], by="ann", because="now")
        elif len(met) == 1:
            choose(project, first, "contest", by="contest", because="it won meanwhile")
        return won()

    monkeypatch.setattr(lora_contests, "compare", compare)
    row, contest = take_in(project, kohya)
    assert (promoted_lora(project, "mugs")["key"] == other["key"]) == by_person
    if not by_person:
        assert met[1:] == [first["lora_digest"]] and promoted_lora(project, "mugs")["key"] == row["key"]
        assert contest["incumbent_key"] == first["key"]


@pytest.fixture
def collapsed(tensors, tmp_path):
    """A LoRA with finite weights that draws nothing but NaN, as one that diverged does."""
    save_file({name: tensor * 1e18 for name, tensor in tensors.items()}, tmp_path / "collapsed.safetensors")
    return tmp_path / "collapsed.safetensors"


def test_an_imported_lora_that_cannot_draw_loses_its_contest_and_a_person_reads_why(project, collapsed):
    """The import ended with an error at each attempt, after the LoRA was kept."""
    row, contest = take_in(project, collapsed)
    assert not contest["won"] and promoted_lora(project, "mugs") is None and contest["scores"]["scores"] == []
    assert contest["reason"] == "not promoted: 8 of its 8 plates are no pictures (not finite (NaN or infinity))"
    assert "are no pictures" in contest_markdown(contest) and "| score |" not in contest_markdown(contest)
    assert [one["key"] for one in loras_of(project, "mugs")] == [row["key"]]


def test_a_lora_in_use_that_cannot_draw_is_displaced_by_one_that_can(project, collapsed, kohya, tensors):
    broken = add_trained(project, "broken", load_file(collapsed))
    assert promoted_lora(project, "mugs")["key"] == broken["key"]
    row, contest = take_in(project, kohya)
    assert contest["won"] and promoted_lora(project, "mugs")["key"] == row["key"]
    assert "of the other 8 of its 8 plates are no pictures" in contest["reason"]


@pytest.mark.parametrize("draws", [True, False])
def test_the_first_lora_of_a_category_goes_into_use_if_it_draws_pictures(project, collapsed, tensors, draws):
    """It was promoted by its held-out loss alone, before anybody had drawn with it."""
    blob = project.store.put(lora_bytes(tensors if draws else load_file(collapsed), {"vitrine.base_model": project.base_model_digest}))
    row = {
        "key": "f" * 64, "category": "mugs", "lora_digest": blob, "base_model_digest": project.base_model_digest, "data_digest": "data",
        "facts": {"validation_loss": 0.1, "base_validation_loss": 0.2},
    }  # fmt: skip
    contest = judge_trained(project, row, read_training_set(project, "mugs"))
    why = "not promoted: 8 of its 8 plates are no pictures (not finite (NaN or infinity))"
    if draws:
        why = "promoted: held-out loss 0.1000, the base model's is 0.2000, its 8 plates are pictures, and no other LoRA is in use"
    assert (contest["won"], contest["reason"], contest["scores"]["plates"]) == (draws, why, 8)


def test_without_look_pictures_there_is_no_contest_and_a_person_decides(project, kohya):
    row, contest = take_in(project, kohya, category="bags")
    assert contest is None and promoted_lora(project, "bags") is None
    told = vitrine(project, "import", "bags", str(kohya), "--license", "CC-BY-4.0", "--commercial").output
    assert "no contest was held, so a person decides" in told and "has no look pictures" in told
    assert vitrine(project, "promote", "bags", row["lora_digest"], "--because", "we know it").exit_code == 0
    assert promoted_lora(project, "bags")["key"] == row["key"]


def state(project, path, license_name, commercial_ok, category="bags"):
    return import_lora(project, category, path, license_name=license_name, commercial_ok=commercial_ok, by="bob")


def imported_refusal(project, row):
    """Why an imported LoRA's own license lets nothing be sold; '' when it does (the tiny base model's license is another matter)."""
    told = open_project(project.settings.project_dir).licenses.refusal(row["lora_digest"])
    return told if "was imported from" in told else ""


@pytest.mark.parametrize("second", ["MIT", "CC-BY-NC-4.0"])
def test_a_license_stated_wrongly_is_corrected_by_importing_again_and_the_last_word_holds(project, kohya, second):
    first = state(project, kohya, "MIT", True)
    assert imported_refusal(project, first.row) == ""
    corrected = state(project, kohya, second, False)
    assert corrected.row["key"] != first.row["key"] and corrected.row["lora_digest"] == first.row["lora_digest"]
    assert f"under {second}, which forbids commercial use as bob said" in imported_refusal(project, first.row)
    assert "license is corrected" in corrected.told and "**not allowed**" in corrected.row["facts"]["card"]
    assert state(project, kohya, second, False).row["key"] == corrected.row["key"], "said twice is said once"
    assert second.encode() in exported_file(project, corrected.row, "diffusers")
    last = state(project, kohya, "MIT", True)
    assert imported_refusal(project, first.row) == "" and len(loras_of(project, "bags")) == 3
    assert len({row["made_at"] for row in loras_of(project, "bags")}) == 3 and loras_of(project, "bags")[0]["key"] == last.row["key"]


def at_once(project, monkeypatch, path, first, second):
    """Two state licenses of one file at one time: the second is recorded after the first had looked at what is known."""
    from assets import lora_exchange

    recorded, record_made = [], lora_exchange.record_made

    def record(*args, **named):
        if not recorded:
            recorded.append("")
            state(project, path, *second)
        record_made(*args, **named)

    monkeypatch.setattr(lora_exchange, "record_made", record)
    try:
        return state(project, path, *first)
    finally:
        monkeypatch.setattr(lora_exchange, "record_made", record_made)


@pytest.mark.parametrize("known_before", [True, False])
def test_of_two_licenses_stated_at_one_time_none_is_lost_and_none_is_called_recorded_that_does_not_hold(
    project, kohya, monkeypatch, known_before
):
    """Both had one key, the first to be written stayed, and both commands reported success."""
    if known_before:
        state(project, kohya, "MIT", True)
    told = None
    try:
        at_once(project, monkeypatch, kohya, ("CC-BY-NC-4.0", False), ("CC0-1.0", True))
    except LoraRefused as error:
        told = str(error)
    stated = {row["facts"]["origin"]["license"] for row in loras_of(project, "bags")}
    assert stated >= {"CC-BY-NC-4.0", "CC0-1.0"}
    holds = max(loras_of(project, "bags"), key=lambda row: (row["made_at"], row["key"]))["facts"]["origin"]["license"]
    assert (told is None) == (holds == "CC-BY-NC-4.0")
    if told:
        assert "bob stated another license of clay.safetensors: CC0-1.0, commercial use allowed" in told
    state(project, kohya, "CC-BY-NC-4.0", False)
    assert "under CC-BY-NC-4.0" in imported_refusal(project, loras_of(project, "bags")[0])


def test_a_clock_that_is_behind_does_not_make_an_older_statement_the_last_word(project, kohya):
    first = state(project, kohya, "MIT", True).row
    ahead = first["made_at"] + dt.timedelta(hours=1)
    project.ledger.transact(lambda connection: connection.execute(sa.update(lora).values(made_at=ahead)), repeatable=True)
    state(project, kohya, "CC-BY-NC-4.0", False)
    assert "under CC-BY-NC-4.0" in imported_refusal(project, first)


def test_a_license_that_the_registry_knows_to_forbid_sales_cannot_be_stated_to_allow_them(project, kohya):
    with pytest.raises(LoraRefused, match=r"FLUX-non-commercial forbids commercial use \(.*Nothing was imported"):
        state(project, kohya, "FLUX-non-commercial", True)
    assert loras_of(project, "bags") == [] and state(project, kohya, "FLUX-Non-Commercial", False).row


def test_a_license_with_conditions_holds_for_an_import_as_it_does_for_a_model(project, kohya):
    """It was sold with as if there were none: only models' licenses were looked up in `accepted_licenses`."""
    row = state(project, kohya, "CreativeML-OpenRAIL++-M", True).row
    assert "allows commercial use on conditions" in imported_refusal(project, row)
    settings = project.settings.project_dir / "vitrine.yaml"
    before = settings.read_text()
    try:
        settings.write_text(f"{before}\naccepted_licenses: [CreativeML-OpenRAIL++-M]\n")
        assert imported_refusal(project, row) == ""
    finally:
        settings.write_text(before)


@pytest.mark.parametrize("key_format", ["kohya", "diffusers"])
def test_what_is_exported_and_imported_again_is_still_bound_by_what_was_stated_first(project, kohya, tmp_path, key_format):
    """A round trip through `vitrine lora export` made a LoRA that may not be sold with into one that may."""
    first = state(project, kohya, "CC-BY-NC-4.0", False).row
    path = tmp_path / "again.safetensors"
    path.write_bytes(exported_file(project, first, key_format))
    again = state(project, path, "MIT", True, "hats").row
    assert again["facts"]["origin"]["made_from"] == [first["facts"]["origin"]["sha256"]]
    assert "was imported from clay.safetensors under CC-BY-NC-4.0" in imported_refusal(project, again)
    path.write_bytes(exported_file(project, again, key_format))
    third = state(project, path, "CC0-1.0", True, "mugs").row
    assert "under CC-BY-NC-4.0" in imported_refusal(project, third)


@pytest.mark.parametrize("forbidden_in", ["bags", "hats"])
@pytest.mark.parametrize("license_name", ["MIT", "CC-BY-NC-4.0"])
def test_a_file_that_one_category_may_not_sell_is_sold_in_none(project, kohya, forbidden_in, license_name):
    rows = [
        state(project, kohya, license_name if category == forbidden_in else "MIT", category != forbidden_in, category).row
        for category in ("bags", "hats")
    ]
    assert [bool(imported_refusal(project, row)) for row in rows] == [True, True]


def test_a_lora_of_another_model_is_refused_before_anything_is_kept(project, tensors, tmp_path):
    wider = {name: torch.cat([tensor, tensor], dim=-1) if "lora_A" in name else tensor for name, tensor in tensors.items()}
    save_file(wider, tmp_path / "wide.safetensors")
    with pytest.raises(ModelError, match="does not fit this base model"):
        take_in(project, tmp_path / "wide.safetensors")
    save_file(
        {"unet.down_blocks.7.to_q.lora_A.weight": torch.ones(2, 4), "unet.down_blocks.7.to_q.lora_B.weight": torch.ones(4, 2)},
        tmp_path / "no.safetensors",
    )
    with pytest.raises(ModelError):
        take_in(project, tmp_path / "no.safetensors")
    save_file(tensors, tmp_path / "told.safetensors", metadata={"vitrine.base_model": "e" * 64})
    with pytest.raises(ModelError, match="was trained on base model eeeeeeeeeeee"):
        take_in(project, tmp_path / "told.safetensors")
    assert loras_of(project, "mugs") == []


def test_an_import_without_a_contest_loads_no_weights(project, kohya, tensors, tmp_path, monkeypatch):
    """A base model of 20 billion parameters does not fit into the memory of a machine that only imports."""
    from generation import base_model

    monkeypatch.setattr(base_model, "load_pipeline", lambda *args: pytest.fail("the base model was loaded"))
    assert take_in(project, kohya, category="bags")[0]["lora_digest"]
    save_file({name: tensor for name, tensor in tensors.items() if name != min(tensors)}, tmp_path / "half.safetensors")
    with pytest.raises(ModelError):
        take_in(project, tmp_path / "half.safetensors", category="bags")
    assert len(loras_of(project, "bags")) == 1


def test_a_license_must_be_stated_and_the_file_be_there(project, kohya, tmp_path):
    with pytest.raises(LoraRefused, match="under which license"):
        import_lora(project, "mugs", kohya, license_name=" ", commercial_ok=True, by="ann")
    with pytest.raises(LoraRefused, match=r"gone\.safetensors cannot be read"):
        take_in(project, tmp_path / "gone.safetensors")


def vitrine(project, *arguments):
    return CliRunner().invoke(app, ["lora", *arguments], env={"VITRINE_PROJECT": str(project.settings.project_dir), "COLUMNS": "200"})


def test_the_command_imports_and_says_how_the_contest_ended(project, kohya):
    done = vitrine(project, "import", "mugs", str(kohya), "--license", "MIT", "--no-commercial", "--by", "ann")
    assert done.exit_code == 0, done.output
    assert "Imported clay.safetensors for mugs as LoRA" in done.output and "promoted: " in done.output
    (row,) = loras_of(project, "mugs")
    assert row["facts"]["origin"]["commercial_ok"] is False
    assert contests_of(project, "mugs")[0]["reason"] in vitrine(project, "list").output
    told = json.loads(vitrine(project, "show", "mugs", "--json").output)
    assert told["loras"][0]["came_from"] == "imported" and len(told["contests"]) == 1
    assert vitrine(project, "import", "mugs", str(kohya), "--commercial").exit_code == 2, "no license, no import"
    assert isinstance(vitrine(project, "import", "hats", str(kohya), "--license", "MIT", "--commercial").exception, LoraRefused)


def draw(folder, weights):
    from diffusers import StableDiffusionPipeline

    from generation.base_model import quiet_libraries

    with quiet_libraries():
        pipeline = StableDiffusionPipeline.from_pretrained(folder / "base-model", safety_checker=None, requires_safety_checker=False)
        if weights is not None:
            pipeline.load_lora_weights(weights)
        generator = torch.Generator().manual_seed(3)
        pictures = pipeline("a wall", num_inference_steps=2, height=64, width=64, generator=generator, output_type="np")
    return pictures.images[0]


@pytest.fixture
def trained(project, tensors):
    """A LoRA in the store and the ledger as a training leaves it."""
    blob = project.store.put(lora_bytes(tensors, {"vitrine.base_model": project.base_model_digest}))
    row = {
        "key": "k" * 64, "category": "mugs", "lora_digest": blob, "base_model_digest": project.base_model_digest, "data_digest": "data",
        "facts": {}, "seconds": 1.0, "promoted": True, "made_at": utc_now().replace(tzinfo=None),
    }  # fmt: skip
    project.ledger.record(lora, row)
    return row


@pytest.fixture(scope="module")
def expected(folder, tensors):
    """What the LoRA draws, and what the base model draws without it."""
    return draw(folder, tensors), draw(folder, None)


@pytest.mark.parametrize("key_format", ["kohya", "comfyui", "diffusers"])
def test_what_is_exported_draws_the_same_pixels_in_stock_diffusers(project, trained, expected, tmp_path, key_format):
    out = tmp_path / "out.safetensors"
    done = vitrine(project, "export", "mugs", "--lora", trained["lora_digest"][:8], "--format", key_format, "-o", str(out))
    assert done.exit_code == 0, done.output
    with_lora, without = expected
    assert np.abs(with_lora - without).mean() > 0.01
    assert np.array_equal(draw(project.settings.project_dir, str(out)), with_lora)


def test_an_export_in_no_named_format_is_in_the_keys_that_most_programs_read_of_its_family(project, trained, tmp_path):
    out = tmp_path / "out.safetensors"
    told = vitrine(project, "export", "mugs", "--lora", trained["lora_digest"][:8], "-o", str(out)).output
    assert "in kohya keys" in told and all(name.startswith("lora_unet_") for name in load_file(out))
    of_flows = SimpleNamespace(training_model_dir=write_tiny_z_image(tmp_path / "z-image"))
    assert usual_key_format(of_flows) == "comfyui"


@pytest.mark.parametrize("out", ["/proc/out.safetensors", "/dev/full/out.safetensors"])
def test_an_export_to_a_place_that_cannot_be_written_speaks_of_that_place(project, trained, out):
    """It said that the next training goes on after its last checkpoint."""
    told = vitrine(project, "export", "mugs", "--lora", trained["lora_digest"][:8], "-o", out).exception
    assert isinstance(told, SettingsError) and out in str(told) and "Nothing was written." in str(told) and "train" not in str(told)


def test_an_export_replaces_a_file_whole_and_through_a_link(project, trained, tmp_path):
    (tmp_path / "real.safetensors").write_bytes(b"before")
    (tmp_path / "link.safetensors").symlink_to("real.safetensors")
    told = vitrine(
        project, "export", "mugs", "--lora", trained["lora_digest"][:8], "--format", "diffusers", "-o", str(tmp_path / "link.safetensors")
    )
    assert told.exit_code == 0, told.output
    assert (tmp_path / "link.safetensors").is_symlink() and load_file(tmp_path / "real.safetensors")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.safetensors", "real.safetensors"]


def test_an_exported_file_comes_back_as_what_it_was(project, trained, tensors, tmp_path):
    path = tmp_path / "round.safetensors"
    path.write_bytes(exported_file(project, trained, "kohya"))
    again, _ = take_in(project, path, category="bags")
    back = load_file(project.store.local_file(again["lora_digest"]))
    assert back.keys() == tensors.keys() and all(torch.equal(back[name], tensors[name]) for name in back)


def test_an_export_of_another_base_models_lora_or_of_a_lost_file_is_refused(project, trained):
    with pytest.raises(LoraRefused, match=r"was trained on base model eeeeeeeeeeee.*Nothing was written"):
        exported_file(project, {**trained, "base_model_digest": "e" * 64}, "kohya")
    with pytest.raises(LoraRefused, match="is lost from the store, so it cannot be exported"):
        exported_file(project, {**trained, "lora_digest": "e" * 64}, "kohya")


FAMILIES = {
    "flux2-klein": (
        "tests.tiny_klein:write_tiny_klein",
        "transformer",
        "Flux2Transformer2DModel",
        ("to_q", "to_k", "to_v", "to_qkv_mlp_proj"),
    ),
    "z-image": ("tests.tiny_z_image:write_tiny_z_image", "transformer", "ZImageTransformer2DModel", ("to_q", "to_k", "to_v", "to_out.0")),
    "sdxl": ("tests.tiny_sdxl:write_tiny_sdxl", "unet", "UNet2DConditionModel", ("to_q", "to_k", "to_v", "to_out.0")),
}


@pytest.mark.slow  # three more base models and two contests: 15 CPU-s
@pytest.mark.parametrize("family", FAMILIES)
def test_a_lora_of_each_family_is_held_to_its_contest_and_goes_out_as_it_came(family, tmp_path):
    import importlib

    import diffusers

    from tests.training.foreign_loras import random_lora
    from training.lora_names import unet_layout

    writer, part, model_class, targets = FAMILIES[family]
    module, name = writer.split(":")
    base = getattr(importlib.import_module(module), name)(tmp_path / "base")
    project = open_project(write_project(tmp_path / "project", skus=("MUG-1",), base_model=base))
    refresh_catalog(project)
    model = getattr(diffusers, model_class).from_pretrained(base / part)
    layout = unet_layout(model.config) if part == "unet" else None
    sent = exported(random_lora(model, f"{part}.", targets), family, "kohya", layout)
    save_file(sent, tmp_path / "sent.safetensors")
    row, contest = take_in(project, tmp_path / "sent.safetensors")
    assert contest is not None and len(contest["scores"]["scores"]) == 4
    out = tmp_path / "out.safetensors"
    out.write_bytes(exported_file(project, row, "kohya"))
    back = load_file(out)
    assert back.keys() == sent.keys() and all(torch.equal(back[key], sent[key]) for key in sent)
