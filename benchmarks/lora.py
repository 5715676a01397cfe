"""Does a category's LoRA bring the look? Trains one per category and measures pictures drawn from the trigger phrase alone.

The bar: over at least 32 seeds, they are at least 40 % nearer to the category's held-out look pictures than the base model's, both in
palette (Frechet distance in Lab) and in layout (8 x 8 cells); and no LoRA of another category, given the same phrase, does as well.
Writes a table (JSON) and a sheet to docs/lora/; exits with 1 if the bar is missed.

    python -m benchmarks.lora --base-model demo/base-model --looks demo/catalog/looks
    python -m benchmarks.lora --categories bags drinkware
"""

import argparse
import csv
import json
import sys
import time
from pathlib import Path
from typing import Any

from catalog.look_files import is_mask
from catalog.recipe import read_yaml
from generation.base_model import BaseModel, read_base_model
from generation.plates import DiffusionPlates
from training.look_distance import LookDistance, Pixels, layout_distance, look_distance
from training.lora import LoraSettings, TrainedLora, train_lora
from training.sample_sheet import picture_sheet
from training.training_set import TrainingSet, build_training_set

BAR_PCT = 40.0
SEEDS = 32
FIRST_SEED = 9000
BATCH = 8
SHEET_COLUMNS = 8
SHEET_TILE_PX = 96
SHEET_MAX_BYTES = 400_000
PICTURE_SUFFIXES = (".jpg", ".png", ".webp")


def read_look(folder: Path, trigger: str, size_px: int) -> TrainingSet:
    """The training set of a folder of look pictures with a captions.csv beside them."""
    files = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix in PICTURE_SUFFIXES}
    pictures = [(name, data) for name, data in files.items() if not is_mask(name)]
    masks = {name: data for name, data in files.items() if is_mask(name)}
    captions_file = folder / "captions.csv"
    captions = {}
    if captions_file.is_file():
        with captions_file.open(encoding="utf-8-sig", newline="") as stream:
            captions = {row["file"]: row["caption"] for row in csv.DictReader(stream)}
    return build_training_set(pictures, captions, trigger, size_px=size_px, masks=masks)


def draw(base_model: BaseModel, lora: TrainedLora | None, trigger: str, seeds: int, threads: int) -> list[Pixels]:
    """Pictures of consecutive seeds, all prompted by the trigger phrase alone, with the plates' own steps and guidance."""
    which = (lora.path, lora.digest) if lora else (None, None)
    plates = DiffusionPlates(base_model, *which, threads=threads)
    numbers = range(FIRST_SEED, FIRST_SEED + seeds)
    batches = [numbers[start : start + BATCH] for start in range(0, seeds, BATCH)]
    return [picture for batch in batches for picture in plates.draw([trigger] * len(batch), batch)]


def nearer_pct(ours: LookDistance, base: LookDistance) -> dict[str, float]:
    """How much nearer to the look than the base model, percent; negative is farther away."""
    return {
        "palette": 100 * (1 - ours.palette_delta_e / base.palette_delta_e),
        "layout": 100 * (1 - ours.layout_delta_e / base.layout_delta_e),
    }


def measure(
    category: str, drawn: dict[str, list[Pixels]], training_set: TrainingSet, lora: TrainedLora, cpu_s: float | None
) -> dict[str, Any]:
    """One row of the table. `drawn`: pictures of this category's phrase by "base" and by each category's LoRA."""
    look = [picture.pixels_HW3 for picture in training_set.held_out]
    base, own = look_distance(drawn["base"], look), look_distance(drawn[category], look)
    nearer = nearer_pct(own, base)
    others = {name: nearer_pct(look_distance(pictures, look), base) for name, pictures in drawn.items() if name not in ("base", category)}
    trained_on = [picture.pixels_HW3 for picture in training_set.train[::2]]
    return {
        "base": vars(base),
        "lora": vars(own),
        "look_to_itself": vars(look_distance(trained_on, look)),
        "coverage_delta_e": {"base": layout_distance(look, drawn["base"]), "lora": layout_distance(look, drawn[category])},
        "nearer_pct": nearer,
        "other_loras_nearer_pct": others,
        "held_out_loss": {
            "base": lora.curve[0].validation_loss,
            "lora": min(point.validation_loss for point in lora.curve),
            "best_step": lora.best_step,
        },
        "pictures": {"train": len(trained_on), "held_out": len(look)},
        "training_cpu_s": cpu_s,
        "bar_met": min(nearer.values()) >= BAR_PCT and all(other[key] < nearer[key] for other in others.values() for key in nearer),
    }


def train_all(
    triggers: dict[str, str], sets: dict[str, TrainingSet], base_model: BaseModel, settings: LoraSettings, work_dir: Path
) -> dict[str, tuple[TrainedLora, float | None]]:
    """Each category's LoRA and the CPU seconds its training took, sample sheet included; None if it went on from an earlier one's checkpoint."""
    trained: dict[str, tuple[TrainedLora, float | None]] = {}
    for category in triggers:
        begun = any((work_dir / category).rglob("step-*.safetensors"))
        start = time.process_time()
        lora = train_lora(settings, sets[category], base_model, work_dir / category)
        taken = None if begun else time.process_time() - start
        trained[category] = (lora, taken)
        how = "went on from an earlier training" if taken is None else f"trained in {taken:.0f} CPU-s"
        print(f"{category}: {how}, held-out loss {[round(point.validation_loss, 4) for point in lora.curve]}", flush=True)
    return trained


def sheet(drawn: dict[str, dict[str, list[Pixels]]], sets: dict[str, TrainingSet], triggers: dict[str, str]) -> bytes:
    """Four rows per category: the look, the base model, the category's LoRA, another category's."""
    rows = []
    categories = list(triggers)
    for index, category in enumerate(categories):
        other = categories[(index + 1) % len(categories)]
        rows += [
            (f"{category}: held-out pictures of the look", [p.pixels_HW3 for p in sets[category].held_out[:SHEET_COLUMNS]]),
            (f'base model, prompt "{triggers[category]}"', drawn[category]["base"][:SHEET_COLUMNS]),
            (f"LoRA of {category}, same prompt and seeds", drawn[category][category][:SHEET_COLUMNS]),
            (f"control: LoRA of {other}, same prompt and seeds", drawn[category][other][:SHEET_COLUMNS]),
        ]
    for quality in (86, 76, 66, 56):
        data = picture_sheet(rows, tile_px=SHEET_TILE_PX, quality=quality)
        if len(data) <= SHEET_MAX_BYTES:
            return data
    raise SystemExit(f"The sheet has {len(data)} bytes; at most {SHEET_MAX_BYTES} are committed.")


def report(rows: dict[str, dict[str, Any]]) -> None:
    """Print the table."""
    print(f"{'category':12} {'palette dE: base > LoRA':26} {'layout dE: base > LoRA':26} best other LoRA        bar")
    for category, row in rows.items():
        others = row["other_loras_nearer_pct"].values()
        met = "met" if row["bar_met"] else "MISSED"
        best = {key: max(other[key] for other in others) for key in ("palette", "layout")}
        cells = [
            f"{row['base'][f'{key}_delta_e']:5.1f} > {row['lora'][f'{key}_delta_e']:5.1f} = {row['nearer_pct'][key]:+3.0f} %".ljust(26)
            for key in ("palette", "layout")
        ]
        print(f"{category:12} {cells[0]} {cells[1]} {best['palette']:+5.0f} % / {best['layout']:+5.0f} %     {met}")


def main() -> int:
    """Run the benchmark; 0 if every category meets the bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base-model", type=Path, default=Path("demo/base-model"))
    parser.add_argument("--looks", type=Path, default=Path("demo/catalog/looks"), help="one folder of pictures per category")
    parser.add_argument("--brand", type=Path, default=Path("demo/catalog/brand.yaml"), help="brand kit that names the trigger phrases")
    parser.add_argument("--work-dir", type=Path, default=Path(".vitrine/benchmarks/lora"))
    parser.add_argument("--out", type=Path, default=Path("docs/lora"))
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--categories", nargs="+", metavar="CATEGORY", help="two or more, each the other's control; all by default")
    parser.add_argument("--settings", type=json.loads, default={}, help="LoraSettings to override, as JSON")
    options = parser.parse_args()

    settings = LoraSettings(**options.settings)
    base_model = read_base_model(options.base_model)
    categories = sorted(path.name for path in options.looks.iterdir() if path.is_dir())
    if unknown := sorted(set(options.categories or ()) - set(categories)):
        parser.error(f"there is no look of {', '.join(unknown)} under {options.looks}, but of {', '.join(categories)}")
    categories = sorted(set(options.categories or categories))
    if len(categories) < 2:
        parser.error("each category's control is another one's LoRA: name two or more")
    known = read_yaml(options.brand)["categories"]
    triggers = {category: known[category]["trigger"] for category in categories}
    sets = {category: read_look(options.looks / category, triggers[category], base_model.size_px) for category in categories}
    trained = train_all(triggers, sets, base_model, settings, options.work_dir)
    drawn: dict[str, dict[str, list[Pixels]]] = {category: {} for category in categories}
    for name in ("base", *categories):  # one LoRA after the other, so that each is attached once
        for category in categories:
            lora = None if name == "base" else trained[name][0]
            drawn[category][name] = draw(base_model, lora, triggers[category], options.seeds, settings.threads)
    rows = {category: measure(category, drawn[category], sets[category], *trained[category]) for category in categories}
    report(rows)
    options.out.mkdir(parents=True, exist_ok=True)
    facts = {"base_model": base_model.digest, "settings": settings.model_dump(mode="json"), "seeds": options.seeds, "bar_pct": BAR_PCT}
    (options.out / "benchmark.json").write_text(json.dumps(facts | {"categories": rows}, indent=1) + "\n")
    (options.out / "looks.webp").write_bytes(sheet(drawn, sets, triggers))
    return 0 if all(row["bar_met"] for row in rows.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
