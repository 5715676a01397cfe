"""Check the raw product table with a Great Expectations suite: which rows are products, and what is wrong with the others.

Reads no files: whether a photo exists is the source's to say. Good rows go on, bad rows are listed with reasons.
"""

import difflib
import math
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from catalog.errors import CatalogError
from catalog.product import SLUG, Product
from quality.expectations import validate

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

REQUIRED_COLUMNS = ("sku", "title", "category", "photos")
OPTIONAL_COLUMNS = ("description", "color", "material", "width_cm", "depth_cm", "height_cm", "price", "currency")
LENGTH_COLUMNS = ("width_cm", "depth_cm", "height_cm")
MAX_LENGTH_CM = 2000.0
SKU = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"
PHOTO_SEPARATORS = r"\s*[;|]\s*"
"""Several photos stand in one cell, separated by `;` or `|`; a comma would end the cell in many spreadsheets."""
MAX_TITLE_CHARACTERS = 200
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
"""What counts as a number. Python's float() also takes 1_000 and other scripts' digits, which no shop means as a price."""

PART_ROWS = 50_000
"""Rows checked at a time: their products take some 150 MB."""

CURRENCIES = frozenset(
    "AED ARS AUD BDT BGN BHD BRL CAD CHF CLP CNY COP CRC CZK DKK DOP EGP EUR GBP GEL GHS GTQ HKD HUF IDR ILS INR ISK JOD JPY KES KRW KWD KZT "
    "LKR MAD MXN MYR NGN NOK NZD OMR PEN PHP PKR PLN PYG QAR RON RSD SAR SEK SGD THB TND TRY TWD TZS UAH UGX USD UYU VND XAF XOF ZAR".split()
)
"""ISO 4217 codes that shops sell in; an unlisted one is far more often a typo than a market."""


@dataclass(frozen=True, kw_only=True)
class BadRow:
    """A row that is not a product: its number in the source (in a CSV the header is row 1), its SKU as far as it has one, and what is wrong."""

    row: int
    sku: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class CatalogCheck:
    """The products of a table, the rows that are none, and what the suite counted."""

    good: tuple[Product, ...]
    bad: tuple[BadRow, ...]
    statistics: dict[str, int]


def check_catalog(rows: "pd.DataFrame", first_row: int = 2) -> CatalogCheck:
    """The good products of a raw table (cells as text, '' for empty) and its bad rows with reasons.

    `first_row` is the number of the first row where the table came from (a CSV's header is row 1).
    Of rows that share a SKU none is taken: there is no telling which is meant. Raises CatalogError when required columns are missing,
    a column stands twice, or the table has no rows.
    """
    parts = list(check_parts(rows, first_row))
    return CatalogCheck(
        good=tuple(item for part in parts for item in part.good),
        bad=tuple(bad for part in parts for bad in part.bad),
        statistics={name: sum(part.statistics[name] for part in parts) for name in parts[0].statistics},
    )


def check_parts(rows: "pd.DataFrame", first_row: int = 2, part_rows: int = PART_ROWS) -> Iterator[CatalogCheck]:
    """The same part by part, in the table's order: a million products do not fit into memory at once."""
    rows = _with_trimmed_names(rows)
    folded = rows["sku"].fillna("").astype(str).str.strip().str.lower()
    stands_twice = folded.duplicated(keep=False).to_numpy()
    for start in range(0, len(rows), part_rows):
        chosen = slice(start, start + part_rows)
        yield _check_part(_with_known_columns(rows.iloc[chosen], first_row + start, stands_twice[chosen]), first_row + start)


def _check_part(table: "pd.DataFrame", first_row: int) -> CatalogCheck:
    validation = validate(table, lambda: _expectations(table), name="catalog", index_column="row")
    reasons: dict[int, list[str]] = defaultdict(list)
    for finding in validation.findings:
        cell = str(table.at[int(finding.index) - first_row, finding.meta["shows"]])
        reasons[int(finding.index)].append(finding.meta["reason"].replace("{cell}", repr(cell[:60])))
    good, bad = [], []
    for number, record in enumerate(table.to_dict("records"), first_row):
        found = list(dict.fromkeys(reasons.get(number, [])))
        if not found:
            product = _product({str(name): cell for name, cell in record.items()})
            if isinstance(product, Product):
                good.append(product)
                continue
            found = product
        bad.append(BadRow(row=number, sku=str(record["sku"]), reasons=tuple(found)))
    counted = {"expectations_evaluated": validation.evaluated, "expectations_met": validation.met}
    return CatalogCheck(good=tuple(good), bad=tuple(bad), statistics={"rows": len(table), "good": len(good), "bad": len(bad), **counted})


def _with_trimmed_names(rows: "pd.DataFrame") -> "pd.DataFrame":
    """The table with trimmed column names. Raises CatalogError for a header that cannot be meant, and for a table without rows."""
    names = [str(name).strip() for name in rows.columns]
    # A spreadsheet's second "sku" column arrives as "sku.1" from pandas.
    twice = sorted(
        {name for name in names if names.count(name) > 1} | {name[:-2] for name in names if name.endswith(".1") and name[:-2] in names}
    )
    if twice:
        raise CatalogError(f"The product table has the column {', '.join(twice)} twice. Keep one. The catalog was left as it was.")
    missing = [name for name in REQUIRED_COLUMNS if name not in names]
    for separator, called in ((";", "semicolons"), ("\t", "tabs")):
        if len(names) == 1 and separator in names[0]:
            raise CatalogError(
                f"The product table is separated by {called}; commas are read. Save it as CSV with commas between the cells and double quotes "
                "around cells that hold one. The catalog was left as it was."
            )
    if missing:
        hints = []
        for name in missing:
            near = difflib.get_close_matches(name, [other.lower() for other in names], 1, cutoff=0.6)
            original = {other.lower(): other for other in names}
            hints += [f"{original[near[0]]!r} for {name!r}"] if near else []
        raise CatalogError(
            f"The product table lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}; it has {', '.join(names)}."
            + (f" Did you mean {', '.join(hints)}?" if hints else "")
            + f" Required: {', '.join(REQUIRED_COLUMNS)}; optional: {', '.join(OPTIONAL_COLUMNS)}. The catalog was left as it was."
        )
    strangers = [name for name in names if name not in REQUIRED_COLUMNS + OPTIONAL_COLUMNS]
    for name in strangers:
        near = difflib.get_close_matches(name.lower(), [known for known in OPTIONAL_COLUMNS if known not in names], 1, cutoff=0.8)
        if near:
            raise CatalogError(
                f"The product table has an unknown column {name!r}; did you mean {near[0]!r}? Rename it; if it is another thing, give it another name. "
                "The catalog was left as it was."
            )
    if rows.empty:
        raise CatalogError("The product table has a header but no rows. The catalog was left as it was.")
    return rows.set_axis(names, axis=1)


def _with_known_columns(rows: "pd.DataFrame", first_row: int, stands_twice: "npt.NDArray[np.bool_]") -> "pd.DataFrame":
    """The table with trimmed text cells, every optional column, and `row` as the number in the source."""
    import pandas as pd

    table = rows.reset_index(drop=True)
    for name in REQUIRED_COLUMNS + OPTIONAL_COLUMNS:
        cells = table[name] if name in rows.columns else [""] * len(table)
        table[name] = ["" if pd.isna(cell) else str(cell).strip() for cell in cells]
    table["rows_of_sku"] = 1.0 + stands_twice
    table["row"] = [str(number + first_row) for number in range(len(table))]
    for name in (*LENGTH_COLUMNS, "price"):
        table[f"{name}_number"] = [_number(cell) for cell in table[name]]
    return table[
        [*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS, "rows_of_sku", *(f"{name}_number" for name in (*LENGTH_COLUMNS, "price")), "row"]
    ].astype({f"{name}_number": "float64" for name in (*LENGTH_COLUMNS, "price")})


def _number(cell: str) -> float | None:
    """A cell as a number; None when it is empty, NaN-free infinity (never within bounds) when it is no number."""
    if not cell:
        return None
    if not NUMBER.fullmatch(cell):
        return math.inf
    try:
        value = float(cell)
    except ValueError:
        return math.inf
    return value if math.isfinite(value) else math.inf


def _expectations(table: "pd.DataFrame") -> list[Any]:
    import great_expectations.expectations as gxe

    def note(reason: str, shows: str) -> dict[str, str]:
        return {"reason": reason, "shows": shows}

    out: list[Any] = []
    for name in REQUIRED_COLUMNS:
        out.append(gxe.ExpectColumnValuesToMatchRegex(column=name, regex=r"\S", meta=note(f"{name} is empty", name)))
    out.append(
        gxe.ExpectColumnValuesToMatchRegex(
            column="sku", regex=f"{SKU}|^$", meta=note("SKU {cell} may hold letters, digits, '.', '_' and '-' only, 63 at most", "sku")
        )
    )
    # Pages stand in folders named by SKU; on macOS and Windows, MUG-1 and mug-1 are one folder.
    twice = "SKU {cell} stands in more than one row (capitals make no difference)"
    out.append(gxe.ExpectColumnValuesToBeBetween(column="rows_of_sku", max_value=1, meta=note(twice, "sku")))
    out.append(
        gxe.ExpectColumnValuesToMatchRegex(
            column="category",
            regex=f"{SLUG}|^$",
            meta=note(
                "category {cell} may hold small letters, digits, '_' and '-' only, 63 at most (for example 'floor-lamps')", "category"
            ),
        )
    )
    out.append(
        gxe.ExpectColumnValueLengthsToBeBetween(
            column="title", max_value=MAX_TITLE_CHARACTERS, meta=note(f"the title has more than {MAX_TITLE_CHARACTERS} characters", "title")
        )
    )
    for name in LENGTH_COLUMNS:
        message = f"{name} {{cell}} is not a length in centimeters above 0 and up to {MAX_LENGTH_CM:.0f} (write 12.5, or leave it empty)"
        out.append(
            gxe.ExpectColumnValuesToBeBetween(
                column=f"{name}_number", min_value=0, strict_min=True, max_value=MAX_LENGTH_CM, meta=note(message, name)
            )
        )
    price = "price {cell} is not an amount of 0 or more (write 19.90, or leave it empty)"
    out.append(gxe.ExpectColumnValuesToBeBetween(column="price_number", min_value=0, max_value=1e9, meta=note(price, "price")))
    unknown = "currency {cell} is not a known ISO 4217 code such as USD or EUR"
    out.append(gxe.ExpectColumnValuesToBeInSet(column="currency", value_set=[*sorted(CURRENCIES), ""], meta=note(unknown, "currency")))
    return out


def _product(record: dict[str, Any]) -> Product | list[str]:
    """The product of a row that met every expectation, or what its noun still refuses."""
    lengths = {name: float(record[name]) if record[name] else None for name in (*LENGTH_COLUMNS, "price")}
    words = {name: record[name] for name in ("sku", "title", "description", "category", "color", "material")}
    photos = tuple(name for name in re.split(PHOTO_SEPARATORS, record["photos"]) if name)
    try:
        return Product.model_validate({**words, **lengths, "currency": record["currency"] or "USD", "photos": photos})
    except ValidationError as error:
        return [f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()]
