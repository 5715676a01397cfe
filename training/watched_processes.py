"""The other processes of a training: started, watched while this one waits for them, named with their last words when one is gone, ended.

Gloo may break a wait when a peer dies and NCCL never does, so whatever waits for others runs in a thread of its own, and this one
watches their sentinels meanwhile. What the processes do is in processes.py.
"""

import signal
import threading
from collections.abc import Callable
from multiprocessing import connection
from typing import Any

from catalog.errors import TrainingError

READY = "ready"
NAMED_WITHIN_S = 2.0
"""When a connection breaks, its process is about to end: it is waited for so long to be named."""


class WatchedProcesses:
    """Processes that work with this one; none of them is expected to end before it is told to."""

    def __init__(self) -> None:
        self._started: list[tuple[Any, Any]] = []
        self._exchange: threading.Thread | None = None

    def __bool__(self) -> bool:
        return bool(self._started)

    def start(self, context: Any, target: Callable[..., None], *args: Any) -> None:
        """Start a process more. `target` gets `args` and a sender, through which it says READY or its last words."""
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=target, args=(*args, sender), daemon=True)
        process.start()
        sender.close()
        self._started.append((process, receiver))

    def wait_until_ready(self) -> None:
        """Wait until each has said that it is. Raises TrainingError for one that ends instead."""
        for process, receiver in self._started:
            connection.wait([receiver, process.sentinel])
            if (words := _words(receiver)) != READY:
                process.join(NAMED_WITHIN_S)
                raise TrainingError(f"A process of this training could not begin: it {_end_of(process, words)}. Nothing was trained.")

    def wait_for(self, work: Callable[[], Any], when: str) -> Any:
        """What `work`, which waits for the others, returns. Raises TrainingError, within seconds, when one of them has ended."""
        done, tell = connection.Pipe(duplex=False)
        found: dict[str, Any] = {}

        def run() -> None:
            try:
                found["value"] = work()
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is raised where it is waited for
                found["error"] = error
            finally:
                tell.close()

        self._exchange = threading.Thread(target=run, daemon=True, name="exchange")
        self._exchange.start()
        with done:
            if done not in connection.wait([done, *self._sentinels()]):
                raise TrainingError(self._gone(when))
        if isinstance(found.get("error"), RuntimeError):  # what torch.distributed raises for a lost connection
            connection.wait(self._sentinels(), NAMED_WITHIN_S)
            raise TrainingError(self._gone(when, str(found["error"]))) from found["error"]
        if "error" in found:
            raise found["error"]
        return found["value"]

    def end(self, patience_s: float) -> None:
        """Wait so long for all to end by themselves; who has not is killed."""
        for process, _ in self._started:
            process.join(patience_s)
        for process, receiver in self._started:
            process.kill()
            process.join()
            receiver.close()
        self._started.clear()
        if self._exchange is not None:  # with its peers gone it breaks off
            self._exchange.join(NAMED_WITHIN_S)

    def _sentinels(self) -> list[int]:
        return [process.sentinel for process, _ in self._started]

    def _gone(self, when: str, error: str = "it does not answer") -> str:
        """Who has ended, how, and what they said last."""
        told, gone = [], connection.wait(self._sentinels(), 0)
        for number, (process, receiver) in enumerate(self._started, start=2):
            if process.sentinel in gone:
                process.join(NAMED_WITHIN_S)  # its end is seen a moment before its exit code can be had
                told.append(f"process {number} of {len(self._started) + 1} {_end_of(process, _words(receiver))}")
        return f"A process of this training ended {when}: {', '.join(told) or error}. The next attempt goes on after the last checkpoint."


def _end_of(process: Any, words: str) -> str:
    """How a process ended, in words, with its last ones."""
    code = process.exitcode
    if code is None:
        ended = "is ending"
    elif code >= 0:
        ended = f"ended with exit code {code}"
    else:
        ended = f"was killed with signal {-code} ({signal.Signals(-code).name})"
        if code == -signal.SIGKILL:
            ended += ", as the system does when memory is short"
    return f"{ended}, saying: {words}" if words not in ("", READY) else ended


def _words(receiver: Any) -> str:
    """What a process said last; '' for nothing."""
    words = ""
    try:
        while receiver.poll():
            words = str(receiver.recv())
    except EOFError:
        pass
    return words
