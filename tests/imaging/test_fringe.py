"""Fringes and fur: closed-form matting against its definition, and drawn products whose true alpha is known."""

from functools import cache

import cv2
import numpy as np
import pytest

from imaging.closed_form import EPSILON, closed_form_alpha, matting_laplacian
from imaging.composite import composite
from imaging.cutout import Cutout, cut_out
from tests.picture_letters import shown_on_failure
from tools.drawn_fringes import draw, photo_of


@cache
def drawn(kind: str, color: str, backdrop: str) -> tuple[np.ndarray, np.ndarray, Cutout]:
    color_HW3, alpha_HW = draw(kind, color, 640)
    photo = photo_of(color_HW3, alpha_HW, backdrop)
    return photo, alpha_HW, cut_out(photo)


def on_magenta(cutout: Cutout) -> np.ndarray:
    return composite(cutout.foreground_HW3, cutout.alpha_HW, np.full(cutout.foreground_HW3.shape, (255, 0, 255), np.uint8))


def test_the_laplacian_is_the_sum_over_windows_of_the_paper():
    color = np.random.default_rng(1).random((5, 6, 3))
    expected = np.zeros((30, 30))
    for y in range(1, 4):
        for x in range(1, 5):
            at = [(y + dy) * 6 + x + dx for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
            off = color.reshape(-1, 3)[at] - color.reshape(-1, 3)[at].mean(axis=0)
            inverse = np.linalg.inv(off.T @ off / 9 + np.eye(3) * EPSILON / 9)
            expected[np.ix_(at, at)] += np.eye(9) - (1 + off @ inverse @ off.T) / 9
    found = matting_laplacian(color, np.ones((5, 6), bool)).toarray()
    assert np.abs(found - expected).max() < 1e-9


def test_without_any_trust_in_color_alpha_is_carried_from_what_is_sure(monkeypatch):
    """Two colors that meet in a soft edge, both sides sure: solved to the end, the windows alone find the mixture, across the border of two tiles."""
    monkeypatch.setattr("imaging.closed_form.MOST_STEPS", 1000)
    monkeypatch.setattr("imaging.closed_form.TOLERANCE", 1e-6)
    true = np.clip((np.arange(400) - 315) / 10, 0, 1)[None].repeat(24, axis=0).astype(np.float32)
    photo = np.round(true[..., None] * (200, 60, 40) + (1 - true[..., None]) * (90, 110, 180)).astype(np.uint8)
    unknown = (true > 0) & (true < 1)
    first = np.where(unknown, 0.5, true).astype(np.float32)
    found = closed_form_alpha(photo, first, unknown, np.zeros_like(true))
    assert np.abs(found - true).max() < 0.01
    assert np.array_equal(found[~unknown], true[~unknown])


@pytest.mark.parametrize(("kind", "color", "backdrop"), [("rug", "umber", "beige"), ("pompom", "black", "gray")])
def test_the_background_is_gone_from_between_the_threads(kind, color, backdrop):
    photo, truth, cutout = drawn(kind, color, backdrop)
    alpha = cutout.alpha_HW / 255
    with shown_on_failure(f"fringe-{kind}", photo=photo, cut=on_magenta(cutout), truth=np.round(truth * 255).astype(np.uint8)):
        assert cutout.accepted, cutout.measurements
        assert cutout.measurements["fringe_share"] > 0.38
        gaps, threads = (truth < 0.02) & (cv2.blur(truth, (25, 25)) > 0.2), truth > 0.98
        assert gaps.sum() > 3000
        assert alpha[gaps].mean() < 0.08
        assert alpha[threads].mean() > 0.93


def test_threads_and_background_mixed_by_alpha_give_the_photo_again():
    photo, truth, cutout = drawn("rug", "umber", "beige")
    behind = cv2.GaussianBlur(np.where(truth[..., None] < 0.004, photo, 0).astype(np.float32), (0, 0), 20)
    weight = cv2.GaussianBlur((truth < 0.004).astype(np.float32), (0, 0), 20)
    again = composite(
        cutout.foreground_HW3, cutout.alpha_HW, np.clip(behind / np.maximum(weight, 1e-6)[..., None], 0, 255).astype(np.uint8)
    ).astype(float)
    fringe = (truth > 0.02) & (truth < 0.98)
    assert np.abs(again - photo)[fringe].mean() < 8


def test_threads_of_nearly_the_papers_color_are_not_guessed():
    """Light and dark threads on paper between both: color says nothing of which pixel is a gap."""
    _, _, cutout = drawn("tassel", "cream", "beige")
    assert "undecided_share" not in cutout.measurements
