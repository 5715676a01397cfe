"""The page's HTML: everything escaped, no style or script in the page itself, so that its policy can forbid them."""

from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined

import publishing.page_template
from publishing.wording import bound, number

HERE: Final = Path(__file__).parent

STATIC: Final = {
    "review.css": ("text/css; charset=utf-8", HERE / "static" / "review.css"),
    "review.js": ("text/javascript; charset=utf-8", HERE / "static" / "review.js"),
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


def page(template: str, **values: Any) -> str:
    """A page as HTML text. A value that the template wants and does not get raises `jinja2.UndefinedError`."""
    return _environment().get_template(template).render(**values)


def address(path: str, query: dict[str, Any]) -> str:
    """A path with its query."""
    return f"{path}?{urlencode(query)}" if query else path


@cache
def _environment() -> Environment:
    loader = FileSystemLoader(HERE / "templates")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"number": number, "bound": bound}
    environment.globals |= {"address": address}
    return environment
