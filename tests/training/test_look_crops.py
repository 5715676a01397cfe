"""Buckets: about one area, never more, and each picture in the one nearest to its aspect."""

import numpy as np
import pytest

from catalog.errors import TrainingError
from training.look_crops import bucket_sizes, cut, nearest_size


@pytest.mark.parametrize(("size_px", "step"), [(64, 16), (128, 32), (512, 64), (1024, 64)])
def test_buckets_have_about_the_area_of_the_square_and_sides_the_model_can_halve(size_px, step):
    sizes = bucket_sizes(size_px)
    assert (size_px, size_px) in sizes and {(h, w) for w, h in sizes} == set(sizes)
    for width, height in sizes:
        assert width % step == height % step == 0
        assert 0.7 * size_px**2 < width * height <= size_px**2 and max(width, height) <= 2.5 * min(width, height)


def test_sdxl_gets_the_sizes_it_was_trained_on():
    """SDXL report (Podell et al. 2023), appendix I: among them these."""
    assert {(1024, 1024), (1152, 896), (896, 1152), (1216, 832), (832, 1216), (1344, 768), (768, 1344)} <= set(bucket_sizes(1024))


@pytest.mark.parametrize(
    ("picture", "size"),
    [((3000, 3000), (1024, 1024)), ((3000, 2000), (1216, 832)), ((1600, 2400), (832, 1216)), ((9000, 1000), (1600, 640))],
)
def test_a_picture_goes_to_the_nearest_aspect(picture, size):
    assert nearest_size(*picture, bucket_sizes(1024)) == size


def test_what_is_cut_off_is_cut_off_on_both_sides_alike():
    pixels = np.zeros((100, 300, 3), np.uint8)
    pixels[:, 100:200] = 200
    assert (cut("a.png", pixels, (50, 50)) == 200).all()
    assert np.array_equal(cut("a.png", pixels[:, :, 0], (50, 50)), np.full((50, 50), 200, np.uint8))


def test_a_picture_is_never_enlarged():
    with pytest.raises(TrainingError, match=r"a\.png is 300 x 100 px; at least 192 x 128 px are needed"):
        cut("a.png", np.zeros((100, 300, 3), np.uint8), (192, 128))
