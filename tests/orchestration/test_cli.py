"""The command line as people and scripts meet it: output, exit codes, messages."""

import json
import os

import cv2
import numpy as np
import pytest

from tests.tiny_project import SCENE_RULES, draw_mug, product_row, write_photo, write_project, write_table


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    write_photo(folder / "mug.jpg", draw_mug((178, 62, 50), side_px=1100))
    (folder / "text.jpg").write_text("not a picture")
    return folder


def test_screen_gives_one_json_object_per_file_also_for_missing_and_broken_ones(vitrine, photos):
    code, out, _ = vitrine("screen", photos / "mug.jpg", photos / "text.jpg", photos / "none.jpg", "--json")
    answers = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert [answer["file"] for answer in answers] == [str(photos / name) for name in ("mug.jpg", "text.jpg", "none.jpg")]
    assert [answer["accepted"] for answer in answers] == [True, False, False]
    assert [reason["code"] for answer in answers[1:] for reason in answer["reasons"]] == ["not_an_image", "missing"]
    assert answers[0]["measurements"]["min_side_px"] == 1100


def test_screen_accepts_a_good_photo_with_exit_code_zero(vitrine, photos):
    code, out, _ = vitrine("screen", photos / "mug.jpg")
    assert code == 0
    assert out.startswith("accepted")


def test_cutout_writes_an_alpha_of_the_photos_size(vitrine, photos, tmp_path):
    code, out, _ = vitrine("cutout", photos / "mug.jpg", "--out", tmp_path / "alpha.png", "--json")
    answer = json.loads(out.splitlines()[-1])
    alpha = cv2.imread(str(tmp_path / "alpha.png"), cv2.IMREAD_UNCHANGED)
    assert alpha.shape == (1100, 1100)
    assert alpha.dtype == np.uint8
    assert answer["accepted"] is (code == 0)
    assert 0 <= answer["confidence"] <= 1


def test_cutout_writes_the_alpha_also_when_it_is_doubtful(vitrine, tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (600, 600, 3), dtype=np.uint8)
    write_photo(tmp_path / "noise.jpg", noise)
    code, out, _ = vitrine("cutout", tmp_path / "noise.jpg", "--out", tmp_path / "alpha.png", "--json")
    answer = json.loads(out.splitlines()[-1])
    assert code == 1
    assert not answer["accepted"]
    assert answer["reasons"]
    assert (tmp_path / "alpha.png").exists()


def test_cutout_of_a_file_that_is_no_picture_answers_in_json_with_exit_code_one(vitrine, photos, tmp_path):
    code, out, _ = vitrine("cutout", photos / "text.jpg", "--out", tmp_path / "alpha.png", "--json")
    answer = json.loads(out.splitlines()[-1])
    assert (code, answer["accepted"], answer["reasons"]) == (1, False, ["not_an_image"])


def test_a_packshot_is_rendered_and_then_approved_by_its_own_gate(vitrine, photos, tmp_path, monkeypatch):
    project = write_project(tmp_path / "project", looks=False)
    monkeypatch.setenv("VITRINE_PROJECT", str(project))
    code, out, err = vitrine("render", photos / "mug.jpg", "--recipe", "packshot_white", "--out", tmp_path / "packshot.png", "--json")
    assert code == 0, err
    assert json.loads(out)["placement"]["frame_width_px"] == 520, "the project's own recipe, not the shipped one"
    code, out, _ = vitrine("judge", "--recipe", "packshot_white", "--source", photos / "mug.jpg", "--render", tmp_path / "packshot.png")
    answer = json.loads(out)
    assert set(answer) == {"verdict", "reasons", "measurements"}
    assert answer["measurements"]["white_share_pct"] > 98


def test_a_misspelt_recipe_lists_the_known_ones(vitrine, photos, tmp_path):
    code, _, err = vitrine("render", photos / "mug.jpg", "--recipe", "packshot", "--out", tmp_path / "out.png")
    assert code == 2
    assert "There is no recipe 'packshot'. Known: ad_poster, backdrop, " in err


def test_a_recipe_of_ones_own_project_is_known_to_the_single_picture_commands(vitrine, photos, tmp_path, monkeypatch):
    project = write_project(tmp_path / "project", looks=False)
    shipped = (project / "recipes" / "packshot_white.yaml").read_text()
    (project / "recipes" / "house_packshot.yaml").write_text(shipped.replace("name: packshot_white", "name: house_packshot"))
    monkeypatch.setenv("VITRINE_PROJECT", str(project))
    code, _, err = vitrine("render", photos / "mug.jpg", "--recipe", "house_packshot", "--out", tmp_path / "out.png")
    assert code == 0, err
    assert (tmp_path / "out.png").exists()


def test_a_wrong_suffix_is_told_before_anything_is_drawn(vitrine, tmp_path):
    code, _, err = vitrine("render", tmp_path / "no-such-photo.jpg", "--recipe", "packshot_white", "--out", tmp_path / "out.bmp")
    assert code == 2
    assert "the suffix must be one of .png" in err


def test_a_misspelt_parameter_is_refused_not_ignored(vitrine, photos, tmp_path):
    code, _, err = vitrine("render", photos / "mug.jpg", "--recipe", "packshot_white", "--set", "fil_pct=80", "--out", tmp_path / "out.png")
    assert code == 2
    assert "fil_pct" in err
    assert not (tmp_path / "out.png").exists()


def test_a_folder_without_a_project_says_how_to_make_one(vitrine, tmp_path, monkeypatch):
    monkeypatch.setenv("VITRINE_PROJECT", str(tmp_path))
    for command in ("plan", "run", "check"):
        code, out, err = vitrine(command)
        assert code == 2
        assert "vitrine init" in out + err


def test_check_names_everything_that_is_wrong_at_once(vitrine, tmp_path, monkeypatch):
    project = write_project(tmp_path / "project", looks=False)
    rows = [
        product_row("MUG-1", category="hats"),
        product_row("MUG-2"),
        product_row("MUG-2"),
        product_row("BAD SKU"),
        product_row("MUG-3", photo="gone.jpg"),
    ]
    write_table(project, rows)
    (project / "brand.yaml").write_text((project / "brand.yaml").read_text().replace(SCENE_RULES, "  packshot_white: {fil_pct: {min: 1}}"))
    monkeypatch.setenv("VITRINE_PROJECT", str(project))
    code, out, _ = vitrine("check", "--json")
    text = json.dumps(json.loads(out)["findings"])
    assert code == 2
    for expected in ("hats", "gone.jpg", "MUG-2", "BAD SKU", "fil_pct", "look pictures"):
        assert expected in text, expected


def test_check_finds_a_schedule_that_no_daemon_would_load(vitrine, tmp_path, monkeypatch):
    """A cron line with a typing error passed the check, and then no part of `vitrine dev` started."""
    project = write_project(tmp_path / "project", looks=False)
    with (project / "vitrine.yaml").open("a") as settings:
        settings.write("nightly: {cron: 'at one o clock'}\n")
    monkeypatch.setenv("VITRINE_PROJECT", str(project))
    code, out, _ = vitrine("check", "--json")
    (finding,) = json.loads(out)["findings"]
    assert (code, finding["severity"]) == (2, "error")
    assert "at one o clock" in finding["message"] and "five parts" in finding["message"]


def test_check_finds_nothing_wrong_with_a_good_project(vitrine, tmp_path, monkeypatch):
    monkeypatch.setenv("VITRINE_PROJECT", str(write_project(tmp_path / "project")))
    code, out, _ = vitrine("check", "--json")
    errors = [finding for finding in json.loads(out)["findings"] if finding["severity"] == "error"]
    assert (code, errors) == (0, [])


def test_a_misspelt_setting_is_an_error_with_the_allowed_names(vitrine, tmp_path, monkeypatch):
    project = write_project(tmp_path / "project", looks=False)
    (project / "vitrine.yaml").write_text("brandkit: brand.yaml\n")
    monkeypatch.setenv("VITRINE_PROJECT", str(project))
    code, _, err = vitrine("plan")
    assert code == 2
    assert "brandkit: unknown name (misspelt?). Allowed here:" in err
    assert "brand_kit" in err


def test_init_makes_a_project_that_check_accepts(vitrine, tmp_path, monkeypatch):
    code, out, err = vitrine("init", tmp_path / "shop")
    assert code == 0, err
    assert "vitrine check" in out
    monkeypatch.setenv("VITRINE_PROJECT", str(tmp_path / "shop"))
    code, out, _ = vitrine("check", "--json")
    assert [f for f in json.loads(out)["findings"] if f["severity"] == "error"] == []
    assert code == 0


def test_init_never_writes_into_a_folder_that_holds_something(vitrine, tmp_path):
    (tmp_path / "precious.txt").write_text("keep me")
    code, _, err = vitrine("init", tmp_path)
    assert code == 2
    assert "is not an empty folder" in err
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


@pytest.mark.parametrize("command", ["screen", "cutout"])
def test_a_pipe_is_refused_instead_of_waited_for(vitrine, tmp_path, command):
    os.mkfifo(tmp_path / "pipe.jpg")
    writer = os.open(tmp_path / "pipe.jpg", os.O_RDWR)  # so that a reader would not hang this test; it would read nothing
    os.write(writer, b"not a picture")
    code, out, _ = vitrine(command, tmp_path / "pipe.jpg", "--json", *(("--out", tmp_path / "a.png") if command == "cutout" else ()))
    os.close(writer)
    answer = json.loads(out)
    assert code == 1
    assert "unreadable" in (answer["reasons"][0]["code"] if command == "screen" else answer["reasons"])


def test_an_output_that_is_the_photo_itself_is_refused_and_the_photo_kept(vitrine, photos, tmp_path):
    photo = tmp_path / "mug.png"
    cv2.imwrite(str(photo), cv2.imread(str(photos / "mug.jpg")))
    before = photo.read_bytes()
    for call in (("cutout", photo, "--out", photo), ("render", photo, "--recipe", "packshot_white", "--out", photo)):
        code, _, err = vitrine(*call)
        assert (code, "is the photo itself" in err) == (2, True)
        assert photo.read_bytes() == before


def test_an_alpha_under_another_formats_name_is_refused_before_any_work(vitrine, photos, tmp_path):
    code, _, err = vitrine("cutout", photos / "mug.jpg", "--out", tmp_path / "alpha.jpg")
    assert code == 2
    assert ".png" in err
    assert not (tmp_path / "alpha.jpg").exists()


def test_a_parameter_that_is_no_yaml_is_a_message(vitrine, photos, tmp_path):
    code, _, err = vitrine("render", photos / "mug.jpg", "--recipe", "packshot_white", "--out", tmp_path / "p.png", "--set", "fill_pct=[")
    assert code == 2
    assert "'fill_pct=['" in err


@pytest.mark.parametrize("broken", ["source", "render", "alpha"])
def test_judge_answers_with_a_verdict_for_files_it_cannot_read_too(vitrine, photos, tmp_path, broken):
    (tmp_path / "empty.png").write_bytes(b"")
    files = {"source": photos / "mug.jpg", "render": photos / "mug.jpg"} | {broken: tmp_path / "empty.png"}
    options = [part for name, file in files.items() for part in (f"--{name}", file)]
    code, out, _ = vitrine("judge", "--recipe", "packshot_white", "--json", *options)
    answer = json.loads(out)
    assert code == 1
    assert answer["verdict"] == "rejected"
    assert answer["reasons"][0]["code"] in ("empty", "not_an_image")
    assert answer["measurements"] == {}


def test_a_category_that_does_not_exist_is_not_a_run_with_nothing_to_do(vitrine, tmp_path, monkeypatch):
    write_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    for command in ("run", "plan"):
        code, out, err = vitrine(command, "--category", "mgus")
        assert (code, out) == (2, "")
        assert "'mgus'" in err


def test_a_damaged_ledger_is_a_message_not_a_traceback(vitrine, tmp_path, monkeypatch):
    write_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".vitrine").mkdir(exist_ok=True)
    (tmp_path / ".vitrine" / "ledger.sqlite").write_bytes(b"no database" * 500)
    code, _, err = vitrine("plan")
    assert code == 1
    assert "database" in err
    assert "Traceback" not in err


def test_plan_of_a_new_project_does_not_say_that_nothing_is_stale(vitrine, tmp_path, monkeypatch):
    write_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    code, out, _ = vitrine("plan")
    assert code == 0
    assert "not read yet" in out


def test_check_refuses_a_schedule_that_no_clock_knows_and_says_one_mistake_once(vitrine, tmp_path, monkeypatch):
    write_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "brand.yaml").write_text("brand: [\n")
    code, out, _ = vitrine("check")
    assert code == 2
    assert out.count("is not valid YAML") == 1
    settings = tmp_path / "vitrine.yaml"
    settings.write_text(settings.read_text() + "nightly: {cron: every night}\n")
    code, out, _ = vitrine("check")
    assert code == 2
    assert "nightly.cron" in out


def test_judge_by_a_channels_pack_needs_the_file_alone_and_refuses_with_the_rules_words(vitrine, tmp_path):
    good, small = tmp_path / "good.jpg", tmp_path / "small.jpg"
    write_photo(good, np.full((1200, 1200, 3), 200, np.uint8))
    write_photo(small, np.full((400, 420, 3), 200, np.uint8))
    code, out, _ = vitrine("judge", "--pack", "meta_ads", "--render", good)
    assert (code, json.loads(out)["verdict"]) == (0, "approved")
    code, out, _ = vitrine("judge", "--pack", "meta_ads", "--render", small)
    (reason,) = json.loads(out)["reasons"]
    assert code == 1 and reason["code"] == "TOO_SMALL" and "400 px" in reason["message"]


def test_judge_by_a_pack_takes_the_rules_of_the_day_that_is_asked_for(vitrine, tmp_path):
    write_photo(tmp_path / "small.jpg", np.full((400, 400, 3), 200, np.uint8))
    arguments = ("judge", "--pack", "google_merchant", "--render", tmp_path / "small.jpg", "--on")
    assert vitrine(*arguments, "2027-01-30")[0] == 0
    assert vitrine(*arguments, "2027-01-31")[0] == 1


def test_judge_by_a_pack_rejects_what_is_no_picture(vitrine, photos):
    code, out, _ = vitrine("judge", "--pack", "ebay", "--render", photos / "text.jpg")
    assert code == 1 and json.loads(out)["reasons"][0]["code"] == "not_an_image"


def test_judge_wants_a_recipe_or_a_pack_and_not_both(vitrine):
    code, _, message = vitrine("judge", "--render", "a.jpg")
    assert code == 2 and "Give --recipe and --source, or --pack" in message
    code, _, message = vitrine("judge", "--render", "a.jpg", "--pack", "ebay", "--recipe", "backdrop")
    assert code == 2 and "leave --recipe and --source out" in message


def test_rules_of_recipes_and_channels_can_be_listed_and_shown(vitrine):
    listed = vitrine("rules", "list")[1]
    assert "recipe   packshot_white" in listed and "channel  google_merchant" in listed
    assert "at least 500 px" in vitrine("rules", "show", "google_merchant", "--on", "2027-01-31")[1]
    assert json.loads(vitrine("rules", "schema", "recipe")[1])["title"] == "RulePack"
    assert vitrine("rules", "show", "amazn")[0] == 2
