"""Where a render differs, has a fringe, stands and clips: drawn from the gate's own measurements; and pictures that are kept and thrown away."""

import os
import time

import cv2
import numpy as np
import pytest

from assets.validated_renders import evidence_of
from catalog.errors import StoreError
from imaging.measure_edges import measure_halo
from quality.columns import COLUMNS
from quality.measurements import RenderEvidence, views_of
from resources.project import open_project
from review.fill_box import fill_svg
from review.items import Filter
from review.overlays import OVERLAYS, clipped_HW4, difference_HW4, difference_strength, draw_overlay, halo_HW4, overlay_for
from review.pictures import UNUSED_S, ReviewPictures
from review.queue import look_up

SIZE = 400


@pytest.fixture
def project(folder):
    return open_project(folder)


@pytest.fixture
def item(project):
    return look_up(project).items[0]


@pytest.fixture
def pictures(project):
    pictures = ReviewPictures(project.settings.state_dir)
    yield pictures
    pictures.close()


def a_box(color=(120, 90, 60), background=255):
    """A brown box of 200 px, textured so that the gate can align it, in the middle of a white frame: its render and its cut-out."""
    render = np.full((SIZE, SIZE, 3), background, np.uint8)
    grain = np.random.default_rng(0).integers(-20, 20, (200, 200, 1))
    render[100:300, 100:300] = np.clip(np.array(color) + grain, 0, 255)
    alpha = np.zeros((SIZE, SIZE), np.uint8)
    alpha[100:300, 100:300] = 255
    return render, alpha


def evidence(render, product, alpha, **more):
    facts = {"background": "white"}
    return RenderEvidence(pixels_HW3=render, product_rgb_HW3=product, product_alpha_HW=alpha, facts=facts, **more)


def test_a_faithful_render_has_no_difference_and_a_patch_is_found_where_it_is():
    product, alpha = a_box()
    assert difference_strength(views_of(evidence(product, product, alpha))).max() == 0
    patched = product.copy()
    patched[180:200, 200:220] = (20, 220, 20)
    one = evidence(patched, product, alpha)
    found = difference_strength(views_of(one)) > 0.5
    assert found[180:200, 200:220].mean() > 0.95 and found.sum() < 500
    assert difference_HW4(views_of(one), one)[190, 210, 3] > 150 and difference_HW4(views_of(one), one)[150, 150, 3] == 0


def test_of_a_recolored_product_only_lightness_is_compared():
    product, alpha = a_box((128, 128, 128))
    greenish = product.copy()
    greenish[100:300, 100:300] = np.clip(product[100:300, 100:300].astype(int) + np.array((-24, 8, -24)), 0, 255)
    inner = (slice(110, 290), slice(110, 290))
    views = views_of(evidence(greenish, product, alpha))
    assert difference_strength(views)[inner].mean() > 0.3
    assert difference_strength(views, lightness_only=True)[inner].mean() < 0.05


def test_the_ring_is_drawn_where_and_as_the_gate_measured_the_fringe():
    product, alpha = a_box()
    fringed = product.copy()
    fringed[100:300, 301:304] = (150, 150, 150)  # on the right side only
    clean, dirty = evidence(product, product, alpha), evidence(fringed, product, alpha)
    assert measure_halo(views_of(dirty))["halo_delta_e"] > 9 > measure_halo(views_of(clean))["halo_delta_e"]
    ring = halo_HW4(views_of(dirty), dirty)
    right, left, inside = ring[180, 303], ring[180, 96], ring[200, 200]
    assert right[3] > 200 and right[0] > 200 and right[1] < 60, "red where the fringe is"
    assert left[3] > 200 and left[2] > left[0], "blue where there is none"
    assert inside[3] == 0
    assert halo_HW4(views_of(clean), clean)[180, 303, 2] > 150


def test_clipped_pixels_and_a_background_that_is_not_white_are_marked():
    product, alpha = a_box()
    render = product.copy()
    render[150:160, 150:160], render[150:160, 200:210], render[20:30, 20:30] = 255, 0, (250, 250, 250)
    one = evidence(render, product, alpha)
    marked = clipped_HW4(views_of(one), one)
    assert tuple(marked[155, 155][:3]) == (235, 0, 200) and tuple(marked[155, 205][:3]) == (0, 190, 255)
    assert tuple(marked[25, 25][:3]) == (255, 140, 0)
    assert marked[250, 250, 3] == 0 and marked[60, 350, 3] == 0


def test_the_box_says_how_far_the_product_fills_the_frame_and_what_is_required(item):
    product, alpha = a_box()
    drawn = fill_svg(views_of(evidence(product, product, alpha)), item.rules)
    assert "fills 50.0 %" in drawn and drawn.count("25.0 %") == 4
    fill = next(rule for rule in item.rules if rule.column == "fill_pct")
    assert f'width="{SIZE * fill.min / 100:.1f}"' in drawn and f'width="{SIZE * fill.max / 100:.1f}"' in drawn
    stricter = fill.model_copy(update={"review_min": fill.min + 2})
    drawn = fill_svg(views_of(evidence(product, product, alpha)), [stricter])
    assert f'width="{SIZE * (fill.min + 2) / 100:.1f}"' in drawn and f'width="{SIZE * fill.min / 100:.1f}"' not in drawn


def test_every_overlay_of_a_real_render_is_made_and_kept(project, item, pictures, monkeypatch):
    made = {name: pictures.overlay(project, item, name) for name in OVERLAYS}
    heat = cv2.imdecode(np.frombuffer(made["difference"], np.uint8), cv2.IMREAD_UNCHANGED)
    assert heat.shape == (item.made["placement"]["frame_height_px"], item.made["placement"]["frame_width_px"], 4)
    assert heat[..., 3].max() == 0, "the product's pixels are its photo's"
    assert made["fill"].startswith(b"<svg")
    monkeypatch.setattr("review.pictures.draw_overlay", lambda *_: pytest.fail("made a second time"))
    assert {name: pictures.overlay(project, item, name) for name in OVERLAYS} == made
    assert draw_overlay("halo", evidence_of(project, item.made, changes_product=False), item.rules) == made["halo"]


def test_each_overlay_explains_columns_that_exist_and_none_twice():
    named = [column for overlay in OVERLAYS.values() for column in overlay.columns]
    assert len(named) == len(set(named)) and set(named) <= set(COLUMNS)
    assert overlay_for("halo_step") == "halo" and overlay_for("fill_pct") == "fill" and overlay_for("entropy_bits") == ""


def test_tiles_are_made_once(project, item, pictures, monkeypatch):
    first = pictures.tile(project, item.made)
    monkeypatch.setattr("review.pictures._render", lambda *_: pytest.fail("made a second time"))
    assert pictures.tile(project, item.made) == first


def test_pictures_of_what_is_gone_unused_ones_and_too_many_are_thrown_away(project, pictures):
    items = look_up(project).items
    for one in items:
        pictures.tile(project, one.made)
    folder = project.settings.state_dir / "review-pictures"
    assert pictures.sweep(project) == 0 and len(list(folder.iterdir())) == 3
    (folder / f"{'0' * 64}-tile-360-1.webp").write_bytes(b"of a render that the ledger does not know")
    assert pictures.sweep(project) == 1
    old = next(folder.glob(f"{items[0].made['render_digest']}*"))
    os.utime(old, (time.time() - UNUSED_S - 9,) * 2)
    assert pictures.sweep(project) == 1 and not old.exists()
    newest = next(folder.glob(f"{items[2].made['render_digest']}*"))
    os.utime(newest, (time.time() + 5,) * 2)
    assert pictures.sweep(project, max_bytes=newest.stat().st_size) == 1
    assert [path.name for path in folder.iterdir()] == [newest.name]


def test_a_photo_that_is_gone_is_said(project, item, pictures):
    for path in project.settings.state_dir.rglob(item.photo_digest):
        path.unlink()
    with pytest.raises(StoreError, match="missing"):
        pictures.photo(project, item)


def test_a_filter_counts_what_each_choice_would_show(project):
    found = look_up(project)
    counts = found.counts(Filter())
    assert counts["reason"] == {"FLOATING": 3} and counts["state"] == {"all": 3, "open": 3}
    assert found.shown(Filter(recipe="backdrop")) == [] and found.counts(Filter(recipe="backdrop"))["recipe"] == {"packshot_white": 3}
    assert [item.made["sku"] for item in found.shown(Filter(sku="mug-2"))] == ["MUG-2"]
