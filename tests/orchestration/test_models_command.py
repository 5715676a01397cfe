"""`vitrine models`: what it lists, pins, verifies and fetches, and what it refuses in words."""

import json
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from orchestration.cli import main

EMBEDDED = Path(__file__).resolve().parents[2] / "demo" / "base-model"


@pytest.fixture
def vitrine(tmp_path, monkeypatch, capsys):
    """Call the command in a folder without a project; returns exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["vitrine", "models", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def project(tmp_path):
    """The current folder as a project, with a copy of the embedded model as what somebody downloaded."""
    (tmp_path / "vitrine.yaml").write_text("brand_kit: brand.yaml\n")
    shutil.copytree(EMBEDDED, tmp_path / "downloads" / "small", ignore=shutil.ignore_patterns("README.md"))
    entry = {"title": "Ours", "family": "sd", "repo": "somebody/small", "license": {"name": "NC", "commercial_ok": False, "reason": "No."}}
    (tmp_path / "models.yaml").write_text(yaml.safe_dump({"models": {"ours": entry}}))
    return tmp_path


def test_the_list_tells_license_pin_and_place_of_every_model(vitrine):
    code, out, _ = vitrine("list")
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in out.splitlines()}
    assert code == 0 and lines["embedded"] == f"sd Apache-2.0 yes yes 0.5 GB {EMBEDDED}"
    assert lines["sdxl-inpaint"] == "sdxl CreativeML-OpenRAIL++-M conditions no 10 GB"
    assert lines["flux1-fill-dev"] == "unsupported FLUX.1-dev-Non-Commercial no no 36 GB"
    rows = {row["id"]: row for row in json.loads(vitrine("list", "--json")[1])}
    assert (rows["embedded"]["pinned"], rows["z-image"]["folder"], rows["krea-2-raw"]["commercial"]) == (True, None, "conditions")


def test_the_list_ends_with_what_the_project_draws_with(vitrine, project):
    assert vitrine("list")[1].splitlines()[-1].startswith("This project draws with the folder base-model")
    (project / "vitrine.yaml").write_text("base_model: embedded\n")
    assert vitrine("list")[1].splitlines()[-1] == "This project draws with embedded."


def test_one_wrong_entry_does_not_hide_the_others(vitrine, project):
    (project / "vitrine.yaml").write_text("base_model: embedded\n")
    (project / "models.yaml").write_text((project / "models.yaml").read_text().replace("family: sd", "family: sd15"))
    code, out, err = vitrine("list")
    assert code == 1 and "embedded" in out and "z-image" in out and "ours" not in out
    assert "models.ours: 1 wrong entry" in err and "family: must be 'sd', 'sdxl'" in err
    code, out, _ = vitrine("list", "--json")
    assert code == 1 and "embedded" in {row["id"] for row in json.loads(out)}


def test_show_tells_the_license_in_words_and_how_to_fetch_the_model(vitrine):
    code, out, _ = vitrine("show", "sdxl-inpaint")
    words = " ".join(out.split())
    assert code == 0 and "commercial use on conditions" in words and "attachment A" in words and "trains on sdxl-base" in words
    assert "hf download diffusers/stable-diffusion-xl-1.0-inpainting-0.1" in words and "not used yet" in words


def test_show_tells_what_a_training_comes_to_and_from_where(vitrine, project):
    entry = yaml.safe_load((project / "models.yaml").read_text())["models"]["ours"] | {"training": {"rank": 4}}
    (project / "models.yaml").write_text(yaml.safe_dump({"models": {"ours": entry}}))
    told = {name: " ".join(vitrine("show", name)[1].split()) for name in ("embedded", "ours", "sdxl-inpaint", "krea-2-raw")}
    assert "trained with 240 steps of 4, rate 0.006, rank 8, layers all (from entry embedded;" in told["embedded"]
    assert "1,200 steps of 4, rate 0.0001, rank 4, layers transformer, min_snr_gamma 5.0, ema_decay 0.99" in told["ours"]
    assert "(from entry ours, then family sd; `training:` goes before it)" in told["ours"]
    assert not any("trained with" in told[name] for name in ("sdxl-inpaint", "krea-2-raw"))


def test_an_unknown_model_is_told_with_those_there_are(vitrine):
    code, _, err = vitrine("show", "sdx")
    assert code == 2 and "No model 'sdx' is registered. There are: embedded, sdxl-inpaint" in err


def test_a_downloaded_model_is_pinned_verified_and_its_damage_is_told(vitrine, project):
    assert vitrine("verify", "ours")[0] == 2, "nothing to compare with yet"
    code, out, _ = vitrine("pin", "ours", "--folder", "downloads/small")
    assert code == 0 and "Pinned ours: 10 files" in out and "Its license, NC: No." in out
    assert yaml.safe_load((project / "models.yaml").read_text())["models"]["ours"]["folder"] == "downloads/small"
    assert "as pinned  ours" in vitrine("verify")[1]
    weights = project / "downloads" / "small" / "text_encoder" / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    code, out, _ = vitrine("verify", "ours", "--full")
    assert code == 2 and "text_encoder/model.safetensors has other bytes" in out


def test_fetch_prints_the_command_and_runs_it_only_when_asked(vitrine, project, monkeypatch):
    code, out, err = vitrine("fetch", "ours", "--folder", "there")
    assert code == 0 and out.startswith("hf download somebody/small --include") and "--local-dir there" in out and "Its license, NC" in err
    commands = project / "bin"
    commands.mkdir()
    (commands / "hf").write_text('#!/bin/sh\necho "$@" > called\nexit 3\n')
    (commands / "hf").chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}:/usr/bin:/bin")
    code, _, err = vitrine("fetch", "ours", "--run")
    assert code == 2 and "ended with code 3" in err and (project / "called").read_text().startswith("download somebody/small")
    monkeypatch.setenv("PATH", str(project))
    code, _, err = vitrine("fetch", "ours", "--run")
    assert code == 2 and "There is no command 'hf'" in err


def test_pinning_needs_a_project_and_a_model_that_is_there(vitrine, project):
    code, _, err = vitrine("pin", "z-image")
    assert code == 2 and "is not on this machine" in err and "hf download Tongyi-MAI/Z-Image" in err
    (project / "vitrine.yaml").unlink()
    code, _, err = vitrine("pin", "embedded")
    assert code == 2 and "no project whose models.yaml could hold the pin" in err
