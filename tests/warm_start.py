"""Processes of their own for tests that kill, stop or compare them, without each of them importing torch, diffusers and Dagster again.

    ended = warm_start.run("-c", CODE, str(folder))                            as subprocess.run([sys.executable, "-c", CODE, ...])
    process = warm_start.start("-m", "tests.crash.sweep", environment={...})   as subprocess.Popen([sys.executable, "-m", ...])

A model process imports for about six CPU-seconds before its first line of ours. One server per test session imports the libraries once, runs
nothing of Vitrine, and forks: each child has its own pid, environment, working directory and output, imports Vitrine's own code itself, and
ends as an interpreter ends. What a fork shares with its siblings are the libraries as imported and their hash seed, so tests of what a
process imports, of hash seeds or of starting itself start Python; one test of equal bytes in a fresh process does, too (`test_plates.py`).
"""

import atexit
import contextlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import types
import warnings
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
LIBRARIES = """dagster great_expectations pandas scipy.ndimage skimage.metrics obstore.store safetensors.torch peft sqlalchemy
    diffusers.pipelines.stable_diffusion transformers.models.clip.modeling_clip""".split()
"""What most processes of the product import of others, and what may be imported before a fork: none of it starts a thread."""

REQUEST_BYTES = 1 << 20


class WarmProcess:
    """A child of the server: what tests use of `subprocess.Popen`. Its output is kept in files and read once it has ended."""

    def __init__(self, connection: socket.socket, stdout, stderr):
        self.returncode: int | None = None
        self._connection, self._stdout, self._stderr = connection, stdout, stderr
        self.pid = int(self._line())

    def _line(self) -> bytes:
        said = b""
        while not said.endswith(b"\n"):
            try:
                part = self._connection.recv(1)
            except ConnectionResetError:
                part = b""
            if not part:
                raise RuntimeError(f"the server of warm processes ended:\n{_Server.log()}")
            said += part
        return said

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, negative for a signal; subprocess.TimeoutExpired when it has not ended after `timeout` seconds."""
        if self.returncode is None:
            if not select.select([self._connection], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(f"warm process {self.pid}", timeout or 0)
            self.returncode = int(self._line())
            self._connection.close()
        return self.returncode

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it is known to have ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for the end; what it wrote to stdout and stderr."""
        self.wait(timeout)
        said = []
        for file in (self._stdout, self._stderr):
            file.seek(0)
            said.append(file.read().decode())
        return said[0], said[1]


def start(*arguments: str, environment=None, together: bool = False) -> WarmProcess:
    """Python with these arguments (`-c CODE ...` or `-m MODULE ...`) in the repository, as a child of the warm server.

    `environment` is the whole of it (default: that of the caller); `together` writes stderr into stdout.
    """
    connection = _Server.connect()
    stdout, stderr = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 - the process keeps them
    request = {"arguments": arguments, "environment": dict(os.environ if environment is None else environment)}
    told = json.dumps(request).encode()
    assert len(told) < REQUEST_BYTES
    files = [stdout.fileno(), (stdout if together else stderr).fileno()]
    socket.send_fds(connection, [len(told).to_bytes(4, "big")], files)
    connection.sendall(told)
    return WarmProcess(connection, stdout, stderr)


def run(*arguments: str, environment=None) -> "subprocess.CompletedProcess[str]":
    """As `start`, to its end."""
    process = start(*arguments, environment=environment)
    out, err = process.communicate()
    return subprocess.CompletedProcess(list(arguments), process.wait(), out, err)


class _Server:
    """The one server of this session, started with the first process that is asked for."""

    _started: "subprocess.Popen[bytes] | None" = None
    _folder = ""

    @classmethod
    def connect(cls) -> socket.socket:
        if cls._started is None:
            cls._start()
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(f"{cls._folder}/socket")
        return connection

    @classmethod
    def _start(cls) -> None:
        cls._folder = tempfile.mkdtemp(prefix="warm-")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(f"{cls._folder}/socket")
        listener.listen(16)
        ours, theirs = os.pipe()  # the server ends when the end that only this process holds is closed, however this process ends
        with open(f"{cls._folder}/log", "wb") as log:  # noqa: PTH123
            command = [sys.executable, "-m", "tests.warm_start", str(listener.fileno()), str(ours)]
            cls._started = subprocess.Popen(
                command, cwd=REPOSITORY, pass_fds=(listener.fileno(), ours), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        listener.close()
        os.close(ours)
        atexit.register(cls._stop, theirs)

    @classmethod
    def _stop(cls, theirs: int) -> None:
        os.close(theirs)
        if cls._started is not None:
            cls._started.kill()  # it has nothing to tidy up, and an interpreter with torch in it takes its time to end
            cls._started.wait()
        for name in ("socket", "log"):
            Path(cls._folder, name).unlink()
        Path(cls._folder).rmdir()

    @classmethod
    def log(cls) -> str:
        return Path(cls._folder, "log").read_text()[-3000:]


def serve(listener: socket.socket, owner: int) -> tuple[list[str], dict[str, str], list[int]] | None:
    """Fork a child for each request; returns a child's request in that child, and None in the server when its owner is gone."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # keepers need no waiting for
    while True:
        if owner in select.select([listener, owner], [], [])[0]:
            return None
        connection, _ = listener.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listener.close()
            os.close(owner)
            if (request := _keep(connection)) is not None:
                return request
            os._exit(0)
        connection.close()


def _keep(connection: socket.socket) -> tuple[list[str], dict[str, str], list[int]] | None:
    """In a keeper of one child: fork it, tell its pid and, once it has ended, how. Returns the request in the child."""
    length, files, _, _ = socket.recv_fds(connection, 4, 2)
    told, wanted = b"", int.from_bytes(length, "big")
    while len(told) < wanted:
        told += connection.recv(wanted - len(told))
    request = json.loads(told)
    pid = os.fork()
    if pid == 0:
        connection.close()
        return request["arguments"], request["environment"], files
    for file in files:
        os.close(file)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.sendall(b"%d\n" % pid)
        connection.sendall(b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    return None


def become(arguments: list[str], environment: dict[str, str], files: list[int]) -> None:
    """Be what `python ARGUMENTS` would be, in this environment and with these files as output."""
    for number, file in enumerate(files, start=1):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(environment)
    if environment.get("PYTHONWARNINGS") == "ignore":
        warnings.simplefilter("ignore")
    kind, what, *rest = arguments
    if kind == "-m":
        sys.argv = [what, *rest]
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        assert kind == "-c", arguments
        sys.argv = ["-c", *rest]
        sys.modules["__main__"] = main = types.ModuleType("__main__")
        exec(compile(what, "<string>", "exec"), main.__dict__)


def _import_libraries() -> None:
    import importlib

    import torch

    torch.set_num_threads(1)
    for name in LIBRARIES:
        importlib.import_module(name)
    # Such a thread would not survive the fork, and what it held would stay held. (Arrow's allocator has one, and looks after it itself.)
    assert threading.active_count() == 1, f"a library started a thread at its import: {threading.enumerate()}"


if __name__ == "__main__":
    _listener, _owner = socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2])
    _import_libraries()
    _asked = serve(_listener, _owner)
    if _asked is None:
        os._exit(0)
    become(*_asked)
