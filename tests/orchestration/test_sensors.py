"""What the sensors ask for, tick by tick, without a daemon."""

import os

import dagster as dg
import pytest

from orchestration.sensors import catalog_changes
from resources.project import VitrineResource
from tests.tiny_project import draw_mug, write_photo, write_project


@pytest.fixture
def folder(tmp_path):
    return write_project(tmp_path / "project", looks=False, base_model=tmp_path)


@pytest.fixture
def tick(folder):
    """One tick of `catalog_changes` after another; each gives the run requests."""
    cursor = None

    def evaluate():
        nonlocal cursor
        with dg.DagsterInstance.ephemeral() as instance:
            context = dg.build_sensor_context(instance, cursor=cursor)
            result = catalog_changes(context, vitrine=VitrineResource(project_dir=str(folder)))
        cursor = result.cursor
        return result.run_requests or []

    return evaluate


def test_a_folder_that_is_as_it_was_asks_for_nothing(tick):
    assert len(tick()) == 1
    assert tick() == []


def test_the_same_change_a_second_time_is_read_a_second_time(tick, folder):
    """Photo out, back, and out again: the third refresh had the run key of the first, and Dagster never runs a used key again."""
    photo, aside = folder / "catalog" / "photos" / "MUG-1.jpg", folder / "MUG-1.jpg"
    asked = [*tick()]
    for source, target in [(photo, aside), (aside, photo), (photo, aside)]:
        source.rename(target)  # keeps size and time
        asked += tick()
    assert len(asked) == 4
    keys = [request.run_key for request in asked if request.run_key is not None]
    assert len(keys) == len(set(keys))


def test_photos_in_a_linked_folder_are_watched(tick, folder, tmp_path):
    """Photos on another disk, linked into the catalog folder: a new one was never noticed."""
    elsewhere = (folder / "catalog" / "photos").rename(tmp_path / "disk")
    (folder / "catalog" / "photos").symlink_to(elsewhere)
    tick()
    write_photo(elsewhere / "MUG-9.jpg", draw_mug((1, 2, 3), side_px=64))
    assert len(tick()) == 1


def test_links_to_nowhere_and_in_circles_do_not_stop_the_sensor(tick, folder):
    (folder / "catalog" / "photos" / "gone.jpg").symlink_to("/nowhere")
    (folder / "catalog" / "photos" / "round").symlink_to(folder / "catalog")
    assert len(tick()) == 1
    os.utime(folder / "catalog" / "photos" / "MUG-1.jpg", ns=(1, 1))
    assert len(tick()) == 1
