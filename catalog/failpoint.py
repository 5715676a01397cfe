"""Named points between two steps of the code, where a test kills, stops, delays or fails the process.

`VITRINE_FAILPOINT=name:action:nth` (several with commas between) acts the nth time a point is passed; the variable is read at the first
point, not at import. Unset, a point costs some 30 nanoseconds. Which points there are is held by tests/crash, which passes every one.
"""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from catalog.errors import SettingsError

VARIABLE = "VITRINE_FAILPOINT"

SLEEP_S = 2.0
"""How long the action `sleep` waits."""


class FailpointReached(Exception):
    """What the action `raise` raises: an error that no code of ours expects."""


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _raise() -> None:
    raise FailpointReached("a failpoint was set to raise here")


ACTIONS: Mapping[str, Callable[[], None]] = {
    "kill": _kill,
    "raise": _raise,
    "sleep": lambda: time.sleep(SLEEP_S),
    "stop": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "term": lambda: os.kill(os.getpid(), signal.SIGTERM),
}
"""`kill` is SIGKILL, `stop` SIGSTOP (the process stands still until SIGCONT), `term` SIGTERM as before a machine is taken away."""


@dataclass(frozen=True, kw_only=True)
class Armed:
    """One point that acts: the `nth` time (from 1) that `name` is passed."""

    name: str
    action: str
    nth: int


def parse(text: str) -> tuple[Armed, ...]:
    """Armed points from their text form. Raises SettingsError for a form or an action that does not exist."""
    found = []
    for part in filter(None, text.split(",")):
        name, _, rest = part.strip().partition(":")
        action, _, nth = rest.partition(":")
        if not name or action not in ACTIONS or not (nth.isdigit() and int(nth) > 0):
            raise SettingsError(f"{VARIABLE}={part!r} is not name:action:nth with nth from 1 and an action of {', '.join(ACTIONS)}.")
        found.append(Armed(name=name, action=action, nth=int(nth)))
    return tuple(found)


def arm(points: tuple[Armed, ...]) -> None:
    """Let points act in this process from now on, counted anew; an empty tuple disarms all."""
    passed: Counter[str] = Counter()

    def act(name: str) -> None:
        passed[name] += 1
        for point in points:
            if point.name == name and point.nth == passed[name]:
                ACTIONS[point.action]()

    watch(act if points else None)


def watch(on_pass: Callable[[str], None] | None) -> None:
    """Call `on_pass` with the name of every point that is passed from now on; None stops that."""
    global _on_pass  # noqa: PLW0603 - one process, one set of armed points
    _on_pass = on_pass


def _from_environment(name: str) -> None:
    arm(parse(os.environ.get(VARIABLE, "")))
    failpoint(name)


_on_pass: Callable[[str], None] | None = _from_environment


def failpoint(name: str) -> None:
    """Pass a point; does nothing unless it was armed. `name` is `<part>.<what was done last>`, given once in the code."""
    if _on_pass is not None:
        _on_pass(name)
