"""Named points that a test arms: what they do, and that they do nothing otherwise."""

import os
import signal
import subprocess
import sys

import pytest

from catalog import failpoint as module
from catalog.errors import SettingsError
from catalog.failpoint import Armed, FailpointReached, arm, failpoint, parse, watch


@pytest.fixture(autouse=True)
def disarmed():
    yield
    watch(None)


def child(variable, code):
    """Python in a process of its own, with the variable set."""
    return subprocess.run([sys.executable, "-c", code], env={**os.environ, module.VARIABLE: variable}, capture_output=True, text=True)


def test_a_point_acts_the_nth_time_it_is_passed_and_only_then():
    arm(parse("here:raise:3"))
    failpoint("here")
    failpoint("elsewhere")
    failpoint("here")
    with pytest.raises(FailpointReached):
        failpoint("here")
    failpoint("here")


def test_the_environment_is_read_at_the_first_point_not_at_import():
    late = "import os; from catalog.failpoint import failpoint; os.environ['VITRINE_FAILPOINT'] = 'late:kill:1'; failpoint('late')"
    assert child("", late).returncode == -signal.SIGKILL
    too_late = (
        "import os; from catalog.failpoint import failpoint; failpoint('x'); os.environ['VITRINE_FAILPOINT'] = 'a:kill:1'; failpoint('a')"
    )
    assert child("", too_late).returncode == 0


@pytest.mark.parametrize(("action", "returncode"), [("kill", -signal.SIGKILL), ("term", -signal.SIGTERM)])
def test_a_point_ends_the_process_as_asked(action, returncode):
    # A shell's background job ignores SIGINT, Dagster gives SIGTERM what SIGINT has, and children inherit it.
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_DFL); from catalog.failpoint import failpoint; failpoint('a.b'); failpoint('a.b'); print('went on')"
    ended = child(f"other:raise:1,a.b:{action}:2", code)
    assert (ended.returncode, ended.stdout) == (returncode, "")


@pytest.mark.parametrize("text", ["here", "here:explode:1", "here:kill:0", "here:kill:soon", ":kill:1"])
def test_a_misspelt_point_is_refused_instead_of_never_acting(text):
    with pytest.raises(SettingsError, match="VITRINE_FAILPOINT"):
        parse(text)


def test_every_pass_can_be_watched():
    seen = []
    watch(seen.append)
    failpoint("one")
    failpoint("two")
    assert seen == ["one", "two"]
    assert parse("one:kill:2") == (Armed(name="one", action="kill", nth=2),)
