"""Renditions: the size and format a channel asks for, named by content."""

import numpy as np
import pytest

from catalog.brand_kit import Channel
from catalog.keys import digest_bytes
from imaging.encode import decode
from publishing.metadata import xmp_packet
from publishing.rendition import channel_digest, make_rendition
from tests.publishing.shop import pixels
from tests.publishing.test_metadata import METADATA

XMP = xmp_packet(METADATA)


def channel(**changes):
    return Channel(**({"name": "web", "recipes": ("packshot_white",), "long_side_px": 100, "quality": 90} | changes))


@pytest.mark.parametrize(("height", "width", "expected"), [(300, 200, (67, 100)), (200, 300, (100, 67)), (400, 400, (100, 100))])
def test_the_long_side_is_what_the_channel_asks_for(height, width, expected):
    picture = np.zeros((height, width, 3), np.uint8)
    rendition = make_rendition(picture, channel(), XMP)
    assert (rendition.width_px, rendition.height_px) == expected
    assert decode(rendition.data).shape == (expected[1], expected[0], 3)


def test_a_small_render_is_not_enlarged():
    assert make_rendition(pixels(1, 80), channel(long_side_px=2000), XMP).width_px == 80


def test_white_stays_pure_white():
    rendition = make_rendition(np.full((333, 333, 3), 255, np.uint8), channel(), XMP)
    assert (decode(rendition.data) == 255).all()


def test_the_name_is_the_content():
    rendition = make_rendition(pixels(1), channel(format="webp"), XMP)
    assert rendition.sha256 == digest_bytes(rendition.data)
    assert rendition.file_name == f"{rendition.sha256}.webp"
    assert rendition.media_type == "image/webp"
    assert make_rendition(pixels(1), channel(format="webp"), XMP) == rendition


def test_a_channel_that_takes_one_more_recipe_republishes_nothing():
    assert channel_digest(channel()) == channel_digest(channel(recipes=("packshot_white", "backdrop")))
    for changed in ({"quality": 80}, {"long_side_px": 90}, {"format": "png"}, {"name": "shop"}):
        assert channel_digest(channel()) != channel_digest(channel(**changed))
