"""Which color a recipe is to reach: written as hex, a swatch of the brand kit by its name, or one of the colorways; each may be shown on a photo."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from catalog.brand_kit import Colorway, Swatch, plain_name
from catalog.errors import PhotoRefused, RenderError
from catalog.recently_used import RecentlyUsed
from generation.kind import Job, Wish
from generation.offered import colorways
from imaging.color import lab_to_srgb, srgb_to_lab
from imaging.photo import PhotoLimits, decode_photo

SWATCH_MIDDLE = 0.6
"""Share of a swatch photo's width and height, in its middle, that is looked at: around it are fingers, table and the card's edge."""
MAX_SWATCH_SPREAD = 12.0
"""Delta E 1976 from the median beyond which a quarter of the swatch may not lie; more, and the photo shows several colors."""

COLORS: RecentlyUsed[str] = RecentlyUsed(256, lambda _: 1)
"""The colors of the swatch photos that this process read last, by sha256: photos themselves have up to 32 MB."""


def resolve_target(wish: Wish, params: dict[str, Any]) -> dict[str, Any]:
    """`target_hex`, or `target_photo` by sha256. Raises RenderError for a swatch that the brand kit has not, or too few colorways."""
    written, named = params.pop("hex"), params.pop("swatch")
    if written:
        return {"target_hex": written.lower()}
    color = _named(wish, named) if named else _nth_colorway(wish)
    return {"target_hex": color.hex} if color.photo is None else {"target_photo": color.photo.sha256}


def target_hex(job: Job) -> str:
    """The color to reach, `#rrggbb`: as resolved, or read from the photo of the swatch. Raises RenderError for a photo without one color."""
    if "target_hex" in job.resolved:
        return str(job.resolved["target_hex"])
    sha256 = job.resolved["target_photo"]
    return color_of_swatch(sha256, job.source.brand_file, f"Recipe '{job.name}': the swatch photo ({sha256[:12]})")


def color_of_swatch(sha256: str, read: Callable[[str], bytes], named: str) -> str:
    """The median Lab color of the middle of a swatch photo of the brand kit, `#rrggbb`; it is read when it is not known.

    Raises RenderError, whose message `named` begins, for a photo that cannot be read or shows several colors.
    """
    return COLORS.get((sha256,), lambda: color_of_photo(read(sha256), named))


def color_of_photo(data: bytes, named: str) -> str:
    """The same from a file's bytes."""
    try:
        # By its color profile: phones save in Display P3, whose colors are more vivid than the same numbers are in sRGB.
        picture = decode_photo(data, limits=PhotoLimits(min_side_px=8)).pixels_HW3
    except PhotoRefused as refused:
        raise RenderError(f"{named} cannot be read: {refused}") from refused
    height, width = picture.shape[:2]
    rows, columns = (
        slice(round(side * (0.5 - SWATCH_MIDDLE / 2)), round(side * (0.5 + SWATCH_MIDDLE / 2)) or 1) for side in (height, width)
    )
    middle = picture[rows, columns]
    # Weave and grain are no second color: smoothed away.
    smooth = cv2.resize(middle, (48, 48), interpolation=cv2.INTER_AREA)
    lab = srgb_to_lab(smooth).reshape(-1, 3)
    color = np.median(lab, axis=0)
    spread = float(np.percentile(np.linalg.norm(lab - color, axis=1), 75))
    if spread > MAX_SWATCH_SPREAD:
        raise RenderError(
            f"{named} shows several colors: a quarter of its middle lies more than {spread:.0f} Delta E from its median, at most "
            f"{MAX_SWATCH_SPREAD:.0f} are allowed. Photograph the swatch alone, filling the picture, in even light."
        )
    red, green, blue = (int(v) for v in np.round(lab_to_srgb(color[None, None])[0, 0] * 255))
    return f"#{red:02x}{green:02x}{blue:02x}"


def _nth_colorway(wish: Wish) -> Colorway:
    offered = colorways(wish)
    if wish.index >= len(offered):
        raise RenderError(
            f"Recipe '{wish.recipe.name}' wants colorway number {wish.index + 1} for category '{wish.product.category}', "
            f"but the brand kit offers {len(offered)}. Add one to the brand kit, or lower `variants` of the recipe."
        )
    return offered[wish.index]


def _named(wish: Wish, name: str) -> Swatch | Colorway:
    """The swatch or colorway of that name, whatever its case, spaces, dashes and underscores."""
    offered: tuple[Swatch | Colorway, ...] = (*wish.brand_kit.swatches, *wish.style.colorways, *wish.brand_kit.colorways)
    for color in offered:
        if plain_name(color.name) == plain_name(name):
            return color
    raise RenderError(
        f"Recipe '{wish.recipe.name}' asks for swatch '{name}'; the brand kit has: {', '.join(color.name for color in offered) or 'none'}. "
        "Add it to `swatches` of the brand kit, with its `hex` or a `photo`, or correct the name."
    )
