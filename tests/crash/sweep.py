"""Kill a stage at every named point, start it again, and check that nothing was lost, doubled or torn.

    python -m tests.crash.sweep                            every point with two seeds, in one of the stages that pass it
    python -m tests.crash.sweep --seeds 50 --everywhere    every point in every stage that passes it, fifty seeds
    python -m tests.crash.sweep --broken row_before_blob   a deliberately broken protocol: must come out red

This process imports everything once and then only forks: each attempt is a child with its own copy of the project, killed by SIGKILL at its
point. It never opens a store or a ledger itself, because their threads would not survive the fork. Seed 0 kills once, at the first pass;
other seeds choose the pass, and kill the next attempt too, somewhere.
"""

import argparse
import contextlib
import importlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

from catalog.failpoint import Armed, arm, watch
from tests.crash.broken import BROKEN
from tests.crash.invariants import blobs, broken_at_the_end, broken_now, made_again, note_originals
from tests.crash.stages import PREPARE, STAGES, write_world

TIMEOUT_S = 120
"""A stage takes seconds; a child that takes longer hangs, and is reported as such."""


WARM = """dagster great_expectations pandas obstore.store safetensors.torch peft diffusers.pipelines.stable_diffusion
    assets.catalog assets.category_lora assets.lora_exchange assets.validated_renders assets.published_images generation.plates publishing.product_page
    quality.gate training.lora""".split()


@dataclass(kw_only=True)
class Swept:
    """What a sweep of one stage did: passes of each point in the undisturbed run, kills, and what was wrong."""

    stage: str
    passes: dict[str, int]
    kills: int = 0
    cases: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0
    cpu_seconds: float = 0.0


def warm_up() -> None:
    """Import what the stages import, so that a forked child starts at once."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    for name in WARM:
        importlib.import_module(name)


def in_child(work: Callable[[], None], log: Path) -> int:
    """Run `work` in a fork of this process; its exit code, negative for the signal that ended it. What it says goes into `log`."""
    pid = os.fork()
    if pid == 0:
        os.setsid()
        with log.open("a") as out:
            os.dup2(out.fileno(), 1)
            os.dup2(out.fileno(), 2)
        try:
            work()
        except BaseException:  # noqa: BLE001 - the parent reads the exit code, people the log
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    end = time.monotonic() + TIMEOUT_S
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.003)
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return 1


def attempt(stage: str, folder: Path, arming: Callable[[], None] | None = None, broken: str | None = None) -> tuple[int, list[str]]:
    """One attempt at a stage in a child: its exit code, and the points it passed in order."""
    passed = folder.parent / f"{folder.name}.passed"
    passed.unlink(missing_ok=True)

    def work() -> None:
        if broken is not None:
            BROKEN[broken].install()
        if arming is not None:
            arming()
            STAGES[stage](folder)
            return
        seen: list[str] = []
        watch(seen.append)
        STAGES[stage](folder)
        passed.write_text(json.dumps(seen))

    code = in_child(work, folder.parent / f"{folder.name}.log")
    return code, json.loads(passed.read_text()) if passed.exists() else []


def build(folder: Path) -> dict[str, list[str]]:
    """Run every stage undisturbed, keeping the project as it was before and after each; the points each stage passed, in order."""
    live, passes = folder / "live", {}
    assert in_child(lambda: (write_world(live), note_originals(live))[0] and None, folder / "build.log") == 0, (
        folder / "build.log"
    ).read_text()
    for stage in STAGES:
        if stage in PREPARE:
            assert in_child(lambda: PREPARE[stage](live), folder / "build.log") == 0, (folder / "build.log").read_text()  # noqa: B023
        shutil.copytree(live, folder / f"{stage}.before", symlinks=True)
        code, passes[stage] = attempt(stage, live)
        assert code == 0, (folder / "live.log").read_text()
        assert not broken_now(live), broken_now(live)
        shutil.copytree(live, folder / f"{stage}.after", symlinks=True)
    return passes


@dataclass(frozen=True, kw_only=True)
class Killing:
    """Where a case kills: the `nth` pass of `name`, and in the next attempt perhaps the `again_at`th pass of any point."""

    name: str
    nth: int
    again_at: int | None
    broken: str | None


def case(world: Path, folder: Path, stage: str, killing: Killing) -> tuple[int, list[str]]:
    """Kill a stage once or twice, let the next attempt finish; kills, and what is wrong."""
    log = folder.parent / f"{folder.name}.log"
    shutil.rmtree(folder, ignore_errors=True)
    log.unlink(missing_ok=True)
    shutil.copytree(world / f"{stage}.before", folder, symlinks=True)
    armings: list[Callable[[], None] | None] = [lambda: arm((Armed(name=killing.name, action="kill", nth=killing.nth),))]
    if killing.again_at is not None:
        armings.append(partial(_kill_at_pass, killing.again_at))
    kills, wrong, before = 0, list[str](), folder
    for arming in [*armings, None]:
        present = set(blobs(folder))
        code, passed = attempt(stage, folder, arming, killing.broken)
        wrong += broken_now(folder)
        if present - set(blobs(folder)):
            wrong.append("I5: a blob that was there is gone")
        if code == -signal.SIGKILL:
            kills, before = kills + 1, _copy_of_ledger(folder)
        elif code != 0:
            return kills, [*wrong, f"the attempt ended with {code}: {_last_line(log)}"]
    if kills == 0:
        return 0, [*wrong, f"the point was not passed {killing.nth} times"]
    wrong += broken_at_the_end(folder, world / f"{stage}.after")
    return kills, wrong + made_again(before, folder, passed)


def _copy_of_ledger(folder: Path) -> Path:
    """The ledger as a killed attempt left it, kept aside (with its write-ahead log)."""
    kept = folder.parent / f"{folder.name}.killed"
    shutil.rmtree(kept, ignore_errors=True)
    (kept / ".vitrine").mkdir(parents=True)
    for path in (folder / ".vitrine").glob("ledger.sqlite*"):
        shutil.copy(path, kept / ".vitrine")
    return kept


def _kill_at_pass(number: int) -> None:
    passed = Counter[str]()

    def act(_: str) -> None:
        passed["any"] += 1
        if passed["any"] == number:
            os.kill(os.getpid(), signal.SIGKILL)

    watch(act)


def _last_line(log: Path) -> str:
    lines = log.read_text().strip().splitlines() if log.exists() else []
    return lines[-1] if lines else "no output"


Case = tuple[str, str, int]
"""Stage, point, seed."""


def cases_of(passes: Mapping[str, Sequence[str]], seeds: Sequence[int], points: Sequence[str] | None, everywhere: bool) -> list[Case]:
    """Each point with each seed, in one of the stages that pass it, turn by turn; `everywhere`: in all of them."""
    cases = []
    for name in sorted({name for seen in passes.values() for name in seen}):
        stages = [stage for stage in passes if name in passes[stage]]
        if points is None or name in points:
            cases += [(stage, name, seed) for seed in seeds for stage in (stages if everywhere else [stages[seed % len(stages)]])]
    return cases


def sweep(world: Path, passes: Mapping[str, Sequence[str]], cases: Sequence[Case], broken: str | None, room: str) -> list[Swept]:
    """Kill at each case's point; what that did, by stage. `room` names this sweep's own folder."""
    swept = {stage: Swept(stage=stage, passes=dict(Counter(passes[stage]))) for stage in passes}
    for stage, name, seed in cases:
        chance, before = random.Random(f"{stage} {name} {seed}"), os.times()
        nth = 1 if seed == 0 else chance.randint(1, swept[stage].passes[name])
        again_at = None if seed == 0 else chance.randint(1, len(passes[stage]))
        kills, wrong = case(world, world / room, stage, Killing(name=name, nth=nth, again_at=again_at, broken=broken))
        swept[stage].kills += kills
        swept[stage].cases += 1
        swept[stage].wrong += [f"{stage} {name}:kill:{nth} seed {seed}: {text}" for text in wrong]
        now = os.times()
        swept[stage].cpu_seconds += sum(now[:4]) - sum(before[:4])
        swept[stage].seconds += now.elapsed - before.elapsed
    return list(swept.values())


def in_parallel(world: Path, passes: Mapping[str, Sequence[str]], cases: Sequence[Case], broken: str | None, workers: int) -> list[Swept]:
    """The sweep in several forks at once, each with its share of the cases."""
    for number in range(workers):
        (world / f"share-{number}.json").unlink(missing_ok=True)
    pids = []
    for number in range(workers):
        pid = os.fork()
        if pid == 0:
            done = sweep(world, passes, cases[number::workers], broken, f"case-{number}")
            (world / f"share-{number}.json").write_text(json.dumps([asdict(stage) for stage in done]))
            os._exit(0)
        pids.append(pid)
    for pid in pids:
        os.waitpid(pid, 0)
    total = {stage: Swept(stage=stage, passes=dict(Counter(passes[stage]))) for stage in passes}
    for number in range(workers):
        for share in json.loads((world / f"share-{number}.json").read_text()):
            whole = total[share["stage"]]
            for name in ("kills", "cases", "wrong", "seconds", "cpu_seconds"):
                setattr(whole, name, getattr(whole, name) + share[name])
    return [stage for stage in total.values() if stage.cases]


def main() -> int:
    """Build the world, sweep, print one JSON line per stage; exit code 1 when anything was wrong."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("stages", nargs="*", default=list(STAGES), help=f"of {', '.join(STAGES)}")
    asked.add_argument("--seeds", type=int, default=int(os.environ.get("VITRINE_CRASH_SEEDS", "2")))
    asked.add_argument("--first-seed", type=int, default=0)
    asked.add_argument("--points", nargs="*")
    asked.add_argument("--everywhere", action="store_true", help="kill at a point in every stage that passes it")
    asked.add_argument("--workers", type=int, default=2)
    asked.add_argument("--broken", choices=sorted(BROKEN))
    asked.add_argument("--world", type=Path, help="keep the undisturbed runs in this folder, and use them when they are there")
    options = asked.parse_args()
    warm_up()
    with contextlib.ExitStack() as stack:
        world = options.world or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vitrine-crash-")))
        recorded = world / "passes.json"
        if not recorded.exists():
            world.mkdir(parents=True, exist_ok=True)
            recorded.write_text(json.dumps(build(world)))
        mistake = BROKEN[options.broken] if options.broken else None
        stages, points = (mistake.stages, mistake.points) if mistake else (options.stages, options.points)
        passes = {stage: seen for stage, seen in json.loads(recorded.read_text()).items() if stage in stages}
        cases = cases_of(passes, range(options.first_seed, options.first_seed + options.seeds), points, options.everywhere)
        if not cases:
            raise SystemExit(f"no stage of {', '.join(passes)} passes any of {points}")
        swept = in_parallel(world, passes, cases, options.broken, options.workers)
    for stage in swept:
        print(json.dumps(asdict(stage)), flush=True)
    return 1 if any(stage.wrong for stage in swept) else 0


if __name__ == "__main__":
    sys.exit(main())
