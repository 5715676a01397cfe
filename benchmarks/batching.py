"""Images per second at batch 1, 2, 4, 8 and 16 for each base model at hand, against the claim that batching saves up to 60 % of the time.

    python -m benchmarks.batching --device cpu
    python -m benchmarks.batching --device cuda --json docs/benchmarks/batching-cuda.json

On a CPU: the embedded model with a LoRA, as the demo draws. On CUDA: SDXL's true sizes with random weights. Ours alone (`DiffusionPlates`),
batch sizes in turns; what a batch of one costs is the 100 % that others are compared with. A batch that does not fit into memory is told so.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.side_by_side import Rounds, hush_libraries, machine, no_cuda, note_on, ratio, summary, take_turns
from benchmarks.stock_diffusers import Job
from benchmarks.throughput import CLOCK, draw_ours, plates_of
from benchmarks.workloads import Workload, demo_workload, sdxl_workloads

BATCHES = (1, 2, 4, 8, 16)
CLAIM_PCT = 60
"""What the product brief says batching saves at most."""


def measure(work: Workload, jobs: Sequence[Job], batches: Sequence[int], repeats: int) -> tuple[dict[str, Any], Rounds]:
    """Seconds per image by batch size, on the same jobs of one category."""
    import torch

    from catalog.errors import ModelError

    def draw(batch: int) -> list[np.ndarray]:
        return draw_ours(work, jobs, batch)

    fitting, refused = [], {}
    for batch in batches:
        try:
            draw(batch)
            # Out of memory, the engine halves the batch, goes on and remembers: then it did not draw what it was asked for.
            fits = plates_of(work, jobs[0].category, batch).batch_size.images
            if fits == batch:
                fitting.append(batch)
            else:
                refused[batch] = f"out of memory, {fits} fit"
        except (torch.OutOfMemoryError, ModelError) as error:
            refused[batch] = str(error).splitlines()[0]
    rounds = take_turns(
        {str(batch): (lambda batch=batch: draw(batch)) for batch in fitting},
        repeats,
        warm_up=0,
        drain=torch.cuda.synchronize if work.device == "cuda" else lambda: None,
    )
    clock = CLOCK[work.device]
    by_batch = {}
    for batch in fitting:
        row = summary(rounds, str(batch), len(jobs), clock)
        faster = ratio(rounds, str(fitting[0]), str(batch), clock)["median"]
        by_batch[batch] = row | {"images_per_s": 1 / row["seconds_per_item"], "saved_pct": 100 * (1 - 1 / faster)}
    return {"workload": work.name, "images": len(jobs), "repeats": repeats, "clock": clock, "batches": by_batch, "refused": refused}, rounds


def table_of(rows: Sequence[dict[str, Any]]) -> str:
    """Batch sizes across; images per second, and what is saved against a batch of one."""
    sizes = sorted({size for row in rows for size in (*row["batches"], *row["refused"])})
    lines = ["| images per second at batch | " + " | ".join(map(str, sizes)) + " |", "|---|" + "---|" * len(sizes)]
    for row in rows:
        cells = [
            f"{row['batches'][size]['images_per_s']:.2f} ({row['batches'][size]['saved_pct']:+.0f} %)"
            if size in row["batches"]
            else "no memory"
            for size in sizes
        ]
        lines.append(f"| {row['workload']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> int:
    """Run the benchmark; it has no bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--images", type=int, default=16, help="drawn with each batch size")
    parser.add_argument("--loras", type=Path, default=None, help="as for benchmarks.throughput")
    parser.add_argument("--json", type=Path, default=None, help="the report is also written there")
    options = parser.parse_args()
    if options.device == "cuda" and (why := no_cuda()):
        print(why)
        return 0
    import torch

    torch.set_num_threads(1)
    hush_libraries()
    rows, all_rounds = [], []
    with tempfile.TemporaryDirectory() as scratch:
        if options.device == "cpu":
            works = [demo_workload(Path(scratch), categories=1, products=(options.images + 1) // 2, loras=options.loras)]
        else:
            works = sdxl_workloads(Path(scratch), pictures=options.images)
        for work in works:
            row, rounds = measure(work, work.jobs[: options.images], BATCHES, options.repeat)
            rows.append(row)
            all_rounds += rounds
    report = {"benchmark": "batching", "device": options.device, "machine": machine(options.device, all_rounds), "rows": rows}
    print(table_of(rows))
    print(f"CPU-seconds on a CPU, wall seconds on CUDA. The brief claims up to {CLAIM_PCT} % saved.")
    print(note_on(report["machine"]))
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
