"""Functions of color looked up in a table: as the functions themselves, to a level or two."""

import numpy as np

from imaging.color import lab_to_srgb, srgb_to_lab
from imaging.color_table import through_table


def some_colors():
    return np.random.default_rng(3).integers(0, 256, (64, 64, 3), np.uint8)


def test_a_table_gives_what_the_function_gives():
    def darker_and_redder(lab):
        return lab_to_srgb(lab * np.float32(0.8) + np.array([0, 12, 0], np.float32))

    picture = some_colors()
    exact = darker_and_redder(srgb_to_lab(picture)) * 255
    off = np.abs(through_table(picture, darker_and_redder) - exact)
    assert off.mean() < 0.5 and np.percentile(off, 99) < 3


def test_a_table_of_one_value_gives_one_plane():
    picture = some_colors()
    lightness = through_table(picture, lambda lab: lab[..., 0] / 100)
    assert lightness.shape == (64, 64) and lightness.dtype == np.uint8
    assert np.abs(lightness / 2.55 - srgb_to_lab(picture)[..., 0]).max() < 2.5
