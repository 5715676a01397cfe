"""What contests between LoRAs decide (training/contest.py): equals, a longer training against a shorter one, and another category's LoRA.

    python -m benchmarks.contest
    python -m benchmarks.contest --category drinkware --other bags --json docs/lora/contest.json

Trains what it needs on the embedded model, or goes on with what it trained before, and holds each contest both ways, with plates as the demo draws. Prints
a table. Exits with 1 if equals are promoted, or who should win does not.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.command_line import finish, report_file, whole_number
from benchmarks.lora import read_look
from benchmarks.side_by_side import hush_libraries, machine, note_on
from benchmarks.workloads import ROOT, TRAINED
from catalog.brand_kit import read_brand_kit
from catalog.recipe import read_yaml
from generation.base_model import BaseModel, read_base_model
from generation.plates import DiffusionPlates
from training.contest import CONTEST_VERSION, Contest, hold_contest
from training.entrants import Entrant, LoraFile, feature_measure, look_pixels, measured_entrants
from training.lora import LoraSettings, train_lora
from training.training_set import TrainingSet

SHORT_SHARE = 4
"""A short training takes this part of the steps."""


@dataclass(frozen=True, kw_only=True)
class Pairing:
    """Who challenges whom, by the entrants' names, and whether the challenger should win."""

    challenger: str
    incumbent: str
    should_win: bool


PAIRINGS = (
    Pairing(challenger="seed 1", incumbent="full", should_win=False),
    Pairing(challenger="full", incumbent="seed 1", should_win=False),
    Pairing(challenger="full", incumbent="short", should_win=True),
    Pairing(challenger="short", incumbent="full", should_win=False),
    Pairing(challenger="short", incumbent="other", should_win=True),
    Pairing(challenger="other", incumbent="short", should_win=False),
)


def train_entrants(
    looks: dict[str, TrainingSet], category: str, other: str, base_model: BaseModel, steps: int, work_dir: Path
) -> dict[str, LoraFile]:
    """The LoRAs that meet: a full training, one of another seed, a short one, and another category's."""
    wanted = {
        "full": (category, LoraSettings(steps=steps)),
        "seed 1": (category, LoraSettings(steps=steps, seed=1)),
        "short": (category, LoraSettings(steps=max(1, steps // SHORT_SHARE))),
        "other": (other, LoraSettings(steps=steps)),
    }
    files = {}
    for name, (look, settings) in wanted.items():
        trained = train_lora(settings, looks[look], base_model, work_dir / look)
        files[name] = LoraFile(path=trained.path, digest=trained.digest)
        print(f"{name}: {settings.steps} steps on {look}, seed {settings.seed}", file=sys.stderr, flush=True)
    return files


def measure_entrants(
    files: dict[str, LoraFile], look: TrainingSet, base_model: BaseModel, work_dir: Path
) -> tuple[dict[str, Entrant], float]:
    """What each draws and loses on the look's held-out pictures, and the CPU seconds that one of them took on average."""
    project = read_yaml(ROOT / "demo/vitrine.yaml")["generation"]
    drawn_with = DiffusionPlates(base_model, None, None, steps=project["steps"], guidance=project["guidance"])
    start = time.process_time()
    measured = measured_entrants(LoraSettings(), look, base_model, list(files.values()), feature_measure(None), work_dir, drawn_with)
    return dict(zip(files, measured, strict=True)), (time.process_time() - start) / len(files)


def hold_all(entrants: dict[str, Entrant], look: TrainingSet) -> list[tuple[Pairing, Contest]]:
    """Every pairing's contest."""
    pictures = [look_pixels(picture) for picture in look.held_out]
    features = feature_measure(None).of(pictures)
    return [(one, hold_contest(entrants[one.challenger], entrants[one.incumbent], pictures, features)) for one in PAIRINGS]


def table_of(held: Sequence[tuple[Pairing, Contest]]) -> str:
    """One row per contest; what is surely better is bold."""
    lines = ["| new against in use | loss | palette | layout | texture | promoted | as it should be |", "|---|---|---|---|---|---|---|"]
    for one, contest in held:
        scores = [f"{_bold(score.challenger, score.verdict)} / {score.incumbent:.3g}" for score in contest.scores]
        right = "yes" if contest.won == one.should_win else "NO"
        lines.append(f"| {one.challenger} against {one.incumbent} | {' | '.join(scores)} | {'yes' if contest.won else 'no'} | {right} |")
    return "\n".join(lines)


def main() -> int:
    """Train, measure, hold the contests, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    looks = sorted(path.name for path in (ROOT / "demo/catalog/looks").iterdir() if path.is_dir())
    parser.add_argument("--category", choices=looks, default="drinkware")
    parser.add_argument("--other", choices=looks, default="bags", help="whose LoRA comes from elsewhere")
    parser.add_argument("--steps", type=whole_number(1), default=LoraSettings().steps, help="of a full training")
    parser.add_argument("--work-dir", type=Path, default=TRAINED)
    parser.add_argument("--json", type=report_file, default=None, help="the report is also written there")
    options = parser.parse_args()
    if options.category == options.other:
        parser.error("--other has to be another category than --category")
    import torch

    torch.set_num_threads(1)
    hush_libraries()
    base_model = read_base_model(ROOT / "demo/base-model")
    known = read_brand_kit(ROOT / "demo/catalog/brand.yaml").categories
    sets = {
        name: read_look(ROOT / "demo/catalog/looks" / name, known[name].trigger, base_model.size_px)
        for name in (options.category, options.other)
    }
    files = train_entrants(sets, options.category, options.other, base_model, options.steps, options.work_dir)
    entrants, cpu_s = measure_entrants(files, sets[options.category], base_model, options.work_dir / options.category)
    held, facts = hold_all(entrants, sets[options.category]), machine("cpu", [])
    print(table_of(held))
    print(f"Measuring one LoRA took {cpu_s:.1f} CPU-s; {CONTEST_VERSION}. {note_on(facts)}")
    report: dict[str, Any] = {
        "benchmark": "contest",
        "machine": facts,
        "category": options.category,
        "other": options.other,
        "steps": options.steps,
    }
    report |= {
        "measuring_cpu_s": cpu_s,
        "contests": [vars(one) | contest.as_json() | {"won": contest.won, "reason": contest.reason} for one, contest in held],
    }
    finish(report, options.json)
    return 0 if all(contest.won == one.should_win for one, contest in held) else 1


def _bold(value: float, verdict: str) -> str:
    return f"**{value:.3g}**" if verdict == "better" else f"{value:.3g}"


if __name__ == "__main__":
    sys.exit(main())
