"""Images per second at batch 1, 2, 4, 8 and 16 for each family of base models, against the claim that batching saves up to 60 % of the time.

    python -m benchmarks.batching --device cpu
    python -m benchmarks.batching --device cuda --json docs/benchmarks/batching-cuda.json
    python -m benchmarks.batching --device cuda --families z-image qwen-image-edit

On CUDA: random weights of the true sizes, made on the device, with a LoRA beside them (family_drawing.py). On a CPU: the embedded model as the demo
draws, and every family's classes scaled down; the table says how much: that measures how the loop batches, not the model. Ours alone, batch
sizes in turns; a batch of one is the 100 % that others are compared with. What does not fit into memory is told so. It has no bar.
"""

import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.command_line import finish, measuring_parser, whole_number
from benchmarks.family_drawing import Drawing, draw, drawings_of, flops_per_picture, make_ready, scale_of
from benchmarks.family_models import FAMILIES
from benchmarks.gpus import read_gpus, utilization_pct
from benchmarks.side_by_side import Rounds, hush_libraries, machine, no_cuda, note_on, summary, take_turns
from benchmarks.throughput import CLOCK, draw_ours, plates_of
from benchmarks.workloads import FIRST_SEED, Workload, demo_workload

CLAIM_PCT = 60
"""What the product brief says batching saves at most."""
BATCHES = (1, 2, 4, 8, 16)
IMAGES = {"cpu": 8, "cuda": 1}
"""At least so many are drawn per batch size and round; one batch is enough where a picture takes longer than the clock is off."""
TINY_BATCHES = (1, 2)


def measure(
    name: str, draw_batches: Callable[[int, int], Any], batches: Sequence[int], *, images: int, repeats: int, device: str
) -> tuple[dict[str, Any], Rounds]:
    """Seconds per image by batch size. `draw_batches` takes the batch size and how many pictures, and returns why the batch did not fit, or ''."""
    import torch

    counts = {batch: -(-max(images, batch) // batch) * batch for batch in batches}
    fitting, refused = [], {}
    for batch in batches:  # also the round that warms up
        if why := _refusal(draw_batches, batch, counts[batch]):
            refused[batch] = why
        else:
            fitting.append(batch)
    rounds = take_turns(
        {str(batch): partial(draw_batches, batch, counts[batch]) for batch in fitting},
        repeats if fitting else 0,
        warm_up=0,
        drain=torch.cuda.synchronize if device == "cuda" else lambda: None,
    )
    clock, by_batch = CLOCK[device], {}
    for batch in fitting:
        row = summary(rounds, str(batch), counts[batch], clock)
        saved_pct = 100 * (1 - _share(rounds, fitting[0], batch, counts, clock))
        by_batch[batch] = row | {"images_per_s": 1 / row["seconds_per_item"], "saved_pct": saved_pct, "images": counts[batch]}
    return {"workload": name, "repeats": repeats, "clock": clock, "batches": by_batch, "refused": refused}, rounds


def measure_drawing(drawing: Drawing, device: str, batches: Sequence[int], images: int, repeats: int) -> tuple[dict[str, Any], Rounds]:
    """One family's row, with the operations of a picture, and the scale where the model is scaled down."""
    import torch

    told = {"flops_per_picture": flops_per_picture(drawing), "scale": scale_of(drawing) if drawing.small else "true size"}
    try:
        ready = make_ready(drawing, device)
    except torch.OutOfMemoryError:
        refused = dict.fromkeys(batches, "out of memory: the weights alone do not fit")
        return {"workload": drawing.name, "repeats": 0, "clock": CLOCK[device], "batches": {}, "refused": refused} | told, []

    def draw_batches(batch: int, count: int) -> str:
        draw(ready, range(FIRST_SEED, FIRST_SEED + count), batch)
        return ""

    row, rounds = measure(drawing.name, draw_batches, batches, images=images, repeats=repeats, device=device)
    return row | told, rounds


def measure_workload(work: Workload, batches: Sequence[int], images: int, repeats: int) -> tuple[dict[str, Any], Rounds]:
    """The embedded model's row, drawn as the asset does, PNG files included."""

    def draw_batches(batch: int, count: int) -> str:
        draw_ours(work, [work.jobs[n % len(work.jobs)] for n in range(count)], batch)
        # Out of memory, the engine halves the batch, goes on and remembers: then it did not draw what it was asked for.
        fits = plates_of(work, work.jobs[0].category, batch).batch_size.images
        return "" if fits == batch else f"out of memory, {fits} fit"

    row, rounds = measure(work.name, draw_batches, batches, images=images, repeats=repeats, device=work.device)
    return row | {"flops_per_picture": None, "scale": "true size"}, rounds


def add_used_pct(row: dict[str, Any], gpu: str | None) -> dict[str, Any]:
    """The row with the share of the maker's figure that each batch size used (MFU), percent; None on a CPU and for a GPU that is not in the table."""
    for measured in row["batches"].values():
        per_s = None if row["flops_per_picture"] is None else row["flops_per_picture"] / measured["seconds_per_item"]
        measured["mfu_pct"] = None if gpu is None or per_s is None else utilization_pct(per_s, gpu, read_gpus())
    return row


def table_of(rows: Sequence[dict[str, Any]]) -> str:
    """Batch sizes across; images per second, what is saved against a batch of one, and the best MFU where a GPU was measured."""
    sizes = sorted({size for row in rows for size in (*row["batches"], *row["refused"])})
    lines = [
        "| images per second at batch | " + " | ".join(map(str, sizes)) + " | MFU at best | scale |",
        "|---|" + "---|" * (len(sizes) + 2),
    ]
    for row in rows:
        cells = [_cell(row, size) for size in sizes]
        best = max((one["mfu_pct"] for one in row["batches"].values() if one.get("mfu_pct") is not None), default=None)
        used = "-" if best is None else f"{best:.0f} %"
        lines.append(f"| {row['workload']} | " + " | ".join(cells) + f" | {used} | {row.get('scale', 'true size')} |")
    return "\n".join(lines)


def run(options: Any) -> dict[str, Any]:
    """Measure what the flags ask for; the report that goes into the JSON."""
    rows, all_rounds, repeats = [], [], 1 if options.tiny else options.repeat
    images = 1 if options.tiny else options.images or IMAGES[options.device]
    with tempfile.TemporaryDirectory() as scratch:
        if options.device == "cpu" and not options.tiny and "embedded" in options.families:
            work = demo_workload(Path(scratch), categories=1, products=(images + 1) // 2, loras=options.loras)
            row, rounds = measure_workload(work, options.batches, images, repeats)
            rows.append(row)
            all_rounds += rounds
    for drawing in drawings_of(options.families, small=options.tiny or options.device == "cpu"):
        batches = [batch for batch in (TINY_BATCHES if options.tiny else options.batches) if batch in drawing.batches]
        if batches:
            row, rounds = measure_drawing(drawing, options.device, batches, images, repeats)
            rows.append(row)
            all_rounds += rounds
            _make_room()
    facts = machine(options.device, all_rounds)
    rows = [add_used_pct(row, facts.get("gpu")) for row in rows]
    return {"benchmark": "batching", "device": options.device, "machine": facts, "rows": rows}


def main() -> int:
    """Run the benchmark."""
    parser = measuring_parser(__doc__ or "")
    known = ("embedded", *FAMILIES)
    parser.add_argument(
        "--families", nargs="+", choices=known, default=known, metavar="FAMILY", help=f"of {', '.join(known)}; all by default"
    )
    parser.add_argument("--batches", nargs="+", type=whole_number(1), default=BATCHES, metavar="N")
    parser.add_argument(
        "--images", type=whole_number(1), help=f"drawn at least per batch size and round; {IMAGES['cpu']} on a CPU, else one batch"
    )
    parser.add_argument("--loras", type=Path, default=None, help="of the embedded model, as for benchmarks.throughput")
    options = parser.parse_args()
    if options.device == "cuda" and (why := no_cuda()):
        print(why)
        return 0
    import torch

    torch.set_num_threads(1)
    hush_libraries()
    report = run(options)
    print(table_of(report["rows"]))
    print(f"CPU-seconds on a CPU, wall seconds on CUDA. The brief claims up to {CLAIM_PCT} % saved.")
    print(note_on(report["machine"]))
    finish(report, options.json, tiny=options.tiny, repeats=options.repeat)
    return 0


def _refusal(draw_batches: Callable[[int, int], Any], batch: int, count: int) -> str:
    """Why a batch cannot be measured; '' if it can."""
    import torch

    from catalog.errors import ModelError

    try:
        return str(draw_batches(batch, count))
    except (torch.OutOfMemoryError, ModelError) as error:
        why = str(error).splitlines()[0]
    torch.cuda.empty_cache()  # outside of the handler, whose error holds on to what filled the memory
    return why


def _make_room() -> None:
    """Let go of a model that was measured, so that the next one is measured with all of the memory."""
    import gc

    import torch

    gc.collect()  # a pipeline and its parts refer to one another
    torch.cuda.empty_cache()


def _share(rounds: Rounds, single: int, batch: int, counts: dict[int, int], clock: str) -> float:
    """An image's seconds at `batch` as a share of its seconds at `single`: the median over rounds of each round's own."""
    import statistics

    def seconds(spent: Any, size: int) -> float:
        return float(getattr(spent[str(size)], clock)) / counts[size]

    return statistics.median(seconds(one, batch) / seconds(one, single) for one in rounds)


def _cell(row: dict[str, Any], size: int) -> str:
    if size in row["batches"]:
        return f"{row['batches'][size]['images_per_s']:.2f} ({row['batches'][size]['saved_pct']:+.0f} %)"
    return "no memory" if size in row["refused"] else "-"


if __name__ == "__main__":
    sys.exit(main())
