"""Fill in a page template: everything escaped, nothing loaded from elsewhere, and a policy in the page that holds a browser to that."""

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from publishing.chart_frame import percent
from publishing.wording import bound, duration, number, source_type_in_words, usd

_TEMPLATES: Final = Path(__file__).parent / "templates"


def fill_template(template: str, *, styles: tuple[str, ...], script: str | None = None, **values: Any) -> str:
    """The page that a template makes of the values, as HTML text.

    `styles` and `script` are files in `templates/`, put into the page itself, so that it works from a folder, an archive or a mail. The
    page's Content-Security-Policy allows that one script by its hash: markup that slipped in through product text could not run.
    A value that the template wants and does not get raises `jinja2.UndefinedError`.
    """
    code = _file(script) if script else ""
    return _environment().get_template(template).render(
        style=Markup("\n".join(_file(name) for name in styles)), script=Markup(code), policy=_policy(code), **values
    )  # fmt: skip


def _policy(script: str) -> str:
    """Pictures from the page's own place and data URIs, the page's own style, this one script, nothing else."""
    allowed = f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" if script else "'none'"
    rest = "img-src 'self' file: data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    return f"default-src 'none'; {rest}; script-src {allowed}"


@cache
def _file(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "number": number,
        "bound": bound,
        "duration": duration,
        "usd": usd,
        "source_type": source_type_in_words,
        "percent": percent,
    }
    return environment
