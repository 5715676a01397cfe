"""Two runs on one thing: one works, the other waits, takes over or goes; a commit of the one that lost its lease is refused."""

import multiprocessing
import os
import signal
import threading
import time

import pytest
import sqlalchemy as sa

from catalog.errors import LeaseRefused
from resources.leases import LeaseTimes, free_again, holding, take
from resources.ledger import Ledger
from resources.ledger_tables import judgment, lease

TIMES = LeaseTimes(ttl_s=1.0, heartbeat_s=0.2, between_steps_s=30.0, wait_s=0.2)
PATIENT = LeaseTimes(ttl_s=1.0, heartbeat_s=0.2, between_steps_s=30.0, wait_s=20.0)
CELL = "cell/mugs/2026-11-20"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    return f"sqlite:///{tmp_path / 'ledger.sqlite'}" if request.param == "sqlite" else request.getfixturevalue("postgres_url")


def judged(key, by):
    import datetime as dt

    at = dt.datetime(2026, 11, 20)
    made = {"render_key": key, "render_digest": "d", "rules_digest": by, "verdict": "approved", "reasons": [], "judged_at": at}
    return {"gate_key": key, **made}


def commits(ledger):
    return {row["gate_key"]: row["rules_digest"] for row in ledger.rows(sa.select(judgment))}


def _hold_and_commit(url, fencing, ready, go_on, answers):
    ledger = Ledger(url)
    try:
        with holding(ledger, CELL, "run-1", times=TIMES) as fenced:
            fenced.record(judgment, judged("before", "run-1"))
            ready.set()
            go_on.wait()  # it is stopped here, past its lease
            (fenced if fencing else ledger).record(judgment, judged("after", "run-1"))
        answers.put("committed")
    except LeaseRefused as error:
        answers.put(f"refused: {error}")


@pytest.mark.parametrize("fencing", [True, False])
def test_a_run_that_stood_still_past_its_lease_cannot_commit_any_more(url, fencing):
    """SIGSTOP, as a machine that hangs: the process does not know that time went by. Without the fence its late commit comes first."""
    ledger, context = Ledger(url), multiprocessing.get_context("spawn")
    ready, go_on, answers = context.Event(), context.Event(), context.Queue()
    holder = context.Process(target=_hold_and_commit, args=(url, fencing, ready, go_on, answers))
    holder.start()
    assert ready.wait(60)
    os.kill(holder.pid, signal.SIGSTOP)
    try:
        with holding(ledger, CELL, "run-2", times=PATIENT) as fenced:
            assert fenced.fence.epoch == 2
            os.kill(holder.pid, signal.SIGCONT)
            go_on.set()  # after it goes on: setting an event waits for who waits for it
            answer = answers.get(timeout=60)
            fenced.record(judgment, judged("after", "run-2"))
    finally:
        os.kill(holder.pid, signal.SIGCONT)
        holder.join(60)
    assert commits(ledger) == {"before": "run-1", "after": "run-2" if fencing else "run-1"}
    assert answer.startswith("refused") and "was taken over by run run-2" in answer  # without the fence: at its end, too late


def test_the_second_run_is_told_who_holds_the_cell(url):
    ledger = Ledger(url)
    with (
        holding(ledger, CELL, "run-1", times=TIMES),
        pytest.raises(LeaseRefused, match=rf"Run run-1 is at work on {CELL}, and was for the 0\.2 s"),
    ):
        take(ledger, CELL, "run-2", times=TIMES)


def test_signs_of_life_keep_a_lease_beyond_its_time_and_nothing_else_does(url):
    ledger = Ledger(url)
    with holding(ledger, CELL, "run-1", times=TIMES):
        time.sleep(1.6)
        with pytest.raises(LeaseRefused):
            take(ledger, CELL, "run-2", times=TIMES)
    silent = LeaseTimes(ttl_s=0.6, heartbeat_s=60, wait_s=0.0)
    take(ledger, "cell/bags/2026-11-20", "run-1", times=silent)
    with pytest.raises(LeaseRefused):
        take(ledger, "cell/bags/2026-11-20", "run-2", times=silent)
    time.sleep(0.8)
    assert take(ledger, "cell/bags/2026-11-20", "run-2", times=silent).epoch == 2


def test_a_run_keeps_its_cell_between_steps_until_it_is_over(url):
    ledger = Ledger(url)
    with holding(ledger, CELL, "run-1", times=TIMES):
        pass
    time.sleep(1.2)  # longer than the lease lasts during a step
    with pytest.raises(LeaseRefused):
        take(ledger, CELL, "run-2", times=TIMES)
    assert take(ledger, CELL, "run-2", times=TIMES, is_over={"run-1": True}.get).holder == "run-2"


def test_a_run_that_nobody_can_ask_about_leaves_nothing_to_wait_for(url):
    """The lease of a step in a notebook went on for a minute: the same step again waited 20 s and was refused."""
    ledger, kept_nowhere = Ledger(url), LeaseTimes(between_steps_s=0.0, wait_s=0.0)
    with holding(ledger, CELL, "run-1", times=kept_nowhere):
        pass
    with pytest.raises(ZeroDivisionError), holding(ledger, CELL, "run-2", times=kept_nowhere):
        raise ZeroDivisionError
    with holding(ledger, CELL, "run-3", times=kept_nowhere) as fenced:
        assert fenced.fence.epoch == 3


def test_shards_of_one_run_share_the_lease_and_a_later_attempt_shuts_out_the_former(url):
    ledger = Ledger(url)
    planned = take(ledger, CELL, "run-1", times=TIMES)
    shards = [take(ledger, CELL, "run-1", fresh=False, times=TIMES) for _ in range(3)]
    assert {shard.epoch for shard in [planned, *shards]} == {1}
    for number, shard in enumerate(shards):
        ledger.fenced(shard).record(judgment, judged(f"shard {number}", "run-1"))
    again = take(ledger, CELL, "run-1", times=TIMES)
    with pytest.raises(LeaseRefused, match="a later attempt of run run-1"):
        ledger.fenced(shards[0]).record(judgment, judged("late", "run-1"))
    ledger.fenced(again).record(judgment, judged("late", "run-1, again"))
    assert commits(ledger)["late"] == "run-1, again"


def test_a_lease_that_was_waited_for_in_vain_is_told_when_it_can_be_had_until_another_run_has_it(url):
    """Otherwise what the second run was started for, a product that came meanwhile, would wait for the next night."""
    ledger, over = Ledger(url), {"run-1": False}
    told = lambda: [row["resource"] for row in free_again(ledger, "cell/", over.get)]  # noqa: E731
    take(ledger, CELL, "run-1", times=TIMES)
    take(ledger, "lora/mugs", "run-1", times=TIMES)
    assert told() == []
    for resource in (CELL, "lora/mugs"):
        with pytest.raises(LeaseRefused):
            take(ledger, resource, "run-2", times=TIMES)
    take(ledger, CELL, "run-1", times=TIMES)  # its next step
    assert told() == []
    over["run-1"] = True
    assert told() == [CELL]
    take(ledger, CELL, "run-3", times=TIMES, is_over=over.get)
    with pytest.raises(LeaseRefused):
        take(ledger, CELL, "a campaign's run", times=TIMES, wants=False)
    over["run-3"] = True
    assert told() == []


def test_of_many_runs_that_ask_at_once_one_gets_the_cell(url):
    got, refused, start = [], [], threading.Barrier(6)

    def ask(number):
        ledger = Ledger(url)
        start.wait(30)
        try:
            got.append(take(ledger, CELL, f"run-{number}", times=LeaseTimes(wait_s=0.0)).holder)
        except LeaseRefused:
            refused.append(number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (len(got), len(refused)) == (1, 5)


def test_work_that_commits_nothing_for_long_learns_that_its_lease_is_lost(url):
    ledger = Ledger(url)
    with pytest.raises(LeaseRefused), holding(ledger, CELL, "run-1", times=TIMES) as fenced:
        take(ledger, CELL, "run-2", times=TIMES, is_over={"run-1": True}.get)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            fenced.fence.stop_if_lost()
            time.sleep(0.05)
        raise AssertionError("it was never told")


def test_a_takeover_waits_for_a_commit_that_passed_the_fence(postgres_url):
    """Otherwise the old holder's commit would come after the new one read what is there."""
    ledger, order = Ledger(postgres_url), []
    held = take(ledger, CELL, "run-1", times=TIMES)

    def take_over():
        take(Ledger(postgres_url), CELL, "run-2", times=TIMES, is_over={"run-1": True}.get)
        order.append("taken over")

    def commit(connection):
        other.start()
        other.join(1.0)
        order.append("committed")
        connection.execute(sa.insert(judgment), judged("k", "run-1"))

    other = threading.Thread(target=take_over)
    ledger.fenced(held).transact(commit, repeatable=False)
    other.join(30)
    assert order == ["committed", "taken over"]
    assert ledger.rows(sa.select(lease.c.epoch)) == [{"epoch": 2}]
