"""How many pictures per second our engine draws beside a competent loop of stock diffusers (stock_diffusers.py), same weights, steps and files.

    python -m benchmarks.throughput --device cpu
    python -m benchmarks.throughput --device cuda --json docs/benchmarks/throughput-cuda.json

On a CPU: the embedded model at 128 px with the demo's steps and guidance, several categories with a LoRA each, several products and variants;
CPU-seconds count. Every picture of every round has to agree with the opponent's within 1/255, or the benchmark fails. On CUDA: a model of
SDXL's true sizes with random weights (random_models.py) at 1024 px, 30 steps with guidance and 8 without; wall seconds count. What ours runs
is `DiffusionPlates`, as the asset that draws does. Exits with 1 if the bar is missed. Places no product on a plate: that is the same work for both.
"""

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.command_line import finish, measuring_parser, whole_number
from benchmarks.family_drawing import counted
from benchmarks.gpus import used_pct
from benchmarks.side_by_side import Rounds, hush_libraries, machine, no_cuda, note_on, ratio, summary, take_turns
from benchmarks.stock_diffusers import Job, draw_stock, load_stock
from benchmarks.workloads import Workload, demo_workload, sdxl_workloads
from catalog.keys import digest_bytes
from generation.base_model import BaseModel, read_base_model
from generation.execution import Execution
from generation.plates import DiffusionPlates
from imaging.storage_format import encode_rgb_png

BAR = {"cpu": 2.0, "cuda": 1.7}
"""Times as many pictures per second (per CPU-second on a CPU) as the opponent: issue 5."""
MAX_LEVELS_APART = 1
"""Of 255, in float32 on a CPU: the sums are the same, their order is not."""
CLOCK = {"cpu": "cpu_s", "cuda": "wall_s"}
TINY_PX, TINY_SAMPLING = 64, (2, 5.0)
COLD = {
    "opponent": "from benchmarks.throughput import *; w = read_workload(); draw_stock(load_stock(w.folder, w.device), w.jobs[:1], w.loras, "
    "w.out, **w.settings)",
    "ours": "from benchmarks.throughput import *; w = read_workload(); draw_ours(w, w.jobs[:1], 1)",
}
"""What a fresh process runs for its first picture."""


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """The largest difference of any value of any picture, in levels, and the share of values that differ at all."""

    levels: int
    share: float


def draw_ours(work: Workload, jobs: Sequence[Job], batch: int) -> list[np.ndarray]:
    """Draw jobs, sorted by category, into PNG files, as the asset does: one LoRA after the other, products of a category together."""
    pictures = []
    for category in dict.fromkeys(job.category for job in jobs):
        mine = [job for job in jobs if job.category == category]
        drawn = plates_of(work, category, batch).draw([job.prompt for job in mine], [job.seed for job in mine])
        for job, pixels in zip(mine, drawn, strict=True):
            (work.out / job.file).write_bytes(encode_rgb_png(pixels))
            pictures.append(pixels)
    return pictures


def plates_of(work: Workload, category: str, batch: int) -> DiffusionPlates:
    """Our engine for one category's LoRA, in batches of `batch` pictures; the last one is filled up."""
    lora = work.loras[category]
    return DiffusionPlates(
        _base_model(work.folder), lora, digest_bytes(lora.read_bytes()), steps=work.steps, guidance=work.guidance, device=work.device,
        batch_images=batch, execution=Execution(**work.execution),
    )  # fmt: skip


def as_held(work: Workload, chosen: Mapping[str, Any]) -> Workload:
    """A workload whose model ours holds or runs in another way than it was loaded, which its name then says. `chosen`: see Workload.execution."""
    told = "".join(f", ours {name if value is True else value}" for name, value in chosen.items())
    return replace(work, name=work.name + told, execution=dict(chosen))


def agreement(ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray]) -> Agreement:
    """How far two sides' pictures are apart."""
    assert len(ours) == len(theirs) > 0, f"{len(ours)} pictures and {len(theirs)}"
    apart = [np.abs(left.astype(int) - right.astype(int)) for left, right in zip(ours, theirs, strict=True)]
    return Agreement(levels=max(int(one.max()) for one in apart), share=float(np.mean([np.mean(one > 0) for one in apart])))


def check_agreement(found: Agreement, device: str) -> None:
    """Stop the benchmark if the two sides do not draw the same pictures: a ratio between different work says nothing."""
    if device == "cpu" and found.levels > MAX_LEVELS_APART:
        raise SystemExit(
            f"The pictures differ by up to {found.levels} levels, allowed is {MAX_LEVELS_APART}: the two sides do not do the same work, "
            "nothing was measured."
        )


def measure(work: Workload, batch: int, repeats: int, opponent: Mapping[str, Any] | None = None) -> tuple[dict[str, Any], Rounds]:
    """Both sides in turns on one workload: seconds per picture, ratio, agreement over all rounds. `opponent`: `batch` and `fuse` of draw_stock."""
    import torch

    stock, agreements = load_stock(work.folder, work.device), []

    def compare(returned: dict[str, Any]) -> None:
        agreements.append(agreement(returned["ours"], returned["opponent"]))
        check_agreement(agreements[-1], work.device)

    rounds = take_turns(
        {
            "opponent": lambda: draw_stock(stock, work.jobs, work.loras, work.out, **work.settings, **(opponent or {})),
            "ours": lambda: draw_ours(work, work.jobs, batch),
        },
        repeats,
        after_round=compare,
        drain=torch.cuda.synchronize if work.device == "cuda" else lambda: None,
    )
    clock, pictures = CLOCK[work.device], len(work.jobs)
    return {
        "workload": work.name,
        "pictures": pictures,
        "categories": len(work.loras),
        "steps": work.steps,
        "guidance": work.guidance,
        "size_px": work.size_px,
        "batch": batch,
        "repeats": repeats,
        "clock": clock,
        "opponent": summary(rounds, "opponent", pictures, clock),
        "ours": summary(rounds, "ours", pictures, clock),
        "ratio": ratio(rounds, "opponent", "ours", clock),
        "agreement": {"levels": max(one.levels for one in agreements), "share": max(one.share for one in agreements)},
        "flops_per_picture": flops_per_picture(stock, work),
    }, rounds


def flops_per_picture(stock: Any, work: Workload) -> float:
    """Floating-point operations of one picture without a LoRA, counted by torch while the stock pipeline draws it."""
    import torch

    job, settings = work.jobs[0], work.settings
    return counted(
        lambda: stock(
            job.prompt, num_inference_steps=settings["steps"], guidance_scale=settings["guidance"], height=work.size_px, width=work.size_px,
            generator=torch.Generator("cpu").manual_seed(job.seed),
        )
    )  # fmt: skip


def cold_start(work: Workload) -> dict[str, float]:
    """CPU-seconds of a fresh process until its first picture, imports included, by side."""
    found = {}
    for side, program in COLD.items():
        before = _children_cpu_s()
        environment = {**os.environ, "VITRINE_BENCH_WORKLOAD": work.as_json(), "OMP_NUM_THREADS": "1"}
        subprocess.run([sys.executable, "-c", program], check=True, env=environment, stderr=subprocess.DEVNULL)
        found[side] = round(_children_cpu_s() - before, 2)
    return found


def read_workload() -> Workload:
    """The workload that a fresh process was started with."""
    return Workload.from_json(os.environ["VITRINE_BENCH_WORKLOAD"])


def table_of(rows: Sequence[dict[str, Any]], device: str) -> str:
    """One row per workload, seconds per picture and the ratio with its quartiles."""
    unit = "CPU-s" if device == "cpu" else "s"
    used = "of sgemm" if device == "cpu" else "MFU"
    lines = [
        f"| workload | opponent {unit}/picture | ours {unit}/picture | ratio (quartiles) | bar | {used}, opponent and ours | apart |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        low, high = row["ratio"]["quartiles"]
        shares = " / ".join("-" if row["used_pct"][side] is None else f"{row['used_pct'][side]:.0f} %" for side in ("opponent", "ours"))
        bar = f">= {row['bar']}" if row["bar"] else "-"
        lines.append(
            f"| {row['workload']} | {row['opponent']['seconds_per_item']:.3f} | {row['ours']['seconds_per_item']:.3f} "
            f"| {row['ratio']['median']:.2f} ({low:.2f}-{high:.2f}) | {bar} | {shares} | {row['agreement']['levels']}/255 |"
        )
    for row in rows:
        if (cold := row["cold_start_cpu_s"]) is not None:
            lines += ["", f"Cold start to the first picture, imports included: {cold['opponent']} CPU-s, ours {cold['ours']} CPU-s."]
    return "\n".join(lines)


def run_all(works: Sequence[Workload], batch: int, repeats: int, cold: bool, opponent: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Measure all workloads of one device; the report that goes into the JSON. The bars are for the opponent that draws picture by picture."""
    device, rows, all_rounds = works[0].device, [], []
    for number, work in enumerate(works):
        row, rounds = measure(work, batch, repeats, opponent)
        all_rounds += rounds
        # Eight steps without guidance are reported; the bar of CUDA is for thirty with.
        row["bar"] = BAR[device] if number == 0 and not opponent else None
        row["opponent_draws"] = dict(opponent or {})
        row["bar_met"] = row["bar"] is None or row["ratio"]["median"] >= row["bar"]
        row["cold_start_cpu_s"] = cold_start(work) if cold else None
        rows.append(row)
    facts = machine(device, all_rounds)
    for row in rows:
        row["used_pct"] = used_pct(row, row["flops_per_picture"], facts)
    return {"benchmark": "throughput", "device": device, "machine": facts, "rows": rows}


def main() -> int:
    """Run the benchmark; 0 if the bar is met, or there is no device to measure."""
    parser = measuring_parser(__doc__ or "")
    parser.add_argument("--batch", type=whole_number(1), default=8, help="pictures that our engine draws together")
    parser.add_argument("--categories", type=whole_number(1), default=3)
    parser.add_argument("--products", type=whole_number(1), default=4, help="of each category, two variants each")
    parser.add_argument("--loras", type=Path, default=None, help="a folder per category with its LoRA; without it they are trained first")
    parser.add_argument(
        "--opponent-batch", type=whole_number(1), default=1, help="pictures of a call of the stock pipeline; above 1 there is no bar"
    )
    parser.add_argument(
        "--opponent-fused", action="store_true", help="the stock pipeline's LoRA is fused into the weights; there is no bar then"
    )
    parser.add_argument("--no-cold-start", action="store_true", help="do not start fresh processes")
    parser.add_argument(
        "--memory", choices=("resident", "staged"), help="on CUDA, ours: where the model's parts lie (docs/how-to/engine.md)"
    )
    parser.add_argument(
        "--weights", choices=("float8",), help="on CUDA, ours: what the denoiser's weights are stored in; draws other pictures"
    )
    parser.add_argument(
        "--compile", action="store_true", help="on CUDA, ours: compile the denoiser's repeated blocks, in the round that warms up"
    )
    options = parser.parse_args()
    chosen = {name: value for name in ("memory", "weights", "compile") if (value := getattr(options, name))}
    if options.device == "cpu" and chosen:
        parser.error(
            f"--{next(iter(chosen))} is for --device cuda: on a CPU both sides have to draw the same pictures from the same memory"
        )
    if options.device == "cuda" and (why := no_cuda()):
        print(why)
        return 0
    import torch

    torch.set_num_threads(1)
    hush_libraries()
    with tempfile.TemporaryDirectory() as scratch:
        if options.tiny:
            works = sdxl_workloads(Path(scratch), size="sdxl-tiny", size_px=TINY_PX, device="cpu", pictures=2, sampling=[TINY_SAMPLING])
        elif options.device == "cpu":
            works = [demo_workload(Path(scratch), categories=options.categories, products=options.products, loras=options.loras)]
        else:
            works = [as_held(work, chosen) for work in sdxl_workloads(Path(scratch))]
        cold = not options.no_cold_start and not options.tiny
        opponent = {"batch": options.opponent_batch, "fuse": options.opponent_fused}
        opponent = {} if opponent == {"batch": 1, "fuse": False} else opponent
        report = run_all(works, options.batch, 1 if options.tiny else options.repeat, cold=cold, opponent=opponent)
    if options.tiny:
        report["rows"] = [row | {"bar": None} for row in report["rows"]]
    print(table_of(report["rows"], works[0].device))
    print(note_on(report["machine"]))
    finish(report, options.json, tiny=options.tiny, repeats=options.repeat)
    return 0 if options.tiny or all(row["bar_met"] for row in report["rows"]) else 1


@cache
def _base_model(folder: Path) -> BaseModel:
    """A base model's digest covers all of its files, so it is read once, as the asset does; the opponent's pipeline is loaded once, too."""
    return read_base_model(folder)


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
