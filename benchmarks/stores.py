"""What a store does per second, on a folder and on an S3 server of our own, and what the manifest of a published bucket costs at scale.

    python -m benchmarks.stores [--blobs 200] [--parts 18000]

The S3 server is moto in a process of its own: Python, one core, no network. Its numbers say that our side does not hold things up, not what
S3 does. Scale is measured without a server: an index of 18,000 parts and a part of 2,000 products x 8 pictures, the largest there are.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from catalog.errors import StoreError
from catalog.keys import digest_bytes
from publishing.bucket_channel import _changed
from publishing.bucket_manifest import Board, Index, Part
from publishing.manifest import Manifest, PublishedImage
from resources.blob_cache import BlobCache
from resources.bucket_files import BucketFiles
from resources.catalog_settings import S3Place
from resources.files import Files, side_by_side
from resources.folder_files import FolderFiles
from resources.object_store import ObjectStore
from resources.s3_access import open_s3, s3_address

BLOB_BYTES = 400_000
"""A render of 1,200 pixels as PNG."""

SERVER = """
import logging, sys, time
from moto.server import ThreadedMotoServer
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
time.sleep(3600)
"""


def timed(what: Callable[[], object]) -> tuple[float, float]:
    """Wall and own CPU seconds of a call."""
    wall, cpu = time.perf_counter(), time.process_time()
    what()
    return time.perf_counter() - wall, time.process_time() - cpu


def of_files(files: Files, blobs: int, cache: Path) -> dict[str, float]:
    """Operations per second (wall), one after the other and side by side, and our own CPU milliseconds for each."""
    store, data = ObjectStore(files, BlobCache(cache, 10**9)), [os.urandom(BLOB_BYTES) for _ in range(blobs)]
    names = [digest_bytes(one) for one in data]
    half = blobs // 2
    steps: dict[str, tuple[int, Callable[[], object]]] = {
        "put": (half, lambda: [store.put(one) for one in data[:half]]),
        "put_side_by_side": (blobs - half, lambda: side_by_side(store.put, data[half:], at_once=16)),
        "put_again": (half, lambda: [store.put(one) for one in data[:half]]),
        "get": (half, lambda: [store.get(name) for name in names[:half]]),
        "get_side_by_side": (blobs, lambda: side_by_side(store.get, names, at_once=16)),
        "missing": (10 * blobs, lambda: store.missing([*names, *(digest_bytes(str(n).encode()) for n in range(9 * blobs))])),
    }
    result = {}
    for name, (count, call) in steps.items():
        wall_s, cpu_s = timed(call)
        result |= {f"{name}_per_s": round(count / wall_s, 1), f"{name}_cpu_ms": round(1000 * cpu_s / count, 2)}
    return result


def picture(sku: int, index: int, *, look: int = 0) -> tuple[str, PublishedImage]:
    """One line of a manifest."""
    name = digest_bytes(f"{sku} {index} {look}".encode())
    image = PublishedImage(
        file=f"images/{name[:2]}/{name}.jpg", sha256=name, bytes=180_000, width_px=1200, height_px=1200, media_type="image/jpeg",
        channel="web", category="lighting", sku=f"SKU-{sku:07d}", recipe="staged_scene", index=index, render_digest=name, rules_digest=name,
        alt="Brass table lamp, brass, metal. Staged scene, picture 2 of 3", digital_source_type="compositeWithTrainedAlgorithmicMedia",
        publish_key=name,
    )  # fmt: skip
    return f"web/lighting/SKU-{sku:07d}/staged_scene-{index}.jpg", image


def at_scale(parts: int) -> dict[str, float]:
    """CPU seconds and bytes of what a delivery does with the index and its own part."""
    entry = Part(file="manifest/lighting/2026-11-21/0000012345-0123456789abcdef.json", sha256="0" * 64, bytes=12_000_000, products=2000, images=16_000, tombstones=0)  # fmt: skip
    index = Index(version=12_345, parts={f"category-{n % 50:02d}/day-{n // 50:05d}": entry for n in range(parts)})
    index_bytes = index.as_bytes()
    before = Manifest(images=dict(picture(sku, number) for sku in range(2000) for number in range(8)))
    part_bytes = before.as_bytes()
    board = Board(index=index, object_version="1", parts={"lighting/2026-11-21": before})
    wanted = dict(picture(sku, number, look=sku % 2) for sku in range(2000) for number in range(8))
    now = datetime(2026, 11, 21, tzinfo=UTC)
    changed = _changed(board, "lighting/2026-11-21", wanted, lambda _: True, now, set())
    return {
        "index_parts": parts,
        "index_mb": round(len(index_bytes) / 1e6, 2),
        "index_write_cpu_s": round(timed(index.as_bytes)[1], 3),
        "index_read_cpu_s": round(timed(lambda: Index.model_validate_json(index_bytes))[1], 3),
        "part_pictures": len(before.images),
        "part_mb": round(len(part_bytes) / 1e6, 2),
        "part_write_cpu_s": round(timed(before.as_bytes)[1], 3),
        "part_read_cpu_s": round(timed(lambda: Manifest.model_validate_json(part_bytes))[1], 3),
        "compare_half_replaced_cpu_s": round(
            timed(lambda: _changed(board, "lighting/2026-11-21", wanted, lambda _: True, now, set()))[1], 3
        ),
        "tombstones_then": len(changed["lighting/2026-11-21"].tombstones),
    }


def on_s3(blobs: int, home: Path) -> dict[str, float]:
    """The same against moto in a process of its own."""
    import boto3

    os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_CONFIG_FILE": os.devnull}
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        endpoint = f"http://127.0.0.1:{int(server.stdout.readline())}"
        boto3.resource("s3", endpoint_url=endpoint, region_name="us-east-1").Bucket("benchmark").create()
        place = S3Place.model_validate({"kind": "s3", "bucket": "benchmark", "endpoint": endpoint, "region": "us-east-1"})
        return of_files(BucketFiles(open_s3(place, error_class=StoreError, unchanged=""), s3_address(place)), blobs, home / "cache")
    finally:
        server.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blobs", type=int, default=200)
    parser.add_argument("--parts", type=int, default=18_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        result = {
            "blob_bytes": BLOB_BYTES,
            "folder": of_files(FolderFiles(home / "store"), options.blobs, home / "cache"),
            "s3_moto": on_s3(options.blobs, home),
            "published_bucket": at_scale(options.parts),
        }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
