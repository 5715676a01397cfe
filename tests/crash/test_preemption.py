"""SIGTERM, as before a machine is taken away: work ends within ten seconds with exit code 143, keeps what it made, and is not blamed for it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from catalog.preemption import END_WITHIN_S, EXIT_CODE
from orchestration.lost_pods import End, loss_of, tries_after
from resources.ledger_tables import attempt, judgment, lora, measurement, render, spend
from resources.project import open_project
from tests import warm_start
from tests.crash.stages import STAGES, write_world
from tests.tiny_project import rendered_so_far, write_project

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
WITHIN_S = 10.0

WORKER = """
import sys
from pathlib import Path
from resources.preemptible_steps import listen_in_worker, preemptible
from tests import warm_start
from tests.crash.stages import STAGES
listen_in_worker()
preemptible(STAGES[sys.argv[1]])(Path(sys.argv[2]))
"""
"""One step as a step process runs it: listening before it begins, ended by its own decorator."""


def worker(stage, folder, failpoint=""):
    """A worker on one stage, in a process of its own."""
    environment = {**os.environ, "VITRINE_FAILPOINT": failpoint, "PYTHONWARNINGS": "ignore"}
    return warm_start.start("-c", WORKER, stage, str(folder), environment=environment, together=True)


def ended(process):
    """Exit code and output of a worker that must end soon after the SIGTERM that its failpoint sends."""
    out, _ = process.communicate(timeout=900)
    return process.returncode, out


def rows(folder, table):
    return open_project(folder).ledger.rows(sa.select(table))


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A project with photos taken in; its stages go on from one test to the next."""
    folder = write_world(tmp_path_factory.mktemp("preempted") / "shop")
    for stage in ("catalog", "intake"):
        STAGES[stage](folder)
    return folder


def test_training_keeps_a_checkpoint_of_the_step_it_reached_and_goes_on_from_there(shop):
    code, out = ended(worker("training", shop, "training.stepped:term:5"))
    assert (code, "what was made is kept" in out.lower()) == (EXIT_CODE, True), out
    newest = sorted((shop / ".vitrine" / "training").rglob("step-*.json"))[-1]
    assert newest.name == "step-00000005.json", "steps are lost, or the checkpoint is the last regular one"
    assert rows(shop, lora) == []
    again = worker("training", shop, "training.stepped:term:99")
    assert ended(again)[0] == 0
    (row,) = rows(shop, lora)
    assert [step for step, _ in row["facts"]["validation_curve"]] == [0, 3, 6, 9]


def test_drawing_finishes_the_group_in_hand_and_gives_back_scenes_that_wait_for_their_batch(shop):
    code, out = ended(worker("rendering", shop, "render.group_begun:term:4"))
    assert code == EXIT_CODE, out
    made = rows(shop, render)
    assert made and {row["recipe"] for row in made} <= {"packshot_white", "recolor"}, "a batch was begun after the signal"
    assert len({(row["sku"], row["recipe"]) for row in made}) == 2, "the group in hand was lost, or another one begun"
    assert rows(shop, attempt) == []
    assert {row["activity"] for row in rows(shop, spend)} >= {"render"}, "its seconds are not booked"
    assert ended(worker("rendering", shop))[0] == 0
    assert len(rows(shop, render)) > len(made)


def test_judging_stops_between_two_pictures_and_measures_none_again(shop):
    code, out = ended(worker("judging", shop, "judging.measured:term:1"))
    assert code == EXIT_CODE, out
    assert (len(rows(shop, measurement)), rows(shop, judgment), rows(shop, attempt)) == (1, [], [])
    assert ended(worker("judging", shop))[0] == 0
    pictures = {row["render_digest"] for row in rows(shop, render)}  # of two products with one photo there is one picture
    assert len(rows(shop, judgment)) == len(rows(shop, measurement)) == len(pictures)


def test_publishing_stops_before_its_manifest_changes_or_finishes(shop):
    code, out = ended(worker("publishing", shop, "delivery.file_written:term:1"))
    assert code == EXIT_CODE, out
    assert not (shop / "out" / "published" / "manifest.json").exists()
    assert ended(worker("publishing", shop))[0] == 0
    assert (shop / "out" / "published" / "manifest.json").exists()


STUCK = """
import os, signal, sys, threading, time
from catalog.preemption import listen
from resources.preemptible_steps import preemptible
listen()
def stuck():
    os.kill(os.getpid(), signal.SIGTERM)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        sum(range(1000))
preemptible(stuck)()
"""


def test_work_that_reaches_no_stop_point_is_ended_anyway():
    process = subprocess.Popen([sys.executable, "-c", STUCK], cwd=REPOSITORY, env={**os.environ, "PYTHONPATH": str(REPOSITORY)})
    assert process.wait(timeout=55) == EXIT_CODE, "it went on until its own end"
    assert END_WITHIN_S < WITHIN_S


PATIENT = """
import os, signal, time
from catalog import preemption
from resources.preemptible_steps import preemptible
preemption.listen()
@preemptible
def item():
    os.kill(os.getpid(), signal.SIGTERM)
    preemption.patient_stop_point()
    print("may finish", flush=True)
    preemption._Notice.asked_at -= preemption.FINISH_WITHIN_S + 1
    preemption.patient_stop_point()
    print("went on", flush=True)
item()
"""


def test_an_item_that_takes_too_long_is_abandoned():
    done = subprocess.run(
        [sys.executable, "-c", PATIENT], cwd=REPOSITORY, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (EXIT_CODE, "may finish\n")


def test_a_command_passes_sigterm_on_to_its_workers_and_loses_no_group(tmp_path):
    folder = write_project(tmp_path / "shop", skus=("MUG-1", "MUG-2", "MUG-3"))
    command = [sys.executable, "-m", "orchestration.cli", "run", "--workers", "1", "--json"]
    process = subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env={**os.environ, "VITRINE_PROJECT": str(folder), "PYTHONWARNINGS": "ignore"},
        stderr=subprocess.PIPE,
        text=True,
    )
    while not rendered_so_far(folder):
        assert process.poll() is None, "it ended before anything was drawn"
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=120)
    assert process.returncode == EXIT_CODE, err
    assert rows(folder, attempt) == [], "an attempt was charged to the item in hand"


def _pod(exit_code):
    terminated = SimpleNamespace(reason="Error", exit_code=exit_code)
    return SimpleNamespace(
        status=SimpleNamespace(reason=None, container_statuses=[SimpleNamespace(state=SimpleNamespace(terminated=terminated))])
    )


def test_a_cluster_tries_a_preempted_step_again_more_often_than_a_crashed_one():
    status = SimpleNamespace(failed=1, succeeded=None, conditions=None)
    preempted, killed = (loss_of("job", status, [_pod(code)]) for code in (EXIT_CODE, 137))
    assert (preempted.end, killed.end) == (End.PREEMPTED, End.KILLED)
    assert tries_after(End.PREEMPTED) > tries_after(End.KILLED) > 0
