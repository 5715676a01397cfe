"""What every asset of the graph shares: owner, retry policy for lost workers, contact-sheet metadata."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import dagster as dg

from catalog.errors import StoreBusy, VitrineError

OWNERS = ["team:catalog-imaging"]

SPOT_RETRIES = dg.RetryPolicy(max_retries=4, delay=20, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
"""For steps that are dear and fail for reasons that pass (a GPU's error, a store that was away). A lost machine needs none: on a cluster the step
handler tries any step again, on one machine the next run does. Our own errors: `told_at_once`."""


@contextmanager
def told_at_once() -> Iterator[None]:
    """Fail a step with a retry policy at once on an error of ours: it says what to correct, and trying again corrects nothing.

    A store that is only busy is left to the retry policy.
    """
    try:
        yield
    except StoreBusy:
        raise
    except VitrineError as error:
        raise dg.Failure(str(error), allow_retries=False) from error


def reasons_table(counts: Mapping[str, int]) -> dg.MetadataValue:
    """Reasons and how often, most frequent first, as a table for the asset's page."""
    lines = ["| reason | count |", "|---|---|", *(f"| {_cell(name)} | {count} |" for name, count in _ranked(counts))]
    return dg.MetadataValue.md("\n".join(lines) if counts else "none")


def rows_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> dg.MetadataValue:
    """Plain rows as a Markdown table with the given columns; at most 50 rows, with a count of the rest."""
    if not rows:
        return dg.MetadataValue.md("none")
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(_cell(row.get(column, "")) for column in columns) + " |" for row in rows[:50]]
    if len(rows) > 50:
        lines.append(f"... and {len(rows) - 50} more")
    return dg.MetadataValue.md("\n".join(lines))


def sheet_metadata(sheet: bytes | None) -> dict[str, dg.MetadataValue]:
    """A contact sheet as a picture in the asset's metadata; nothing when there is no picture to show."""
    from imaging.contact_sheet import as_markdown_image

    return {"contact_sheet": dg.MetadataValue.md(as_markdown_image(sheet, "image/webp"))} if sheet else {}


def _ranked(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _cell(value: object) -> str:
    # Product text is untrusted: a pipe would break the table, a tag could reach the browser.
    return str(value).replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
