"""What a brand says in its advertisements, and in which type: headlines, calls to action, fonts, how prices are written."""

from collections.abc import Callable
from string import Formatter
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from catalog.brand_files import BrandFile
from catalog.sentences import clause


def holding_only(*names: str, needed: str = "") -> Callable[[str], str]:
    """A check that words hold no other placeholders than `{name}`, and the needed one; `{{` and `}}` are written braces. Raises ValueError."""
    allowed = ", ".join(f"{{{name}}}" for name in names)

    def checked(words: str) -> str:
        try:
            found = [
                name + (f"!{how}" if how else "") + (f":{form}" if form else "")
                for _, name, form, how in Formatter().parse(words)
                if name is not None
            ]
        except ValueError as error:
            raise ValueError(
                f"has a brace that belongs to nothing ({clause(error)}); placeholders are {allowed}, written braces are {{{{ and }}}}"
            ) from error
        if unknown := [name for name in found if name not in names]:
            raise ValueError(f"holds {{{unknown[0]}}}, which stands for nothing; there are {allowed}")
        if needed and needed not in found:
            raise ValueError(f"must hold {{{needed}}}; there are {allowed}")
        return words

    return checked


Words = Annotated[str, AfterValidator(holding_only("title"))]
"""Words of an advertisement in which `{title}` may stand for the product's title."""


class AdFonts(BaseModel):
    """A brand's font files: TrueType, OpenType or WOFF2. `strong` is for prices and buttons; left out, it is `text`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    headline: BrandFile
    text: BrandFile
    strong: BrandFile | None = None


class AdCopy(BaseModel):
    """Words of advertisements. Concept number i takes headline and call to action i modulo their number; `{title}` stands for the product's title."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    headlines: tuple[Words, ...] = Field(default=(), max_length=50)
    calls_to_action: tuple[Words, ...] = Field(default=(), max_length=50)


class AdStyle(AdCopy):
    """Words for all categories, and how a brand sets them.

    `price_pattern` holds `{amount}` and may hold `{symbol}` or `{currency}`, such as `{amount} {symbol}`; left out, the currency's usual one.
    `decimal_mark`: what parts euros from cents; thousands are then parted by the other one.
    """

    fonts: AdFonts | None = None
    price_pattern: Annotated[str, AfterValidator(holding_only("amount", "symbol", "currency", needed="amount"))] | None = Field(
        default=None, max_length=40
    )
    decimal_mark: Literal[".", ","] = "."

    @model_serializer(mode="wrap")
    def _without_what_is_left_out(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        data: dict[str, Any] = handler(self)
        return {name: value for name, value in data.items() if value not in (None, [], ())}
