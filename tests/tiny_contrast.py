"""Make tiny models with random weights answer visibly: prompts, pictures to go by and steps change what they draw by many levels.

Fresh weights give nearly the same gray whatever is asked, and a test that compares such pictures would hold for a broken family.
"""

ATTENTION_GAIN = 3.0
"""On the norms of queries and keys: attention then picks out tokens instead of averaging hundreds of them."""
CONTRAST = 0.45
"""Standard deviation of decoded noise, in pictures of -1..1."""


def sharpen_attention(transformer):
    """Let attention choose between tokens, in every block of a flow transformer."""
    import torch

    with torch.no_grad():
        for name, parameter in transformer.named_parameters():
            if "norm" in name and name.rsplit(".", 2)[-2] in ("norm_q", "norm_k", "norm_added_q", "norm_added_k"):
                parameter.mul_(ATTENTION_GAIN)
            elif name.endswith(("to_v.weight", "add_v_proj.weight", "to_qkv_mlp_proj.weight")):
                parameter.mul_(2)


def spread_colors(last_convolution, decode, latents):
    """Scale a decoder's last convolution so that random latents give mid-tones with visible contrast; `decode(latents)` is (B, 3, ..., H, W)."""
    import torch

    with torch.no_grad():
        picture = decode(latents)
        others = [axis for axis in range(picture.ndim) if axis != 1]
        gain_C = CONTRAST / picture.std(others)
        last_convolution.weight *= gain_C.view(-1, *[1] * (last_convolution.weight.ndim - 1))
        last_convolution.bias.sub_(picture.mean(others)).mul_(gain_C)


def blocky_pictures(count=16, size_px=64):
    """Pictures (B, 3, size, size) in -1..1 with structure, to take statistics of latents from."""
    import torch

    coarse = torch.rand(count, 3, 8, 8) * 2 - 1
    return torch.nn.functional.interpolate(coarse, (size_px, size_px), mode="nearest")
