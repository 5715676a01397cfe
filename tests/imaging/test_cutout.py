"""The cut-out against known alphas: demonstration photographs with rendered alphas, and drawn products."""

from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from imaging.composite import composite
from imaging.cutout import Cutout, cut_out
from imaging.linear_light import light_of_fine_levels, to_levels, to_light
from tests.drawn_products import bag

CATALOG = Path(__file__).resolve().parents[2] / "demo" / "catalog"


@cache
def demo(name: str) -> tuple[Cutout, np.ndarray]:
    """The cut-out of a demonstration photograph, and its true alpha, uint8."""
    photo = np.asarray(Image.open(CATALOG / "photos" / f"{name}.jpg").convert("RGB"))
    truth = Image.open(CATALOG / "alphas" / f"{name}.png").convert("L").resize(photo.shape[1::-1], Image.Resampling.BILINEAR)
    return cut_out(photo), np.asarray(truth)


def on_background(color: tuple[int, int, int], *, slope: float = 0.0, noise: float = 1.0, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """A drawn bag on a studio background at 900 px, as JPEG shows it; and the product's mask."""
    foreground, alpha = (cv2.resize(layer, (900, 900), interpolation=cv2.INTER_CUBIC) for layer in bag())
    share = alpha[..., None] / 255
    light = 1 - slope * np.linspace(0, 1, alpha.shape[0])[:, None, None]
    empty = np.array(color) * light + np.random.default_rng(seed).normal(0, noise, foreground.shape)
    picture = to_levels(to_light(foreground) * share + light_of_fine_levels(np.float32(empty)) * (1 - share))
    _, coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return cv2.imdecode(coded, cv2.IMREAD_COLOR), alpha > 127


def iou(cutout: Cutout, truth: np.ndarray) -> float:
    found = cutout.alpha_HW > 127
    return float((found & truth).sum() / (found | truth).sum())


@pytest.mark.parametrize(
    ("color", "slope"), [((255, 255, 255), 0.0), ((222, 205, 180), 0.1), ((240, 240, 240), 0.15)], ids=["white", "beige", "gray"]
)
def test_a_product_on_a_plain_background_is_cut_out_and_accepted(color, slope):
    photo, truth = on_background(color, slope=slope)
    cutout = cut_out(photo)
    assert cutout.accepted, cutout.measurements
    assert iou(cutout, truth) > 0.985


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_blocks_of_color_that_jpeg_leaves_beside_a_product_are_not_product(seed):
    """On tinted paper they are closed off by steps of color, as a pale product is by steps of lightness; the handle held a patch of 120 px."""
    photo, truth = on_background((222, 205, 180), slope=0.1, noise=2.0, seed=seed)
    cutout = cut_out(photo)
    assert cutout.accepted, cutout.measurements
    assert iou(cutout, truth) > 0.995


def test_where_on_the_paper_a_product_stands_changes_nothing():
    """Most of the work is done in a box around the product: near a corner or in the middle it has to come out the same."""
    foreground, alpha = (cv2.resize(layer, (300, 300), interpolation=cv2.INTER_AREA) for layer in bag())
    found = []
    for top, left in ((20, 16), (150, 320)):
        photo = np.full((480, 640, 3), (228, 226, 222), np.uint8)
        share = alpha[..., None] / 255
        box = np.s_[top : top + 300, left : left + 300]
        photo[box] = to_levels(to_light(foreground) * share + to_light(photo[box]) * (1 - share))
        cutout = cut_out(photo)
        assert cutout.accepted, cutout.measurements
        assert cutout.alpha_HW.sum() == cutout.alpha_HW[box].sum()
        found.append(cutout.alpha_HW[box].astype(int))
    assert (np.abs(found[0] - found[1]) > 32).mean() < 0.0005


def test_clutter_is_refused():
    photo, truth = on_background((200, 200, 200))
    noise = np.random.default_rng(5).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    clutter = cv2.resize(noise, photo.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    cutout = cut_out(np.where(truth[..., None], photo, clutter))
    assert not cutout.accepted and "cluttered_background" in cutout.reasons


def test_an_outline_that_is_mostly_gaps_is_refused():
    """A white box on white, drawn with a dashed line: where it is open its edge is a guess."""
    photo = np.full((512, 512, 3), 250, np.uint8)
    for start in range(128, 384, 16):
        for line in (128, 384):
            cv2.line(photo, (start, line), (start + 9, line), (90, 90, 90), 2)
            cv2.line(photo, (line, start), (line, start + 9), (90, 90, 90), 2)
    cutout = cut_out(photo)
    assert not cutout.accepted and "low_contrast_edge" in cutout.reasons, cutout.measurements


def test_a_leak_through_one_small_gap_does_not_refuse_a_good_outline():
    cutout, truth = demo("BAG-004")
    assert cutout.measurements["leak_share"] > 0.3, "the photograph no longer shows the case"
    assert cutout.measurements["open_share"] < 0.03
    assert cutout.accepted, cutout.measurements
    assert iou(cutout, truth > 127) > 0.99


def test_the_narrow_gap_between_two_handles_is_seen_through():
    cutout, truth = demo("BAG-001")
    between = np.s_[240:370, 355:395]
    gap = cv2.erode((truth[between] < 5).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    assert gap.sum() > 500
    assert cutout.alpha_HW[between][gap].mean() < 8


def test_a_woven_edge_over_its_own_shadow_is_smooth():
    cutout, truth = demo("SEA-006")
    assert cutout.accepted, cutout.measurements
    assert cutout.measurements["raggedness"] < 1.2
    assert iou(cutout, truth > 127) > 0.994


@pytest.mark.parametrize(("name", "beside"), [("SEA-006", np.s_[660:685, 145:185]), ("SEA-007", np.s_[810:845, 240:300])])
def test_the_crisp_start_of_a_legs_shadow_is_not_product(name, beside):
    cutout, truth = demo(name)
    floor = cv2.erode((truth[beside] < 5).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    assert floor.sum() > 300
    assert (cutout.alpha_HW[beside][floor] > 127).mean() < 0.01


def test_the_foot_of_a_product_is_its_own_and_no_speck_below_it():
    """Two pixels under the saucer were its lowest, so that its packshot stood on them, and had hardly a shadow."""
    cutout, _ = demo("DRK-005")
    covered = cutout.alpha_HW > 127
    lowest = np.flatnonzero(covered.any(axis=1))[-1]
    assert covered[lowest].sum() > 10


def test_a_steel_foot_beside_its_own_shade_is_whole():
    """Between a strong edge and a soft shade its outline is no edge: the ball took a quarter of the foot, and every picture showed the bite."""
    cutout, truth = demo("DRK-002")
    foot = np.s_[845:885, 545:620]
    sure = cv2.erode((truth[foot] > 250).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    assert sure.sum() > 800
    assert (cutout.alpha_HW[foot][sure] > 127).mean() > 0.99


@pytest.mark.parametrize("times_as_long", [5, 20, 45])
def test_a_belt_is_no_doubt_for_being_thin(times_as_long):
    """GrabCut's band was wider than the belt: the second opinion, which had nothing to start from, was counted as a no."""
    photo, rng = np.full((500, 1400, 3), 235, np.uint8), np.random.default_rng(1)
    high = 1200 // times_as_long
    photo[250 - high // 2 : 250 + high // 2, 100:1300] = (120, 30, 40)
    photo = np.clip(cv2.GaussianBlur(photo, (0, 0), 1) + rng.normal(0, 1, photo.shape), 0, 255).astype(np.uint8)
    cutout = cut_out(photo)
    assert cutout.accepted, cutout.measurements


@pytest.mark.parametrize(
    ("print_", "cloth", "paper", "ripple_px"), [("dots", 226, 238, 5), ("stripes", 248, 236, 5), ("dots", 226, 238, 9)]
)
def test_pale_cloth_between_printed_dots_is_no_gap_between_threads(print_, cloth, paper, ripple_px):
    """A print has as many outlines as a fringe, and where its outline is a little rough, its ground was made see-through."""
    side, rng = 900, np.random.default_rng(0)
    y, x = np.mgrid[0:side, 0:side]
    radius = 270 + ripple_px * np.sin(90 * np.arctan2(y - side / 2, x - side / 2))
    from_middle = np.hypot(y - side / 2, x - side / 2)
    dark = (x // 6) % 2 == 0 if print_ == "stripes" else (x % 14 - 7) ** 2 + (y % 14 - 7) ** 2 < 20
    gray = np.where(from_middle < radius, np.where(dark | (from_middle > radius - 8), 40, cloth), paper).astype(np.float32)
    photo = cv2.GaussianBlur(gray, (0, 0), 0.8)[..., None] + rng.normal(0, 1.5, (side, side, 3))
    cutout = cut_out(np.clip(photo, 0, 255).astype(np.uint8))
    assert not cutout.accepted or (cutout.alpha_HW[from_middle < 240] > 127).mean() > 0.99, cutout.measurements


@pytest.mark.parametrize("name", ["SEA-002", "SEA-008", "LGT-006"])
def test_thin_legs_are_whole(name):
    cutout, truth = demo(name)
    rows = np.nonzero((truth > 127).any(axis=1))[0]
    legs = np.s_[rows[0] + int(0.6 * np.ptp(rows)) : rows[-1] + 1]
    sure = cv2.erode((truth[legs] > 250).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    assert (cutout.alpha_HW[legs][sure] > 127).mean() > 0.99


def test_the_color_under_a_soft_edge_is_the_products_own():
    """Nothing of the old background is left in what an edge pixel brings along."""
    cutout, truth = demo("BAG-001")
    soft = (cutout.alpha_HW > 40) & (cutout.alpha_HW < 215)
    inside = cv2.erode(truth, np.ones((9, 9), np.uint8)) > 250
    lightness = cutout.foreground_HW3.mean(axis=2)
    assert np.median(lightness[soft]) < np.percentile(lightness[inside], 75) + 10
    assert np.percentile(lightness[soft], 95) < 200, "the background has 238"


@pytest.mark.parametrize("name", ["DRK-001", "BAG-003", "BAG-006"])
def test_no_dark_sliver_of_shadow_stays_under_the_foot(name):
    """They were as deep as 18 px, and a packshot on white showed them as a black line that ends abruptly."""
    cutout, truth = demo(name)
    rows = np.nonzero((truth > 127).any(axis=1))[0]
    foot = np.s_[rows[-1] - int(0.2 * np.ptp(rows)) : rows[-1] + 25]
    floor = cv2.dilate((truth[foot] > 127).astype(np.uint8), np.ones((11, 11), np.uint8)) == 0
    assert floor.sum() > 1000
    assert (cutout.alpha_HW[foot][floor] > 127).mean() < 0.001


@pytest.mark.parametrize("name", ["DRK-003", "DRK-007"])
def test_shade_takes_no_bite_out_of_a_colored_foot(name):
    cutout, truth = demo(name)
    rows = np.nonzero((truth > 127).any(axis=1))[0]
    foot = np.s_[rows[-1] - int(0.25 * np.ptp(rows)) : rows[-1] + 1]
    sure = cv2.erode((truth[foot] > 250).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    assert (cutout.alpha_HW[foot][sure] > 127).mean() > 0.998


@pytest.mark.parametrize(
    ("color", "ground"),
    [((35, 38, 42), (255, 255, 255)), ((170, 50, 40), (222, 205, 180)), ((225, 225, 228), (150, 152, 155))],
    ids=["dark_on_white", "red_on_beige", "pale_on_gray"],
)
def test_a_product_laid_back_where_it_was_cut_out_looks_as_before(color, ground):
    """Alpha is a share of light, as the light of an edge pixel was mixed; a share of levels would lose a dark product its rim on white."""
    share = np.zeros((1000, 1000), np.float32)
    cv2.circle(share, (500, 490), 300, 1.0, -1)
    share = cv2.resize(share, (800, 800), interpolation=cv2.INTER_AREA)[..., None]
    paint = [to_light(np.full((800, 800, 3), one, np.uint8)) for one in (color, ground)]
    photo = to_levels(cv2.GaussianBlur(paint[0] * share + paint[1] * (1 - share), (0, 0), 0.8))
    cut = cut_out(photo)
    back = composite(cut.foreground_HW3, cut.alpha_HW, np.full((800, 800, 3), ground, np.uint8))
    rim = cv2.morphologyEx(np.uint8(share[..., 0] > 0.5), cv2.MORPH_GRADIENT, np.ones((5, 5), np.uint8)) > 0
    assert cut.accepted and abs((back.astype(float) - photo)[rim].mean()) < 4
