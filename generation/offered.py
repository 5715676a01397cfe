"""What a brand kit offers in numbers: the n-th of its colors for the n-th variant, or a refusal that says how many there are."""

from catalog.brand_kit import Colorway
from catalog.errors import RenderError
from generation.kind import Wish


def nth(values: tuple[str, ...], wish: Wish, noun: str) -> str:
    """The value for a wish's index. Raises RenderError if the brand kit offers fewer."""
    if wish.index >= len(values):
        raise RenderError(
            f"Recipe '{wish.recipe.name}' wants {noun} number {wish.index + 1} for category '{wish.product.category}', "
            f"but the brand kit offers {len(values)}. Add one to the brand kit, or lower `variants` of the recipe."
        )
    return values[wish.index]


def colorways(wish: Wish) -> tuple[Colorway, ...]:
    """The category's colorways, else the brand's, without the color the product already has: `color: Sage` leaves out the one named `sage`."""
    offered = wish.style.colorways or wish.brand_kit.colorways
    own = "-".join(wish.product.color.lower().split())
    return tuple(colorway for colorway in offered if colorway.name.replace("_", "-") != own)
