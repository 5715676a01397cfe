"""Product measurements against known truth: what was done to the pixels is what the columns say."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from benchmarks.corruptions import Scene, jpeg, place_product, shift_lab
from imaging.measure_artifacts import measure_banding, measure_compression
from imaging.measure_color import measure_color, measure_recolor
from imaging.measure_distortion import measure_distortion
from imaging.measure_fidelity import measure_fidelity
from imaging.measure_sharpness import measure_sharpness
from imaging.measure_views import Views, prepare_views
from tests.judged_pictures import sloped_scene, textured_bottle, white_scene


def views(picture: np.ndarray, scene: Scene) -> Views:
    return prepare_views(render_HW3=picture, product_alpha_HW=np.rint(scene.alpha_HW * 255).astype(np.uint8), expected_HW3=scene.flat())


def moved(picture: np.ndarray, matrix: list[list[float]]) -> np.ndarray:
    size = picture.shape[1::-1]
    return cv2.warpAffine(picture, np.array(matrix, np.float32), size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


@pytest.mark.parametrize(("dx", "dy"), [(0.4, 0.0), (0.0, -0.7), (1.3, 1.1)])
def test_a_shift_is_measured_in_pixels_and_taken_out(dx, dy):
    scene = white_scene()
    seen = views(moved(scene.flat(), [[1, 0, dx], [0, 1, dy]]), scene)
    assert seen.shift_px == pytest.approx(np.hypot(dx, dy), abs=0.06)
    assert measure_fidelity(seen)["ssim"] > 0.97


def test_a_squash_is_measured_in_percent():
    scene = white_scene()
    side = scene.alpha_HW.shape[0]
    for share in (0.97, 0.95):
        squashed = moved(scene.flat(), [[1, 0, 0], [0, share, (1 - share) * side / 2]])
        assert measure_distortion(views(squashed, scene))["squash_pct"] == pytest.approx(100 * (1 / share - 1), abs=0.6)


def test_a_shadow_that_only_the_render_has_is_not_taken_for_a_squash():
    """A pale product holds the registration by little more than its outline; its contact shadow pulled it 11 % out of shape."""
    pale = textured_bottle()
    pale[..., :3] = 235 - (235 - pale[..., :3].astype(int)) // 6
    scene = place_product(pale, 560, fill=0.86, seed=3)
    seen = prepare_views(
        render_HW3=jpeg(replace(scene, rgb_HW3=shift_lab(scene.rgb_HW3, -2.5, 0, 0)).flat(), 92),
        product_rgb_HW3=np.clip(np.rint(scene.rgb_HW3), 0, 255).astype(np.uint8),
        product_alpha_HW=np.rint(scene.alpha_HW * 255).astype(np.uint8),
        background_rgb=(255, 255, 255),
    )
    assert measure_distortion(seen)["squash_pct"] < 1.0


def test_bending_is_measured_where_it_is():
    scene = white_scene()
    y, x = np.mgrid[0:560, 0:560].astype(np.float32)
    bent = cv2.remap(scene.flat(), x + 1.2 * np.sin(y / 40).astype(np.float32), y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    straight, wavy = (measure_distortion(views(picture, scene))["warp_px"] for picture in (scene.flat(), bent))
    assert straight < 0.05 < 0.6 < wavy < 1.5


def test_a_common_color_shift_has_its_length():
    scene = white_scene()
    tinted = replace(scene, rgb_HW3=shift_lab(scene.rgb_HW3, 0, 3, -4)).flat()
    columns = measure_color(views(tinted, scene))
    assert columns["color_shift_delta_e"] == pytest.approx(5, abs=0.3)
    assert abs(columns["lightness_shift"]) < 0.3


def test_exposure_shows_as_gain():
    scene = white_scene()
    brighter = replace(scene, rgb_HW3=scene.rgb_HW3 * 1.15).flat()
    columns = measure_color(views(brighter, scene))
    assert columns["tone_gain"] == pytest.approx(1.15, abs=0.04)
    assert columns["lightness_shift"] > 3


def test_blur_lowers_edges_and_detail_and_noise_raises_neither_edges():
    scene = white_scene()
    blurred = views(cv2.GaussianBlur(scene.flat(), (0, 0), 1.2), scene)
    noisy = np.clip(scene.flat() + np.random.default_rng(0).normal(0, 6, scene.flat().shape), 0, 255).astype(np.uint8)
    soft, grainy = measure_sharpness(blurred), measure_sharpness(views(noisy, scene))
    assert soft["edge_gain"] < 0.8 and soft["fine_detail_ratio"] < 0.6 and soft["noise_added"] < 0.3
    assert grainy["edge_gain"] == pytest.approx(1, abs=0.03)
    assert grainy["noise_added"] == pytest.approx(6 * 0.66, rel=0.2), "three independent channels average to two thirds in lightness"


def test_a_stain_too_faint_for_similarity_is_a_local_change():
    scene = white_scene()
    stained = scene.flat().astype(np.float32)
    patch = np.zeros(stained.shape[:2], np.float32)
    cv2.circle(patch, (280, 380), 40, 1.0, -1)
    stained += 14 * cv2.GaussianBlur(patch, (0, 0), 6)[..., None]
    columns = measure_fidelity(views(np.clip(stained, 0, 255).astype(np.uint8), scene))
    assert columns["ssim"] > 0.95 and columns["local_change_delta_l"] > 3.5


@pytest.mark.parametrize("quality", [20, 40, 60])
def test_a_former_jpeg_quality_is_read_from_the_pixels(quality):
    twice = jpeg(jpeg(white_scene().flat(), quality), 93)
    assert measure_compression(twice)["jpeg_quality"] == pytest.approx(quality, abs=6)


def test_a_picture_saved_well_points_to_no_former_quality():
    for picture in (white_scene().flat(), jpeg(white_scene().flat(), 92)):
        assert measure_compression(picture)["jpeg_quality"] == 100


def test_thrown_away_tones_ripple_and_a_lighter_print_does_not():
    scene = sloped_scene()
    few = jpeg(np.clip(scene.flat() // 8 * 8 + 4, 0, 255).astype(np.uint8), 92)
    lighter = jpeg(replace(scene, rgb_HW3=shift_lab(scene.rgb_HW3, 2, 0, 0)).flat(), 92)
    ripple = [measure_banding(views(picture, scene), scene=True)["tone_ripple"] for picture in (few, lighter)]
    assert ripple[0] > 1.6 and ripple[1] < 0.8


def test_a_recolor_is_measured_against_its_target_on_the_part_that_changed():
    scene = white_scene()
    target = "#2c5a8c"
    lab_shift = shift_lab(scene.rgb_HW3, 0, -40, -50)
    changed = np.where(scene.rgb_HW3[..., :1] > scene.rgb_HW3[..., 2:] + 25, lab_shift, scene.rgb_HW3)
    columns = measure_recolor(views(replace(scene, rgb_HW3=changed).flat(), scene), target)
    untouched = measure_recolor(views(scene.flat(), scene), target)
    assert 40 < columns["recolored_pct"] < 96
    assert columns["target_delta_e"] < untouched["target_delta_e"] / 2
    assert untouched["recolored_pct"] == 0


def test_a_product_of_a_few_pixels_is_not_compared():
    scene = white_scene()
    tiny = np.zeros(scene.alpha_HW.shape, np.uint8)
    tiny[270:282, 270:282] = 255
    seen = prepare_views(render_HW3=scene.flat(), product_alpha_HW=tiny, expected_HW3=scene.flat())
    assert not seen.comparable
    assert set(measure_fidelity(seen).values()) | set(measure_color(seen).values()) | set(measure_distortion(seen).values()) == {None}
