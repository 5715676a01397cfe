"""What must hold of a project's files right after a kill, and after the next attempt: the invariants as checks that return what is wrong.

    I1 no lost work       after the next attempt the ledger says what the undisturbed run's ledger says
    I2 no double effect   nothing recorded is made again; the ledger holds each thing once
    I3 nothing unchecked  whatever the published manifest shows has an approval of exactly this render under exactly these rules
    I4 nothing torn       whatever manifests, ledger rows and published files name is there, whole
    I5 originals kept     the catalog's photos are untouched, and those that were read are kept as they came
    I6 same output        blobs, manifests, published files and pages are byte for byte those of the undisturbed run

Reads files and SQLite directly, with none of the product's code, so that a mistake there cannot hide itself.
"""

import hashlib
import json
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

TIMES = {
    "id",
    "committed_at",
    "settled_at",
    "at",
    "made_at",
    "judged_at",
    "published_at",
    "refused_at",
    "seconds",
    "usd",
    "state",
    "updated_at",
    "worker",
}
"""Columns that say when, how long, or in which file of this copy."""

RESULTS = set(
    "change product paused source_photo cutout lora lora_return lora_contest lora_choice render refused_render measurement judgment publication cell_manifest attempt".split()
)
"""Tables that say what was made and decided. The others are caches, leases, tallies and what attempts cost, which a kill may change."""

DIGESTS = ("render_digest", "cutout_digest", "lora_digest", "thumbnail_digest")


def broken_now(folder: Path) -> list[str]:
    """What is wrong at this moment, whatever was going on: I3, I4 and I5."""
    return [*_torn_blobs(folder), *_names_missing(folder), *_torn_checkpoints(folder), *_published(folder), *_originals(folder)]


def broken_at_the_end(folder: Path, undisturbed: Path) -> list[str]:
    """What differs from the undisturbed run after the next attempt: I1, I2, I5, I6."""
    found, wanted = ledger_content(folder), ledger_content(undisturbed)
    wrong = [
        f"I1: table {name} differs: {_difference(found.get(name, []), wanted[name])}" for name in wanted if found.get(name) != wanted[name]
    ]
    wrong += [f"I6: {name}" for name in _tree_differences(folder, undisturbed)]
    booked, quiet = _booked(folder), _booked(undisturbed)
    wrong += [
        f"I2: {activity} booked {count} items, undisturbed {quiet.get(activity, 0)}"
        for activity, count in booked.items()
        if count > quiet.get(activity, 0)
    ]
    return wrong


def ledger_content(folder: Path) -> dict[str, list[str]]:
    """The results' rows without times, as sorted text."""
    content = {}
    with _ledger(folder) as ledger:
        for (name,) in ledger.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            if name in RESULTS:
                rows = [_lasting(dict(row)) for row in ledger.execute(f'SELECT * FROM "{name}"')]
                content[name] = sorted(json.dumps({k: v for k, v in row.items() if k not in TIMES}, sort_keys=True) for row in rows)
    return content


def _lasting(row: dict[str, object]) -> dict[str, object]:
    """A row without the company that a plate was drawn in: a killed run's next attempt composes other batches, to the same bytes."""
    if isinstance(row.get("facts"), str):
        facts = json.loads(str(row["facts"]))
        plate = facts.get("plate", {})
        for cost in ("usd", "compose_seconds"):
            facts.pop(cost, None)
        row["facts"] = facts | ({"plate": {"seed": plate["seed"], "tries": plate["tries"]}} if plate else {})
    return row


class _ledger:  # noqa: N801 - used as a function
    """A project's ledger, opened for reading and closed; an empty one when there is none yet."""

    def __init__(self, folder: Path) -> None:
        path = folder / ".vitrine" / "ledger.sqlite"
        self.connection = sqlite3.connect(path if path.exists() else ":memory:", timeout=60)
        self.connection.row_factory = sqlite3.Row

    def __enter__(self) -> sqlite3.Connection:
        return self.connection

    def __exit__(self, *_: object) -> None:
        self.connection.close()


def blobs(folder: Path) -> dict[str, Path]:
    """Final names in the blob folder; a name with anything else in it is a half-made file that nobody reads."""
    return {p.name: p for p in (folder / ".vitrine" / "blobs").rglob("*") if p.is_file() and len(p.name) == 64}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _torn_blobs(folder: Path) -> Iterator[str]:
    for name, path in blobs(folder).items():
        if _sha256(path) != name:
            yield f"I4: blob {name[:12]} is torn"


def _names_missing(folder: Path) -> Iterator[str]:
    there = set(blobs(folder))
    for path in (folder / ".vitrine" / "manifests").rglob("*.json"):
        try:
            content = json.loads(path.read_bytes())
        except ValueError:
            yield f"I4: manifest {path.name} is torn"
            continue
        for entry in (entry for value in content.values() if isinstance(value, list) for entry in value if isinstance(entry, dict)):
            for digest in filter(None, (entry.get(name) for name in DIGESTS)):
                if digest not in there:
                    yield f"I4: manifest {path.parent.name}/{path.name[:12]} names blob {digest[:12]}, which is not there"
    with _ledger(folder) as ledger:
        for table in ("source_photo", "cutout", "lora", "render"):
            for row in _rows(ledger, table):
                for digest in filter(None, (row[name] for name in DIGESTS if name in row)):
                    if digest not in there:
                        yield f"I4: a row of {table} names blob {digest[:12]}, which is not there"


def _rows(ledger: sqlite3.Connection, table: str) -> list[dict]:
    known = ledger.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    return [dict(row) for row in ledger.execute(f"SELECT * FROM {table}")] if known else []


def _torn_checkpoints(folder: Path) -> Iterator[str]:
    for path in (folder / ".vitrine" / "training").rglob("step-*.json"):
        try:
            facts = json.loads(path.read_bytes())
            step, named = facts["step"], facts["tensors"]
        except ValueError:
            yield f"I4: {path.name} is torn"
            continue
        tensors = path.with_name(f"step-{step:08d}-{named[:16]}.safetensors")
        if not tensors.is_file() or _sha256(tensors) != named:
            yield f"I4: {path.name} names tensors that are not there or are torn"


def _published(folder: Path) -> Iterator[str]:
    shown = folder / "out" / "published"
    if not (shown / "manifest.json").is_file():
        return
    try:
        manifest = json.loads((shown / "manifest.json").read_bytes())
    except ValueError:
        yield "I4: the published manifest is torn"
        return
    with _ledger(folder) as ledger:
        approved = {(row["render_digest"], row["rules_digest"]) for row in _rows(ledger, "judgment") if row["verdict"] == "approved"}
    for name, image in manifest["images"].items():
        file = shown / image["file"]
        if not file.is_file() or _sha256(file) != image["sha256"]:
            yield f"I4: {name} is published, its file is not there or torn"
        if (image["render_digest"], image["rules_digest"]) not in approved:
            yield f"I3: {name} is published without an approval"
    for page in shown.rglob("gallery.json"):
        try:
            json.loads(page.read_bytes())
        except ValueError:
            yield f"I4: {page.parent.name}/gallery.json is torn"


def _originals(folder: Path) -> Iterator[str]:
    photos = {_sha256(path) for path in (folder / "catalog" / "photos").glob("*")}
    if photos != set(json.loads((folder / "originals.json").read_text())):
        yield "I5: a photo of the catalog was changed"
    there = set(blobs(folder))
    with _ledger(folder) as ledger:
        for row in _rows(ledger, "source_photo"):
            if row["photo_digest"] not in there:
                yield f"I5: photo {row['photo_digest'][:12]} was screened and is not kept"


def note_originals(folder: Path) -> None:
    """Write down what the catalog's photos are, once, when the project is made."""
    digests = sorted(_sha256(path) for path in (folder / "catalog" / "photos").glob("*"))
    (folder / "originals.json").write_text(json.dumps(digests))


def _booked(folder: Path) -> dict[str, int]:
    """Items made, by activity. Judging again makes nothing: the attempt after a kill reads the measurements that the killed one kept."""
    with _ledger(folder) as ledger:
        booked: dict[str, int] = {}
        for row in _rows(ledger, "spend"):
            if row["activity"] != "judge again":
                booked[row["activity"]] = booked.get(row["activity"], 0) + row["item_count"]
        return booked


def _tree(folder: Path) -> dict[str, str]:
    """Everything that counts as output, by name: digest of its bytes, the published manifest's without times."""
    found = {f"blob {name}": name for name in blobs(folder)}
    places = [folder / ".vitrine" / "manifests", folder / ".vitrine" / "gate", folder / "out" / "published"]
    for path in (path for place in places for path in sorted(place.rglob("*"))):
        if not path.is_file() or path.name.startswith(".") or "#" in path.name or path.suffix == ".part":
            continue
        name = str(path.relative_to(folder))
        if "/manifests/records/" in name:  # rows kept for a rebuild of the ledger, each under the time it was written
            continue
        if path.name == "manifest.json":
            content = json.loads(path.read_bytes())
            content["tombstones"] = [{k: v for k, v in stone.items() if k not in {"at", "remove_after"}} for stone in content["tombstones"]]
            found[name] = json.dumps(content, sort_keys=True)
        elif path.suffix == ".html" and "/gate/" in name:
            found[name] = re.sub("<time>.*?</time>", "", path.read_text())
        else:
            found[name] = _sha256(path)
    found |= {str(p.relative_to(folder)): _sha256(p) for p in (folder / ".vitrine" / "training").rglob("lora.safetensors")}
    found |= {str(p.relative_to(folder)): _timeless_table(p) for p in (folder / ".vitrine" / "measurements").rglob("*.parquet")}
    return found


def _timeless_table(path: Path) -> str:
    """A cell's table of measurements and whose verdicts it says it holds, without times."""
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    about = {name.decode(): value.decode() for name, value in (table.schema.metadata or {}).items()}
    return json.dumps([about, table.drop_columns(["measured_at"]).to_pylist()], sort_keys=True)


def _tree_differences(folder: Path, undisturbed: Path) -> list[str]:
    found, wanted = _tree(folder), _tree(undisturbed)
    return [
        f"{name} {'is missing' if name not in found else 'is too much' if name not in wanted else 'has other bytes'}"
        for name in sorted(found.keys() | wanted.keys())
        if found.get(name) != wanted.get(name)
    ]


def _difference(found: list[str], wanted: list[str]) -> str:
    missing, extra = [row for row in wanted if row not in found], [row for row in found if row not in wanted]
    return f"{len(missing)} rows missing, {len(extra)} too many; first {(missing or extra or ['a row twice'])[0][:160]}"


MADE_BY = {
    "screening.screened": (("source_photo",), ("key",)),
    "cutout.cut": (("cutout",), ("key",)),
    "render.group_drawn": (("render",), ("sku", "recipe")),
    "render.group_refused": (("refused_render",), ("sku", "recipe")),
    "judging.measured": (("measurement",), ("render_key",)),
}
"""Points that are passed when something costly was made, and the rows that say which."""


def made_again(killed: Path, folder: Path, passed: list[str]) -> list[str]:
    """I2: what the last attempt made although the killed one's ledger had it already."""
    wrong = []
    for point, (tables, columns) in MADE_BY.items():
        missing = _things(folder, tables, columns) - _things(killed, tables, columns)
        if passed.count(point) > len(missing):
            wrong.append(f"I2: {point} was passed {passed.count(point)} times, {len(missing)} were missing")
    return wrong


def _things(folder: Path, tables: tuple[str, ...], columns: tuple[str, ...]) -> set[tuple[str, ...]]:
    with _ledger(folder) as ledger:
        return {tuple(row[column] for column in columns) for table in tables for row in _rows(ledger, table)}
