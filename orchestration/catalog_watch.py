"""When the catalog is to be read anew: something in it changed, or the reading that was asked for failed. No Dagster here.

How often everything is looked at, and how long a failed reading waits before it is asked for again, is decided here too.
"""

import time
import uuid
from collections.abc import Callable
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from resources.catalog_source import CatalogSource

TICK_S = 15
"""How often the sensor ticks, and the shortest time between two full looks."""
LOOKING_SHARE = 0.1
"""A full look that takes long is taken less often, so that looking fills at most this share of the time: 100,000 photos on a slow network
disk, or a large database without `updated_at`."""
FIRST_RETRY_S, LONGEST_RETRY_S = 60, 3600
"""A reading that failed is asked for again after a minute, then two, four and so on; never later than an hour after the last failure."""
LOST_AFTER_S = 600
"""A request that no run is known for after this time was lost between the sensor and the run queue."""

RunState = Literal["done", "going", "failed", "unknown"]


class Watch(BaseModel):
    """What the last tick saw and asked for; the sensor's cursor. Times in seconds since 1970."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    table: str
    pictures: str
    looked_at: float
    took_s: float
    request: str = ""
    """Tag of the refresh that is not known to have succeeded yet; '' when there is none."""
    asked_at: float = 0.0
    tries: int = 0

    @property
    def seen(self) -> tuple[str, str]:
        """The fingerprints."""
        return self.table, self.pictures


def read_cursor(text: str | None) -> Watch | None:
    """A sensor's cursor; None for none, and for one of an older version, so that the catalog is read once more."""
    try:
        return Watch.model_validate_json(text) if text else None
    except ValidationError:
        return None


def watch(
    source: CatalogSource, before: Watch | None, *, poll_s: int, outcome: Callable[[str], tuple[RunState, float]], now: float
) -> tuple[Watch, bool]:
    """Look, and say whether to ask for a refresh now. `outcome` gives a request's state and when its last run ended.

    Raises CatalogError when the source cannot be reached.
    """
    after = _look(source, before, poll_s, now)
    if before is None or after.seen != before.seen:
        return _ask(after, now, tries=0), True
    if not after.request:
        return after, False
    state, ended_at = outcome(after.request)
    if state == "done":
        return after.model_copy(update={"request": "", "tries": 0}), False
    if state == "unknown" and now - after.asked_at >= LOST_AFTER_S:
        return _ask(after, now, tries=after.tries), True
    if state == "failed" and now - ended_at >= retry_after_s(after.tries):
        return _ask(after, now, tries=after.tries + 1), True
    return after, False


def retry_after_s(tries: int) -> float:
    """How long after its failure a refresh is asked for again, when it was asked for again `tries` times before."""
    return float(min(LONGEST_RETRY_S, FIRST_RETRY_S * 2 ** min(tries, 10)))


def _ask(seen: Watch, now: float, tries: int) -> Watch:
    return seen.model_copy(update={"request": uuid.uuid4().hex, "asked_at": now, "tries": tries})


def _look(source: CatalogSource, before: Watch | None, poll_s: int, now: float) -> Watch:
    """The fingerprints now: of everything when it is time, else of a table that tells its own cheaply."""
    if before is None or _is_time(before, poll_s, now):
        start = time.perf_counter()
        seen = {"table": source.table.fingerprint(), "pictures": source.pictures.fingerprint()}
        took_s = time.perf_counter() - start
        rest = {} if before is None else before.model_dump(include={"request", "asked_at", "tries"})
        return Watch.model_validate({**rest, **seen, "looked_at": now, "took_s": took_s})
    return before.model_copy(update={"table": source.table.fingerprint()}) if source.table.tells_cheaply else before


def _is_time(before: Watch, poll_s: int, now: float) -> bool:
    wait_s = max(poll_s, before.took_s / LOOKING_SHARE)
    return wait_s <= TICK_S or not 0 <= now - before.looked_at < wait_s  # a clock that was set back must not stop the looking
