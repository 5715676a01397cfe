"""What the drawing benchmarks draw: the demo's scenes with its embedded model, or prompts for models of true sizes with random weights.

Measures nothing.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.lora import read_look, train_all
from benchmarks.random_models import write_random_lora, write_random_model
from benchmarks.stock_diffusers import Job
from catalog.brand_kit import read_brand_kit
from catalog.product import Product
from catalog.recipe import read_recipe, read_yaml
from generation.base_model import read_base_model
from generation.resolve import resolve
from training.settings import LoraSettings

ROOT = Path(__file__).resolve().parents[1]
TRAINED = ROOT / ".vitrine/benchmarks/lora"
VARIANTS = 2
FIRST_SEED = 7000
SDXL_RANK = 16
SDXL_PICTURES = 16
SDXL_PX = 1024
SDXL_BAR, SDXL_FAST = (30, 5.0), (8, 1.0)
"""Steps and guidance: the row that has a bar, and the few-step row."""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """Jobs sorted by category, a LoRA per category, and how both sides draw them into `out`."""

    name: str
    folder: Path
    loras: dict[str, Path]
    jobs: tuple[Job, ...]
    out: Path
    steps: int
    guidance: float
    size_px: int
    device: str
    execution: dict[str, Any] = field(default_factory=dict)
    """How ours is told to hold and run the model, by the fields of generation.execution.Execution; the opponent's is as loaded."""

    @property
    def settings(self) -> dict[str, Any]:
        """What the stock loop is told."""
        return {"steps": self.steps, "guidance": self.guidance, "size_px": self.size_px}

    def as_json(self) -> str:
        """For a fresh process."""
        return json.dumps({**vars(self), "jobs": [vars(job) for job in self.jobs]}, default=str)

    @classmethod
    def from_json(cls, text: str) -> "Workload":
        """What `as_json` wrote."""
        told = json.loads(text)
        paths = {name: Path(told[name]) for name in ("folder", "out")} | {"loras": {k: Path(v) for k, v in told["loras"].items()}}
        return cls(**told | paths | {"jobs": tuple(Job(**job) for job in told["jobs"])})


def demo_workload(out: Path, *, categories: int, products: int, loras: Path | None) -> Workload:
    """Staged scenes of the demo: every product of a category in its scenes, as the recipe resolves them, with the demo's steps and guidance."""
    project = read_yaml(ROOT / "demo/vitrine.yaml")["generation"]
    brand = read_brand_kit(ROOT / "demo/catalog/brand.yaml")
    recipe = read_recipe(ROOT / "generation/recipes/staged_scene.yaml")
    base_model = read_base_model(ROOT / "demo/base-model")
    chosen = sorted(brand.categories)[:categories]
    jobs = []
    for category in chosen:
        for number in range(products):
            sku = f"{category[:3].upper()}-{number:03d}"
            product = Product(sku=sku, title="A product", category=category, photos=(f"{sku}.jpg",))
            for variant in range(VARIANTS):
                prompt = resolve(recipe, product, brand, variant)["prompt"]
                jobs.append(Job(category=category, prompt=prompt, seed=FIRST_SEED + len(jobs), file=f"{sku}-{variant}.png"))
    return Workload(
        name=f"embedded model, {base_model.size_px} px, {project['steps']} steps, guidance {project['guidance']:g}",
        folder=base_model.folder, loras=demo_loras(chosen, loras), jobs=tuple(jobs), out=out, steps=project["steps"],
        guidance=project["guidance"], size_px=base_model.size_px, device="cpu",
    )  # fmt: skip


def demo_loras(categories: Sequence[str], folder: Path | None) -> dict[str, Path]:
    """Each category's LoRA: the newest file under `folder`/category, or trained now (or gone on with) where no folder is given."""
    if folder is not None:
        found = {
            category: sorted((folder / category).rglob("*.safetensors"), key=lambda path: path.stat().st_mtime) for category in categories
        }
        found = {category: [path for path in paths if path.name.startswith("lora")] for category, paths in found.items()}
        if missing := [category for category, paths in found.items() if not paths]:
            raise SystemExit(f"There is no LoRA for {', '.join(missing)} under {folder}.")
        return {category: paths[-1] for category, paths in found.items()}
    base_model = read_base_model(ROOT / "demo/base-model")
    triggers = {category: read_brand_kit(ROOT / "demo/catalog/brand.yaml").categories[category].trigger for category in categories}
    looks = {category: read_look(ROOT / "demo/catalog/looks" / category, triggers[category], base_model.size_px) for category in categories}
    return {category: lora.path for category, (lora, _) in train_all(triggers, looks, base_model, LoraSettings(), TRAINED).items()}


def sdxl_workloads(
    out: Path,
    *,
    size: str = "sdxl",
    size_px: int = SDXL_PX,
    device: str = "cuda",
    pictures: int = SDXL_PICTURES,
    sampling: Sequence[tuple[int, float]] = (SDXL_BAR, SDXL_FAST),
) -> list[Workload]:
    """SDXL's true sizes with random weights and a random LoRA: thirty guided steps, and eight without guidance."""
    folder = write_random_model(out / "model", size, device=device)
    lora = write_random_lora(folder, out / "lora.safetensors", rank=SDXL_RANK)
    scenes = ("oak table, sage wall, window light", "marble plinth, white wall, hard light", "linen table, gray wall, soft light")
    jobs = tuple(
        Job(category="random", prompt=f"{scenes[number % 3]}, {number}", seed=FIRST_SEED + number, file=f"{number}.png")
        for number in range(pictures)
    )
    return [
        Workload(
            name=f"{size}, {size_px} px, {steps} steps, " + (f"guidance {guidance:g}" if guidance > 1 else "no guidance"),
            folder=folder, loras={"random": lora}, jobs=jobs, out=out, steps=steps, guidance=guidance, size_px=size_px, device=device,
        )
        for steps, guidance in sampling
    ]  # fmt: skip
