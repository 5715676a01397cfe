"""Packs before publishing: what the brand approves of and a channel refuses stays out of that channel, with the reason, and nowhere else."""

import datetime as dt
import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
import yaml

from assets import channel_packs, published_images
from assets.catalog_report import write_report
from assets.channel_packs import channel_form, judge_by_packs, pack_verdicts
from assets.expectation import expectation_of
from assets.group_needs import Tried, need_of_settled
from assets.made_renditions import MadeRenditions
from assets.planning import known_cells, plan_cell
from assets.published_images import candidates, channel_opinions, publish_cell
from assets.published_place import publish_folder_of
from catalog.brand_kit import Channel
from catalog.errors import PublishRefused
from imaging.encode import encode
from orchestration.checking import check_project
from orchestration.running import refresh, run_category, tasks_for
from publishing.manifest import read_manifest
from publishing.rendition import channel_digest
from resources.costs import clocked
from resources.ledger_tables import OF_RENDERS, judgment, render
from resources.project import open_project
from tests.tiny_project import BRAND, write_project

GOOGLE_CHANGES = dt.datetime(2027, 1, 31, 0, 30, tzinfo=dt.UTC)
CHANNELS = """\
channels:
  - {name: web, recipes: [packshot_white], format: jpeg, long_side_px: 400, quality: 90}
  - {name: google, recipes: [packshot_white], format: jpeg, long_side_px: 400, quality: 90, pack: google_merchant}
  - {name: amazon, recipes: [packshot_white], format: jpeg, long_side_px: 400, quality: 90, pack: amazon_main}
"""


def run_all(folder) -> None:
    for task in tasks_for(open_project(folder)):
        assert run_category(str(folder), task) == []


def published(folder) -> set[str]:
    return set(read_manifest(Path(publish_folder_of(open_project(folder)))).images)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A project of one mug with one recipe and three channels, run once on a day in November 2026."""
    folder = write_project(tmp_path_factory.mktemp("packs") / "project", skus=("MUG-1",), looks=False)
    brand = BRAND.replace("recipes: [packshot_white, staged_scene]\n", "recipes: [packshot_white]\n")
    # The drawn mug is enlarged for its packshot, and its photo's JPEG blocks with it.
    (folder / "brand.yaml").write_text(
        brand.split("channels:\n")[0] + CHANNELS + "rules: {packshot_white: {blockiness_ratio: {max: 10}}}\n"
    )
    refresh(open_project(folder))
    run_all(folder)
    return folder


@pytest.fixture
def on(monkeypatch):
    def move(now):
        monkeypatch.setattr(channel_packs, "utc_now", lambda: now)

    return move


def opinions(project):
    return [one for cell in known_cells(project) for one in channel_opinions(project, *cell)]


WEB, GOOGLE = "web/mugs/MUG-1/packshot_white-0.jpg", "google/mugs/MUG-1/packshot_white-0.jpg"


def test_a_picture_that_one_channel_refuses_stays_approved_and_goes_to_the_others(folder):
    project = open_project(folder)
    assert published(folder) == {WEB, GOOGLE}
    (verdict,) = project.ledger.rows(sa.select(judgment.c.verdict).where(OF_RENDERS))
    assert verdict["verdict"] == "approved"
    assert project.ledger_counts()["judgments"] == 1, "a channel's judgments are not counted as the brand's"


def test_the_reason_of_a_refusal_is_told_in_words(folder):
    project = open_project(folder)
    (told,) = [one for one in opinions(project) if one.verdict == "refused"]
    assert (told.sku, told.channel, told.pack) == ("MUG-1", "amazon", "amazon_main")
    assert "The longer side is 400 px; Amazon takes 500 to 10000 px" in told.as_row()["why"]


def test_what_a_channel_only_recommends_is_told_of_a_picture_that_it_takes(folder):
    (told,) = [one for one in opinions(open_project(folder)) if one.channel == "google"]
    assert told.verdict == "taken" and told.refusals == ()
    assert "recommends 1500" in told.as_row()["recommended"] and [reason.code for reason in told.recommendations] == ["TOO_SMALL"]


def test_a_picture_that_nobody_judged_by_the_rules_of_a_day_is_told_as_not_judged(folder, on):
    on(GOOGLE_CHANGES)
    told = {one.channel: one for one in opinions(open_project(folder))}
    assert (told["google"].verdict, told["google"].reasons) == ("not judged", ())
    assert told["amazon"].verdict == "refused", "its rules are those of the day before"


def test_the_report_tells_which_approved_pictures_a_channel_does_not_take(folder):
    project = open_project(folder)
    summary = write_report(project, rendered_now=0, seconds=0.0)
    assert summary.refused_by_channels == 1 and "1 refused by their channels" in summary.line()
    assert json.loads((project.settings.output_dir / "summary.json").read_text())["refused_by_channels"] == 1
    page = (project.settings.output_dir / "report.html").read_text()
    section = page[page.index('<section id="channels"') : page.index('<section id="coverage"')]
    for words in (
        "Amazon, main image of a listing",
        "TOO_SMALL_OR_LARGE",
        "Approved pictures that amazon does not take",
        "MUG-1",
        "packshot_white 0",
    ):
        assert words in section
    assert "Approved pictures that google" not in section


def test_nothing_is_left_to_do_after_a_refusal(folder):
    assert tasks_for(open_project(folder)) == []


def test_a_rule_that_comes_into_force_takes_back_what_it_refuses_and_renders_nothing(folder, on):
    before = open_project(folder).ledger.rows(sa.select(render.c.render_key))
    on(GOOGLE_CHANGES)
    assert tasks_for(open_project(folder)) != []
    run_all(folder)
    assert published(folder) == {WEB}
    assert tasks_for(open_project(folder)) == []
    on(GOOGLE_CHANGES - dt.timedelta(days=1))
    run_all(folder)
    assert published(folder) == {WEB, GOOGLE}
    assert open_project(folder).ledger.rows(sa.select(render.c.render_key)) == before


def test_a_day_that_changes_between_judging_and_publishing_publishes_nothing_unjudged(folder, monkeypatch):
    project = open_project(folder)
    (cell,) = known_cells(project)
    monkeypatch.setattr("assets.published_images.pack_verdicts", lambda project, found: {})
    with pytest.raises(PublishRefused, match="not judged by the rules that channel google has today"):
        publish_cell(project, *cell)
    assert WEB in published(folder)


def test_only_channels_with_a_pack_get_other_keys_from_a_new_day(folder, on):
    project = open_project(folder)
    forms = []
    for now in (GOOGLE_CHANGES - dt.timedelta(days=1), GOOGLE_CHANGES):
        on(now)
        forms.append(expectation_of(project, "mugs", None).channels["packshot_white"])
    assert {name for name in forms[0] if forms[0][name] != forms[1][name]} == {"google"}


def test_a_channel_without_a_pack_keeps_the_digests_it_had_before_there_were_packs(folder):
    project = open_project(folder)
    fields = {"name": "web", "recipes": ["packshot_white"], "format": "jpeg", "long_side_px": 400, "quality": 90}
    channel = Channel.model_validate(fields)
    assert channel.model_dump(mode="json") == fields
    assert channel_form(project, channel) == channel_digest(channel)
    packed = Channel.model_validate({**fields, "pack": "ebay"})
    assert channel_form(project, packed) != channel_form(project, channel)
    assert packed.model_dump(mode="json")["pack"] == "ebay"


def test_checking_the_project_names_a_pack_that_does_not_exist(folder):
    brand = (folder / "brand.yaml").read_text()
    try:
        (folder / "brand.yaml").write_text(brand.replace("pack: amazon_main", "pack: amazn"))
        findings = check_project(folder)
    finally:
        (folder / "brand.yaml").write_text(brand)
    assert any("no channel pack 'amazn'" in finding.message for finding in findings)


def test_how_many_pictures_change_with_a_pack_is_not_guessed_from_counts(folder, on):
    """Two of three approved pictures may stand in a channel with a pack, and a settled product's counts do not say so."""
    project, nothing_tried = open_project(folder), Tried(variants=(), gates=())
    on(GOOGLE_CHANGES - dt.timedelta(days=1))
    then = expectation_of(project, "mugs", None)
    on(GOOGLE_CHANGES)
    now = expectation_of(project, "mugs", None)
    assert need_of_settled(then, then, "packshot_white:3/3/3", nothing_tried, "mugs").to_publish == 0
    assert need_of_settled(then, now, "packshot_white:3/3/3", nothing_tried, "mugs") is None
    assert need_of_settled(then, now, "packshot_white:3/3/0", nothing_tried, "mugs").to_publish == 0


def test_a_standing_picture_whose_successor_is_not_drawn_yet_is_judged_by_its_own_measurements(folder):
    project = open_project(folder)
    (cell,) = known_cells(project)
    (found,) = [one for one in candidates(project, plan_cell(project, *cell), ())[0] if one.channel.name == "google"]
    standing = replace(found, wanted=replace(found.wanted, render_key="of its successor"), publish_key="of a standing picture")
    file = encode(np.full((600, 600, 3), 255, np.uint8), "jpeg")
    with clocked(project, "publish", *cell) as clock:
        judge_by_packs(project, [standing], lambda one: file, clock)
    verdict = pack_verdicts(project, [standing])["of a standing picture"]
    assert not [reason for reason in verdict["reasons"] if reason["code"].endswith("_not_measured")]


def test_a_picture_is_judged_by_the_rules_its_key_names_although_midnight_has_come(folder, on):
    """The verdict by the new day's rules once stood under the key of the old day's."""
    project = open_project(folder)
    (cell,) = known_cells(project)
    on(GOOGLE_CHANGES - dt.timedelta(days=1))
    (found,) = [one for one in candidates(project, plan_cell(project, *cell), ())[0] if one.channel.name == "google"]
    found = replace(found, publish_key="of a picture before midnight")
    on(GOOGLE_CHANGES)
    with clocked(project, "publish", *cell) as clock:
        judge_by_packs(project, [found], lambda one: encode(np.full((400, 400, 3), 255, np.uint8), "jpeg"), clock)
    verdict = pack_verdicts(project, [found])["of a picture before midnight"]
    assert verdict["rules_digest"] == found.pack.digest != channel_packs.pack_in_force(project, found.channel).digest
    assert "TOO_SMALL" not in [reason["code"] for reason in verdict["reasons"] if reason["severity"] == "critical"]


def test_a_channel_may_be_held_to_a_pack_of_the_projects_own_and_checking_reads_it(folder, tmp_path):
    copy = tmp_path / "project"
    shutil.copytree(folder, copy, symlinks=True)
    rule = {
        "column": "long_side_px",
        "min": 300,
        "code": "OURS",
        "reason": "{measured}, {required}.",
        "source": "our book",
        "date": "2026-11-20",
    }
    pack = {"channel": "ours", "version": 1, "extends": "ebay", "rules": [rule | {"min": 700}]}
    (copy / "packs").mkdir()
    (copy / "packs" / "ours.yaml").write_text(yaml.safe_dump(pack))
    (copy / "vitrine.yaml").write_text((copy / "vitrine.yaml").read_text() + "packs: packs\n")
    (copy / "brand.yaml").write_text((copy / "brand.yaml").read_text().replace("pack: google_merchant", "pack: ours"))
    run_all(copy)
    assert published(copy) == {WEB}
    (why,) = [one.as_row()["why"] for one in opinions(open_project(copy)) if one.channel == "google"]
    assert why == "400 px, at least 700 px."
    (copy / "packs" / "ours.yaml").write_text(yaml.safe_dump(pack | {"rules": [rule]}))
    assert any("would loosen TOO_SMALL" in finding.message for finding in check_project(copy))


def test_a_picture_is_encoded_once_for_its_judgment_and_its_delivery(folder, tmp_path, monkeypatch):
    copy = tmp_path / "project"
    shutil.copytree(folder, copy, symlinks=True, ignore=shutil.ignore_patterns("out"))
    project = open_project(copy)
    with project.ledger.writing() as connection:
        connection.execute(sa.delete(judgment).where(~OF_RENDERS))
    encoded, rendition = [], published_images._rendition
    monkeypatch.setattr(published_images, "_rendition", lambda project, one: encoded.append(one.channel.name) or rendition(project, one))
    (cell,) = known_cells(project)
    report, _, _ = publish_cell(project, *cell)
    assert report.published == 2 and published(copy) == {WEB, GOOGLE}
    assert sorted(encoded) == ["amazon", "google", "web"]


@dataclass(frozen=True)
class File:
    """A candidate and its file in one, for counting."""

    publish_key: str
    data: bytes = b"x" * 60


def test_files_that_find_no_room_are_encoded_again_and_room_comes_back():
    made = []
    files = MadeRenditions(lambda one: made.append(one.publish_key) or one, keep_bytes=130)
    for name in "abc":
        assert files.for_judging(File(name)) == File(name).data
    files.keep_only({"b", "c"})
    assert [files.for_delivery(File(name)).publish_key for name in "bc"] == ["b", "c"]
    assert made == ["a", "b", "c", "c"], "the third had no room"
    files.for_judging(File("d"))
    files.for_judging(File("e"))
    files.for_delivery(File("d"))
    files.for_delivery(File("e"))
    assert made[4:] == ["d", "e"]
