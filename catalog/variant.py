"""A variant: recipe x product x index, and the seed that is its own. Its render key is in `catalog/keys.py`."""

from dataclasses import dataclass, field

from catalog.keys import digest


@dataclass(frozen=True, order=True, kw_only=True)
class Variant:
    """One picture that is wanted: the `index`-th (from 0) of a recipe for a product."""

    sku: str
    recipe: str
    index: int
    attempt: int = field(default=0, compare=False)
    """How often another seed was asked for; the same variant whichever it is, in plans and in the shop."""

    @property
    def seed(self) -> int:
        """31-bit seed that depends on the variant and its attempt alone, so that a new neighbor changes nobody's picture."""
        named = {"sku": self.sku, "recipe": self.recipe, "index": self.index, **({"attempt": self.attempt} if self.attempt else {})}
        return int(digest(named)[:8], 16) & 0x7FFFFFFF

    @property
    def name(self) -> str:
        """Readable name, for file names and logs: `DRK-001.staged_scene.0`."""
        return f"{self.sku}.{self.recipe}.{self.index}"
