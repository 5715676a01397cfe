"""Tiny CLIP and DINOv2 weights of the real classes with random numbers, written as `save_pretrained` writes them: for tests of learned measures."""

from pathlib import Path

SIZE_PX = 32


def write_tiny_clip(folder: Path, *, seed: int = 3) -> Path:
    """A CLIP of one layer each for pictures and words, with its processors; same seed, same bytes."""
    import torch
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPTextConfig, CLIPVisionConfig

    from tests.tiny_model import _tiny_tokenizer

    tokenizer = _tiny_tokenizer(folder)
    text = CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=32, bos_token_id=0, eos_token_id=1, pad_token_id=1,
    )  # fmt: skip
    vision = CLIPVisionConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, image_size=SIZE_PX, patch_size=8
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = CLIPModel(CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=16))
    model.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)
    CLIPImageProcessorPil(size={"shortest_edge": SIZE_PX}, crop_size={"height": SIZE_PX, "width": SIZE_PX}).save_pretrained(folder)
    return folder


def write_tiny_dino(folder: Path, *, seed: int = 5) -> Path:
    """A DINOv2 of two layers with its processor; same seed, same bytes."""
    import torch
    from transformers import BitImageProcessorPil, Dinov2Config, Dinov2Model

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Dinov2Model(
            Dinov2Config(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, mlp_ratio=2, image_size=SIZE_PX, patch_size=8)
        )
    model.save_pretrained(folder, safe_serialization=True)
    BitImageProcessorPil(size={"shortest_edge": SIZE_PX}, crop_size={"height": SIZE_PX, "width": SIZE_PX}).save_pretrained(folder)
    return folder
