"""Text on a picture, as its maker states it in the render's facts: where each block stands, in which color, on how many lines."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from catalog.brand_kit import HexColor
from catalog.errors import GateError

TEXT_FACT = "texts"
"""Key of the render's facts that holds a list of text boxes; an empty list says that there is no text, no such key that nobody knows."""


class TextBox(BaseModel):
    """One block of text: `left`, `top`, `width`, `height` are shares of the frame's width and height, 0..1, from its upper left corner.

    The box is as tight as the letters' own: from the highest ascender of the first line to the lowest descender of the last.
    `lines`: how many lines of text stand in it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    left: float = Field(ge=-1, le=2, allow_inf_nan=False)
    top: float = Field(ge=-1, le=2, allow_inf_nan=False)
    width: float = Field(gt=0, le=3, allow_inf_nan=False)
    height: float = Field(gt=0, le=3, allow_inf_nan=False)
    color: HexColor
    lines: int = Field(default=1, ge=1, le=50)
    text: str = ""

    @model_validator(mode="after")
    def _shows_in_the_frame(self) -> Self:
        if self.left >= 1 or self.top >= 1 or self.left + self.width <= 0 or self.top + self.height <= 0:
            raise ValueError("the box lies outside the frame; give shares of its width and height, 0 to 1, from its upper left corner")
        return self


def text_boxes(facts: Mapping[str, Any]) -> tuple[TextBox, ...] | None:
    """The text boxes that a render's facts name; None when they say nothing of text. Raises GateError for boxes that make no sense."""
    stated = facts.get(TEXT_FACT)
    if stated is None:
        return None
    if not isinstance(stated, Sequence) or isinstance(stated, str):
        raise GateError(f"Facts `{TEXT_FACT}` must be a list of text boxes, not {type(stated).__name__}. The render was not measured.")
    try:
        return tuple(TextBox.model_validate(box) for box in stated)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise GateError(f"Facts `{TEXT_FACT}`, {where or 'a box'}: {first['msg']}. The render was not measured.") from error
