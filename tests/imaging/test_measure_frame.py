"""What surrounds the product: white, place in the frame, halo, shadow, banding, foreign things."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from benchmarks.corruptions import FAULTS, gradient_scene, jpeg
from imaging.measure_artifacts import measure_banding, measure_blockiness, measure_collapse
from imaging.measure_background import measure_background, measure_white, rgb_of
from imaging.measure_edges import measure_halo
from imaging.measure_geometry import find_product, measure_geometry
from imaging.measure_shadow import measure_shadow
from imaging.measure_views import background_zone, prepare_views
from tests.judged_pictures import sloped_scene, white_scene


def views(picture, scene, *, expected=True):
    return prepare_views(
        render_HW3=picture,
        product_rgb_HW3=np.clip(np.rint(scene.rgb_HW3), 0, 255).astype(np.uint8),
        product_alpha_HW=np.rint(scene.alpha_HW * 255).astype(np.uint8),
        expected_HW3=scene.flat() if expected else None,
    )


def test_geometry_of_a_known_box():
    mask = np.zeros((200, 400), bool)
    mask[50:150, 40:340] = True
    columns = measure_geometry(mask)
    assert columns == {"fill_pct": 75.0, "margin_min_pct": 10.0, "offset_pct": 2.5, "border_touch_pct": 0.0, "loose_parts_pct": 0.0}


def test_a_patch_of_floor_beside_the_product_is_a_loose_part():
    mask = np.zeros((200, 200), bool)
    mask[20:120, 50:150] = True
    mask[150:160, 160:180] = True
    assert measure_geometry(mask)["loose_parts_pct"] == pytest.approx(100 * 200 / 10200)


def test_a_product_that_leaves_the_frame_touches_its_border():
    mask = np.zeros((100, 100), bool)
    mask[20:80, 60:] = True
    columns = measure_geometry(mask)
    assert columns["margin_min_pct"] == 0 and columns["border_touch_pct"] == 15


def test_a_product_is_found_on_white_but_for_the_darkest_of_its_shadow():
    scene = white_scene()
    found = find_product(views(scene.flat(), scene).render_lab_HW3)
    truth = scene.alpha_HW > 0.5
    assert (found & truth).sum() / (found | truth).sum() > 0.92
    assert (truth & ~found).sum() < 20


def test_nothing_is_found_on_an_empty_frame():
    assert find_product(np.full((100, 100, 3), (100, 0, 0), np.float32)) is None


def test_white_is_counted_where_it_should_be():
    picture = np.full((200, 200, 3), 255, np.uint8)
    picture[:, 100:] = (255, 253, 255)
    columns = measure_white(picture, np.ones((200, 200), bool))
    assert columns == {"white_share_pct": 50.0, "border_min_rgb": 253.0}


def test_white_is_not_measured_where_nothing_should_be_white():
    assert measure_white(np.zeros((50, 50, 3), np.uint8), np.zeros((50, 50), bool))["white_share_pct"] is None


@pytest.mark.parametrize("name", ["text", "second_object"])
def test_something_beside_the_product_shows_with_and_without_an_expected_picture(name):
    scene = white_scene()
    picture = FAULTS[name].make(scene)
    for expected in (True, False):
        assert measure_background(views(picture, scene, expected=expected))["extra_edge_permille"] > 3
        assert measure_background(views(scene.flat(), scene, expected=expected))["extra_edge_permille"] == 0


def test_a_backdrop_of_another_color_is_measured():
    scene = white_scene(background_HW3=np.full((560, 560, 3), rgb_of("#c8d0aa"), np.float32))
    right, wrong = (measure_background(views(scene.flat(), scene), color)["backdrop_delta_e"] for color in ("#c8d0aa", "#b8d0aa"))
    assert right < 0.2 and wrong > 3


def test_a_halo_shows_against_the_expected_picture_and_without_it():
    scene = sloped_scene()
    haloed = FAULTS["halo_white_2px"].make(scene)
    clean = jpeg(scene.flat(), 92)
    with_reference = [measure_halo(views(p, scene))["halo_delta_e"] for p in (clean, haloed)]
    without = [measure_halo(views(p, scene, expected=False))["halo_step"] for p in (clean, haloed)]
    assert with_reference[0] < 5 < 20 < with_reference[1]
    assert without[0] < 1.5 < 6 < without[1]
    assert measure_halo(views(clean, scene, expected=False))["halo_delta_e"] is None


def test_a_lost_shadow_is_measured_only_where_a_shadow_is_known():
    scene = white_scene()
    floating = replace(scene, shadow_HW=np.zeros_like(scene.shadow_HW)).flat()
    assert measure_shadow(views(floating, scene))["shadow_lost_delta_l"] > 8
    assert abs(measure_shadow(views(scene.flat(), scene))["shadow_lost_delta_l"]) < 0.5
    assert measure_shadow(views(floating, scene, expected=False))["shadow_lost_delta_l"] is None


def test_a_grounded_product_is_darker_below_than_around():
    scene = white_scene()
    floating = replace(scene, shadow_HW=np.zeros_like(scene.shadow_HW)).flat()
    assert measure_shadow(views(scene.flat(), scene, expected=False))["contact_delta_l"] > 8
    assert abs(measure_shadow(views(floating, scene, expected=False))["contact_delta_l"]) < 1.5


def flat_front(*, line_px, top=200, bottom=700):
    """A dark plinth with a straight front in a dark room, as render and alpha; `line_px` of contact shadow below it."""
    picture, alpha = np.full((900, 900, 3), (52, 40, 30), np.uint8), np.zeros((900, 900), np.uint8)
    picture[bottom : bottom + line_px, 300:600] = (12, 9, 7)
    picture[top:bottom, 300:600], alpha[top:bottom, 300:600] = (40, 44, 42), 255
    return picture, alpha


def contact(picture, alpha):
    seen = prepare_views(render_HW3=picture, product_rgb_HW3=picture, product_alpha_HW=alpha)
    return measure_shadow(seen)["contact_delta_l"]


def test_the_thin_contact_line_of_a_flat_plinth_grounds_it():
    assert contact(*flat_front(line_px=7)) > 8
    assert abs(contact(*flat_front(line_px=0))) < 1.5


def test_a_product_that_nearly_fills_the_frame_has_a_contact_to_measure():
    """Rows below it are few, and nothing lies beside it; not measured would mean rejected."""
    for line_px, grounded in ((7, True), (0, False)):
        picture, alpha = flat_front(line_px=line_px, top=20, bottom=870)
        assert (contact(picture[:, 290:610], alpha[:, 290:610]) > 8) is grounded


def test_bands_in_a_smooth_backdrop_are_seen_without_a_reference():
    scene = sloped_scene()
    clean, banded = (
        measure_banding(views(p, scene), scene=True)["banding_comb"] for p in (jpeg(scene.flat(), 92), FAULTS["banding_16"].make(scene))
    )
    assert clean < 0.2 < 0.6 < banded


@pytest.mark.parametrize("seed", [23, 27, 38])
def test_a_clean_gradient_with_few_tones_in_one_channel_has_no_bands(seed):
    """Seeds whose gradient stands evenly in one channel by chance."""
    scene = replace(sloped_scene(), background_HW3=gradient_scene(560, seed))
    clean, banded = (
        measure_banding(views(p, scene), scene=True)["banding_comb"] for p in (jpeg(scene.flat(), 92), FAULTS["banding_32"].make(scene))
    )
    assert clean < 0.3 < 0.6 < banded


def test_blocks_are_relative_to_the_expected_picture():
    scene = white_scene()
    product = scene.alpha_HW > 0.98
    same, blocky = (measure_blockiness(p, scene.flat(), product)["blockiness_ratio"] for p in (scene.flat(), jpeg(scene.flat(), 15)))
    assert same == pytest.approx(1) and blocky > 1.25
    assert measure_blockiness(scene.flat(), None, product)["blockiness_ratio"] is None


def test_a_flat_picture_holds_no_information():
    scene = white_scene()
    flat = measure_collapse(views(np.full((560, 560, 3), 90, np.uint8), scene))
    assert flat == {"entropy_bits": 0.0, "flat_blocks_pct": 100.0}
    assert measure_collapse(views(scene.flat(), scene))["entropy_bits"] > 1.5


def test_the_background_zone_leaves_room_for_product_and_shadow():
    mask = np.zeros((400, 400), bool)
    mask[100:300, 150:250] = True
    zone = background_zone(mask)
    assert not zone[cv2.dilate(mask.astype(np.uint8), np.ones((9, 9))) > 0].any()
    assert not zone[300:325, 150:250].any() and zone[350:].all() and zone[:80].all()
