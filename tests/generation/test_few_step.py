"""Few-step adapters beside a look: pictures are those of stock's `set_adapters`, both are proved at work, and only exact samplers are taken."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import EulerDiscreteScheduler
from safetensors.torch import load_file, save_file

from catalog.errors import ModelError
from generation.adapter import Adapter, attach_adapters, attach_lora, check_adapters_active, check_lora_active, detach_lora
from generation.base_model import load_pipeline, read_base_model
from generation.circumstances import differing
from generation.few_step import FewStep, sampling_in_few_steps
from generation.plates import DiffusionPlates
from generation.resident import KEPT
from generation.worn_lora import LoraBeside, LoraInWeights, fingerprint
from tests.generation.family_contract import SEED, TRIGGER, draw_ours
from tests.tiny_model import TINY_SIZE_PX, write_tiny_lora
from tests.tiny_sdxl import write_tiny_sdxl

STEPS = 2


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def in_kohya_keys(path, target, alpha):
    """The same LoRA as kohya's trainers write it, in float16: underscored layer names, down and up, and an alpha per layer."""
    tensors = {}
    for name, tensor in load_file(path).items():
        layer, kind = name.removeprefix("unet.").rsplit(".lora_", 1)
        layer = "lora_unet_" + layer.replace(".", "_")
        tensors[f"{layer}.lora_{'down' if kind.startswith('A') else 'up'}.weight"] = tensor.half()
        tensors[f"{layer}.alpha"] = torch.tensor(alpha)
    save_file(tensors, target)
    return target


@pytest.fixture(scope="module")
def base_model(tmp_path_factory):
    return read_base_model(write_tiny_sdxl(tmp_path_factory.mktemp("base") / "tiny"))


@pytest.fixture(scope="module")
def pipeline(base_model):
    return load_pipeline(base_model)


@pytest.fixture(scope="module")
def look(base_model, tmp_path_factory):
    path = write_tiny_lora(base_model.folder, tmp_path_factory.mktemp("loras") / "look.safetensors", seed=1)
    return Adapter(path=path, digest=digest(path))


@pytest.fixture(scope="module")
def few_step(base_model, tmp_path_factory):
    path = write_tiny_lora(base_model.folder, tmp_path_factory.mktemp("loras") / "few.safetensors", seed=2)
    return FewStep(path=path, digest=digest(path), scale=0.7)


@pytest.fixture(scope="module")
def few_step_in_kohya_keys(few_step, tmp_path_factory):
    path = in_kohya_keys(few_step.path, tmp_path_factory.mktemp("loras") / "kohya.safetensors", alpha=3.0)
    return replace(few_step, path=path, digest=digest(path))


def stock_draw(pipeline):
    generator, size = torch.Generator("cpu").manual_seed(SEED), {"height": TINY_SIZE_PX, "width": TINY_SIZE_PX}
    return pipeline(TRIGGER, num_inference_steps=STEPS, guidance_scale=1.0, generator=generator, output_type="np", **size).images[0]


def ours(base_model, pipeline, few_step):
    with sampling_in_few_steps(pipeline, few_step):
        return draw_ours(base_model, pipeline, steps=STEPS)


@pytest.mark.parametrize("keys", ["few_step", "few_step_in_kohya_keys"])
def test_both_adapters_draw_what_stock_draws_with_them(base_model, look, keys, request):
    few_step = request.getfixturevalue(keys)
    pipeline = load_pipeline(base_model)
    attach_adapters(pipeline, few_step.beside([look]))
    drawn = ours(base_model, pipeline, few_step)
    stock = load_pipeline(base_model)
    stock.load_lora_weights(look.path, adapter_name="a")
    stock.load_lora_weights(few_step.path, adapter_name="b")
    stock.set_adapters(["a", "b"], [1.0, 0.7])
    folders_own = stock.scheduler
    stock.scheduler = EulerDiscreteScheduler.from_config(folders_own.config, timestep_spacing="trailing")
    # Where the file has an alpha, ours is in the matrices and stock's beside them: the same numbers, multiplied in another order.
    assert np.abs(drawn - stock_draw(stock)).max() <= (0 if keys == "few_step" else 1e-5)
    others = [stock_draw(stock_with(stock, change, folders_own)) for change in ("look alone", "adapter alone", "folder's sampler")]
    assert all(np.abs(drawn - other).max() > 1 / 255 for other in others)


def stock_with(stock, change, folders_own):
    if change == "folder's sampler":
        stock.set_adapters(["a", "b"], [1.0, 0.7])
        stock.scheduler = folders_own
    else:
        stock.set_adapters(["a"] if change == "look alone" else ["b"])
    return stock


def test_both_adapters_work_on_the_inpainting_unet_of_the_same_base(look, few_step, tmp_path):
    wider = read_base_model(write_tiny_sdxl(tmp_path / "nine", channels=9, inpaint=True))
    pipeline = load_pipeline(wider)
    drawn = []
    for adapters in ([], [look], few_step.beside([]), few_step.beside([look])):
        detach_lora(pipeline)
        if adapters:
            attach_adapters(pipeline, adapters)
        drawn.append(ours(wider, pipeline, few_step))
    assert all(np.abs(one - other).max() > 1 / 255 for index, one in enumerate(drawn) for other in drawn[:index])


def test_the_pipelines_own_sampler_is_back_afterwards(base_model, pipeline, few_step):
    detach_lora(pipeline)
    before, scheduler = draw_ours(base_model, pipeline), pipeline.scheduler
    attach_adapters(pipeline, few_step.beside([]))
    with pytest.raises(KeyboardInterrupt), sampling_in_few_steps(pipeline, few_step):
        assert pipeline.scheduler.config.timestep_spacing == "trailing"
        raise KeyboardInterrupt
    assert pipeline.scheduler is scheduler
    detach_lora(pipeline)
    assert np.array_equal(draw_ours(base_model, pipeline), before)


@pytest.mark.parametrize("tamper", ["disable", "delete", "weaken", "leave one out", "another beside"])
def test_an_adapter_that_stopped_working_is_noticed(pipeline, look, few_step, tamper):
    worn = attach_adapters(pipeline, few_step.beside([look]))
    check_adapters_active(pipeline, worn)
    unet = pipeline.unet
    if tamper == "disable":
        unet.disable_adapters()
    elif tamper == "delete":
        unet.delete_adapters("few_step")
    elif tamper == "weaken":
        pipeline.set_adapters(["look", "few_step"], [1.0, 0.5])
    elif tamper == "leave one out":
        pipeline.set_adapters(["few_step"], [0.7])
    else:
        pipeline.load_lora_weights(look.path, adapter_name="stranger")
        pipeline.set_adapters(["look", "few_step"], [1.0, 0.7])
    with pytest.raises(ModelError, match="Nothing was drawn"):
        check_adapters_active(pipeline, worn)


def test_a_look_alone_is_not_taken_for_both_nor_both_for_a_look(pipeline, look, few_step):
    both = attach_adapters(pipeline, few_step.beside([look]))
    with pytest.raises(ModelError, match="nobody asked for"):
        check_lora_active(pipeline, both[0].layers)
    layers = attach_lora(pipeline, look.path, look.digest)
    check_lora_active(pipeline, layers)
    with pytest.raises(ModelError, match="0 of 0 layers adapted by 'few_step'"):
        check_adapters_active(pipeline, both)


def test_an_adapter_for_another_model_leaves_nothing_worn(base_model, pipeline, look, few_step, tmp_path):
    tensors = {name.replace("mid_block", "no_such_block"): tensor for name, tensor in load_file(few_step.path).items()}
    save_file(tensors, tmp_path / "other.safetensors")
    other = FewStep(path=tmp_path / "other.safetensors", digest=digest(tmp_path / "other.safetensors"))
    with pytest.raises(ModelError, match="LoRA other"):
        attach_adapters(pipeline, other.beside([look]))
    check_lora_active(pipeline, 0)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory."), RuntimeError("CUDA error: out of memory")])
def test_running_out_of_memory_while_attaching_is_not_told_as_a_wrong_lora(pipeline, look, few_step, monkeypatch, error):
    load = pipeline.load_lora_weights

    def load_one(tensors, adapter_name):
        if adapter_name == "few_step":
            raise error
        load(tensors, adapter_name=adapter_name)

    monkeypatch.setattr(pipeline, "load_lora_weights", load_one)
    with pytest.raises(type(error), match="out of memory"):
        attach_adapters(pipeline, few_step.beside([look]))
    check_lora_active(pipeline, 0)


def test_running_out_of_memory_while_weights_are_changed_leaves_them_as_they_were(base_model, look, few_step, monkeypatch):
    worn = LoraInWeights(load_pipeline(base_model))
    bare, changed = fingerprint(worn.pipeline.unet), []
    monkeypatch.setattr("generation.worn_lora.deltas", lambda denoiser: _ending_early(denoiser, changed))
    with pytest.raises(torch.OutOfMemoryError):
        worn.wear([look])
    assert len(changed) == 2 and fingerprint(worn.pipeline.unet) == bare
    monkeypatch.undo()
    worn.wear(few_step.beside([look]))
    assert fingerprint(worn.pipeline.unet) != bare


def _ending_early(denoiser, changed):
    """What a LoRA adds, whose third part does not fit into memory."""

    class Part:
        def __init__(self, name):
            self.name = name

        def __radd__(self, weight):
            if len(changed) == 2:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            changed.append(self.name)
            return weight + 1

    names = [name for name, module in denoiser.named_modules() if isinstance(module, torch.nn.Linear)][:3]
    return {f"{name.replace('.base_layer', '')}.weight": Part(name) for name in names if "lora" not in name}


def test_adapters_that_change_text_encoders_are_refused(pipeline, tmp_path):
    path = tmp_path / "te.safetensors"
    save_file({"lora_te1_text_model_encoder_layers_0_mlp_fc1.lora_down.weight": torch.ones(2, 16)}, path)
    with pytest.raises(ModelError, match="text encoders are never changed"):
        attach_adapters(pipeline, FewStep(path=path, digest=digest(path)).beside([]))


@pytest.mark.parametrize(
    ("sampler", "settings", "message"),
    [
        ("LCMScheduler", {}, "draws noise between steps"),
        ("FlowMatchEulerDiscreteScheduler", {"stochastic_sampling": True}, "draws noise between steps"),
        ("EulerDiscreteScheduler", {"timestep_spacings": "trailing"}, "has no setting 'timestep_spacings'"),
        ("EulerScheduler", {}, "which diffusers does not have"),
    ],
)
def test_a_sampler_that_would_not_repeat_itself_or_a_misspelt_setting_is_refused(pipeline, tmp_path, sampler, settings, message):
    few_step = FewStep(path=tmp_path / "x", digest="d", sampler=sampler, sampler_settings=settings)
    with pytest.raises(ModelError, match=message), sampling_in_few_steps(pipeline, few_step):
        pass


@pytest.fixture
def fresh_plates():
    KEPT.clear()
    yield
    KEPT.clear()


def stock_levels(base_model, look, few_step, seed):
    """What stock draws with both adapters, as levels 0..255."""
    stock = load_pipeline(base_model)
    stock.load_lora_weights(look.path, adapter_name="a")
    stock.load_lora_weights(few_step.path, adapter_name="b")
    stock.set_adapters(["a", "b"], [1.0, 0.7])
    stock.scheduler = EulerDiscreteScheduler.from_config(stock.scheduler.config, timestep_spacing="trailing")
    generator, size = torch.Generator("cpu").manual_seed(seed), {"height": TINY_SIZE_PX, "width": TINY_SIZE_PX}
    drawn = stock(TRIGGER, num_inference_steps=STEPS, guidance_scale=1.0, generator=generator, output_type="np", **size).images[0]
    return (drawn * 255).round()


@pytest.mark.usefixtures("fresh_plates")
@pytest.mark.parametrize("wearing", ["in the weights", "beside them"])
def test_plates_wear_both_and_exchange_them(base_model, look, few_step, monkeypatch, wearing):
    """In the weights they are added up in another order, which may move a level; taken off, the first picture comes back bit for bit."""
    if wearing == "beside them":
        monkeypatch.setattr("generation.resident.worn_by", lambda pipeline, **_: LoraBeside(pipeline))
    bare = DiffusionPlates(base_model, None, None, steps=STEPS, guidance=1.0, batch_images=1)
    worn = {"few": replace(bare, few_step=few_step), "look": replace(bare, lora_path=look.path, lora_digest=look.digest)}
    worn["both"] = replace(worn["look"], few_step=few_step)
    drawn = {name: plates.draw([TRIGGER], [SEED])[0] for name, plates in {"bare": bare, **worn}.items()}
    assert all(np.abs(drawn["both"].astype(int) - drawn[other]).max() > 3 for other in ("bare", "few", "look"))
    assert np.abs(drawn["both"] - stock_levels(base_model, look, few_step, SEED)).max() <= 1
    for name, plates in {"bare": bare, **worn}.items():
        assert np.array_equal(plates.draw([TRIGGER], [SEED])[0], drawn[name]), f"{name}, after the others"
    weaker = replace(worn["both"], few_step=replace(few_step, scale=0.3))
    assert not np.array_equal(weaker.draw([TRIGGER], [SEED])[0], drawn["both"])


@pytest.mark.usefixtures("fresh_plates")
def test_an_altered_few_step_adapter_draws_nothing(base_model, look, few_step, tmp_path):
    path = tmp_path / "altered.safetensors"
    data = bytearray(few_step.path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    plates = DiffusionPlates(base_model, look.path, look.digest, steps=STEPS, few_step=replace(few_step, path=path))
    with pytest.raises(ModelError, match="altered or mixed up"):
        plates.draw([TRIGGER], [SEED])


@pytest.mark.usefixtures("fresh_plates")
def test_a_plate_tells_its_few_step_adapter_and_is_drawn_again_with_it(base_model, look, few_step):
    plates = DiffusionPlates(base_model, look.path, look.digest, steps=STEPS, batch_images=2, few_step=few_step)
    plate = plates.draw_plates([TRIGGER], [SEED])[0]
    assert plate.circumstances["few_step"] == {
        "digest": few_step.digest, "scale": 0.7, "sampler": "EulerDiscreteScheduler", "sampler_settings": {"timestep_spacing": "trailing"},
    }  # fmt: skip
    again, now = plates.replay(plate.batch)
    assert np.array_equal(again, plate.pixels_HW3) and differing(plate.circumstances, now) == []
    _, without = replace(plates, few_step=None).replay(plate.batch)
    assert [line.partition(":")[0] for line in differing(plate.circumstances, without)] == ["few-step adapter"]
