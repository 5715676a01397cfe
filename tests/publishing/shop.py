"""Small real parts for publishing: products, a brand kit, renders and deliveries."""

from datetime import UTC, datetime

import numpy as np

from catalog.brand_kit import BrandKit, CategoryStyle, Channel
from catalog.keys import digest, publish_key
from catalog.product import Product
from catalog.recipe import Recipe
from catalog.variant import Variant
from catalog.verdict import Verdict
from publishing.folder_channel import Approval, DeliveryItem
from publishing.gallery import alt_text
from publishing.metadata import PictureMetadata, metadata_digest, xmp_packet
from publishing.rendition import channel_digest, make_rendition

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
RULES = "b" * 64


def pixels(seed, size=96):
    """A smooth picture of its own per seed: uint8 (size, size, 3)."""
    corner = np.random.default_rng(seed).integers(40, 216, 3)
    ramp = np.linspace(0, 39, size, dtype=np.uint8)
    return (corner[None, None] + ramp[:, None, None]).astype(np.uint8).repeat(size, 1)


class Shop:
    """A catalog of a few products that can be delivered; counts how many renditions were really made."""

    web = Channel(name="web", recipes=("packshot_white", "staged_scene"), format="jpeg", long_side_px=96, quality=90)
    small = Channel(name="small", recipes=("packshot_white", "staged_scene"), format="webp", long_side_px=64, quality=80)

    def __init__(self):
        self.made = []
        self.recipes = {
            "packshot_white": Recipe(
                name="packshot_white",
                kind="packshot",
                title="Packshot on white",
                engine="studio",
                digital_source_type="algorithmicallyEnhanced",
            ),
            "staged_scene": Recipe(
                name="staged_scene",
                kind="scene",
                title="Staged scene",
                engine="diffusion",
                variants=2,
                digital_source_type="compositeWithTrainedAlgorithmicMedia",
            ),
        }
        self.brand_kit = BrandKit(
            brand="northwind",
            title="Northwind",
            palette=("#ffffff",),
            recipes=("packshot_white", "staged_scene"),
            categories={
                name: CategoryStyle(title=name.title(), trigger=f"vtr {name}", scenes=("a wall",), backdrops=("#eeeeee",))
                for name in ("bags", "lighting")
            },
            channels=(self.web, self.small),
        )
        self.products = {
            "BAG-1": Product(
                sku="BAG-1", title="Canvas tote", category="bags", color="Natural", material="Cotton", photos=("a.jpg",), price=24
            ),
            "LMP-1": Product(sku="LMP-1", title="Brass lamp", category="lighting", material="Brass", height_cm=41, photos=("b.jpg",)),
        }

    def item(self, sku, recipe="packshot_white", index=0, channel=None, look=0, **changes):
        channel, product, how = channel or self.web, self.products[sku], self.recipes[recipe]
        render_digest = digest([sku, recipe, index, look])
        metadata = PictureMetadata(
            title=product.title,
            description=product.description,
            alt_text=alt_text(product, how, index),
            digital_source_type=how.digital_source_type,
            identifier=render_digest,
            creator_tool="Vitrine 0.1.0",
        )

        def make():
            self.made.append((sku, recipe, index, channel.name))
            return make_rendition(pixels(int(render_digest[:8], 16)), channel, xmp_packet(metadata))

        key = publish_key(render_digest=render_digest, channel_digest=channel_digest(channel), metadata_digest=metadata_digest(metadata))
        values = {
            "variant": Variant(sku=sku, recipe=recipe, index=index),
            "category": product.category,
            "channel": channel,
            "render_digest": render_digest,
            "rules_digest": RULES,
            "publish_key": key,
            "alt": metadata.alt_text,
            "approval": Approval(verdict=Verdict.APPROVED, render_digest=render_digest, rules_digest=RULES),
            "digital_source_type": how.digital_source_type,
            "make": make,
        }
        return DeliveryItem(**(values | changes))

    def items(self, *skus):
        return [
            self.item(sku, recipe, index, channel)
            for sku in skus
            for recipe, index in (("packshot_white", 0), ("staged_scene", 0), ("staged_scene", 1))
            for channel in (self.web, self.small)
        ]

    def new_look(self, sku):
        """Other renders of the same three variants, for one channel."""
        variants = (("packshot_white", 0), ("staged_scene", 0), ("staged_scene", 1))
        return [self.item(sku, recipe, index, self.web, look=5) for recipe, index in variants]
