"""A recipe whose plates are drawn around the product, in a shard: what they are drawn from is stored, and `vitrine reproduce` draws them again.

No shipped recipe asks for more than words yet, so the kind `staged_scene` is made to here; everything else is the real path.
"""

import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest
import sqlalchemy as sa

from assets.reproducing import reproduce
from catalog.errors import RenderError
from generation.inpainting import Inpainting
from generation.kinds import KINDS
from generation.plate_requests import PlateRequest
from generation.references import picture_digest
from imaging.storage_format import decode_input, encode_input_png
from resources.ledger_tables import refused_render, render
from resources.object_store import blob_path
from resources.project import open_project
from tests.scene_shop import draw, write_scene_shop

PLATE_PX = 64


REFUSED: set[int] = set()
"""Seeds of scenes that the recipe does not want to make."""


def around_the_product(resolved, seed, source):
    """The product, small, on whatever lies around it in the cut-out: the plate is drawn around it."""
    if seed in REFUSED:
        raise RenderError("this recipe does not suit the product")
    picture = cv2.resize(source().foreground_HW3, (PLATE_PX, PLATE_PX), interpolation=cv2.INTER_AREA)
    drawn = cv2.resize(source().alpha_HW, (PLATE_PX, PLATE_PX), interpolation=cv2.INTER_AREA) < 128
    return PlateRequest(prompt=resolved["prompt"], seed=seed, inpainting=Inpainting(picture_HW3=picture, drawn_HW=drawn, strength=0.5))


@pytest.fixture(scope="module")
def cut_out(tmp_path_factory):
    """Two mugs that are to get a packshot and two scenes each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(KINDS, "staged_scene", replace(KINDS["staged_scene"], plate=around_the_product))
        yield write_scene_shop(tmp_path_factory.mktemp("around") / "shop", ("MUG-1", "MUG-2"))


@pytest.fixture(scope="module")
def drawn(cut_out, tmp_path_factory):
    project = open_project(shutil.copytree(cut_out, tmp_path_factory.mktemp("drawn") / "shop", symlinks=True))
    assert draw(project) == {"rendered": 6, "refused": 0}
    return project


def scenes(project):
    query = sa.select(render).where(render.c.recipe == "staged_scene").order_by(render.c.sku, render.c.idx)
    return project.ledger.rows(query)


def test_what_a_batch_was_drawn_from_is_stored_once_and_named_beside_each_render(drawn):
    batches = [row["facts"]["plate"]["batch"] for row in scenes(drawn)]
    assert [batch["places"][batch["index"]][2] for batch in batches] == [0, 0, 1, 1]
    assert all(batch["pictures"] == batches[0]["pictures"] for batch in batches)
    assert len(batches[0]["pictures"]) == 3, "both products, and the one mask that mugs of one form share"
    for digest, blob in batches[0]["pictures"].items():
        assert picture_digest(decode_input(drawn.store.get(blob))) == digest


def test_a_plate_drawn_around_its_product_is_made_again_bit_for_bit(drawn):
    for row in scenes(drawn)[1:3]:
        found = reproduce(drawn, row["render_key"])
        assert found.bit_equal and found.differs == ()


@pytest.fixture
def lost(drawn):
    """Takes the picture out of the store from which a scene's own plate was drawn, until the test is over: its digest and its blob."""
    taken = []

    def lose(row):
        batch = row["facts"]["plate"]["batch"]
        digest = batch["inputs"][batch["places"][batch["index"]][2]]["inpainting"]["picture"]
        taken.append(drawn.store.get(batch["pictures"][digest]))
        drawn.store.files.remove([blob_path(batch["pictures"][digest])])
        return digest, batch["pictures"][digest]

    yield lose
    for data in taken:
        drawn.store.put(data)


def test_a_plate_whose_own_picture_is_not_in_the_store_is_not_made_again(drawn, lost):
    row = scenes(drawn)[0]
    digest, blob = lost(row)
    with pytest.raises(
        RenderError, match=rf"Picture {digest[:12]} \(blob {blob[:12]}\), from which its batch was drawn, is not in the store"
    ):
        reproduce(drawn, row["render_key"])


def test_a_plate_whose_neighbors_pictures_are_gone_is_made_again_beside_itself_and_says_so(drawn, lost):
    mine, *_, anothers = scenes(drawn)
    lost(anothers)
    found = reproduce(drawn, mine["render_key"])
    assert found.bit_equal and found.differs == ("batch: pictures of its neighbors are gone, drawn beside itself",)


def test_a_recipe_that_refuses_one_scene_refuses_that_one_alone(cut_out, drawn, tmp_path, monkeypatch):
    project = open_project(shutil.copytree(cut_out, tmp_path / "shop", symlinks=True))
    monkeypatch.setitem(globals(), "REFUSED", {scenes(drawn)[1]["facts"]["seed"]})
    assert draw(project) == {"rendered": 5, "refused": 1}
    (refused,) = project.ledger.rows(sa.select(refused_render))
    assert (refused["sku"], refused["idx"], refused["message"]) == ("MUG-1", 1, "this recipe does not suit the product")
    before = {(row["sku"], row["idx"]): row["render_digest"] for row in scenes(drawn)}
    assert all(before[row["sku"], row["idx"]] == row["render_digest"] for row in scenes(project)), "whoever shared the batch"


@pytest.mark.parametrize("shape", [(5, 7, 3), (5, 7)])
def test_what_is_stored_comes_back_to_the_pixel(shape):
    pixels = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    assert np.array_equal(decode_input(encode_input_png(pixels)), pixels)
