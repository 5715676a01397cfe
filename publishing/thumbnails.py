"""Small pictures beside a page: written once under the name of their content, and swept when no page shows them any more."""

from pathlib import Path
from typing import Final

from catalog.keys import digest_bytes
from imaging.encode import Pixels, encode_webp
from publishing.atomic_file import write_atomically
from publishing.rendition import shrunk
from publishing.report_data import Thumbnail

THUMBNAIL_PX: Final = 560
"""Long side: sharp at 210 CSS pixels on a dense screen, still worth opening in the lightbox; 150 of them are about 3 MB."""

THUMBNAIL_QUALITY: Final = 76
"""WebP quality: a 560 px scene takes 15-25 KB."""


class ThumbnailFolder:
    """The folder of thumbnails that belongs to one page: `add` writes into it, `sweep` removes what was not added this time."""

    def __init__(self, page_folder: Path, name: str = "report-files") -> None:
        self._folder = page_folder / name
        self._name = name
        self._kept: set[str] = set()

    def add(self, pixels_HW3: Pixels, long_side_px: int = THUMBNAIL_PX, quality: int = THUMBNAIL_QUALITY) -> Thumbnail:
        """Write a thumbnail of the picture, unless it is there, and say where it is relative to the page.

        pixels_HW3: uint8 (H, W, 3), sRGB; never enlarged.
        """
        small_HW3 = shrunk(pixels_HW3, long_side_px)
        data = encode_webp(small_HW3, quality=quality)
        name = f"{digest_bytes(data)[:20]}.webp"
        if not (self._folder / name).is_file():
            write_atomically(self._folder / name, data)
        self._kept.add(name)
        return Thumbnail(src=f"{self._name}/{name}", width_px=small_HW3.shape[1], height_px=small_HW3.shape[0])

    def sweep(self) -> int:
        """Remove thumbnails that were not added since this object was made; how many. Call it after the page is written."""
        stale = [path for path in self._folder.glob("*.webp") if path.name not in self._kept]
        for path in stale:
            path.unlink()
        return len(stale)
