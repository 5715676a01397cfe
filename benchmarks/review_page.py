"""What the review page costs with many doubtful renders: `python -m benchmarks.review_page FOLDER --renders 500`.

Makes the demo catalog's shape without pixels (products with made-up rows; one real picture stands for all), serves the page in this process and asks
it as a browser would, without the browser: the first list after a start, lists after it, and one picture after the other with a decision in
between. CPU-seconds of this process, client included; wall times say nothing on a shared machine.
"""

import argparse
import json
import re
import time
from pathlib import Path

import numpy as np

from assets.planning import plan_cell, rules_in_force
from catalog.keys import gate_key
from imaging.storage_format import encode_rgb_png
from quality.columns import MEASUREMENT_VERSION
from resources.ledger_tables import judgment, render
from review.accounts import ACCOUNTS_FILE, add_account
from review.web import build_app
from tests.made_up_work import NOW, Shop, cut_out, screen

PASSWORD = "only for measuring"
REASON = {"code": "FILL", "message": "The product fills 60 %.", "measured": 60.0, "required": "75 to 97 %", "severity": "warning"}


def write_project(folder: Path, renders: int, approved: int) -> Shop:
    """Products with one doubtful packshot each, and others with an approved one."""
    shop = Shop(folder, max_cell_products=500)
    shop.brand["recipes"] = ["packshot_white"]
    shop.brand["channels"][0]["recipes"] = ["packshot_white"]
    total = (renders + approved) * 100 // 70  # some photos and cut-outs are refused
    shop.catalog = {f"SKU-{n:06}": ({"title": f"Thing {n}", "category": "mugs", "color": "Red"}, f"photo {n}") for n in range(total)}
    shop.sync()
    project, left = shop.open(), renders
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 255, (1200, 1200, 3), dtype=np.uint8)
    for cell in sorted({(row["category"], row["drop"]) for row in _products(project)}):
        screen(project, *cell)
        cut_out(project, *cell)
        rows, judged = [], []
        for wanted in plan_cell(project, *cell).to_render:
            picture[0, 0] = rng.integers(0, 255, 3)
            picture[0, 1] = (len(rows) % 256, len(rows) // 256, left % 256)
            data = encode_rgb_png(picture[:64, :64] if left <= 0 else picture[:256, :256])
            named = {"sku": wanted.variant.sku, "category": cell[0], "recipe": "packshot_white", "idx": 0}
            made = {
                "cutout_digest": wanted.cutout_digest,
                "lora_digest": None,
                "placement": {},
                "facts": {},
                "seconds": 1.0,
                "made_at": NOW,
            }
            rows.append({"render_key": wanted.render_key, "render_digest": project.store.put(data), **named, **made})
            rules = rules_in_force(project, wanted.recipe).digest
            judged.append(
                {
                    "gate_key": gate_key(render_digest=rows[-1]["render_digest"], rules_digest=rules, measurement_version=MEASUREMENT_VERSION),
                    "render_key": wanted.render_key, "render_digest": rows[-1]["render_digest"], "rules_digest": rules,
                    "verdict": "review" if left > 0 else "approved", "reasons": [REASON] if left > 0 else [], "judged_at": NOW,
                }
            )  # fmt: skip
            left -= 1
        project.ledger.record(render, rows)
        project.ledger.record(judgment, judged)
    return shop


def _products(project):
    import sqlalchemy as sa

    from resources.ledger_tables import product

    return project.ledger.rows(sa.select(product.c.category, product.c.drop).distinct())


def measure(shop: Shop, pictures: int) -> dict[str, float]:
    from fastapi.testclient import TestClient

    project = shop.open()
    add_account(project.settings.state_dir / ACCOUNTS_FILE, "ann", PASSWORD)

    def taken(path: str, data=None):
        start = time.process_time()
        answer = client.get(path) if data is None else client.post(path, data=data)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:200])
        return answer, time.process_time() - start

    with TestClient(build_app(shop.folder), base_url="http://127.0.0.1") as client:
        token = re.search(r'name="token" value="([^"]+)"', client.get("/sign-in").text).group(1)
        answer, first = taken("/sign-in", {"token": token, "name": "ann", "password": PASSWORD})  # leads to the first list
        whole = 0.0
        while "more products are being looked at" in answer.text:
            answer, seconds = taken("/")
            whole += seconds
        total = int(re.search(r"(\d+) pictures to review", answer.text).group(1))
        lists = [taken("/")[1] for _ in range(10)]
        tiles = re.findall(r'src="(/tile/[^"]+)"', answer.text)
        made = [taken(path)[1] for path in tiles]
        kept = [taken(path)[1] for path in tiles]
        path, times = re.search(r'href="(/picture/[^"?]+)', answer.text).group(1), []
        for _ in range(pictures):
            answer, seconds = taken(path)
            times.append(seconds)
            form = {
                name: re.search(rf'name="{name}" value="([^"]*)"', answer.text).group(1) for name in ("token", "seen", "gate_key", "after")
            }
            _, decided = taken(path, {**form, "action": "approve"})  # with the picture that follows
            times.append(decided)
            path = f"/picture/{form['after']}"
    return {
        "doubtful renders": total,
        "first list with sign-in, CPU s": round(first, 3),
        "lists until every product was looked at, CPU s": round(whole, 3),
        "list, median CPU s": round(float(np.median(lists)), 4),
        "tile made, median CPU s": round(float(np.median(made)), 4),
        "tile kept, median CPU s": round(float(np.median(kept)), 4),
        "next picture or decision, median CPU s": round(float(np.median(times)), 4),
        "next picture or decision, p95 CPU s": round(float(np.percentile(times, 95)), 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--renders", type=int, default=500)
    parser.add_argument("--approved", type=int, default=0)
    parser.add_argument("--pictures", type=int, default=100)
    options = parser.parse_args()
    shop = (
        Shop(options.folder)
        if (options.folder / "vitrine.yaml").exists()
        else write_project(options.folder, options.renders, options.approved)
    )
    if not shop.catalog:
        shop.brand["recipes"] = ["packshot_white"]
        shop.brand["channels"][0]["recipes"] = ["packshot_white"]
    print(json.dumps(measure(shop, options.pictures), indent=1))


if __name__ == "__main__":
    main()
