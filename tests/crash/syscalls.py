"""The Nth system call fails: a process is killed at, or an error is returned from, the Nth write, fsync, rename or link of store and checkpoint code.

    python -m tests.crash.syscalls [--points 100]       needs strace and the right to trace; prints one JSON line

SQLite's method: N rises until a run has no fault. A child is forked from this process, stands still until strace holds it, then does one
protocol on real files; strace injects SIGKILL, EIO or ENOSPC. Afterward no final name may be torn, an error must have been reported as ours (not
swallowed, not a traceback of somebody else's), and the same protocol must succeed without faults.
"""

import argparse
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from catalog.errors import VitrineError
from tests.crash.broken import BROKEN

FAULTS = ("signal=SIGKILL", "error=EIO", "error=ENOSPC")
LOADED_BEFORE = (
    "obstore.exceptions", "obstore.store", "safetensors.torch", "traceback", "publishing.atomic_file", "resources.folder_files",
    "resources.object_store", "tests.crash.elsewhere", "tests.crash.invariants", "training.checkpoint",
)  # fmt: skip
"""What the protocols import, loaded before a child is forked: a fault is to strike data and never the reading of code."""

CALLS = {
    "store": ("write", "rename", "link", "unlink", "mkdir", "openat"),
    "checkpoint": ("write", "fsync", "rename", "openat", "unlink"),
    "publish": ("write", "fsync", "rename", "openat", "mkdir"),
}
"""Calls that each protocol makes. `rename` stands for all its forms, as does `link`."""

FORMS = {"rename": "rename,renameat,renameat2", "link": "link,linkat", "unlink": "unlink,unlinkat", "mkdir": "mkdir,mkdirat"}
BLOBS = [bytes([n]) * 20_000 for n in range(3)]
ENDED_WELL, ENDED_WITH_OUR_ERROR = 0, 7


def store(folder: Path) -> None:
    """Three blobs, then the manifest that names them."""
    from resources.object_store import ObjectStore

    kept = ObjectStore(folder / "store")
    names = [kept.put(data) for data in BLOBS]
    kept.put_manifest("renders", "k", {"renders": [{"render_digest": name} for name in names]})


def store_is_whole(folder: Path) -> list[str]:
    """Every final name holds what it says; a manifest names only what is there."""
    from tests.crash.invariants import _sha256

    place, wrong = folder / "store", []
    there = {path.name: path for path in place.rglob("*") if path.is_file() and len(path.name) == 64}
    wrong += [f"blob {name[:8]} is torn" for name, path in there.items() if _sha256(path) != name]
    manifest = place / "manifests" / "renders" / "k.json"
    if manifest.exists():
        try:
            named = [entry["render_digest"] for entry in json.loads(manifest.read_bytes())["renders"]]
        except ValueError:
            return [*wrong, "the manifest is torn"]
        wrong += [f"the manifest names {name[:8]}, which is not there" for name in named if name not in there]
    return wrong


def checkpoint(folder: Path) -> None:
    """Checkpoints 1 to 4 of a training: written, and the old ones removed."""
    from tests.crash.elsewhere import _state
    from training.checkpoint import save_checkpoint

    for step in range(1, 5):
        save_checkpoint(folder / "training", "t" * 16, _state(step))


def checkpoint_is_whole(folder: Path) -> list[str]:
    """Each checkpoint whose facts are there has its tensors, whole."""
    from tests.crash.invariants import _sha256
    from training.checkpoint import tensors_name

    wrong = []
    for path in (folder / "training").glob("step-*.json"):
        try:
            facts = json.loads(path.read_bytes())
            tensors = path.with_name(tensors_name(facts["step"], facts["tensors"]))
            if not tensors.exists() or _sha256(tensors) != facts["tensors"]:
                wrong.append(f"{path.name} names tensors that are not there or torn")
        except ValueError:
            wrong.append(f"{path.name} is torn")
    return wrong


def publish(folder: Path) -> None:
    """Three pictures into place, then the manifest, twice."""
    from publishing.atomic_file import write_atomically

    for round_ in (1, 2):
        for number, data in enumerate(BLOBS):
            write_atomically(folder / "shop" / "images" / f"{number}-{round_}.jpg", data, incoming=folder / "shop" / ".incoming")
        names = [f"{number}-{round_}.jpg" for number in range(len(BLOBS))]
        write_atomically(folder / "shop" / "manifest.json", json.dumps({"files": names, "filler": "x" * 30_000}).encode())


def publish_is_whole(folder: Path) -> list[str]:
    """The manifest that stands is whole and names whole files."""
    path = folder / "shop" / "manifest.json"
    if not path.exists():
        return []
    try:
        names = json.loads(path.read_bytes())["files"]
    except ValueError:
        return ["the published manifest is torn"]
    return [f"{name} is torn or missing" for name in names if not _is_blob(folder / "shop" / "images" / name)]


def _is_blob(path: Path) -> bool:
    return path.exists() and path.read_bytes() == BLOBS[int(path.name[0])]


PROTOCOLS: dict[str, tuple[Callable[[Path], None], Callable[[Path], list[str]]]] = {
    "store": (store, store_is_whole),
    "checkpoint": (checkpoint, checkpoint_is_whole),
    "publish": (publish, publish_is_whole),
}


def may_trace() -> str:
    """Why system calls cannot be injected here; '' when they can."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    tried = subprocess.run(["strace", "-o", "/dev/null", "-e", "inject=close:error=EIO:when=9999", "true"], capture_output=True, text=True)
    return "" if tried.returncode == 0 else f"strace may not trace here: {tried.stderr.strip()[:200]}"


def _child(work: Callable[[Path], None], folder: Path, log: Path) -> int:
    """A fork that stands still until it is let go, then does its work and ends without any clean-up of Python's."""
    pid = os.fork()
    if pid:
        return pid
    out = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.dup2(out, 2)
    os.kill(os.getpid(), signal.SIGSTOP)
    try:
        work(folder)
    except VitrineError:
        os._exit(ENDED_WITH_OUR_ERROR)
    except BaseException:  # noqa: BLE001 - the parent tells by the exit code
        import traceback

        traceback.print_exc()
        os._exit(1)
    os._exit(ENDED_WELL)


def one_point(protocol: str, call: str, fault: str, nth: int, folder: Path) -> tuple[bool, list[str]]:
    """Inject one fault; whether it struck, and what is wrong afterward."""
    work, check = PROTOCOLS[protocol]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    log = folder.parent / "child.log"
    log.unlink(missing_ok=True)
    pid = _child(work, folder, log)
    os.waitpid(pid, os.WUNTRACED)
    names = FORMS.get(call, call)
    inject = ["strace", "-f", "-qq", "-o", str(folder.parent / "trace"), "-e", f"trace={names}", "-e", f"inject={names}:{fault}:when={nth}"]
    tracer = subprocess.Popen([*inject, "-p", str(pid)], stderr=subprocess.DEVNULL)
    _wait_for_tracer(pid)
    os.kill(pid, signal.SIGCONT)
    _, status = os.waitpid(pid, 0)
    tracer.wait()
    code = os.waitstatus_to_exitcode(status)
    struck = code == -signal.SIGKILL or "INJECTED" in (folder.parent / "trace").read_text()
    where = f"{protocol}: {call} {nth} {fault}"
    wrong = [f"{where}: {text}" for text in check(folder)]
    if code not in (-signal.SIGKILL, ENDED_WELL, ENDED_WITH_OUR_ERROR):
        wrong.append(f"{where}: ended with {code}: {log.read_text()[-300:]}")
    if struck:
        again = _child(work, folder, log)
        os.waitpid(again, os.WUNTRACED)
        os.kill(again, signal.SIGCONT)
        _, status = os.waitpid(again, 0)
        if os.waitstatus_to_exitcode(status) != ENDED_WELL:
            wrong.append(f"{where}: the next attempt fails: {log.read_text()[-300:]}")
        wrong += [f"{where}, after the next attempt: {text}" for text in check(folder)]
    return struck, wrong


def _wait_for_tracer(pid: int) -> None:
    for _ in range(2000):
        status = Path(f"/proc/{pid}/status").read_text()
        if "TracerPid:\t0\n" not in status:
            return
        time.sleep(0.005)
    raise TimeoutError("strace did not attach")


def sweep(points: int, protocols: Sequence[str], folder: Path) -> tuple[int, dict[str, int], list[str]]:
    """Spread `points` faults over protocols, calls and faults, N rising until a run has no fault; how many struck, by call, and what was wrong."""
    open_kinds = [(protocol, call, fault) for protocol in protocols for call in CALLS[protocol] for fault in FAULTS]
    struck, by_call, wrong, nth = 0, dict[str, int](), list[str](), 1
    while open_kinds and struck < points:
        for kind in list(open_kinds):
            hit, found = one_point(*kind, nth, folder / "case")
            wrong += found
            if not hit:
                open_kinds.remove(kind)
                continue
            struck += 1
            by_call[f"{kind[0]} {kind[1]}"] = by_call.get(f"{kind[0]} {kind[1]}", 0) + 1
            if struck >= points:
                break
        nth += 1
    return struck, by_call, wrong


def main() -> int:
    """Sweep, and print what was struck and what was wrong; exit code 1 when anything was."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--points", type=int, default=int(os.environ.get("VITRINE_CRASH_SYSCALLS", "100")))
    asked.add_argument(
        "--broken", choices=("written_in_place", "facts_before_tensors"), help="a protocol broken on purpose: must come out red"
    )
    asked.add_argument("--protocols", nargs="*", default=list(PROTOCOLS))
    options = asked.parse_args()
    if reason := may_trace():
        raise SystemExit(reason)
    import torch

    for name in LOADED_BEFORE:
        importlib.import_module(name)
    torch.set_num_threads(1)
    if options.broken:
        BROKEN[options.broken].install()
    with tempfile.TemporaryDirectory(prefix="vitrine-syscalls-") as place:
        struck, by_call, wrong = sweep(options.points, options.protocols, Path(place))
    print(json.dumps({"struck": struck, "by_call": by_call, "wrong": wrong}))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
