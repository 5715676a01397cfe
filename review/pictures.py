"""The pictures of the page: thumbnails and source photos, made once and kept in the state folder, and where a render differs.

The difference is looked at where the product is: what lies around it has no original to compare with.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from assets.cutouts import read_cutout
from catalog.errors import PhotoRefused, StoreError
from catalog.keys import digest
from catalog.placement import Placement
from imaging.decode_sandbox import DecodeSandbox
from imaging.encode import Pixels
from publishing.thumbnails import ThumbnailFolder
from resources.project import Project
from review.queue import Item

if TYPE_CHECKING:
    import numpy as np

FOLDER: Final = "review-pictures"

TILE_PX: Final = 360
"""Long side of a tile: sharp at 180 CSS pixels on a dense screen, 5-12 KB."""

PHOTO_PX: Final = 1200
"""Long side of the source photo beside a render of the usual 1,200 px."""

VISIBLE_DELTA_E: Final = 2.0
"""CIEDE2000 from which a difference is drawn; below, it is hard to see (`imaging.color.delta_e2000`)."""

FULL_DELTA_E: Final = 12.0
"""Difference that is drawn in the strongest color: nobody would call it the same color."""

DIFFERENCE_VERSION: Final = 1


class ReviewPictures:
    """Makes and keeps the page's pictures; many threads may ask, each picture is made by one."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._thumbnails = ThumbnailFolder(state, FOLDER)
        self._sandbox = DecodeSandbox()
        self._lock = threading.Lock()

    def close(self) -> None:
        """End the process that reads photos."""
        self._sandbox.close()

    def tile(self, project: Project, item: Item) -> bytes:
        """A render as a small WebP."""
        return self._kept(item.made["render_digest"], lambda: _render(project, item), TILE_PX)

    def photo(self, project: Project, item: Item) -> bytes:
        """The source photo as a WebP. Raises StoreError when it cannot be read any more."""
        return self._kept(item.photo_digest, lambda: self._photo(project, item), PHOTO_PX)

    def difference(self, project: Project, item: Item) -> bytes:
        """Where the product's pixels are not those of its cut-out, as a transparent PNG of the render's size."""
        name = digest([item.made["render_digest"], item.made["cutout_digest"], item.made["placement"], DIFFERENCE_VERSION])[:20]
        path = self._state / FOLDER / f"{name}.png"
        with self._lock:
            if not path.is_file():
                from publishing.atomic_file import write_atomically

                write_atomically(path, difference_png(project, item))
        return path.read_bytes()

    def _kept(self, picture_digest: str, load: Callable[[], Pixels], long_side_px: int) -> bytes:
        with self._lock:
            small = self._thumbnails.add(picture_digest, load, long_side_px=long_side_px)
        return (self._state / small.src).read_bytes()

    def _photo(self, project: Project, item: Item) -> Pixels:
        try:
            return self._sandbox.decode(project.store.get(item.photo_digest), name=item.photo_digest[:12]).pixels_HW3
        except PhotoRefused as refusal:
            raise StoreError(f"The source photo cannot be read any more: {refusal}") from refusal


def _render(project: Project, item: Item) -> Pixels:
    from imaging.storage_format import decode_rgb

    return decode_rgb(project.store.get(item.made["render_digest"]))


def difference_png(project: Project, item: Item) -> bytes:
    """The heat map of one render: yellow where a difference begins to show, red where nobody would overlook it, else transparent.

    For a recipe that changes the product's color, only lightness is compared.
    """
    import cv2
    import numpy as np

    from imaging.placing import place

    pixels_HW3 = _render(project, item)
    product_HW3, alpha_HW = place(*read_cutout(project, item.made["cutout_digest"]), Placement(**item.made["placement"]))
    strength_HW = difference_strength(pixels_HW3, product_HW3, alpha_HW, lightness_only=item.changes_product)
    heat_HW4 = np.zeros((*strength_HW.shape, 4), np.uint8)
    heat_HW4[..., 2] = 255  # OpenCV's order: blue, green, red, alpha
    heat_HW4[..., 1] = np.rint(225 * (1 - strength_HW)).astype(np.uint8)
    heat_HW4[..., 3] = np.where(strength_HW > 0, np.rint(90 + 150 * strength_HW), 0).astype(np.uint8)
    return bytes(cv2.imencode(".png", heat_HW4)[1])


def difference_strength(pixels_HW3: Pixels, product_HW3: Pixels, alpha_HW: Pixels, *, lightness_only: bool = False) -> "np.ndarray":
    """How visible each product pixel's difference is: float32 (H, W), 0 below `VISIBLE_DELTA_E` and off the product, 1 from `FULL_DELTA_E`.

    pixels_HW3, product_HW3: uint8 sRGB of one size. alpha_HW: uint8; only fully covered pixels are compared.
    """
    import numpy as np

    from imaging.color import delta_e2000, srgb_to_lab

    ours, theirs = srgb_to_lab(pixels_HW3), srgb_to_lab(product_HW3)
    delta = np.abs(ours[..., 0] - theirs[..., 0]) if lightness_only else delta_e2000(ours, theirs)
    strength = np.clip((delta - VISIBLE_DELTA_E) / (FULL_DELTA_E - VISIBLE_DELTA_E), 0, 1)
    return np.where(alpha_HW == 255, strength, 0).astype(np.float32)
