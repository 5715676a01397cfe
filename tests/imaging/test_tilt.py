"""Leaning and converging verticals: drawn posts moved by a known amount are found, stood upright, and the degrees that are left are few."""

import cv2
import numpy as np
import pytest

from generation import enhance
from imaging.tilt import Tilt, find_tilt
from imaging.upright import motion_of, moved_points, steepest_keystone_deg, upright_matrix

WIDTH, HEIGHT = 900, 700


def posts():
    """A room with five posts, a box standing before it, and the box's alpha."""
    photo = np.full((HEIGHT, WIDTH, 3), 205, np.uint8)
    for x in (60, 230, 420, 640, 820):
        cv2.rectangle(photo, (x, 40), (x + 26, HEIGHT - 40), (120, 128, 140), -1)
    alpha = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.rectangle(alpha, (330, 330), (560, 620), 255, -1)
    photo[alpha > 0] = (60, 110, 90)
    return photo, alpha


def moved_by(lean_deg, inset_share):
    """Map of a photo that leans clockwise, its upper corners moved in by a share of its width."""
    inset = inset_share * WIDTH
    corners = np.float32([[0, 0], [WIDTH, 0], [WIDTH, HEIGHT], [0, HEIGHT]])
    narrow = np.float32([[inset, 0], [WIDTH - inset, 0], [WIDTH, HEIGHT], [0, HEIGHT]])
    turn = np.vstack([cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), -lean_deg, 1.0), [0, 0, 1]])
    return turn @ cv2.getPerspectiveTransform(corners, narrow)


def leans_deg(matrix):
    """How far verticals lean clockwise after a map: at the left, the middle and the right of the frame."""
    leans = []
    for x in (0.1, 0.5, 0.9):
        (x0, y0), (x1, y1) = moved_points(np.array([[x * WIDTH, 0.8 * HEIGHT], [x * WIDTH, 0.2 * HEIGHT]]), matrix)
        leans.append(float(np.degrees(np.arctan2(x1 - x0, y0 - y1))))
    return np.array(leans)


@pytest.mark.parametrize(
    ("lean_deg", "inset_share", "before_deg"),
    [(4, 0.0, 4.0), (-3, 0.0, 3.0), (0, 0.03, 1.7), (0, 0.06, 3.4), (2, 0.04, 4.2), (0, -0.04, 2.2)],
)
def test_posts_that_lean_or_converge_stand_upright_again(lean_deg, inset_share, before_deg):
    photo, alpha = posts()
    motion = moved_by(lean_deg, inset_share)
    spoiled = cv2.warpPerspective(photo, motion, (WIDTH, HEIGHT), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    mask = cv2.warpPerspective(alpha, motion, (WIDTH, HEIGHT))
    found = find_tilt(spoiled, mask)
    mended = upright_matrix(WIDTH, HEIGHT, tilt_deg=found.tilt_deg, keystone_deg=found.keystone_deg) @ motion
    before, after = np.abs(leans_deg(motion)).max(), np.abs(leans_deg(mended)).max()
    assert found.witness == "lines" and before == pytest.approx(before_deg, abs=0.4)
    assert after < 0.35


def test_posts_that_stand_upright_are_left_alone():
    found = find_tilt(*posts())
    assert (found.tilt_deg, found.keystone_deg) == (0.0, 0.0)


@pytest.mark.parametrize(("width", "height"), [(900, 2000), (900, 700), (2000, 900), (64, 4000)])
def test_the_steepest_keystone_is_what_the_gate_still_believes(width, height):
    limit = steepest_keystone_deg(width, height)
    for keystone_deg in (limit, -limit):
        moved = motion_of(upright_matrix(width, height, tilt_deg=0.0, keystone_deg=keystone_deg), (0, 0, width, height))
        assert moved.keystone_pct == pytest.approx(40, abs=0.1) or (limit == 16.0 and moved.keystone_pct < 40)


@pytest.mark.parametrize(("keystone_deg", "mended"), [(13.5, 0.0), (5.6, 5.6)])
def test_verticals_that_converge_too_far_are_left_alone_and_told(monkeypatch, keystone_deg, mended):
    """A photo of 900 x 2000 px whose verticals converged by 13.5 degrees ended in an AssertionError."""
    found = Tilt(tilt_deg=0.0, keystone_deg=keystone_deg, witness="lines", why="verticals agree")
    monkeypatch.setattr(enhance, "find_tilt", lambda photo, alpha: found)
    alpha = np.zeros((2000, 900), np.uint8)
    alpha[500:1500, 300:600] = 255
    lean = enhance._lean(np.zeros((2000, 900, 3), np.uint8), alpha, {"straighten": True, "perspective": True})
    assert lean.keystone_deg == mended and ("13.5 degrees" in lean.why) == (mended == 0)
