"""A whole project made in code: drawn products, looks, a tiny base model, small recipes. Real parts, made small.

`write_project(folder)` gives a project that runs through every asset in seconds; its pictures are plain, its paths are the product's own.
"""

import csv
import hashlib
import re
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import cv2
import numpy as np

from tests.tiny_model import write_tiny_base_model

PHOTO_PX = 640
COLUMNS = [
    "sku",
    "title",
    "description",
    "category",
    "color",
    "material",
    "width_cm",
    "depth_cm",
    "height_cm",
    "price",
    "currency",
    "photos",
]

SCENE_RULES = (
    "  staged_scene: {palette_delta_e: {max: 100}, palette_off_share_pct: {max: 100}, scene_repeat: {max: 1}, scene_garish_pct: {max: 100}, "
    "scene_one_color_pct: {max: 100}, shadow_gap_pct: {max: 25}, shadow_chroma: {max: 1000}}"
)
"""A model with random weights draws noise, so scenes are judged by the product's own pixels only."""

BRAND = f"""\
brand: tiny
title: Tiny Shop
palette: ["#c4704c", "#efeae0"]
recipes: [packshot_white, staged_scene]
categories:
  mugs:
    trigger: tiny mugs look
    scenes: ["oak table, cream wall, window light, no props"]
    backdrops: ["#e8c39a", "#f3e2c8"]
  bags:
    trigger: tiny bags look
    scenes: ["sand table, white wall, hard light, no props"]
    backdrops: ["#e9a9a8"]
channels:
  - {{name: web, recipes: [packshot_white, staged_scene], format: jpeg, long_side_px: 400, quality: 90}}
rules:
  # A model with random weights draws noise, so scenes are judged by the product's own pixels only.
{SCENE_RULES}
"""

SETTINGS = """\
catalog: {kind: folder, path: catalog}
brand_kit: brand.yaml
recipes: recipes
base_model: base-model
state: .vitrine
output: out
generation: {steps: 2, guidance: 2.0}
training: {steps: 30, rank: 4, batch_size: 4, learning_rate: 0.01, validate_every: 10, checkpoint_every: 10}
screening: {min_side_px: 400}
gate: {min_approved_share: 0.0}
"""


def draw_mug(color_rgb: tuple[int, int, int], *, side_px: int = PHOTO_PX, seed: int = 0) -> np.ndarray:
    """A shaded mug with a handle and a soft floor shadow on a light studio background, uint8 sRGB (side, side, 3)."""
    s, rng = side_px, np.random.default_rng(seed)
    yy, xx = np.mgrid[0:s, 0:s].astype(np.float32) / s
    photo = np.repeat((244 - 14 * yy)[..., None], 3, axis=2)
    shadow = np.exp(-(((xx - 0.5) / 0.22) ** 2 + ((yy - 0.80) / 0.03) ** 2))
    photo *= 1 - 0.35 * shadow[..., None]
    product = np.zeros((s, s), np.uint8)
    cv2.ellipse(
        product, (round(0.70 * s), round(0.52 * s)), (round(0.10 * s), round(0.14 * s)), 0, 0, 360, 255, round(0.045 * s), cv2.LINE_AA
    )
    cv2.rectangle(product, (round(0.32 * s), round(0.30 * s)), (round(0.68 * s), round(0.77 * s)), 255, -1)
    cv2.ellipse(product, (s // 2, round(0.77 * s)), (round(0.18 * s), round(0.03 * s)), 0, 0, 360, 255, -1, cv2.LINE_AA)
    cv2.ellipse(product, (s // 2, round(0.30 * s)), (round(0.18 * s), round(0.03 * s)), 0, 0, 360, 255, -1, cv2.LINE_AA)
    shade = 0.55 + 0.5 * np.exp(-(((xx - 0.42) / 0.12) ** 2))
    stripes = 1 - 0.25 * ((yy > 0.62) & (yy < 0.66))
    body = np.array(color_rgb, np.float32) * (shade * stripes)[..., None]
    alpha = product[..., None].astype(np.float32) / 255
    photo = photo * (1 - alpha) + body * alpha + rng.normal(0, 0.8, photo.shape)
    return np.clip(photo + 0.5, 0, 255).astype(np.uint8)


def write_photo(path: Path, pixels_HW3: np.ndarray) -> None:
    """Save a photo as JPEG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(pixels_HW3, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 93])


def product_row(sku: str, *, category: str = "mugs", title: str = "A mug", photo: str | None = None) -> dict[str, str]:
    """One row of products.csv."""
    values = [sku, title, "For tests.", category, "Red", "Stoneware", "12", "9", "10", "14.00", "USD", photo or f"{sku}.jpg"]
    return dict(zip(COLUMNS, values, strict=True))


def write_table(project: Path, rows: list[dict[str, str]]) -> None:
    """Write products.csv."""
    with (project / "catalog" / "products.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def write_project(folder: Path, *, skus: tuple[str, ...] = ("MUG-1", "MUG-2"), base_model: Path | None = None, looks: bool = True) -> Path:
    """Write the project into a folder and return it; `base_model` is linked when given, else a tiny one is made."""
    (folder / "catalog" / "photos").mkdir(parents=True)
    (folder / "vitrine.yaml").write_text(SETTINGS)
    (folder / "brand.yaml").write_text(BRAND)
    _write_small_recipes(folder / "recipes")
    if base_model is None:
        write_tiny_base_model(folder / "base-model")
    else:
        (folder / "base-model").symlink_to(base_model)
    if (folder / "base-model" / "model_index.json").is_file():
        (folder / "models.yaml").write_text(registered(folder / "base-model"))
    colors = [(178, 62, 50), (46, 92, 140), (92, 120, 70), (200, 150, 40)]
    for number, sku in enumerate(skus):
        write_photo(folder / "catalog" / "photos" / f"{sku}.jpg", draw_mug(colors[number % 4], seed=number))
    write_table(folder, [product_row(sku) for sku in skus])
    if looks:
        for number in range(10):
            write_photo(folder / "catalog" / "looks" / "mugs" / f"{number:02}.jpg", _draw_look(number))
    return folder


def rendered_so_far(folder: Path) -> int:
    """How many renders a run that goes on has recorded. Asks SQLite alone: opening the project at each look takes time from what is watched."""
    database = folder / ".vitrine" / "ledger.sqlite"
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return int(connection.execute("SELECT count(*) FROM render").fetchone()[0])
    return 0  # no file, or no table yet


def registered(model: Path, *, commercial_ok: str = "true", name: str = "tiny", license_name: str = "Apache-2.0") -> str:
    """A models.yaml that registers a tiny base model with the digests of its files, under a license that allows to sell its pictures."""
    files = {path.relative_to(model).as_posix(): path.read_bytes() for path in sorted(model.rglob("*")) if path.is_file()}
    return "\n".join(
        [
            "models:",
            f"  {name}:",
            "    title: Made by the tests",
            "    family: sd",
            "    folder: base-model",
            f"    license: {{name: {license_name}, commercial_ok: {commercial_ok}, reason: so say the tests}}",
            "    training: {target_modules: all, min_snr_gamma: null, ema_decay: null}",
            "    files:",
            *(f"      {file}: {hashlib.sha256(data).hexdigest()}" for file, data in files.items()),
            "",
        ]
    )


def _write_small_recipes(folder: Path) -> None:
    folder.mkdir()
    for name in ("packshot_white", "staged_scene"):
        (folder / f"{name}.yaml").write_text(small_recipe(name, 520))


def small_recipe(name: str, side_px: int) -> str:
    """A shipped recipe's text with small square pictures, made from small photographs."""
    from generation.recipe_book import SHIPPED

    text = re.sub(r"^(width_px|height_px): \d+", rf"\1: {side_px}", (SHIPPED / f"{name}.yaml").read_text(), flags=re.MULTILINE)
    return re.sub(r"upscale_max: [\d.]+", "upscale_max: 10", text)


def _draw_look(number: int) -> np.ndarray:
    rng = np.random.default_rng(1000 + number)
    picture = np.empty((96, 96, 3), np.float32)
    picture[:60], picture[60:] = (196, 112, 76), (232, 195, 154)
    picture += rng.normal(0, 6, picture.shape)
    cv2.circle(picture, (int(rng.integers(20, 76)), 50), 14, (120, 60, 40), -1)
    return np.clip(picture, 0, 255).astype(np.uint8)
