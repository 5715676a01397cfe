"""Make docs/how-to/cutouts.webp: drawn products with fringes and fur, and what is cut out of them, on a strong color.

python -m tools.fringe_picture
"""

import numpy as np

from imaging.contact_sheet import Tile, contact_sheet
from imaging.cutout import cut_out
from tools.demo_product import ROOT
from tools.drawn_fringes import draw, photo_of

SHOWN = (("rug", "umber", "beige"), ("pompom", "black", "gray"))
OUT = ROOT / "docs" / "how-to" / "cutouts.webp"
MAX_BYTES = 100_000
ON = (40, 120, 90)


def main() -> None:
    """Write the picture."""
    tiles = []
    for kind, color, backdrop in SHOWN:
        photo = photo_of(*draw(kind, color, 640), backdrop)
        cut = cut_out(photo)
        share = cut.alpha_HW[..., None] / 255
        over = np.round(cut.foreground_HW3 * share + np.array(ON) * (1 - share)).astype(np.uint8)
        tiles += [
            Tile(pixels_HW3=photo, label=f"{kind}, as drawn"),
            Tile(pixels_HW3=over, label="accepted" if cut.accepted else "doubtful"),
        ]
    OUT.write_bytes(contact_sheet(tiles, columns=2, tile_px=420, max_bytes=MAX_BYTES))
    print(f"{OUT.relative_to(ROOT)}: {OUT.stat().st_size / 1000:.0f} KB")


if __name__ == "__main__":
    main()
