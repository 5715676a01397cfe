"""Small pictures beside a page: made once per picture and size, and swept when no page shows them any more."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from PIL import Image

from catalog.keys import digest
from imaging.encode import ENCODER_VERSION, Pixels, encode_webp
from publishing.atomic_file import write_atomically
from publishing.rendition import shrunk
from publishing.report_data import Thumbnail

THUMBNAIL_PX: Final = 560
"""Long side: sharp at 210 CSS pixels on a dense screen, still worth opening in the lightbox; 150 of them are about 3 MB."""

THUMBNAIL_QUALITY: Final = 76
"""WebP quality: a 560 px scene takes 10-25 KB."""


class ThumbnailFolder:
    """The thumbnails of one page: `add` makes what is missing, `sweep` removes what was not asked for this time."""

    def __init__(self, page_folder: Path, name: str = "report-files") -> None:
        self._folder = page_folder / name
        self._name = name
        self._kept: set[str] = set()

    def add(
        self, picture_digest: str, load: Callable[[], Pixels], *, long_side_px: int = THUMBNAIL_PX, quality: int = THUMBNAIL_QUALITY
    ) -> Thumbnail:
        """The thumbnail of a picture, relative to the page; the picture is loaded only when its thumbnail is not there yet.

        `picture_digest` stands for the pixels that `load` returns: uint8 (H, W, 3), sRGB. Never enlarged.
        """
        name = f"{digest([picture_digest, long_side_px, quality, ENCODER_VERSION])[:20]}.webp"
        path = self._folder / name
        if not path.is_file():
            write_atomically(path, encode_webp(shrunk(load(), long_side_px), quality=quality))
        self._kept.add(name)
        with Image.open(path) as picture:
            return Thumbnail(src=f"{self._name}/{name}", width_px=picture.width, height_px=picture.height)

    def sweep(self) -> int:
        """Remove thumbnails that were not added since this object was made; how many. Call it after the page is written."""
        stale = [path for path in self._folder.glob("*.webp") if path.name not in self._kept]
        for path in stale:
            path.unlink()
        return len(stale)
