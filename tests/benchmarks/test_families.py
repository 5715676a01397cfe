"""Models of random weights for the benchmarks: their sizes are the published ones, they draw, and their operations are counted rightly."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.family_drawing import DRAWINGS, SMALL_PX, call_flops, counted, draw, drawings_of, flops_per_picture, make_ready, scale_of
from benchmarks.family_models import FAMILIES, build_pipeline, parameters_of, sizes_of
from generation.families import FAMILIES as KNOWN

TINY = {one.family: replace(one, size_px=64, steps=1 if one.guidance > 1 else 2) for one in drawings_of(FAMILIES, small=True)}


def test_every_family_of_the_product_is_measured():
    assert set(FAMILIES) == set(KNOWN) == {one.family for one in DRAWINGS} == set(TINY)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_true_size_has_as_many_weights_as_published(family):
    assert parameters_of(build_pipeline(family, device="meta"), family) == pytest.approx(sizes_of(family)["parameters"], rel=1e-3)


@pytest.mark.parametrize(("family", "references"), [("flux2-klein", 0), ("flux2-klein", 1), ("z-image", 0)])
def test_a_call_of_a_flow_transformer_takes_as_many_operations_as_others_count(family, references):
    drawing = next(one for one in DRAWINGS if one.family == family and one.references == references)
    told = sizes_of(family)["tflop_with_reference" if references else "tflop"]
    assert call_flops(drawing) / 1e12 == pytest.approx(told, rel=0.01)


@pytest.mark.slow  # 4 to 9 CPU-s each: sixty blocks, or a UNet of 70, are built
@pytest.mark.parametrize("drawing", [one for one in DRAWINGS if one.family in ("sd", "sdxl", "qwen-image-edit")], ids=lambda one: one.name)
def test_a_call_of_the_others_takes_as_many_operations_as_others_count(drawing):
    told = sizes_of(drawing.family)["tflop_with_reference" if drawing.references else "tflop"]
    assert call_flops(drawing) / 1e12 == pytest.approx(told, rel=0.01)


@pytest.mark.parametrize("family", FAMILIES)
def test_operations_counted_without_weights_are_those_of_the_drawing(family):
    ready = make_ready(TINY[family], "cpu")
    pictures = []
    assert counted(lambda: pictures.extend(draw(ready, [1], 1))) == flops_per_picture(TINY[family]) > 0
    together = draw(ready, [2, 1], 2)
    assert together[1].shape == (64, 64, 3) and together[1].std() > 1
    assert np.abs(together[1].astype(int) - pictures[0].astype(int)).max() <= 1, "a picture has another neighbor's seed or references"
    assert np.abs(together[0].astype(int) - pictures[0].astype(int)).max() > 1


def test_guidance_and_references_are_counted():
    klein = TINY["flux2-klein"]
    with_reference = replace(klein, references=1)
    assert flops_per_picture(with_reference) > 1.3 * flops_per_picture(klein)
    ready = make_ready(with_reference, "cpu")
    assert counted(lambda: draw(ready, [1], 1)) == flops_per_picture(with_reference)
    assert TINY["sd"].calls == 2 * TINY["sd"].steps and klein.calls == klein.steps


@pytest.mark.parametrize("family", ["flux2-klein", "z-image", "qwen-image-edit"])
def test_in_bfloat16_a_lora_runs_beside_the_weights_as_in_production(family):
    import torch
    from peft.tuners.tuners_utils import BaseTunerLayer

    ready = make_ready(TINY[family], "cpu", half=True)
    assert {weight.dtype for weight in ready.denoiser.parameters()} == {torch.bfloat16}
    assert sum(isinstance(layer, BaseTunerLayer) for layer in ready.denoiser.modules()) >= 10
    assert draw(ready, [1], 1)[0].std() > 1


def test_the_scale_of_a_small_model_is_told():
    small = drawings_of(["flux2-klein"], small=True)[0]
    assert (small.size_px, small.name) == (SMALL_PX, "flux2-klein scaled down, 128 px, 4 steps, no guidance")
    assert scale_of(small).startswith("1/695 of the weights")
