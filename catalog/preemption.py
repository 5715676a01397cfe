"""A machine that is about to be taken away: noticing SIGTERM, stopping where nothing is lost, ending within ten seconds.

Work asks at its stop points. Between two items it stops at once; inside one it may finish if that takes no longer than `FINISH_WITHIN_S`.
The exception then unwinds through whatever books seconds, frees leases and closes files, and the process ends with exit code 143. Spot
notices are not read: they come earlier than SIGTERM where they come at all, and nothing here needs them.
"""

import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import NoReturn

EXIT_CODE = 128 + signal.SIGTERM
"""143, what a shell and Kubernetes report of a process that SIGTERM ended."""

FINISH_WITHIN_S = 5.0
"""An item in hand may go on for so long after SIGTERM; what takes longer is abandoned and made again."""

END_WITHIN_S = 9.0
"""The process ends so long after SIGTERM whatever it is doing: Google's ordinary pods get 15 s, and the last second belongs to the system."""


class Preempted(BaseException):
    """The machine is being taken away; not an error, so that no `except Exception` keeps the work going."""


class _Notice:
    """Whether and when this process was asked to end, what it says last, and with which exit code."""

    asked_at: float | None = None
    listening = False
    exit_code = EXIT_CODE
    last_words = "SIGTERM, ended. What was made is kept; the next attempt makes the rest."


def listen() -> None:
    """Take SIGTERM as a notice from now on. Only the main thread can; elsewhere, and the second time, nothing happens."""
    if _Notice.listening or threading.current_thread() is not threading.main_thread():
        return
    signal.signal(signal.SIGTERM, _notice)
    _Notice.listening = True


def is_preempted() -> bool:
    """Whether SIGTERM has come."""
    return _Notice.asked_at is not None


def stop_point() -> None:
    """A place between two items: raises Preempted once SIGTERM has come."""
    if _Notice.asked_at is not None:
        raise Preempted("SIGTERM: what was made is kept, the rest is the next attempt's")


def patient_stop_point() -> None:
    """A place inside an item: raises Preempted when SIGTERM came longer ago than an item in hand may take."""
    if _Notice.asked_at is not None and time.monotonic() - _Notice.asked_at > FINISH_WITHIN_S:
        raise Preempted("SIGTERM: the item in hand would take too long and is made again by the next attempt")


def end_process() -> NoReturn:
    """End this process at once, with exit code 143 if nobody asked for another: nothing that waits for other threads or asks anybody is run."""
    _say_last_words()
    sys.stdout.flush()
    os._exit(_Notice.exit_code)


def ask_to_end(exit_code: int, last_words: str) -> None:
    """Ask this process to end as SIGTERM does, for another reason. Any thread can; the first one who asks counts."""
    if _Notice.asked_at is None:
        _Notice.exit_code, _Notice.last_words = exit_code, last_words
        _Notice.asked_at = time.monotonic()
        threading.Thread(target=_end_anyway, daemon=True).start()


def _notice(_signal: int, _frame: FrameType | None) -> None:
    ask_to_end(_Notice.exit_code, _Notice.last_words)


def _say_last_words() -> None:
    sys.stderr.write(f"vitrine: {_Notice.last_words}\n")
    sys.stderr.flush()


def _end_anyway() -> None:
    time.sleep(END_WITHIN_S)
    if _Notice.exit_code != EXIT_CODE:
        _say_last_words()  # somebody waits for it
    os._exit(_Notice.exit_code)
