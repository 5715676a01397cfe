"""The source photos of a cell: originals kept, screened, accepted or quarantined with reasons."""

import logging
from collections import Counter
from typing import TYPE_CHECKING

import dagster as dg

from assets.catalog import catalog_snapshot
from assets.cell_lease import under_lease
from assets.cell_manifest import commit_cell
from assets.further_photos import further_named, screened_mask
from assets.house_rules import OWNERS, reasons_table, sheet_metadata
from assets.look_alikes import LookAlikes, same_photo_remarks
from assets.lost_files import record_made
from assets.observed import observed
from assets.partitions import ONE_CELL, cells, split_cell
from assets.photo_keys import further_key, screening_key, screening_rules
from assets.planning import products_of_cell
from catalog.failpoint import failpoint
from catalog.keys import digest_bytes
from catalog.photo_roles import MASKS
from catalog.preemption import stop_point
from catalog.verdict import Verdict
from resources.costs import clocked
from resources.ledger import Row
from resources.ledger_tables import source_photo
from resources.preemptible_steps import preemptible
from resources.project import Project, VitrineResource
from resources.tallies import because, saw
from resources.work_context import working_on

if TYPE_CHECKING:
    from imaging.decode_sandbox import DecodeSandbox
    from quality.screening import ScreeningRules

log = logging.getLogger(__name__)

THUMBNAIL_PX = 384
"""Long side of the picture kept of each readable photo, for sheets and the report."""

SHEET_TILES = 16


def screen_cell(project: Project, category: str, drop: str) -> list[Row]:
    """Screen every photo of a cell that was not screened yet, and keep originals and small pictures that were lost anew; return one row per product of the cell, with its outcome."""
    rules, outcomes = screening_rules(project), []
    rows = products_of_cell(project, category, drop)
    keys = {
        row["sku"]: screening_key(row["photo_digests"][0], row["attributes"]["photos"][0], rules) for row in rows if row["photo_digests"][0]
    }
    known = project.ledger.by_keys(source_photo, keys.values())
    lost = project.store.missing(row["photo_digest"] for row in known.values() if row["accepted"])
    lost_small = project.store.missing(row["thumbnail_digest"] for row in known.values() if row["thumbnail_digest"])
    from imaging.decode_sandbox import DecodeSandbox

    alike = LookAlikes(project, rules, category, drop)
    with clocked(project, "screen", category, drop) as clock, DecodeSandbox() as sandbox:
        for row in rows:
            key = keys.get(row["sku"])
            if key is None:
                reason = {"code": "photo_missing", "message": f"The photo folder has no readable file {row['attributes']['photos'][0]}."}
                outcomes.append({"sku": row["sku"], "accepted": False, "reasons": [reason], "thumbnail_digest": None})
                _note(row["sku"], outcomes[-1])
                continue
            if key not in known:
                screened = _screen_one(project, row, key, sandbox, alike)
                if screened is None:
                    continue
                project.ledger.record(source_photo, screened)
                failpoint("screening.recorded")
                known[key] = screened
                clock.lap()
                _note(row["sku"], screened)
            else:
                saw("screen", "found")
                if known[key]["photo_digest"] in lost:
                    _keep_again(project, row)
                if known[key]["thumbnail_digest"] in lost_small and (again := _screen_one(project, row, key, sandbox, alike)):
                    record_made(project, source_photo, [again], file="thumbnail_digest", skus={row["sku"]})
                    known[key] = again
            outcomes.append({"sku": row["sku"], **known[key]})
        for row in rows:
            _screen_further(project, row, rules, sandbox)
    outcomes = [{**row, **alike.told_later.get(row.get("key", ""), {})} for row in outcomes]
    return _with_shared_photos(project, rules, outcomes)


def _screen_further(project: Project, row: Row, rules: "ScreeningRules", sandbox: "DecodeSandbox") -> None:
    """Screen the photos beside a product's main one that a recipe uses, and keep them; a refused one is a recipe's matter, not the product's."""
    from quality.screening import screen_photo

    for role, (photo_digest, name) in further_named(project, row).items():
        key = further_key(role, photo_digest, name, rules)
        known = project.ledger.by_keys(source_photo, [key])
        if key in known and not project.store.missing([photo_digest]):
            continue
        read = project.source.pictures.photo(name)
        if read is None or digest_bytes(read.data) != photo_digest:
            continue  # changed since the catalog was read: the next refresh tells
        project.store.put(read.data)
        if key in known:
            continue
        stop_point()
        if role in MASKS:
            wrong = screened_mask(read.data, name, sandbox.decode)
            accepted, reasons, measured = wrong is None, [] if wrong is None else [wrong.as_dict()], {}
        else:
            screening = screen_photo(read.data, name, rules, decode=sandbox.decode)
            accepted, reasons = screening.accepted, [reason.as_dict() for reason in (*screening.reasons, *screening.warnings)]
            measured = screening.measurements
        stop_point()
        seen = {"key": key, "photo_digest": photo_digest, "accepted": accepted, "reasons": reasons, "measurements": measured}
        project.ledger.record(source_photo, {**seen, "thumbnail_digest": None})


def _with_shared_photos(project: Project, rules: "ScreeningRules", outcomes: list[Row]) -> list[Row]:
    """The outcomes, with a remark where exactly the same photo is another product's."""
    photos = {row["sku"]: row["photo_digest"] for row in outcomes if row.get("photo_digest")}
    remarks = same_photo_remarks(project, rules, photos) if photos else {}
    return [{**row, "reasons": [*row["reasons"], *(reason.as_dict() for reason in remarks.get(row["sku"], ()))]} for row in outcomes]


def _keep_again(project: Project, row: Row) -> None:
    """Put an original back that the store lost, if the catalog still has exactly those bytes."""
    read = project.source.pictures.photo(row["attributes"]["photos"][0])
    if read is not None and digest_bytes(read.data) == row["photo_digests"][0]:
        project.store.put(read.data)
    else:
        log.warning("The original photo of %s is neither in %s nor in the catalog.", row["sku"], project.store.name)


def _note(sku: str, outcome: Row) -> None:
    """Tell of one photo: accepted, or refused and why."""
    saw("screen", "made" if outcome["accepted"] else "refused")
    if not outcome["accepted"]:
        codes = [reason["code"] for reason in outcome["reasons"]]
        for code in codes:
            because("screen", code)
        with working_on(product=sku):
            log.info("photo refused", extra={"reasons": codes})


def _screen_one(project: Project, row: Row, key: str, sandbox: "DecodeSandbox", alike: LookAlikes) -> Row | None:
    from imaging.storage_format import decode_rgb, thumbnail
    from quality.screening import screen_photo

    name = row["attributes"]["photos"][0]
    read = project.source.pictures.photo(name)
    if read is None or digest_bytes(data := read.data) != row["photo_digests"][0]:
        return None  # changed since the catalog was read; the next refresh moves the product to its new drop
    failpoint("screening.photo_read")
    project.store.put(data)
    failpoint("screening.original_kept")
    stop_point()
    screening = screen_photo(data, name, screening_rules(project), decode=sandbox.decode)
    stop_point()  # the SIGTERM may have gone to the sandbox too, and the photo is not to blame
    small = None if screening.photo is None else thumbnail(screening.photo.pixels_HW3, THUMBNAIL_PX)
    screened = {
        "key": key,
        "photo_digest": row["photo_digests"][0],
        "accepted": screening.accepted,
        "reasons": [reason.as_dict() for reason in (*screening.reasons, *screening.warnings)],
        "measurements": screening.measurements,
        "thumbnail_digest": None if small is None else project.store.put(small),
    }
    if small is not None:
        copies = alike.remarks(screened, row["sku"], decode_rgb(small))
        screened["reasons"] += [reason.as_dict() for reason in copies]
        screened["accepted"] &= not any(reason.severity == "critical" for reason in copies)
    failpoint("screening.screened")
    return screened


def commit_photos(project: Project, category: str, drop: str, outcomes: list[Row]) -> str:
    """Name a cell's photos and what became of them in a manifest, written last; its key."""
    photos = [{key: row.get(key) for key in ("sku", "photo_digest", "accepted", "reasons")} for row in outcomes]
    return commit_cell(project, "source_photos", category, drop, {"photos": photos})


def screening_sheet(project: Project, outcomes: list[Row]) -> bytes | None:
    """A contact sheet of a cell's photos, refused ones framed red with their reason; None when nothing can be shown."""
    from imaging.contact_sheet import Tile, contact_sheet
    from imaging.storage_format import decode_rgb

    shown = [row for row in outcomes if row["thumbnail_digest"]][:SHEET_TILES]
    gone = project.store.missing(row["thumbnail_digest"] for row in shown)  # and not to be made again: the catalog has another photo by now
    tiles = [
        Tile(
            pixels_HW3=decode_rgb(project.store.get(row["thumbnail_digest"])),
            label=row["sku"] if row["accepted"] else f"{row['sku']}\n{row['reasons'][0]['code']}",
            verdict=Verdict.APPROVED if row["accepted"] else Verdict.REJECTED,
        )
        for row in shown
        if row["thumbnail_digest"] not in gone
    ]
    return contact_sheet(tiles, columns=4, tile_px=160) if tiles else None


@dg.asset(
    partitions_def=cells,
    backfill_policy=ONE_CELL,
    deps=[catalog_snapshot],
    group_name="intake",
    owners=OWNERS,
    kinds={"opencv"},
    code_version="1",
)
@preemptible
@under_lease()
@observed
def source_photos(context: dg.AssetExecutionContext, vitrine: VitrineResource) -> dg.MaterializeResult:
    """The photos that products start from: originals kept as they came, unusable ones quarantined with the reason a photographer needs."""
    project, (category, drop) = vitrine.open(), split_cell(context.partition_key)
    outcomes = screen_cell(project, category, drop)
    refused = [row for row in outcomes if not row["accepted"]]
    key = commit_photos(project, category, drop, outcomes)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(key),
        metadata={
            "photos": len(outcomes),
            "accepted": len(outcomes) - len(refused),
            "quarantined": len(refused),
            "reasons": reasons_table(Counter(row["reasons"][0]["code"] for row in refused)),
            **sheet_metadata(screening_sheet(project, outcomes)),
        },
    )
