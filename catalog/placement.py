"""Where a cut-out stands in a frame. The pixel work is `imaging/placing.py`."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True)
class Placement:
    """A similarity from photo pixels to frame pixels: frame = scale * photo + (left_px, top_px), axes kept upright.

    Coordinates are pixel edges (0,0 is the outer corner of the first pixel), so that resizing by `scale` needs no half-pixel fix.
    `scale` is frame pixels per photo pixel, > 0. Frame size in pixels.
    """

    scale: float
    left_px: float
    top_px: float
    frame_width_px: int
    frame_height_px: int

    def as_dict(self) -> dict[str, float]:
        """Plain data for a manifest."""
        return asdict(self)
