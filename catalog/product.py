"""A product: one SKU with what the shop knows about it. Where rows come from is `resources/open_source.py`."""

from pydantic import BaseModel, ConfigDict, Field, field_validator

SLUG = r"^[a-z0-9][a-z0-9_-]{0,62}$"
"""Category keys are partition keys, folder names and URL parts at once; Dagster forbids `|`, file systems forbid more."""


class Product(BaseModel):
    """One SKU of the catalog: its words, its measures in centimeters, its price and its photo files.

    `photos` are file names relative to the source's photo folder; the first is the main photo. Dimensions are the product's own (without
    packaging); None means the catalog does not know, and recipes that need them refuse.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sku: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")
    title: str = Field(min_length=1, max_length=200)
    description: str = ""
    category: str = Field(pattern=SLUG)
    color: str = ""
    material: str = ""
    width_cm: float | None = Field(default=None, gt=0, le=2000)
    depth_cm: float | None = Field(default=None, gt=0, le=2000)
    height_cm: float | None = Field(default=None, gt=0, le=2000)
    price: float | None = Field(default=None, ge=0)
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")
    photos: tuple[str, ...] = Field(min_length=1)

    @property
    def size_cm(self) -> dict[str, float | None]:
        """Width, depth and height in centimeters; None where the catalog does not know."""
        return {"width": self.width_cm, "depth": self.depth_cm, "height": self.height_cm}

    @field_validator("photos")
    @classmethod
    def _photo_names_stay_inside_the_folder(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name.startswith("/") or ".." in name.split("/") or "\\" in name or "\0" in name:
                raise ValueError(f"photo name {name!r} leaves the photo folder; use a plain relative file name")
        return names
