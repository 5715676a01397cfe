"""How far a photo is brightened: by white paper, by gloss, and not at all where nothing tells."""

import numpy as np
import pytest

from imaging.exposure import exposed, level_exposure

SIDE = 200
PRODUCT = np.zeros((SIDE, SIDE), bool)
PRODUCT[60:150, 50:150] = True


def scene(product: float, backdrop: float) -> np.ndarray:
    """Linear light of a matt product, a little shaded, before an even gray backdrop."""
    photo = np.full((SIDE, SIDE, 3), backdrop, np.float32)
    photo[PRODUCT] = product * np.linspace(0.7, 1.0, int(PRODUCT.sum()), dtype=np.float32)[:, None]
    return photo


def leveled(photo):
    return level_exposure(photo, PRODUCT, backdrop_lightness=94, target_lightness=92, max_ev=1.5)


@pytest.mark.parametrize(("product", "backdrop"), [(0.35, 0.002), (0.35, 0.18), (0.02, 0.05), (0.02, 0.002)])
def test_a_low_key_photo_is_left_as_it_is(product, backdrop):
    """Any neutral backdrop, black included, was taken for white paper in poor light: +1.5 stops, and the photo was washed out."""
    found = leveled(scene(product, backdrop))
    assert found.ev == 0 and "dark" in found.why


def test_white_paper_in_poor_light_is_brightened_to_what_it_stands_for():
    found = leveled(scene(0.08, 0.43))
    assert found.reference == "backdrop" and found.ev == pytest.approx(1.0, abs=0.05)


def test_a_product_lighter_than_its_gray_backdrop_goes_by_its_own_highlights():
    """By the backdrop it would be 1.5 stops, and burnt out."""
    found = leveled(scene(0.5, 0.25))
    assert found.reference == "highlights" and found.ev == pytest.approx(np.log2(0.807 / 0.5), abs=0.05)


def test_gloss_before_a_black_backdrop_tells_the_light():
    photo = scene(0.1, 0.002)
    photo[70:80, 60:140] = 0.4
    found = leveled(photo)
    assert found.reference == "highlights" and found.ev == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(("brightest", "ends_at"), [(0.5, 0.985), (0.8, 0.985), (1.0, 1.0)])
def test_brightening_ends_just_below_white_and_rises_everywhere(brightest, ends_at):
    """Whatever would pass white ended at white itself, where the text says TOP; a photo that holds white keeps it."""
    ramp = np.repeat(np.linspace(0, brightest, 500, dtype=np.float32)[None, :, None], 3, axis=2)
    for ev in (1.1, 2.5):
        made = exposed(ramp, ev)[0, :, 0]
        assert (np.diff(made) > 0).all() and made[-1] == pytest.approx(ends_at, abs=1e-4)
