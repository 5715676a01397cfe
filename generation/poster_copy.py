"""The words of an advertisement: headline, line below it, price, call to action, from the product and the brand kit."""

import math
import re
from collections.abc import Sequence

from catalog.ad_style import AdCopy, AdStyle
from catalog.brand_kit import BrandKit
from catalog.errors import RenderError
from catalog.product import Product

SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "CNY": "¥", "INR": "₹", "KRW": "₩", "BRL": "R$", "CAD": "CA$", "AUD": "A$", "MXN": "MX$",
           "NZD": "NZ$", "ILS": "₪", "PLN": "zł", "CZK": "Kč", "UAH": "₴", "TRY": "₺", "VND": "₫", "NGN": "₦", "PHP": "₱"}  # fmt: skip
"""Currency signs, CLDR's for English where they are short; other currencies are written by their code."""
BEHIND = {"PLN", "CZK", "UAH", "VND", "SEK", "NOK", "DKK", "HUF", "RON", "BGN"}
"""Currencies whose sign stands behind the amount wherever they are used."""
DECIMALS = {
    **dict.fromkeys(
        ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}
"""Digits behind the decimal mark, by ISO 4217's list one, where they are not two."""
NO_ZEROS = {"HUF"}
"""Currencies whose hundredths are no longer coined: whole amounts are written whole, with a decimal comma, too."""
FLOAT_ERROR = 1e-9
"""What arithmetic may have left on a price, relative; more is part of it."""
USUAL_CALL = ("Shop now",)
MAX_LINE = 90
"""A description's first sentence that is longer says too much for an advertisement; it is left out whole."""


def copy_of(
    product: Product,
    kit: BrandKit,
    category: AdCopy | None,
    concept: int,
    *,
    headline: str,
    call_to_action: str,
    subline: bool,
    price: bool,
) -> dict[str, str]:
    """The words of one concept by role; roles without words are not there.

    A parameter's words go before the category's, those before the brand's; without any, the headline is the product's title, and the button says `Shop now`.
    """
    brand = kit.ads or AdStyle()
    headlines = _first_of(([headline] if headline else []), () if category is None else category.headlines, brand.headlines) or ("{title}",)
    calls = (
        _first_of([call_to_action] if call_to_action else [], () if category is None else category.calls_to_action, brand.calls_to_action)
        or USUAL_CALL
    )
    said = headlines[concept % len(headlines)].format(title=product.title)
    below = product.title if product.title not in said else _first_sentence(product.description)
    words = {
        "headline": said,
        "subline": below if subline else "",
        "call_to_action": calls[concept % len(calls)].format(title=product.title),
    }
    words["price"] = "" if product.price is None or not price else written_price(product.price, product.currency, brand, product.sku)
    return {role: text for role, text in words.items() if text.strip()}


def written_price(amount: float, currency: str, style: AdStyle, sku: str) -> str:
    """A price as the brand writes it: `$28`, `$1,299.50`, `64,00 €` by a pattern and a decimal comma.

    Raises RenderError for an amount that the currency cannot write: it is never rounded.
    """
    decimals = DECIMALS.get(currency, 2)
    if not math.isfinite(amount) or abs(amount - round(amount, decimals)) > FLOAT_ERROR * max(1.0, amount):
        written = f"{decimals} digits behind the decimal mark at most" if decimals else "whole amounts alone"
        raise RenderError(
            f"Product {sku} costs {amount!r} {currency}, and {currency} is written with {written}. Nothing was made, for an advertisement states no rounded "
            "price. Correct price or currency in the catalog, or set `price: false`."
        )
    whole = float(amount).is_integer() and (style.decimal_mark == "." or currency in NO_ZEROS)
    number = f"{amount:,.{0 if whole else decimals}f}"
    if style.decimal_mark == ",":
        number = number.translate(str.maketrans(",.", ".,"))
    symbol = SYMBOLS.get(currency, currency)
    usual = "{amount}\u00a0{symbol}" if currency in BEHIND or symbol == currency else "{symbol}{amount}"
    pattern = style.price_pattern or usual
    return pattern.format(amount=number, symbol=symbol, currency=currency).replace(" ", "\u00a0")


def _first_of(*choices: Sequence[str]) -> tuple[str, ...]:
    return next((tuple(choice) for choice in choices if choice), ())


def _first_sentence(description: str) -> str:
    sentence = re.split(r"(?<=[.!?;])\s", " ".join(description.split()), maxsplit=1)[0].rstrip(";")
    return sentence if len(sentence) <= MAX_LINE else ""
