"""Takes secrets out of text before it is logged or kept: tokens, passwords in URLs, signatures, e-mail addresses.

Works by shape, and exactly for every secret that the settings have read in this process. It is the second net: our own messages name the
environment variable, not its value.
"""

import re

HIDDEN = "[hidden]"

MIN_SECRET_LENGTH = 6
"""Shorter values are not looked for: hiding every `dev` in a log would make it unreadable."""

_secrets: set[str] = set()

_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?P<kept>[a-z][a-z0-9+.-]{1,30}://)[^\s/@'\"]+@", re.I), rf"\g<kept>{HIDDEN}@"),
    (re.compile(r"(?P<kept>https?://hooks\.slack\.com/)[^\s'\"]+", re.I), rf"\g<kept>{HIDDEN}"),
    (
        re.compile(
            r"(?P<kept>[?&][^=&\s'\"]*(?:signature|credential|token|secret|passw(?:or)?d|api[-_]?key|auth|sig|key)[^=&\s'\"]*=)[^&\s'\"]+",
            re.I,
        ),
        rf"\g<kept>{HIDDEN}",
    ),
    (re.compile(r"(?P<kept>\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}", re.I), rf"\g<kept>{HIDDEN}"),
    (
        re.compile(r"(?P<kept>\b[\w-]*(?:passw(?:or)?d|secret|token|api[-_]?key)[\w-]*['\"]?\s*[=:]\s*['\"]?)[^\s'\",;&}]{4,}", re.I),
        rf"\g<kept>{HIDDEN}",
    ),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"), HIDDEN),  # a JSON Web Token
    (re.compile(r"\bwhsec_[A-Za-z0-9+/=]{8,}"), HIDDEN),
    (re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"), HIDDEN),
    (re.compile(r"\b(?:gh[pousr]_|xox[abprs]-|hf_|sk-)[A-Za-z0-9_-]{10,}"), HIDDEN),
    (
        re.compile(r"\b[\w.+-]{1,64}@(?![\w.-]*\.(?:jpe?g|png|webp|tiff?|heic)\b)[\w-]+(?:\.[\w-]+)+\b", re.I),
        HIDDEN,
    ),  # name@2x.jpg is no mail
)


def remember_secret(value: str) -> str:
    """Hide this value wherever it appears from now on; returns it."""
    if len(value) >= MIN_SECRET_LENGTH:
        _secrets.add(value)
    return value


def redacted(text: str) -> str:
    """The text with everything secret in it replaced by `[hidden]`."""
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    for shape, replacement in _SHAPES:
        text = shape.sub(replacement, text)
    return text
