"""The parameters that each kind of recipe takes, with their ranges. What they do to pixels is with the code of each kind."""

from pydantic import BaseModel, ConfigDict, Field


class _Params(BaseModel):
    """Frozen, and closed: a misspelt parameter is an error, not a default."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PackshotParams(_Params):
    """`fill_pct`: longer side of the product's box in percent of the frame. `shadow`: strength of the contact shadow, 0 none."""

    fill_pct: float = Field(default=86.0, ge=20, le=98)
    shadow: float = Field(default=0.5, ge=0, le=1)


class BackdropParams(_Params):
    """`fill_pct`: longer side of the product's box in percent of the frame. `falloff`: how much the sweep darkens toward its corners.

    `shadow`: strength, 0 none. `light_side`: -1 the light comes from the left .. +1 from the right.
    """

    fill_pct: float = Field(default=68.0, ge=20, le=95)
    falloff: float = Field(default=0.5, ge=0, le=1)
    shadow: float = Field(default=1.0, ge=0, le=1)
    light_side: float = Field(default=-0.7, ge=-1, le=1)


class StagedSceneParams(_Params):
    """`blur_pct`: sigma of the wall's blur in percent of the height. `grain`: levels of 255. `shadow`: strength. `edge_tint`: 0..1.

    `edge_tint` is how far the soft edge of the product takes on the scene's color; pixels inside the matte stay as photographed.
    """

    blur_pct: float = Field(default=1.0, ge=0, le=5)
    grain: float = Field(default=1.6, ge=0, le=8)
    shadow: float = Field(default=1.0, ge=0, le=1)
    edge_tint: float = Field(default=0.35, ge=0, le=1)


class RecolorParams(_Params):
    """As a packshot's: `fill_pct` and `shadow`. The target color comes from the brand kit's colorways, or from `hex` when it is set."""

    fill_pct: float = Field(default=86.0, ge=20, le=98)
    shadow: float = Field(default=0.5, ge=0, le=1)
    hex: str | None = Field(default=None, pattern=r"^#[0-9a-fA-F]{6}$")


KINDS: dict[str, type[_Params]] = {
    "packshot": PackshotParams,
    "backdrop": BackdropParams,
    "staged_scene": StagedSceneParams,
    "recolor": RecolorParams,
}
"""Every kind of recipe that exists, and the model of its parameters."""
