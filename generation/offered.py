"""What a brand kit offers a product: its colorways, but for the color that the product already has."""

from catalog.brand_kit import Colorway
from generation.kind import Wish


def colorways(wish: Wish) -> tuple[Colorway, ...]:
    """The category's colorways, else the brand's, without the color the product already has: `color: Sage` leaves out the one named `sage`."""
    offered = wish.style.colorways or wish.brand_kit.colorways
    own = "-".join(wish.product.color.lower().split())
    return tuple(colorway for colorway in offered if colorway.name.replace("_", "-") != own)
