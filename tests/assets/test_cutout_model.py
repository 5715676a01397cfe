"""A model for doubtful cut-outs: installing one cuts those again and no other, and its license is asked for."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import sqlalchemy as sa

from assets.catalog import refresh_catalog
from assets.catalog_needs import catalog_needs
from assets.cutouts import cut_out_cell
from assets.photo_keys import cutout_key, second_cutout_key
from assets.planning import known_cells, plan_cell
from assets.source_photos import screen_cell
from catalog.errors import ModelError, SettingsError
from orchestration.checking import check_project
from orchestration.checking_models import check_models
from resources.ledger_tables import cutout
from resources.project import open_project
from tests.tiny_project import SETTINGS, write_project
from tests.tiny_sam import write_tiny_sam


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two mugs, cut out without a model; one of them white on white with a broken outline, which is in doubt."""
    folder = write_project(tmp_path_factory.mktemp("cutouts") / "shop", looks=False)
    brand = folder / "brand.yaml"
    brand.write_text(brand.read_text().replace("[packshot_white, staged_scene]", "[packshot_white]"))
    pale = np.full((640, 640, 3), 250, np.uint8)
    for start in range(160, 480, 20):
        for line in (160, 480):
            cv2.line(pale, (start, line), (start + 11, line), (90, 90, 90), 3)
            cv2.line(pale, (line, start), (line, start + 11), (90, 90, 90), 3)
    cv2.imwrite(str(folder / "catalog" / "photos" / "MUG-2.jpg"), pale)
    project = open_project(folder)
    refresh_catalog(project)
    screen_cell(project, *cell_of(project))
    cut_out_cell(project, *cell_of(project))
    return folder


@pytest.fixture
def folder(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "shop"))


def cell_of(project):
    (cell,) = known_cells(project)
    return cell


def install(folder, seed=3, license="Apache-2.0"):
    write_tiny_sam(folder / f"sam-{seed}", seed=seed)
    (folder / "vitrine.yaml").write_text(f"{SETTINGS}cutout: {{model: sam-{seed}, license: {license}}}\n")
    return open_project(folder)


def cut_again(project):
    return [row["sku"] for row in plan_cell(project, *cell_of(project)).cutouts_to_make]


def photo_of(project, sku):
    (row,) = [row for row in plan_cell(project, *cell_of(project)).rows if row["sku"] == sku]
    return row["photo_digests"][0]


def keys(project):
    return {row["key"] for row in project.ledger.rows(sa.select(cutout.c.key))}


def test_installing_a_model_cuts_the_doubtful_again_and_no_other(folder):
    before = open_project(folder)
    assert [(row["sku"], row["why"]) for row in plan_cell(before, *cell_of(before)).refused] == [("MUG-2", "cutout")]
    project = install(folder)
    assert cut_again(project) == ["MUG-2"]
    outcomes = {row["sku"]: row for row in cut_out_cell(project, *cell_of(project))}
    assert outcomes["MUG-1"]["key"] == cutout_key(photo_of(project, "MUG-1"))
    assert outcomes["MUG-2"]["key"] == second_cutout_key(project, photo_of(project, "MUG-2"))
    assert outcomes["MUG-2"]["measurements"]["neural"] == 1.0
    assert len(keys(project)) == 3
    plan = plan_cell(project, *cell_of(project))
    assert (cut_again(project), [row["why"] for row in plan.refused]) == ([], ["cutout"]), "random numbers were believed"
    assert cut_again(install(folder, seed=4)) == ["MUG-2"]


def test_without_the_model_its_cutouts_do_not_hold(folder):
    project = install(folder)
    cut_out_cell(project, *cell_of(project))
    (folder / "vitrine.yaml").write_text(SETTINGS)
    project = open_project(folder)
    outcomes = {row["sku"]: row for row in cut_out_cell(project, *cell_of(project))}
    assert "neural" not in outcomes["MUG-2"]["measurements"]


@pytest.mark.parametrize(
    ("license", "why"), [("Bria-Non-Commercial", "forbids commercial use"), ("Nobody-Knows-1", "is not in the registry")]
)
def test_weights_that_are_not_cleared_are_not_used(folder, license, why):
    project = install(folder, license=license)
    with pytest.raises(ModelError, match=why):
        plan_cell(project, *cell_of(project))


def test_a_license_that_somebody_read_is_enough(folder):
    install(folder, license="Nobody-Knows-1")
    (folder / "vitrine.yaml").write_text((folder / "vitrine.yaml").read_text() + "accepted_licenses: [Nobody-Knows-1]\n")
    assert cut_again(open_project(folder)) == ["MUG-2"]


def test_a_model_without_a_license_is_an_error_of_the_settings(folder):
    (folder / "vitrine.yaml").write_text(f"{SETTINGS}cutout: {{model: sam}}\n")
    with pytest.raises(SettingsError, match="belong together"):
        open_project(folder)


def test_check_tells_of_a_cutout_model_that_cannot_be_used_before_a_run_does(folder):
    """`vitrine check` never asked for it, and every plan then ended with its error."""
    project = install(folder)
    assert not [one for one in check_project(folder) if one.where == "cut-outs"]
    shutil.rmtree(project.settings.project_dir / "sam-3")
    (told,) = [one for one in check_project(folder) if one.where == "cut-outs"]
    assert told.severity == "error" and "sam-3" in told.message
    with pytest.raises(ModelError):
        catalog_needs(open_project(folder))


@pytest.mark.parametrize("section", ["cutout: {model: sam-3, license: MIT}\n", "upscalers: {twice: {model: sam-3, license: MIT}}\n"])
def test_a_license_that_check_asks_to_accept_is_then_one_that_it_knows(folder, section):
    """It said "add 'MIT' to accepted_licenses", and of the added one that no registered model had it: "Correct it"."""
    (folder / "vitrine.yaml").write_text(f"{SETTINGS}{section}accepted_licenses: [MIT]\n")
    assert not [one for one in check_models(open_project(folder)) if "accepted_licenses" in one[1]]
    (folder / "vitrine.yaml").write_text(f"{SETTINGS}{section}accepted_licenses: [MIT, MIIT]\n")
    (told,) = [message for severity, message in check_models(open_project(folder)) if "accepted_licenses" in message]
    assert "accepted_licenses names 'MIIT', which no model has, registered or named by `cutout` or `upscalers`" in told and "MIT" in told
