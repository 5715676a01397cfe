"""Numbers and terms as people read them on pages: `3.4 min`, `$0.012`, "composite with an AI-generated scene"."""

from typing import Final

SOURCE_TYPE_WORDS: Final = {
    "digitalCapture": "Photograph",
    "algorithmicallyEnhanced": "Photograph, enhanced",
    "compositeSynthetic": "Photograph with a computer-drawn setting",
    "compositeWithTrainedAlgorithmicMedia": "Photograph in an AI-generated setting",
    "trainedAlgorithmicMedia": "AI-generated picture",
}
"""What each IPTC digital source type means for a product picture, in words for shoppers and merchandisers."""

PRODUCT_CHANGED: Final = "Photograph, the product itself altered by computer"
"""What a shopper is told of a recipe that changes the product: IPTC's term for it says only that something is synthetic, not what."""


def number(value: float | str) -> str:
    """A value with as many digits as an eye uses: three significant ones, thousands parted; text as it is."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    text = f"{value:.3g}"
    return text if "e" not in text else f"{value:.5f}".rstrip("0").rstrip(".")


def bound(required: str) -> str:
    """What a rule requires, with the signs that people know: `>= 4 %` becomes `≥ 4 %`."""
    return required.replace(">=", "≥").replace("<=", "≤")


def duration(seconds: float) -> str:
    """A time span: `42 s`, `3.4 min`, `2.1 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def usd(amount: float | None) -> str:
    """Dollars with two significant digits below one dollar: `$1.24`, `$0.031`, `$0.00042`; a dash for None."""
    if amount is None:
        return "–"
    if amount >= 1 or amount == 0:
        return f"${amount:,.2f}"
    digits = 1
    while amount * 10**digits < 10 and digits < 8:
        digits += 1
    return f"${amount:.{digits}f}"


def source_type_in_words(term: str) -> str:
    """An IPTC digital source type in words; the term itself when it is not one of ours."""
    return SOURCE_TYPE_WORDS.get(term, term)
