"""What the sensors ask for, tick by tick, without a daemon."""

import os

import dagster as dg
import pytest

from catalog.errors import LeaseRefused
from orchestration.sensors import catalog_changes, new_and_changed_products
from resources.leases import LeaseTimes, take
from resources.project import VitrineResource, open_project
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


def test_a_cell_that_a_run_found_in_anothers_hands_is_started_once_when_that_one_is_over(folder):
    """The second run ended; what it was started for, a product that came meanwhile, waited for the next night."""
    ledger, times = open_project(folder).ledger, LeaseTimes(wait_s=0.0)
    with dg.DagsterInstance.ephemeral() as instance:
        first = instance.create_run_for_job(dg.GraphDefinition(name="nothing").to_job())

        def asked():
            result = new_and_changed_products(dg.build_sensor_context(instance), vitrine=VitrineResource(project_dir=str(folder)))
            return [(request.run_key, request.partition_key) for request in getattr(result, "run_requests", [])]

        take(ledger, "cell/mugs/2026-11-20", first.run_id, times=times)
        with pytest.raises(LeaseRefused):
            take(ledger, "cell/mugs/2026-11-20", "second", times=times)
        assert asked() == []
        instance.report_run_failed(first)
        assert asked() == asked() == [("mugs|2026-11-20@e1", "mugs|2026-11-20")]
        take(ledger, "cell/mugs/2026-11-20", "third", times=times, is_over=lambda _: True)
        assert asked() == []
