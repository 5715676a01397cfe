"""The page's HTML: everything escaped, no style or script in the page itself, so that its policy can forbid them."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined

import publishing.page_template
from catalog.keys import digest_bytes
from catalog.verdict import Reason
from publishing.wording import bound, number
from review.items import Item

HERE: Final = Path(__file__).parent

STATIC: Final = {
    "review.css": ("text/css; charset=utf-8", HERE / "static" / "review.css"),
    "review.js": ("text/javascript; charset=utf-8", HERE / "static" / "review.js"),
    "htmx.min.js": ("text/javascript; charset=utf-8", HERE / "static" / "htmx.min.js"),
    "tokens.css": ("text/css; charset=utf-8", Path(publishing.page_template.__file__).parent / "templates" / "tokens.css"),
}
"""Files that are served beside the pages: media type and where each lies. Nothing else is."""

POLICY: Final = (
    "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
"""Content-Security-Policy of every answer: own files only, no markup that slipped in through product text could load or run anything."""

HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

VERDICT_WORDS: Final = {"review": "To review", "rejected": "Rejected", "approved": "Approved"}


@dataclass(frozen=True, kw_only=True)
class Gauge:
    """A measured value on a line with what is allowed; all in percent of the line's length."""

    allowed_from: float
    allowed_to: float
    at: float


def page(template: str, **values: Any) -> str:
    """A page as HTML text. A value that the template wants and does not get raises `jinja2.UndefinedError`."""
    return _environment().get_template(template).render(**values)


def address(path: str, query: dict[str, Any]) -> str:
    """A path with its query."""
    return f"{path}?{urlencode(query)}" if query else path


@cache
def static_file(name: str) -> tuple[bytes, str]:
    """A served file's bytes and media type."""
    media_type, path = STATIC[name]
    return path.read_bytes(), media_type


@cache
def static(name: str) -> str:
    """The address of a served file; it changes with the file."""
    return f"/static/{name}?v={digest_bytes(static_file(name)[0])[:12]}"


def gauge(item: Item, reason: Reason) -> Gauge | None:
    """A reason's value against its rule's bounds; None where there is no number or no bound to draw."""
    rule, value = item.rule_of(reason), reason.measured
    if rule is None or not isinstance(value, int | float):
        return None
    asks_person = reason.required == rule.review_required
    low = rule.review_min if asks_person and rule.review_min is not None else rule.min
    high = rule.review_max if asks_person and rule.review_max is not None else rule.max
    told = [number for number in (value, low, high) if number is not None]
    start, end = min(0.0, *told), max(0.0, *told)
    room = (end - start) * 0.15 or 1.0
    start, end = start - room * (start < 0), end + room
    if rule.documented.high is not None and end > rule.documented.high >= max(told):
        end = rule.documented.high

    def along(position: float) -> float:
        return round(100 * (position - start) / (end - start), 2)

    return Gauge(
        allowed_from=0.0 if low is None else along(low),
        allowed_to=100.0 if high is None else along(high),
        at=along(float(value)),
    )


def unit(item: Item, reason: Reason) -> str:
    """The unit of what a reason measured; '' where it has none worth saying."""
    rule = item.rule_of(reason)
    return "" if rule is None or rule.documented.unit in ("1", "name", "0 or 1") else rule.documented.unit


@cache
def _environment() -> Environment:
    loader = FileSystemLoader(HERE / "templates")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"number": number, "bound": bound}
    environment.globals |= {"address": address, "static": static, "gauge": gauge, "unit": unit, "verdict_words": VERDICT_WORDS}
    return environment
