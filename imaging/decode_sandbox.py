"""Decode photos from outside in a process of its own, with limits on memory and time.

A hostile file can then at most end a worker that holds no secrets, and becomes a PhotoRefused like any other; the next file gets
a new worker. Pixels come back as plain bytes behind a JSON header: nothing that a worker sends is ever unpickled or trusted
about its size. Left out: a filter on system calls and files; the production overlay runs intake in a container for that.

    with DecodeSandbox() as sandbox:
        photo = sandbox.decode(data, name="mug.jpg")
"""

import contextlib
import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
import numpy.typing as npt

from catalog.errors import PhotoRefused
from imaging.photo import REFUSAL_CODES, Photo, PhotoLimits, decode_photo

_BOOTSTRAP = "import sys; sys.path.insert(0, sys.argv[1]); from imaging.decode_sandbox import serve; serve()"
_MAX_HEADER_BYTES = 1_000_000


@dataclass(frozen=True, kw_only=True)
class SandboxLimits:
    """What one photo may cost. macOS does not enforce the memory limit; `DecodeSandbox.enforced` tells."""

    memory_bytes: int = 1_073_741_824
    """Address space of the worker. A 50-megapixel JPEG needs 0.65 GB, CMYK and progressive ones as well."""
    cpu_s: int = 10
    """CPU seconds per photo; a 50-megapixel JPEG takes about 1.5."""
    wall_s: float = 60.0
    """Seconds on the clock per photo, for a worker that waits instead of working; generous because machines are busy."""
    photos_per_worker: int = 500
    """A worker is replaced after this many photos, so that leaks in decoders stay small."""


class DecodeSandbox:
    """Decodes photos in one worker process, started at first use and replaced when it dies. Safe to share between threads."""

    def __init__(self, *, photo_limits: PhotoLimits | None = None, limits: SandboxLimits | None = None) -> None:
        self._photo_limits = photo_limits or PhotoLimits()
        self._limits = limits or SandboxLimits()
        self._lock = threading.Lock()
        self._worker: subprocess.Popen[bytes] | None = None
        self._served = 0
        self.enforced: tuple[str, ...] = ()
        """Which limits the operating system accepted, known after the first photo: "memory", "cpu"."""

    @property
    def worker_pid(self) -> int | None:
        """Process id of the worker, None before the first photo and after `close`."""
        return None if self._worker is None else self._worker.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the worker process."""
        with self._lock:
            self._stop()

    def decode(self, data: bytes, *, name: str = "") -> Photo:
        """Do what `imaging.photo.decode_photo` does, in the worker; a death of the worker is a PhotoRefused too."""
        if len(data) > self._photo_limits.max_bytes:
            return decode_photo(data, name=name, limits=self._photo_limits)  # refuses without reading
        with self._lock:
            worker = self._running()
            expired = threading.Event()
            watchdog = threading.Timer(self._limits.wall_s, _expire, (worker, expired))
            watchdog.start()
            try:
                answer, pixels = self._exchange(worker, data, name)
            except (OSError, EOFError, ValueError) as error:
                watchdog.cancel()
                code = self._stop()
                raise _death(name, code, timed_out=expired.is_set()) from error
            finally:
                watchdog.cancel()
            self._served += 1
        if "code" in answer:
            raise PhotoRefused(answer["code"] if answer["code"] in REFUSAL_CODES else "unreadable", str(answer["message"]))
        facts = answer["photo"] | {name: tuple(answer["photo"][name]) for name in ("notes", "ai_marks")}
        return Photo(pixels_HW3=pixels, **facts)

    def _exchange(self, worker: subprocess.Popen[bytes], data: bytes, name: str) -> tuple[dict[str, Any], Any]:
        assert worker.stdin and worker.stdout
        request = {"name": name, "size": len(data), "limits": asdict(self._photo_limits), "cpu_s": self._limits.cpu_s}
        _send(worker.stdin, request, data)
        answer = _receive_header(worker.stdout)
        if "code" in answer:
            return answer, None
        height, width = int(answer["photo"]["height_px"]), int(answer["photo"]["width_px"])
        if not (height > 0 and width > 0 and height * width <= self._photo_limits.max_pixels):
            raise ValueError(f"the worker claims a picture of {width} x {height} pixels")
        pixels = np.empty((height, width, 3), np.uint8)
        _receive_into(worker.stdout, _bytes_of(pixels))
        return answer, pixels

    def _running(self) -> subprocess.Popen[bytes]:
        if self._worker is not None and (self._worker.poll() is not None or self._served >= self._limits.photos_per_worker):
            self._stop()
        if self._worker is None:
            root = str(Path(__file__).resolve().parents[1])
            self._worker = subprocess.Popen(
                [sys.executable, "-I", "-c", _BOOTSTRAP, root, str(self._limits.memory_bytes)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd="/",
                env={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"},
            )  # fmt: skip
            assert self._worker.stdout
            try:
                self.enforced = tuple(_receive_header(self._worker.stdout)["enforced"])
            except (EOFError, ValueError) as error:
                code = self._stop()
                raise RuntimeError(
                    f"the decode worker did not start (exit status {code}); `{sys.executable} -c 'import imaging.photo'` shows why"
                ) from error
            self._served = 0
        return self._worker

    def _stop(self) -> int:
        """End the worker and return its exit status; negative is the signal that ended it."""
        worker, self._worker = self._worker, None
        if worker is None:
            return 0
        for pipe in (worker.stdin, worker.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):  # closing flushes what the dead worker did not read
                    pipe.close()
        try:
            return worker.wait(timeout=2.0)
        except subprocess.TimeoutExpired:
            worker.kill()
            return worker.wait()


def _expire(worker: subprocess.Popen[bytes], expired: threading.Event) -> None:
    expired.set()
    worker.kill()


def _death(name: str, status: int, *, timed_out: bool) -> PhotoRefused:
    shown = PurePath(name).name or "The file"
    if timed_out or status == -signal.SIGXCPU:
        return PhotoRefused("decode_timeout", f"{shown} took too long to read and was given up. Export it again as an ordinary JPEG.")
    if status == -signal.SIGKILL:
        return PhotoRefused("decode_memory", f"{shown} needs more memory to read than is allowed. Export it smaller.")
    return PhotoRefused("decode_crashed", f"{shown} broke the program that reads pictures (exit status {status}). Export it again.")


def _send(pipe: IO[bytes], header: dict[str, Any], body: bytes | memoryview = b"") -> None:
    packed = json.dumps(header).encode()
    pipe.write(struct.pack("<I", len(packed)) + packed)
    pipe.write(body)
    pipe.flush()


def _receive_header(pipe: IO[bytes]) -> dict[str, Any]:
    size = bytearray(4)
    _receive_into(pipe, memoryview(size))
    (length,) = struct.unpack("<I", size)
    if length > _MAX_HEADER_BYTES:
        raise ValueError(f"a header of {length} bytes")
    packed = bytearray(length)
    _receive_into(pipe, memoryview(packed))
    header = json.loads(packed)
    if not isinstance(header, dict):
        raise ValueError("a header that is no object")
    return header


def _bytes_of(pixels: npt.NDArray[np.uint8]) -> memoryview:
    return pixels.reshape(-1).data


def _receive_into(pipe: IO[bytes], target: memoryview) -> None:
    done = 0
    while done < len(target):
        count = pipe.readinto(target[done:])  # type: ignore[attr-defined]  # both ends are BufferedIOBase; IO[bytes] does not say so
        if not count:
            raise EOFError("the other side closed its pipe")
        done += count


# --- the worker's side -------------------------------------------------------------------------------------------------


def serve() -> None:
    """Answer requests on stdin until it closes. Runs in the worker process only."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not look like an answer
    _send(replies, {"enforced": _limit_memory(int(sys.argv[2]))})
    while True:
        try:
            request = _receive_header(sys.stdin.buffer)
        except EOFError:
            return
        data = bytearray(request["size"])
        _receive_into(sys.stdin.buffer, memoryview(data))
        _limit_cpu(request["cpu_s"])
        limits = PhotoLimits(**request["limits"] | {"formats": tuple(request["limits"]["formats"])})
        try:
            photo = decode_photo(bytes(data), name=request["name"], limits=limits)
        except PhotoRefused as refusal:
            _send(replies, {"code": refusal.code, "message": str(refusal)})
        else:
            facts = {key: value for key, value in vars(photo).items() if key != "pixels_HW3"}
            _send(replies, {"photo": facts}, _bytes_of(np.ascontiguousarray(photo.pixels_HW3)))


def _limit_memory(memory_bytes: int) -> list[str]:
    """Set the limits that last for the worker's life; return the names of those the system accepts."""
    import resource

    enforced = ["cpu"]
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    try:
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    except (ValueError, OSError):
        return enforced  # macOS refuses RLIMIT_AS; the pixel limits still bound memory there
    if sys.platform != "darwin":
        enforced.append("memory")
    return enforced


def _limit_cpu(cpu_s: int) -> None:
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + 1 + cpu_s, hard))
