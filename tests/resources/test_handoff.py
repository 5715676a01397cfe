"""What one step hands to the next goes through the project's store as JSON and comes back as it was."""

import dagster as dg
import pytest

from catalog.errors import StoreError
from resources.handoff import HandoffIOManager
from resources.project import VitrineResource, open_project
from tests.tiny_project import write_project


@dg.op(out=dg.DynamicOut(list))
def shards():
    for number in range(3):
        yield dg.DynamicOutput([f"key-{number}", "ü"], mapping_key=f"shard_{number}")


@dg.op
def size(keys: list) -> dict:
    return {"made": len(keys), "first": keys[0]}


@dg.op
def total(sizes: list) -> int:
    assert sorted(s["first"] for s in sizes) == ["key-0", "key-1", "key-2"]
    return sum(s["made"] for s in sizes)


@dg.graph
def cell():
    total(shards().map(size).collect())


@pytest.fixture(scope="module")
def handed(tmp_path_factory):
    """The manager and its project; nothing is drawn, so the base model is an empty folder."""
    folder = tmp_path_factory.mktemp("handoff")
    (folder / "base-model").mkdir()
    project = write_project(folder / "project", looks=False, base_model=folder / "base-model")
    return HandoffIOManager(vitrine=VitrineResource(project_dir=str(project))), open_project(project)


def test_shards_reach_the_steps_after_them_as_json(handed):
    manager, project = handed
    result = cell.to_job(resource_defs={"io_manager": manager}).execute_in_process()
    assert result.output_for_node("total") == 6
    kept = project.store.files.below("handoff")
    assert len(kept) == 7
    assert all(path.endswith(".json") for path in kept)


def test_a_step_that_is_tried_again_hands_over_what_it_made_last(handed):
    manager, _ = handed
    context = dg.build_output_context(run_id="run", step_key="plan", name="result", mapping_key="shard_0")
    for keys in (["a", "b"], ["b"]):
        manager.handle_output(context, keys)
    assert manager.load_input(dg.build_input_context(upstream_output=context)) == ["b"]


def test_a_value_that_json_would_change_is_refused(handed):
    manager, project = handed
    context = dg.build_output_context(run_id="other", step_key="plan", name="result")
    with pytest.raises(StoreError, match=r"hands over a value that JSON changes \(tuple\)"):
        manager.handle_output(context, (1, 2))
    assert project.store.files.below("handoff/other") == []


def test_a_handoff_that_was_swept_says_to_start_the_run_anew(handed):
    manager, _ = handed
    context = dg.build_output_context(run_id="gone", step_key="plan", name="result")
    with pytest.raises(StoreError, match=r"step plan of run gone handed over.*Start the run anew"):
        manager.load_input(dg.build_input_context(upstream_output=context))
