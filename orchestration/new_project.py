"""Make a project folder for one's own catalog: settings, brand kit, an example row with a photo, room for looks."""

import shutil
from pathlib import Path

from catalog.errors import SettingsError
from orchestration.shipped import shipped_project

SETTINGS = """\
# Settings of this Vitrine project. Paths are relative to this folder; every setting is explained in docs/how-to/your-own-catalog.md.
catalog:
  kind: folder             # or s3 (a prefix of a bucket), or sql (any database, with pictures in a folder or bucket):
  path: catalog            # products.csv, .jsonl or .parquet, photos/, looks/<category>/; see docs/how-to/catalog-sources.md
# pilot:                   # work on a part of the catalog only
#   categories: [drinkware]
#   sample: 200
brand_kit: brand.yaml
base_model: embedded       # the demo's own small one; `vitrine models list` names others, or name a folder in diffusers layout
state: .vitrine
output: vitrine-out
costs:
  usd_per_hour: 0.10       # what one worker-hour of this machine costs you
# nightly:                 # take the leading '#' away and stale cells are brought up to date every night
#   cron: "0 1 * * *"
#   budget_usd: 5.0
"""

BRAND = """\
# The brand kit: what your brand decides about its pictures.
brand: my-brand
title: My Brand
version: 1
palette: ["#c4704c", "#efeae0"]
recipes: [packshot_white, backdrop]   # add staged_scene when looks/<category>/ holds 16 or more pictures; recolor needs colorways
categories:
  drinkware:
    title: Drinkware
    trigger: my drinkware look        # the phrase that will call the category's look
    scenes:
      - oak table, cream wall, window light, no props
    backdrops: ["#e8c39a", "#f3e2c8"]
    product_height_pct: 46
colorways:
  - {name: sage, hex: "#8a9a7b"}
channels:
  - {name: web, recipes: [packshot_white, backdrop], format: jpeg, long_side_px: 1200, quality: 90}
"""


def make_project(folder: Path) -> list[str]:
    """Write a new project into an empty or new folder and return what was made. Raises SettingsError when something is there."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SettingsError(f"{folder} is not an empty folder. Name a new one; nothing was changed.")
    try:
        return _write(folder)
    except OSError as error:
        raise SettingsError(f"Cannot make the project {folder}: {error.filename}: {error.strerror}.") from error


def _write(folder: Path) -> list[str]:
    photos = folder / "catalog" / "photos"
    photos.mkdir(parents=True)
    (folder / "catalog" / "looks" / "drinkware").mkdir(parents=True)
    (folder / "vitrine.yaml").write_text(SETTINGS, encoding="utf-8")
    (folder / "brand.yaml").write_text(BRAND, encoding="utf-8")
    table = (shipped_project() / "catalog" / "products.csv").read_text(encoding="utf-8").splitlines()
    header, example = table[0], next(line for line in table[1:] if ",drinkware," in line)
    (folder / "catalog" / "products.csv").write_text(f"{header}\n{example}\n", encoding="utf-8")
    name = example.rsplit(",", 1)[1].split(";")[0].strip().strip('"')
    shutil.copyfile(shipped_project() / "catalog" / "photos" / name, photos / name)
    (folder / ".gitignore").write_text(".vitrine/\nvitrine-out/\n", encoding="utf-8")
    return ["vitrine.yaml", "brand.yaml", "catalog/products.csv", f"catalog/photos/{name}", "catalog/looks/"]
