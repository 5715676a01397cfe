"""How far the textures and edges of pictures are from a look's, by classical statistics or by a learned model's features.

The classical descriptor sees how strong edges are, which way they run and how they come together in lightness and color, at three scales. It
knows no objects and no meaning: a learned model (`learned:` in the settings) sees more. Color and layout are in look_distance.py.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from imaging.color import srgb_to_lab

Pixels = npt.NDArray[np.uint8]
Features = npt.NDArray[np.float64]
SIDE_PX = 128
"""Pictures are scaled to this side first, so that statistics of different sizes compare."""
SCALES = 3
ORIENTATIONS = 8
"""Bins of an edge's direction, 22.5 degrees each, as in histograms of oriented gradients (Dalal and Triggs 2005 use 9)."""


def texture_features(pictures: Sequence[Pixels]) -> Features:
    """Gradient statistics of each picture (uint8 sRGB), float64 (N, 87), in Delta E per pixel.

    Per scale: mean edge strength in lightness by direction (8 numbers), and the Gram matrix of the six gradients of L, a and b (21 numbers,
    square roots with their sign), after Gatys et al. 2015 with gradients in place of a network's features.
    """
    return np.stack([_features(picture) for picture in pictures])


def energy_distance(ours: Features, theirs: Features) -> float:
    """Energy distance between two sets of feature vectors, its square root: 0 when they are the same, in the features' unit.

    sqrt(2 E|X-Y| - E|X-X'| - E|Y-Y'|) (Szekely and Rizzo 2013). Unlike a Frechet distance it needs no covariance, which a handful of pictures
    does not give.
    """
    between, within, look = pairwise(ours, theirs), pairwise(ours, ours), pairwise(theirs, theirs)
    return float(energies_of(between, within, look, np.arange(len(ours))))


def energies_of(between: Features, within: Features, look: Features, chosen: npt.NDArray[np.int64]) -> Features:
    """Energy distances of `chosen` rows of our set (..., n; repeats allowed) from the look, from the three matrices of distances; (...)."""
    own = within[chosen[..., :, None], chosen[..., None, :]].mean((-2, -1))
    return np.asarray(np.sqrt(np.maximum(2 * between[chosen].mean((-2, -1)) - own - look.mean(), 0.0)))


def pairwise(a: Features, b: Features) -> Features:
    """Euclidean distances between the rows of two matrices, (N, M)."""
    return np.asarray(np.sqrt(np.maximum(((a[:, None] - b[None]) ** 2).sum(-1), 0.0)))


def _features(picture_HW3: Pixels) -> Features:
    lab = srgb_to_lab(cv2.resize(picture_HW3, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)).astype(np.float32)
    parts = []
    for _ in range(SCALES):
        gradients = [
            cv2.Sobel(lab[..., channel], cv2.CV_32F, *along, ksize=3, scale=1 / 8) for channel in range(3) for along in ((1, 0), (0, 1))
        ]
        strength, direction = cv2.cartToPolar(gradients[0], gradients[1])
        bins = np.minimum((direction % np.pi) / np.pi * ORIENTATIONS, ORIENTATIONS - 1).astype(np.int64)
        parts.append(np.bincount(bins.ravel(), strength.ravel().astype(np.float64), ORIENTATIONS) / strength.size)
        stacked = np.stack([gradient.ravel() for gradient in gradients]).astype(np.float64)
        gram = (stacked @ stacked.T / stacked.shape[1])[np.triu_indices(len(gradients))]
        parts.append(np.sign(gram) * np.sqrt(np.abs(gram)))
        lab = cv2.pyrDown(lab)
    return np.concatenate(parts)
