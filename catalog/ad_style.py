"""What a brand says in its advertisements, and in which type: headlines, calls to action, fonts, how prices are written."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from catalog.brand_files import BrandFile


class AdFonts(BaseModel):
    """A brand's font files: TrueType, OpenType or WOFF2. `strong` is for prices and buttons; left out, it is `text`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    headline: BrandFile
    text: BrandFile
    strong: BrandFile | None = None


class AdCopy(BaseModel):
    """Words of advertisements. Concept number i takes headline and call to action i modulo their number; `{title}` stands for the product's title."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    headlines: tuple[str, ...] = Field(default=(), max_length=50)
    calls_to_action: tuple[str, ...] = Field(default=(), max_length=50)


class AdStyle(AdCopy):
    """Words for all categories, and how a brand sets them.

    `price_pattern` holds `{amount}` and may hold `{symbol}` or `{currency}`, such as `{amount} {symbol}`; left out, the currency's usual one.
    `decimal_mark`: what parts euros from cents; thousands are then parted by the other one.
    """

    fonts: AdFonts | None = None
    price_pattern: str | None = Field(default=None, pattern=r"\{amount\}", max_length=40)
    decimal_mark: Literal[".", ","] = "."

    @model_serializer(mode="wrap")
    def _without_what_is_left_out(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        data: dict[str, Any] = handler(self)
        return {name: value for name, value in data.items() if value not in (None, [], ())}
