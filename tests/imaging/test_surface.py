"""Surfaces guessed from a silhouette, tiles laid on them, and materials that repeat."""

import numpy as np
import pytest

from imaging.drawn_materials import LOOKS, drawn_material
from imaging.measure_repeat import measure_repeat, strongest_wave
from imaging.shading import to_levels, to_linear
from imaging.surface import unrolled
from imaging.tiles import Tile, lay, mirrored, seam_of

FLAT = np.full((200, 160), 60, np.float32)


def disc(height=200, width=160):
    part = np.zeros((height, width), bool)
    part[10:-10, 20:-20] = True
    return part


def test_a_flat_surface_is_as_long_as_its_picture():
    surface = unrolled(disc(), FLAT, roundness=0, folds=0)
    assert surface.across[100, 120] - surface.across[100, 40] == pytest.approx(80, abs=1)
    assert surface.down[150, 80] - surface.down[50, 80] == pytest.approx(100, abs=1)


def test_a_tube_is_half_its_circumference_around():
    surface = unrolled(disc(), FLAT, roundness=1, folds=0)
    along = surface.across[100, 135] - surface.across[100, 25]
    assert 125 < along < 120 * np.pi / 2
    middle = surface.across[100, 85] - surface.across[100, 75]
    assert middle == pytest.approx(10, abs=0.8), "seen from the front, nothing is squeezed"
    assert surface.normal[100, 30, 0] < -0.4 < 0.4 < surface.normal[100, 130, 0]


def test_straight_sides_that_lean_make_the_pattern_lean():
    part = np.zeros((200, 200), bool)
    for row in range(20, 180):
        part[row, round(70 - row * 0.25) : round(130 + row * 0.25)] = True
    surface = unrolled(part, np.full((200, 200), 60, np.float32), roundness=0, folds=0)
    top, bottom = (surface.across[row, 100 + 25] - surface.across[row, 100 - 25] for row in (40, 160))
    assert top > 1.25 * bottom, "where it is narrow, more of the pattern fits into a pixel"


def test_a_fold_moves_the_pattern():
    light = FLAT.copy()
    light[:, 70:80] -= 15
    still, moved = (unrolled(disc(), light, roundness=0.5, folds=f) for f in (0, 1))
    assert np.abs(moved.across - still.across)[60:140, 60:100].max() > 0.5


@pytest.mark.parametrize("name", sorted(LOOKS))
def test_materials_repeat_without_a_seam_and_are_the_same_every_time(name):
    tile = drawn_material(name, (150, 110, 80))
    assert seam_of(to_levels(tile.linear_HW3)) <= 1
    drawn_material.cache_clear()
    assert np.array_equal(tile.linear_HW3, drawn_material(name, (150, 110, 80)).linear_HW3)


def test_a_mirrored_tile_meets_itself():
    slope = np.repeat(np.linspace(20, 235, 64).astype(np.uint8)[None, :, None], 64, axis=0).repeat(3, axis=2)
    assert seam_of(slope) > 1 and seam_of(mirrored(slope)) <= 1


@pytest.mark.parametrize(("period", "stated", "off"), [(20, 20, 0), (20, 25, 20), (10, 20, 50), (40, 20, 100)])
def test_the_repeat_of_a_pattern_is_measured_also_where_it_is_not_as_stated(period, stated, off):
    columns = np.arange(240)
    plane = np.broadcast_to(50 + 20 * np.sin(2 * np.pi * columns / period), (200, 240)).astype(np.float32)
    found = measure_repeat(plane, np.ones((200, 240), bool), stated)
    assert 100 * abs(found / stated - 1) == pytest.approx(off, abs=2)


def test_a_part_without_a_pattern_has_no_repeat():
    noise = np.random.default_rng(1).normal(50, 3, (200, 240)).astype(np.float32)
    assert measure_repeat(noise, np.ones((200, 240), bool), 20) is None


def test_the_strongest_wave_of_a_tile():
    columns = np.arange(64)
    tile = np.repeat((0.5 + 0.4 * np.sin(2 * np.pi * 3 * columns / 64))[None, :, None], 64, axis=0).repeat(3, axis=2).astype(np.float32)
    assert strongest_wave(tile) == pytest.approx(3)


def test_a_tile_is_laid_in_its_centimeters():
    stripes = np.zeros((40, 40, 3), np.float32)
    stripes[:, :20] = 1
    surface = unrolled(disc(), FLAT, roundness=0, folds=0)
    laid, slopes = lay(Tile(linear_HW3=stripes, width_cm=2), surface, px_per_cm=8)
    starts = np.flatnonzero(np.diff((laid[100, :, 0] > 0.5).astype(int)) == 1)
    assert np.diff(starts).mean() == pytest.approx(16, abs=0.3) and slopes is None


def test_levels_come_back_from_linear_light_and_highlights_stay_below_white():
    levels = np.arange(226, dtype=np.uint8).reshape(1, -1, 1).repeat(3, axis=2)
    assert np.abs(to_levels(to_linear(levels)).astype(int) - levels).max() <= 1
    assert to_levels(np.full((1, 1, 3), 50, np.float32)).max() <= 253
