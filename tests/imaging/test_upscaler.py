"""Upscaler models: a tiny Swin2SR from a folder enlarges in tiles as in one piece, and a model that makes another picture is refused."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from catalog.errors import ModelError, RenderError
from imaging import upscaler
from imaging.upscaler import read_upscaler, upscaled

torch = pytest.importorskip("torch")


def write_tiny_upscaler(folder, *, faithful):
    """Swin2SR as its own class saves it: of random weights, or of such that repeat each pixel twice."""
    from transformers import Swin2SRConfig, Swin2SRForImageSuperResolution

    torch.manual_seed(3)
    config = Swin2SRConfig(image_size=16, embed_dim=8, depths=[1], num_heads=[2], window_size=4, upscale=2, upsampler="pixelshuffledirect")
    network = Swin2SRForImageSuperResolution(config)
    if faithful:
        body, out = network.swin2sr, network.upsample.conv
        with torch.no_grad():
            for layer in (body.first_convolution, body.conv_after_body, out):
                layer.weight.zero_()
                layer.bias.zero_()
            for channel in range(3):
                body.first_convolution.weight[channel, channel, 1, 1] = 1
                out.weight[4 * channel : 4 * channel + 4, channel, 1, 1] = 1
    network.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def faithful(tmp_path_factory):
    return read_upscaler("twice", write_tiny_upscaler(tmp_path_factory.mktemp("upscaler"), faithful=True))


def picture(height=70, width=50):
    rows, columns = np.mgrid[0:height, 0:width]
    return np.stack([rows * 3, columns * 4, (rows // 8 + columns // 8) % 2 * 120 + 40], axis=-1).astype(np.uint8)


def test_a_picture_is_enlarged_in_tiles_without_seams(faithful, monkeypatch):
    monkeypatch.setattr(upscaler, "TILE_PX", 32)
    large, apart = upscaled(faithful, picture())
    assert faithful.factor == 2 and large.shape == (140, 100, 3)
    assert np.abs(large.astype(int) - picture().repeat(2, 0).repeat(2, 1)).max() <= 1
    assert apart["p95_delta_e"] < 0.5


def test_a_model_that_makes_another_picture_is_refused(tmp_path):
    random = read_upscaler("noise", write_tiny_upscaler(tmp_path / "random", faithful=False))
    with pytest.raises(RenderError, match=r"'noise' made another picture.*Nothing was made.*lanczos"):
        upscaled(random, picture())


def test_weights_are_known_by_their_bytes(faithful, tmp_path):
    other = read_upscaler("twice", write_tiny_upscaler(tmp_path / "other", faithful=False))
    assert faithful.identity["name"] == other.identity["name"] and faithful.digest != other.digest


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (None, "lacks config.json"),
        ("{", "is no JSON"),
        ("[]", "holds a list"),
        ({"model_type": "sam"}, "type 'sam'"),
        ({"model_type": "swin2sr", "upscale": 8}, "8 times"),
    ],
)
def test_a_folder_that_holds_something_else_is_refused_in_words(tmp_path, config, told):
    (tmp_path / "model.safetensors").write_bytes(b"")
    if config is not None:
        (tmp_path / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    with pytest.raises(ModelError, match=told):
        read_upscaler("one", tmp_path)


def test_pictures_that_are_composed_beside_each_other_are_enlarged_on_one_thread_each_and_the_number_is_restored(faithful, monkeypatch):
    """A thread that began while another had set torch to one thread took 1 for what had been before, and left it so for the drawing."""
    network, seen, at_once = upscaler._loaded(faithful), [], []

    class Recording:
        config = network.config

        def __call__(self, pixel_values):
            at_once.append(1)
            seen.append((torch.get_num_threads(), len(at_once)))
            time.sleep(0.02)
            made = network(pixel_values=pixel_values)
            at_once.pop()
            return made

    recording = Recording()
    monkeypatch.setattr(upscaler, "_loaded", lambda model: recording)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with ThreadPoolExecutor(3) as threads:
            made = list(threads.map(lambda _: upscaled(faithful, picture())[0], range(3)))
            assert set(seen) == {(1, 1)} and len(seen) == 3
            assert set(threads.map(lambda _: torch.get_num_threads(), range(9))) == {3} and torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert all(np.array_equal(made[0], one) for one in made)


def test_weights_saved_at_half_precision_enlarge_as_at_full(faithful, tmp_path):
    """transformers keeps the precision of the file, and its convolution then met float32 pixels: a crash in the middle of a cell."""
    from transformers import Swin2SRForImageSuperResolution

    Swin2SRForImageSuperResolution.from_pretrained(faithful.folder).half().save_pretrained(tmp_path)
    large, _ = upscaled(read_upscaler("half", tmp_path), picture())
    assert np.array_equal(large, upscaled(faithful, picture())[0])
