"""Alpha that is not the rank: trained with, written, exported, loaded by stock diffusers and imported again, always the same update."""

import json
import math

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load, save_file

from catalog.errors import ModelError
from catalog.keys import digest_bytes
from generation.adapter import Adapter, attach_adapters, attach_lora
from generation.base_model import load_pipeline, read_base_model
from generation.lora_strength import with_told_strength
from tests.tiny_model import TINY_SIZE_PX, write_tiny_base_model
from tests.training.test_lora_export import MAX_DIFFERENCE, MODELS, Case
from tests.training.tiny_look import TRIGGER, look_files
from training.checkpoint import load_newest_checkpoint, with_prefix
from training.lora import LoraSettings, train_lora
from training.lora_export import exported
from training.lora_file import read_lora_bytes
from training.lora_import import as_imported, imported
from training.lora_metadata import told_strength
from training.presets import Preset
from training.training_set import build_training_set

SETTINGS = LoraSettings(
    steps=4, rank=4, alpha=2.0, learning_rate=5e-2, batch_size=2, validate_every=4, checkpoint_every=4, precision="float32",
    target_modules="attention",
)  # fmt: skip
EXACT_STRENGTHS, ROUNDED_STRENGTH = (0.5, 2.0), 0.6
PIXEL_LEVEL = 1 / 255


@pytest.fixture(scope="module")
def base_model(tmp_path_factory):
    return read_base_model(write_tiny_base_model(tmp_path_factory.mktemp("base") / "tiny"))


@pytest.fixture(scope="module")
def trained(base_model, tmp_path_factory):
    pictures, captions = look_files(8)
    look = build_training_set(pictures, captions, TRIGGER, size_px=TINY_SIZE_PX)
    return train_lora(SETTINGS, look, base_model, tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="module", params=MODELS)
def case(request):
    return Case(request.param)


def picture(pipeline):
    """What the stock pipeline draws, as uint8 levels of 255."""
    drawn = pipeline(
        TRIGGER,
        height=64,
        width=64,
        num_inference_steps=3,
        guidance_scale=1.0,
        generator=torch.Generator().manual_seed(3),
        output_type="np",
    )
    return torch.from_numpy(drawn.images[0])


def test_alpha_counts_while_it_is_trained_and_is_worked_into_the_file(trained):
    weights = with_prefix(load_newest_checkpoint(trained.path.parent, trained.training_digest).tensors, "best/")
    written = load(trained.path.read_bytes())
    assert written.keys() == weights.keys()
    for name, tensor in weights.items():
        assert torch.equal(written[name], tensor * (0.5 if name.endswith("lora_A.weight") else 1.0)), name


def test_the_file_tells_the_alpha_of_the_training(trained):
    facts = read_lora_bytes(trained.path.read_bytes(), "the LoRA")[1]
    assert (facts["ss_network_dim"], facts["ss_network_alpha"], facts["vitrine.alpha"]) == ("4", "2.0", "2")
    assert told_strength(facts) == 0.5 and json.loads(facts["vitrine.settings"])["alpha"] == 2.0
    assert "rank 4, alpha 2," in trained.card


@pytest.mark.parametrize("key_format", ["diffusers", "kohya"])
def test_stock_diffusers_draws_the_pixels_that_ours_does(trained, base_model, tmp_path, key_format):
    """The file as it is and its export are each loaded from a path, as anybody would."""
    weights, facts = read_lora_bytes(trained.path.read_bytes(), "the LoRA")
    tensors = exported(weights, "sd", key_format, strength=told_strength(facts))
    save_file(tensors, tmp_path / "shared.safetensors", {"format": "pt"})
    ours, stock = load_pipeline(base_model), load_pipeline(base_model)
    bare = picture(ours)
    attach_lora(ours, trained.path, trained.digest)
    stock.load_lora_weights(str(tmp_path), weight_name="shared.safetensors", adapter_name="look")
    assert (picture(ours) - bare).abs().max() > 4 * PIXEL_LEVEL, "the LoRA does nothing, so this test would prove nothing"
    assert (picture(ours) - picture(stock)).abs().max() <= 1e-5


@pytest.mark.parametrize("strength", [*EXACT_STRENGTHS, ROUNDED_STRENGTH])
def test_kohyas_keys_tell_alpha_and_every_familys_stock_loader_honors_it(case, strength):
    tensors = exported(case.weights, case.family, "kohya", case.layout, strength)
    ranks = {name: tensor.shape[0] for name, tensor in tensors.items() if name.endswith(".lora_down.weight")}
    for name, rank in ranks.items():
        assert float(tensors[name.replace(".lora_down.weight", ".alpha")]) == pytest.approx(strength * rank)
    assert (case.predicted(tensors) - case.expected).abs().max() <= MAX_DIFFERENCE * 10
    back = imported(tensors, case.family, case.config)
    for name, tensor in case.weights.items():
        torch.testing.assert_close(back[name], tensor, rtol=1e-6 if strength == ROUNDED_STRENGTH else 0, atol=0)


def saved_by_diffusers(case, path, **config):
    """A LoRA file as `save_lora_weights` of a user's own script writes it: alpha is told in its metadata alone."""
    told = {f"{case.part}.{name}": value for name, value in {"r": 2, **config}.items()}
    save_file(case.weights, path, {"format": "pt", "lora_adapter_metadata": json.dumps(told)})
    return told


def test_an_alpha_in_diffusers_own_metadata_is_honored_on_import(case, tmp_path):
    path = tmp_path / "theirs.safetensors"
    layers = sorted(name.removesuffix(".lora_A.weight").partition(".")[2] for name in case.weights if name.endswith("lora_A.weight"))
    saved_by_diffusers(case, path, lora_alpha=1, alpha_pattern={layers[0]: 6.0}, target_modules=layers, rank_pattern={})
    stock = case.predicted(str(path))
    tensors, facts = read_lora_bytes(path.read_bytes(), "theirs")
    back = imported(tensors, case.family, case.config, facts)
    assert (stock - case.expected).abs().max() > 1e-3, "alpha does nothing, so this test would prove nothing"
    assert (case.predicted(back) - stock).abs().max() <= MAX_DIFFERENCE * 10
    assert "lora_adapter_metadata" not in as_imported(facts), "who read it from the imported file would apply alpha twice"


def test_a_worn_adapter_from_elsewhere_acts_as_its_metadata_says(trained, base_model, tmp_path):
    weights, path = load(trained.path.read_bytes()), tmp_path / "theirs.safetensors"
    layers = [name.removesuffix(".lora_A.weight").removeprefix("unet.") for name in weights if name.endswith("lora_A.weight")]
    told = {"unet.r": 4, "unet.lora_alpha": 12, "unet.target_modules": layers}
    save_file(weights, path, {"format": "pt", "lora_adapter_metadata": json.dumps(told)})
    ours, stock = load_pipeline(base_model), load_pipeline(base_model)
    attach_adapters(ours, [Adapter(path=path, digest=digest_bytes(path.read_bytes()), foreign=True)])
    stock.load_lora_weights(str(tmp_path), weight_name=path.name, adapter_name="look")
    assert (picture(ours) - picture(stock)).abs().max() <= 1e-5


def test_rank_stabilized_adapters_divide_by_the_root_of_the_rank():
    told = json.dumps({"unet.r": 4, "unet.lora_alpha": 6, "unet.use_rslora": True})
    down = torch.ones(4, 3)
    found = with_told_strength({"unet.to_q.lora_A.weight": down}, {"lora_adapter_metadata": told})
    assert torch.equal(found["unet.to_q.lora_A.weight"], down * 6 / math.sqrt(4))


def test_metadata_that_cannot_be_read_is_refused():
    with pytest.raises(ModelError, match=r"its strength is told there\. Save it again with diffusers"):
        with_told_strength({"unet.to_q.lora_A.weight": torch.ones(4, 3)}, {"lora_adapter_metadata": "{"})


def test_an_alpha_worked_in_on_import_is_not_told_again():
    kept = as_imported({"ss_network_dim": "16", "ss_network_alpha": "8.0", "lora_adapter_metadata": "{}"})
    assert kept == {"ss_network_dim": "16", "ss_network_alpha": "16"}


def test_an_alpha_that_equals_the_rank_names_the_same_training():
    plain = LoraSettings(rank=4)
    assert LoraSettings(rank=4, alpha=4).model_dump(mode="json") == plain.model_dump(mode="json")
    assert "alpha" not in plain.model_dump() and LoraSettings(rank=4, alpha=2).model_dump()["alpha"] == 2.0


def test_a_presets_alpha_goes_with_its_rank():
    preset = Preset(values={"rank": 16, "alpha": 8.0}, source="entry ours")
    assert (preset.settings({}).alpha, preset.settings({"rank": 4}).alpha, preset.settings({"alpha": 4}).strength) == (8.0, None, 0.25)


def test_what_is_in_the_header_is_what_was_written(trained):
    """The alpha is nowhere that a loader of diffusers keys would apply it a second time."""
    with safe_open(trained.path, "pt") as file:
        assert "lora_adapter_metadata" not in file.metadata() and not any(name.endswith("alpha") for name in file.keys())  # noqa: SIM118
