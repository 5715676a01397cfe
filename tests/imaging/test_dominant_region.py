"""The dominant region: one material whatever its shading; labels and metal are others."""

from pathlib import Path

import numpy as np
from PIL import Image

from imaging.dominant_region import find_dominant_region, with_what_lies_on_it
from tests.drawn_products import bag, mug, shaded


def test_shading_does_not_split_a_material():
    foreground, alpha = mug()
    region = find_dominant_region(foreground, alpha)
    assert region.share > 0.97 and region.colored


def test_a_label_and_metal_studs_are_not_the_main_material():
    foreground, alpha = bag()
    region = find_dominant_region(foreground, alpha)
    assert region.mask[140, 150] > 0.95
    assert region.mask[190, 150] < 0.02, "the label"
    assert region.mask[135, 90] < 0.02, "a brass stud"
    assert region.mask[alpha == 0].max() == 0


def test_a_border_pixel_belongs_to_both_sides_by_its_share():
    color = np.full((120, 120, 3), (40, 130, 130), np.uint8)
    color[:, 80:] = (240, 240, 238)
    color[:, 80] = (140, 185, 184)
    region = find_dominant_region(color, np.full((120, 120), 255, np.uint8))
    assert region.border[60, 80]
    assert 0.3 < region.mask[60, 80] < 0.7


def test_a_gray_material_is_told_from_another_by_its_lightness():
    color = shaded((120, 120), (225, 225, 222))
    color[80:] = (40, 40, 42)
    region = find_dominant_region(color, np.full((120, 120), 255, np.uint8))
    assert not region.colored
    assert region.mask[30, 60] > 0.95 and region.mask[100, 60] < 0.02


def test_the_same_photo_gives_the_same_region():
    foreground, alpha = bag()
    assert np.array_equal(find_dominant_region(foreground, alpha).mask, find_dominant_region(foreground, alpha).mask)


def test_the_deep_shade_of_a_glossy_material_is_still_that_material():
    """Gloss mirrors itself where it faces itself: darker and far more colorful, as under the handle of an enamel pitcher."""
    color = shaded((160, 160), (70, 110, 200))
    color[:, :10] = (0, 58, 150)
    color[:20, 100:] = (215, 165, 60)
    region = find_dominant_region(color, np.full((160, 160), 255, np.uint8))
    assert region.mask[80, 3] > 0.9, "deep shade"
    assert region.mask[10, 130] < 0.05, "brass"


def test_a_darker_material_of_another_hue_is_not_deep_shade():
    color = shaded((160, 160), (70, 110, 200))
    color[:, :30] = (90, 20, 110)
    region = find_dominant_region(color, np.full((160, 160), 255, np.uint8))
    assert region.mask[80, 10] < 0.05


def test_a_logo_lies_on_the_surface_around_it_and_a_handle_s_opening_and_a_rim_do_not():
    """The surface was blown up around a cap's logo, and metal mirrored rings around it."""
    alpha = np.full((60, 60), 255, np.uint8)
    alpha[:10] = 0
    alpha[40:50, 40:50] = 0
    part = alpha > 0
    part[20:30, 20:30] = False
    part[10:14] = False
    whole = with_what_lies_on_it(part, alpha)
    assert whole[25, 25] and not whole[45, 45] and not whole[12, 30] and whole[35, 5]


def test_gloss_that_mirrors_a_warm_light_is_the_material_and_a_neutral_label_is_not():
    """The side of a purple bag under a warm light was left gray, in patches."""
    color = shaded((160, 160), (84, 40, 78))
    color[:, :30] = (114, 98, 101)
    color[60:100, 80:130] = (236, 234, 230)
    region = find_dominant_region(color, np.full((160, 160), 255, np.uint8))
    assert region.mask[80, 10] > 0.8, "the gloss"
    assert region.mask[80, 100] < 0.02, "the label"


def test_brass_that_mirrors_an_orange_shade_is_not_the_shade():
    """Shade, its mirror in the brass, and brass lie 15 degrees of hue apart each; linked by way of the mirror, the foot was recolored, too."""
    catalog = Path(__file__).parents[2] / "demo" / "catalog"
    photo = np.array(Image.open(catalog / "photos" / "LGT-001.jpg").convert("RGB"))
    alpha = np.array(Image.open(catalog / "alphas" / "LGT-001.png").convert("L").resize(photo.shape[1::-1]))
    region = find_dominant_region(photo, alpha)
    assert region.mask[300, 512] > 0.95, "the shade"
    assert region.mask[700, 505:525].max() < 0.05, "the brass"


def test_a_single_solid_pixel_is_a_region():
    """OpenCV takes a plane of one pixel for a number, and gave up on comparing the two."""
    alpha = np.zeros((40, 40), np.uint8)
    alpha[10, 20] = 255
    found = find_dominant_region(np.full((40, 40, 3), 120, np.uint8), alpha)
    assert found.share == 1.0 and found.mask[10, 20] == 1.0 and found.mask.sum() == 1.0


def test_a_material_that_shades_off_into_another_is_torn_and_one_with_an_edge_is_not():
    """A gray cap's dark brim was taken in speckles: nothing but its depth of gray told it from the cap."""
    solid = np.full((160, 160), 255, np.uint8)
    gray = np.repeat(np.r_[np.full(80, 150.0), np.linspace(150, 20, 80)][:, None], 160, axis=1)
    shades_off = np.repeat(gray[..., None], 3, axis=2).astype(np.uint8)
    two = np.where(np.arange(160)[:, None, None] < 100, np.uint8(150), np.uint8(35)) * np.ones((160, 160, 3), np.uint8)
    assert find_dominant_region(shades_off, solid).torn > 2.5
    assert find_dominant_region(two, solid).torn < 0.1
