"""The cut-outs of a cell: product and alpha told from the background, with confidence; doubtful ones routed, never guessed."""

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.attempts import CRASHES, CrashedItem, counted, forget
from assets.cell_lease import under_lease
from assets.cell_manifest import commit_cell
from assets.further_photos import further_named
from assets.house_rules import OWNERS, reasons_table, sheet_metadata
from assets.lost_files import record_made
from assets.observed import observed
from assets.partitions import ONE_CELL, cells, split_cell
from assets.photo_keys import cutout_key, cutouts_of, further_key, in_doubt, screening_key, screening_rules, second_cutout_key
from assets.planning import products_of_cell
from assets.source_photos import source_photos
from catalog.errors import RenderError
from catalog.failpoint import failpoint
from catalog.photo_roles import MASKS
from catalog.preemption import stop_point
from catalog.recently_used import RecentlyUsed
from catalog.verdict import Verdict
from resources.costs import clocked
from resources.ledger import Row
from resources.ledger_tables import cutout, source_photo
from resources.preemptible_steps import preemptible
from resources.project import Project, VitrineResource
from resources.tallies import because, saw

if TYPE_CHECKING:
    import numpy as np

    from imaging.cutout import Cutout
    from imaging.neural_cutout import CutoutModel
    from quality.screening import ScreeningRules


KEPT_PIXELS = 32_000_000
"""Pixels of all cut-outs that are kept decoded, 4 bytes each: 128 MB, thirty of 1,024 px."""

DECODED: RecentlyUsed[Any] = RecentlyUsed(KEPT_PIXELS, lambda planes: planes[1].size)
"""The cut-outs that this process read last."""


def cut_out_cell(project: Project, category: str, drop: str) -> list[Row]:
    """Cut out every accepted photo of a cell that was not cut out yet, or whose cut-out file is lost; return one row per accepted photo, with its outcome."""
    rules = screening_rules(project)
    rows = [row for row in products_of_cell(project, category, drop) if row["photo_digests"][0]]
    screened = project.ledger.by_keys(
        source_photo, (screening_key(row["photo_digests"][0], row["attributes"]["photos"][0], rules) for row in rows)
    )
    accepted = {row["photo_digest"] for row in screened.values() if row["accepted"]}
    rows = [row for row in rows if row["photo_digests"][0] in accepted]
    known = cutouts_of(project, (row["photo_digests"][0] for row in rows))
    lost = project.store.missing(row["cutout_digest"] for row in known.values())
    outcomes = []
    with clocked(project, "cut out", category, drop) as clock:
        for row in rows:
            photo = row["photo_digests"][0]
            if photo not in known or known[photo]["cutout_digest"] in lost:
                stop_point()
                known[photo] = _made(project, photo, row["attributes"]["photos"][0], row["sku"])
                clock.lap()
                saw("cut out", "made" if known[photo]["accepted"] else "doubtful")
                for reason in known[photo]["reasons"]:
                    because("cut out", reason)
            else:
                saw("cut out", "found")
            outcomes.append({"sku": row["sku"], **known[photo]})
        _cut_out_further(project, rows, rules)
    forget(project, *(f"cutout {row['key']}" for row in known.values()))  # of workers killed just before forgetting
    return outcomes


def _cut_out_further(project: Project, rows: list[Row], rules: "ScreeningRules") -> None:
    """Cut out the accepted photos beside the main ones that a recipe uses."""
    beside = [(row["sku"], role, *named) for row in rows for role, named in further_named(project, row).items() if role not in MASKS]
    screened = project.ledger.by_keys(source_photo, (further_key(role, photo, name, rules) for _, role, photo, name in beside))
    known = cutouts_of(project, (photo for _, _, photo, _ in beside))
    lost = project.store.missing(row["cutout_digest"] for row in known.values())
    for sku, role, photo, name in beside:
        seen = screened.get(further_key(role, photo, name, rules))
        if seen is None or not seen["accepted"] or (photo in known and known[photo]["cutout_digest"] not in lost):
            continue
        stop_point()
        known[photo] = _made(project, photo, name, sku)


def _made(project: Project, photo_digest: str, name: str, sku: str) -> Row:
    """One photo's cut-out, recorded: the classical one and, where that one is in doubt and a model is installed, the model's."""
    first = cutout_key(photo_digest)
    row = project.ledger.by_keys(cutout, [first]).get(first)
    if row is None or project.store.missing([row["cutout_digest"]]):
        row = _recorded(project, _cut_or_set_aside(project, photo_digest, name, first), sku)
    second = second_cutout_key(project, photo_digest)
    if second is None or not in_doubt(row):
        return row
    return _recorded(project, _cut_or_set_aside(project, photo_digest, name, second, model=project.cutout_model), sku)


def _recorded(project: Project, row: Row, sku: str) -> Row:
    failpoint("cutout.stored")
    record_made(project, cutout, [row], file="cutout_digest", skus={sku})
    failpoint("cutout.recorded")
    return row


def _cut_or_set_aside(project: Project, photo_digest: str, name: str, key: str, *, model: "CutoutModel | None" = None) -> Row:
    """One photo's cut-out; a photo over which workers died waits for a person, with an empty cut-out in place of one."""
    import numpy as np

    from imaging.storage_format import encode_rgba_png

    try:
        with counted(project, f"cutout {key}", f"the cut-out of {name}"):
            cut = _cut_one if model is None else partial(_cut_again, model)
            return cut(project, photo_digest, name, key)
    except CrashedItem as error:
        nothing = encode_rgba_png(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.uint8))
        return {
            "key": key,
            "photo_digest": photo_digest,
            "cutout_digest": project.store.put(nothing),
            "accepted": False,
            "confidence": 0.0,
            "reasons": [CRASHES],
            "measurements": {"message": str(error)},
        }


def _cut_one(project: Project, photo_digest: str, name: str, key: str) -> Row:
    from imaging.cutout import cut_out
    from imaging.photo import decode_photo

    return _row_of(project, key, photo_digest, cut_out(decode_photo(project.store.get(photo_digest), name=name).pixels_HW3))


def _cut_again(model: "CutoutModel", project: Project, photo_digest: str, name: str, key: str) -> Row:
    from imaging.cutout import cut_out
    from imaging.neural_cutout import cut_out_with
    from imaging.photo import decode_photo

    photo = decode_photo(project.store.get(photo_digest), name=name).pixels_HW3
    return _row_of(project, key, photo_digest, cut_out_with(model, photo, cut_out(photo)))


def _row_of(project: Project, key: str, photo_digest: str, cut: "Cutout") -> Row:
    from imaging.storage_format import encode_rgba_png

    failpoint("cutout.cut")
    return {
        "key": key,
        "photo_digest": photo_digest,
        "cutout_digest": project.store.put(encode_rgba_png(cut.foreground_HW3, cut.alpha_HW)),
        "accepted": cut.accepted,
        "confidence": cut.confidence,
        "reasons": list(cut.reasons),
        "measurements": cut.measurements,
    }


def read_cutout(project: Project, cutout_digest: str) -> "tuple[np.ndarray, np.ndarray]":
    """A stored cut-out as (foreground_HW3, alpha_HW), uint8; read-only, for all recipes of a product get the same one."""
    from imaging.storage_format import decode_rgba_png

    def read() -> "tuple[np.ndarray, np.ndarray]":
        planes = decode_rgba_png(project.store.get(cutout_digest))
        for plane in planes:
            plane.setflags(write=False)
        return planes

    return DECODED.get((cutout_digest,), read)


def read_upright_photo(project: Project, photo_digest: str) -> "np.ndarray":
    """A kept original as upright sRGB pixels, as it was cut out: uint8 (H, W, 3). Raises RenderError when the store has lost it."""
    from imaging.photo import decode_photo

    if project.store.missing([photo_digest]):
        raise RenderError(
            f"The original photo {photo_digest[:12]} is not in the store any more. Nothing was made. Run the product's cell: it is kept anew while "
            "the catalog still has it."
        )
    return decode_photo(project.store.get(photo_digest)).pixels_HW3


def commit_cutouts(project: Project, category: str, drop: str, outcomes: list[Row]) -> str:
    """Name a cell's cut-outs in a manifest, written last; its key."""
    rows = [{k: r[k] for k in ("sku", "cutout_digest", "accepted", "reasons")} for r in outcomes]
    return commit_cell(project, "cutouts", category, drop, {"cutouts": rows})


def cutout_sheet(project: Project, outcomes: list[Row]) -> bytes | None:
    """A contact sheet of cut-outs on a checkerboard-free mid gray; None when there is none."""
    from imaging.contact_sheet import Tile, contact_sheet
    from imaging.storage_format import over_gray

    tiles = [
        Tile(
            pixels_HW3=over_gray(*read_cutout(project, row["cutout_digest"])),
            label=f"{row['sku']}\n{'confidence' if row['accepted'] else row['reasons'][0]} {row['confidence']:.2f}",
            verdict=Verdict.APPROVED if row["accepted"] else Verdict.REVIEW,
        )
        for row in outcomes[:16]
    ]
    return contact_sheet(tiles, columns=4, tile_px=160) if tiles else None


@dg.asset(
    partitions_def=cells,
    backfill_policy=ONE_CELL,
    deps=[source_photos],
    group_name="intake",
    owners=OWNERS,
    kinds={"opencv"},
    code_version="1",
)
@preemptible
@under_lease()
@observed
def cutouts(context: dg.AssetExecutionContext, vitrine: VitrineResource) -> dg.MaterializeResult:
    """Each accepted photo's product with its alpha matte and a confidence; below the bar it waits for a person instead of being used."""
    project, (category, drop) = vitrine.open(), split_cell(context.partition_key)
    outcomes = cut_out_cell(project, category, drop)
    doubtful = [row for row in outcomes if not row["accepted"]]
    key = commit_cutouts(project, category, drop, outcomes)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(key),
        metadata={
            "cutouts": len(outcomes),
            "accepted": len(outcomes) - len(doubtful),
            "doubtful": len(doubtful),
            "mean_confidence": round(float(sum(row["confidence"] for row in outcomes) / len(outcomes)), 3) if outcomes else 0.0,
            "reasons": reasons_table(Counter(row["reasons"][0] for row in doubtful)),
            **sheet_metadata(cutout_sheet(project, outcomes)),
        },
    )
