"""Boxes around masks, and whether a mask is one piece."""

import cv2
import numpy as np
import pytest

from imaging.crops import box_around, in_one_piece


def drawn(*rows):
    return np.array([[mark == "#" for mark in row] for row in rows])


@pytest.mark.parametrize(
    ("mask", "one"),
    [
        (drawn("....", "...."), True),
        (drawn("####", "####"), True),
        (drawn("#...", ".#..", "..##"), True),  # neighbors of a corner
        (drawn("#..#", "#..#"), False),
        (drawn("#####", "#...#", "#...#", "#...#", "#####"), True),  # a hole is not a piece
        (drawn("#####", "#...#", "#.#.#", "#...#", "#####"), False),  # a piece in a hole is one
        (drawn("#...#", "....."), False),  # at the picture's border
    ],
)
def test_pieces_are_told_from_outlines_as_they_are_from_labels(mask, one):
    assert in_one_piece(mask) is one
    assert (cv2.connectedComponents(mask.astype(np.uint8))[0] <= 2) is one


def test_outlines_and_labels_agree_on_noise():
    draw = np.random.default_rng(7)
    for share in np.linspace(0.02, 0.98, 60):
        mask = draw.random((9, 11)) < share
        assert in_one_piece(mask) is (cv2.connectedComponents(mask.astype(np.uint8))[0] <= 2)


def test_a_box_ends_at_the_picture_and_an_empty_mask_has_all_of_it():
    assert box_around(drawn("....", ".#..", "...."), 1) == (slice(0, 3), slice(0, 3))
    assert box_around(drawn("....", "...."), 1) == (slice(0, 2), slice(0, 4))
