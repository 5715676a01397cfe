"""The networks of the base model: a small UNet, a small text encoder, the noise schedule, and a start from older weights.

Stock diffusers and transformers classes only, so that stock pipelines load the result. Trains nothing.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from demo.make.base_model.autoencoder import LATENT_CHANNELS
from demo.make.base_model.tokenizer import MAX_TOKENS

if TYPE_CHECKING:
    import torch
    from diffusers import DDIMScheduler, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer
    from transformers import CLIPTokenizer as Tokenizer

TEXT_WIDTH = 128
NEW_WORD_SPREAD = 0.5
"""Standard deviation of a new word's embedding; small ones are learned too slowly in a short training."""


def build_unet(channels: tuple[int, int, int] = (96, 128, 192)) -> "UNet2DConditionModel":
    """A UNet for 16x16 latents that reads the caption at 8x8 and 4x4, where a set is laid out; 12.4 M parameters."""
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=16,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        layers_per_block=1,
        block_out_channels=channels,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=tuple(max(1, width // 32) for width in channels),
        norm_num_groups=16,
        use_linear_projection=True,
        resnet_time_scale_shift="scale_shift",
        # The pooled caption joins the time embedding: wall color and light are known everywhere at once.
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
    )


def build_text_encoder(tokenizer: "Tokenizer") -> "CLIPTextModel":
    """A two-layer CLIP text model over the tokenizer's vocabulary."""
    from transformers import CLIPTextConfig, CLIPTextModel

    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=TEXT_WIDTH,
        intermediate_size=3 * TEXT_WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=MAX_TOKENS,
        projection_dim=TEXT_WIDTH,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        hidden_act="quick_gelu",
        attn_implementation="eager",
    )
    encoder = CLIPTextModel(config)
    encoder.get_input_embeddings().weight.data.normal_(0, NEW_WORD_SPREAD)
    for name, module in encoder.named_modules():
        if name.endswith("position_embedding"):
            module.weight.data.normal_(0, 0.2)
    return encoder


def build_scheduler() -> "DDIMScheduler":
    """Squared-cosine noise with velocity prediction, sampled by DDIM from pure noise (trailing steps)."""
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_schedule="squaredcos_cap_v2",
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=True,
        steps_offset=1,
    )


def start_from(folder: Path, unet: "UNet2DConditionModel", text_encoder: "CLIPTextModel", tokenizer: "CLIPTokenizer") -> int:
    """Load an older base model's weights; words it knew keep their embeddings. Returns how many tokens it knew."""
    import torch
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    old_unet = UNet2DConditionModel.from_pretrained(folder / "unet", dtype=torch.float32)
    unet.load_state_dict(old_unet.state_dict())
    old_text = CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=torch.float32)
    old_tokens = CLIPTokenizer.from_pretrained(folder / "tokenizer").get_vocab()
    embeddings = text_encoder.get_input_embeddings().weight
    old_embeddings = old_text.get_input_embeddings().weight
    known = [(old_tokens[token], row) for token, row in tokenizer.get_vocab().items() if token in old_tokens]
    with torch.no_grad():
        for old_row, row in known:
            embeddings[row] = old_embeddings[old_row]
    kept = embeddings.detach().clone()
    state = {name: value for name, value in old_text.state_dict().items() if "token_embedding" not in name}
    text_encoder.load_state_dict(state, strict=False)
    assert torch.equal(kept, text_encoder.get_input_embeddings().weight), "older weights overwrote the word embeddings"
    return len(known)


def speed_up_on_cpu(unet: "UNet2DConditionModel") -> None:
    """Make the UNet's backward pass quick on a CPU without changing what it computes.

    Measured: plain attention instead of the fused kernel 26 -> 18 ms per sample; group normalization in NCHW, because its
    channels-last backward pass is eleven times slower.
    """
    import types

    import torch
    from diffusers.models.attention_processor import AttnProcessor
    from torch import nn
    from torch.nn.functional import group_norm

    class ToPlanes(torch.autograd.Function):
        @staticmethod
        def forward(_: Any, x: "torch.Tensor") -> "torch.Tensor":
            return x.contiguous()

        @staticmethod
        def backward(_: Any, gradient: "torch.Tensor") -> "torch.Tensor":
            return gradient.contiguous(memory_format=torch.channels_last)

    class ToChannelsLast(torch.autograd.Function):
        @staticmethod
        def forward(_: Any, x: "torch.Tensor") -> "torch.Tensor":
            return x.contiguous(memory_format=torch.channels_last)

        @staticmethod
        def backward(_: Any, gradient: "torch.Tensor") -> "torch.Tensor":
            return gradient.contiguous()

    def normalize(self: nn.GroupNorm, x: "torch.Tensor") -> "torch.Tensor":
        if x.dim() != 4:
            return group_norm(x, self.num_groups, self.weight, self.bias, self.eps)
        with torch.autocast("cpu", enabled=False):  # autocast would copy to float32 and back; the sums are float32 anyway
            return ToChannelsLast.apply(group_norm(ToPlanes.apply(x), self.num_groups, self.weight, self.bias, self.eps))

    unet.set_attn_processor(AttnProcessor())
    for module in unet.modules():
        if isinstance(module, nn.GroupNorm):
            module.forward = types.MethodType(normalize, module)
    unet.to(memory_format=torch.channels_last)
