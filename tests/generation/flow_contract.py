"""What flow families are asked beside the contract of every family: batches of our loop, each picture after its own references, and stock's.

Pictures are float32 (B, 3, H, W) in 0..1.
"""

import numpy as np
import torch

from generation.base_model import load_pipeline
from generation.denoise import Sampling, denoise, noise_of_seeds

LEVEL = 1 / 255
PROMPTS, SEEDS, STEPS = ["vitrine wall look", "oak"], [7, 8], 4
TRAINING = {"steps": 16, "learning_rate": 5e-2, "validate_every": 8, "checkpoint_every": 16}
"""For `train_tiny_lora`: few steps at a high rate."""


def drawn(base_model, pipeline, guidance=1.0, prompts=PROMPTS, seeds=SEEDS, references=None, known=None):
    """Pictures of our loop, one per prompt and seed, drawn as one batch, each after its own references and around what is known of it."""
    family, size_px = base_model.behavior, base_model.size_px
    references = references or [()] * len(prompts)
    with torch.inference_mode():
        noise = noise_of_seeds(seeds, family.latent_shape(pipeline, size_px, size_px), pipeline.device)
        told = family.join([family.condition(pipeline, prompt, mine) for prompt, mine in zip(prompts, references, strict=True)])
        untold = family.join([family.condition(pipeline, "", mine) for mine in references]) if guidance > 1 else None
        latents = denoise(family, pipeline, noise, told, untold, Sampling(steps=STEPS, guidance=guidance), known=known)
        return family.decode(pipeline, latents).clamp(-1, 1) / 2 + 0.5


def stock(pipeline, prompts=PROMPTS, seeds=SEEDS, size_px=64, **settings):
    """Pictures of the stock pipeline from the same noise."""
    generators = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
    asked = {"num_inference_steps": STEPS, "height": size_px, "width": size_px, "output_type": "np"} | settings
    images = pipeline(prompt=prompts, generator=generators, **asked).images
    return torch.from_numpy(images).permute(0, 3, 1, 2)


def furthest(one, other):
    """The largest difference of any color value."""
    return float((one - other).abs().max())


def product(color, size_px=64):
    """A picture to go by: a colored box on gray, uint8 (size, size, 3)."""
    pixels = np.full((size_px, size_px, 3), 200, np.uint8)
    pixels[size_px // 4 : -size_px // 4, size_px // 4 : -size_px // 4] = color
    return pixels


def write_foreign_transformer_lora(path, layer):
    """A LoRA file for one layer of another family's transformer, with shapes that fit no tiny model."""
    from safetensors.torch import save_file

    save_file({f"transformer.{layer}.lora_A.weight": torch.ones(2, 320), f"transformer.{layer}.lora_B.weight": torch.ones(320, 2)}, path)
    return path


def assert_it_draws_in_bfloat16_and_on_another_device(base_model, references=()):
    """As on a GPU, as far as a CPU can tell: half the precision gives nearly the same picture, and no tensor of ours stays on the CPU.

    The device is torch's "meta", which computes shapes and refuses to mix with others.
    """
    family, pipeline = base_model.behavior, load_pipeline(base_model)
    half = family.load(base_model.folder, torch.bfloat16)
    half.set_progress_bar_config(disable=True)
    one = (4.0, PROMPTS[:1], SEEDS[:1], [list(references)])
    difference = (drawn(base_model, pipeline, *one) - drawn(base_model, half, *one).float()).abs().mean()
    assert 0 < float(difference) < 8 * LEVEL
    with torch.inference_mode():
        told = {name: tensor.to("meta") for name, tensor in family.condition(pipeline, PROMPTS[0], references).items()}
        shape = family.latent_shape(pipeline, base_model.size_px, base_model.size_px)
        latents, timesteps = torch.zeros(1, *shape, device="meta"), torch.full((1,), 500.0, device="meta")
        pipeline.transformer.to("meta")
        pipeline.vae.to("meta")
        assert family.predict(pipeline, latents, timesteps, told).shape == latents.shape
        pixels = family.decode(pipeline, latents)
        assert family.encode(pipeline, pixels).shape == latents.shape
