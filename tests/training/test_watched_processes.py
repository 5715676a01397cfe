"""A process that is gone is named, with how it ended and what it said, by whoever waits for it; nothing here loads a model."""

import os
import signal
import threading
import time
from multiprocessing import active_children, get_context

import pytest

from catalog.errors import TrainingError
from training.watched_processes import READY, WatchedProcesses

FORK = get_context("fork")
LONG_S = 60.0
"""What waits so long without being told fails its test: it ends with no error."""


def sit(sender):
    sender.send(READY)
    time.sleep(LONG_S)


def killed(sender):
    sender.send(READY)
    os.kill(os.getpid(), signal.SIGKILL)


def complains(sender):
    sender.send(READY)
    sender.send("OutOfMemoryError: no memory left")
    os._exit(3)


def never_begins(sender):
    sender.send("ModelError: no such folder")
    os._exit(1)


def never_says_a_word(sender):
    os._exit(7)


@pytest.fixture
def others():
    made = WatchedProcesses()
    yield made
    made.end(0.0)
    assert not active_children() and not made


def start(others, *targets):
    for target in targets:
        others.start(FORK, target)


def wait_long():
    threading.Event().wait(LONG_S)


def test_one_that_is_killed_is_noticed_while_this_one_waits(others):
    start(others, sit, killed)
    with pytest.raises(
        TrainingError, match=r"ended at step 4: process 3 of 3 was killed with signal 9 \(SIGKILL\), as .* short\. The next"
    ):
        others.wait_for(wait_long, "at step 4")


def test_one_that_fails_is_told_with_its_last_words(others):
    start(others, complains)
    with pytest.raises(TrainingError, match="process 2 of 2 ended with exit code 3, saying: OutOfMemoryError: no memory left"):
        others.wait_for(wait_long, "at step 4")


def test_a_lost_connection_names_the_one_that_ends_over_it(others):
    def lost():
        raise RuntimeError("Connection closed by peer")

    start(others, killed)
    with pytest.raises(TrainingError, match="process 2 of 2 was killed with signal 9"):
        others.wait_for(lost, "at step 4")


def test_what_is_waited_for_comes_back_or_is_raised_as_it_was(others):
    start(others, sit)
    assert others.wait_for(lambda: 42, "at step 4") == 42
    with pytest.raises(ZeroDivisionError):
        others.wait_for(lambda: 1 / 0, "at step 4")


def test_a_lost_connection_with_everybody_alive_is_told_in_its_own_words(others, monkeypatch):
    def lost():
        raise RuntimeError("Timed out waiting")

    monkeypatch.setattr("training.watched_processes.NAMED_WITHIN_S", 0.1)
    start(others, sit)
    with pytest.raises(TrainingError, match="ended at step 4: Timed out waiting"):
        others.wait_for(lost, "at step 4")


@pytest.mark.parametrize(
    ("target", "told"),
    [(never_begins, "it ended with exit code 1, saying: ModelError: no such folder. Nothing"), (never_says_a_word, "it ended with exit code 7. Nothing")],
)  # fmt: skip
def test_one_that_cannot_begin_says_why(others, target, told):
    start(others, sit, target)
    with pytest.raises(TrainingError, match=f"could not begin: {told} was trained"):
        others.wait_until_ready()
