"""A tiny Segment Anything of the real class with random numbers, written as `save_pretrained` writes it: for tests of the neural cut-out."""

from pathlib import Path

SIDE_PX = 64


def write_tiny_sam(folder: Path, *, seed: int = 3, sure: float | None = None) -> Path:
    """One layer each; same seed, same bytes. `sure`: the IoU that it predicts of every mask."""
    import torch
    from transformers import SamConfig, SamModel

    part = {"hidden_size": 16, "image_size": SIDE_PX, "patch_size": 8}
    layer = {"num_hidden_layers": 1, "num_attention_heads": 2, "mlp_dim": 16}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = SamModel(
            SamConfig(
                vision_config={**part, **layer, "output_channels": 16, "window_size": 4, "global_attn_indexes": [0], "num_pos_feats": 8},
                prompt_encoder_config={**part, "mask_input_channels": 4},
                mask_decoder_config={**layer, "hidden_size": 16, "iou_head_hidden_dim": 16},
            )
        )
    if sure is not None:
        last = model.mask_decoder.iou_prediction_head.proj_out
        torch.nn.init.zeros_(last.weight)
        torch.nn.init.constant_(last.bias, sure)
    model.save_pretrained(folder, safe_serialization=True)
    return folder
