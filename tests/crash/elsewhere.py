"""Points that the stages of a healthy project on one machine do not pass: checkpoints kept in a bucket, and blobs found damaged.

    python -m tests.crash.elsewhere                 prints what was killed and what was wrong

Each scenario forks a child that is killed at each of its points in turn, then looks at what stands, then lets a child finish.
"""

import json
import os
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from catalog.failpoint import Armed, arm, watch
from tests.crash.sweep import in_child

STEPS = 5
BLOB = b"a photo as it came" * 4000


def _state(step: int):
    import torch

    from training.checkpoint import CurvePoint, TrainingState

    curve = [CurvePoint(step=0, train_loss=None, validation_loss=1.0)]
    return TrainingState(step=step, best_step=0, curve=curve, losses_since_point=[], tensors={"adapter/a": torch.full((64,), float(step))})


def _mirror(folder: Path):
    from resources.folder_files import FolderFiles

    return FolderFiles(folder / "bucket")


def mirrored(folder: Path) -> None:
    """A training on machines that are taken away: goes on from the mirror, on an empty disk, to step 5, and is then forgotten there."""
    from training.checkpoint import forget_mirrored, load_newest_checkpoint, save_checkpoint

    if (folder / "finished").exists():
        return
    disk = folder / f"disk-{os.getpid()}"
    disk.mkdir()
    newest = load_newest_checkpoint(disk, "t" * 16, _mirror(folder))
    for step in range(newest.step + 1 if newest else 1, STEPS + 1):
        save_checkpoint(disk, "t" * 16, _state(step), _mirror(folder))
        (folder / "reached").write_text(str(step))
    (folder / "finished").write_text(
        str(load_newest_checkpoint(folder / "no-disk", "t" * 16, _mirror(folder)).tensors["adapter/a"][0].item())
    )
    forget_mirrored(_mirror(folder), "t" * 16)


def mirrored_is_whole(folder: Path) -> list[str]:
    """Whatever was killed, a new machine goes on from the last checkpoint that was reported done, or from a later one."""
    from training.checkpoint import load_newest_checkpoint

    if (folder / "finished").exists():
        return [] if (folder / "finished").read_text() == str(float(STEPS)) else ["I6: the training ended elsewhere"]
    reached = int((folder / "reached").read_text()) if (folder / "reached").exists() else 0
    newest = load_newest_checkpoint(folder / "no-disk", "t" * 16, _mirror(folder))
    found = newest.step if newest else 0
    return [] if found >= reached else [f"I1: step {reached} was kept, a new machine finds step {found}"]


def damaged(folder: Path) -> None:
    """One blob that is half there is written over; one whose bytes were altered is set aside, found missing, and made anew."""
    from catalog.errors import StoreError
    from catalog.keys import digest_bytes
    from resources.object_store import ObjectStore, blob_path

    store = ObjectStore(folder / "store")
    if not (folder / "damaged").exists():
        for data in (BLOB, BLOB[::-1]):
            store.put(data)
        (folder / "store" / blob_path(digest_bytes(BLOB))).write_bytes(BLOB[:1000])
        (folder / "store" / blob_path(digest_bytes(BLOB[::-1]))).write_bytes(BLOB)
        (folder / "damaged").touch()
    store.put(BLOB)
    try:
        store.get(digest_bytes(BLOB[::-1]))
    except StoreError:
        store.put(BLOB[::-1])


def damaged_is_mended(folder: Path) -> list[str]:
    """Nothing is read as good that is not; checked only once the scenario has damaged its blobs."""
    from catalog.errors import StoreError
    from catalog.keys import digest_bytes
    from resources.object_store import ObjectStore

    store, wrong = ObjectStore(folder / "store"), []
    for data in (BLOB, BLOB[::-1]) if (folder / "damaged").exists() else ():
        try:
            if store.get(digest_bytes(data)) != data:
                wrong.append("I4: an altered blob was read as good")
        except StoreError:
            continue
    if (folder / "store" / "altered").exists() and len(list((folder / "store" / "altered").iterdir())) > 2:
        wrong.append("I2: more set aside than was altered")
    return wrong


SCENARIOS: dict[str, tuple[Callable[[Path], None], Callable[[Path], list[str]]]] = {
    "mirrored": (mirrored, mirrored_is_whole),
    "damaged": (damaged, damaged_is_mended),
}


def _passes(work: Callable[[Path], None], folder: Path) -> Counter[str]:
    seen = folder / "seen.json"

    def recorded() -> None:
        names: list[str] = []
        watch(names.append)
        work(folder)
        seen.write_text(json.dumps(names))

    assert in_child(recorded, folder / "log") == 0, (folder / "log").read_text()
    return Counter(json.loads(seen.read_text()))


def _killed(name: str, nth: int, work: Callable[[Path], None], check: Callable[[Path], list[str]], folder: Path) -> list[str]:
    """What is wrong after a kill at a point, and after the next attempt."""

    def armed() -> None:
        arm((Armed(name=name, action="kill", nth=nth),))
        work(folder)

    def checked() -> None:
        (folder / "wrong.json").write_text(json.dumps(check(folder)))

    wrong = [] if in_child(armed, folder / "log") == -signal.SIGKILL else [f"{name} was not passed {nth} times"]
    for attempt in (None, work):
        if attempt is not None and in_child(lambda: attempt(folder), folder / "log") != 0:  # noqa: B023
            wrong.append(f"the next attempt failed: {(folder / 'log').read_text()[-300:]}")
        assert in_child(checked, folder / "log") == 0, (folder / "log").read_text()
        wrong += json.loads((folder / "wrong.json").read_text())
    return [f"{name}:kill:{nth}: {text}" for text in wrong]


def main() -> int:
    """Kill each scenario at every pass of each of its points; one JSON line per scenario."""
    import safetensors.torch  # noqa: F401
    import torch

    torch.set_num_threads(1)
    found = []
    with tempfile.TemporaryDirectory() as place:
        for scenario, (work, check) in SCENARIOS.items():
            folder = Path(place) / scenario
            folder.mkdir()
            passes, wrong = _passes(work, folder), []
            for name, count in passes.items():
                for nth in range(1, count + 1):
                    shutil.rmtree(folder)
                    folder.mkdir()
                    wrong += _killed(name, nth, work, check, folder)
            found += wrong
            print(json.dumps({"scenario": scenario, "passes": passes, "kills": passes.total(), "wrong": wrong}), flush=True)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
