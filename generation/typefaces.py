"""The typefaces that words are set in: a brand's own, or those that ship with Vitrine under the SIL Open Font License."""

import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from catalog.brand_kit import BrandKit
from imaging.lettering import Typeface

FOLDER = Path(__file__).parent / "fonts"

SHIPPED = {"headline": "PlayfairDisplay-SemiBold.ttf", "strong": "Manrope-ExtraBold.ttf", "text": "Manrope-Medium.ttf"}
"""Latin, Cyrillic and Vietnamese; Manrope also Greek. Their licenses lie beside them."""


def chosen_fonts(kit: BrandKit) -> dict[str, str]:
    """Sha256 of the font file of each role, for the render key: the brand's `ads: {fonts: ...}`, else the shipped ones."""
    named = kit.ads.fonts if kit.ads is not None else None
    own = {} if named is None else {"headline": named.headline, "strong": named.strong or named.text, "text": named.text}
    return {role: file.sha256 if (file := own.get(role)) is not None else _shipped_digest(role) for role in SHIPPED}


def typefaces(fonts: dict[str, Any], brand_file: Callable[[str], bytes]) -> dict[str, Typeface]:
    """The typeface of each role of `chosen_fonts`. Raises RenderError when a file is no font."""
    return {
        role: _shipped(role) if sha256 == _shipped_digest(role) else _opened(sha256, brand_file(sha256)) for role, sha256 in fonts.items()
    }


@lru_cache(maxsize=8)
def _shipped_digest(role: str) -> str:
    return hashlib.sha256((FOLDER / SHIPPED[role]).read_bytes()).hexdigest()


@lru_cache(maxsize=8)
def _shipped(role: str) -> Typeface:
    return Typeface((FOLDER / SHIPPED[role]).read_bytes(), SHIPPED[role])


@lru_cache(maxsize=8)
def _opened(sha256: str, data: bytes) -> Typeface:
    return Typeface(data, f"brand font {sha256[:12]}")
