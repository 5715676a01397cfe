"""Random LoRAs on tiny instances of the real denoisers, transformer or UNet alone, so that exports can be loaded and compared.

Layer names, and so keys, are those of the real models; sizes are a handful. Nothing here draws pictures: predictions are compared.
"""

import torch

RANK = 2


def tiny_sdxl_unet():
    """A UNet with SDXL's block types: no attention in the first block, attention in the middle and in two up blocks."""
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=16, in_channels=4, out_channels=4, block_out_channels=(8, 16, 16), layers_per_block=2, norm_num_groups=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=1, attention_head_dim=(2, 4, 4), cross_attention_dim=8, use_linear_projection=True,
        addition_embed_type="text_time", addition_time_embed_dim=4, projection_class_embeddings_input_dim=32,
    )  # fmt: skip


def tiny_sd_unet():
    """A UNet in the layout of SD 1.x."""
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=16, in_channels=4, out_channels=4, block_out_channels=(8, 16), layers_per_block=2, norm_num_groups=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        attention_head_dim=2, cross_attention_dim=8,
    )  # fmt: skip


def tiny_flux2():
    from diffusers import Flux2Transformer2DModel

    return Flux2Transformer2DModel(
        patch_size=1, in_channels=4, num_layers=2, num_single_layers=2, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=16, timestep_guidance_channels=16, axes_dims_rope=(4, 4, 4, 4), guidance_embeds=False,
    )  # fmt: skip


def tiny_z_image():
    from diffusers import ZImageTransformer2DModel

    return ZImageTransformer2DModel(
        all_patch_size=(2,), all_f_patch_size=(1,), in_channels=4, dim=32, n_layers=2, n_refiner_layers=1, n_heads=2, n_kv_heads=2,
        cap_feat_dim=16, axes_dims=[8, 4, 4], axes_lens=[64, 32, 32],
    )  # fmt: skip


def tiny_qwen():
    from diffusers import QwenImageTransformer2DModel

    return QwenImageTransformer2DModel(
        patch_size=2, in_channels=16, out_channels=4, num_layers=2, attention_head_dim=16, num_attention_heads=2, joint_attention_dim=16,
        axes_dims_rope=(8, 4, 4),
    )  # fmt: skip


def predict_unet(unet):
    generator = torch.Generator().manual_seed(1)
    latents, text = torch.randn(2, 4, 16, 16, generator=generator), torch.randn(2, 5, 8, generator=generator)
    added = {"text_embeds": torch.randn(2, 8, generator=generator), "time_ids": torch.ones(2, 6)}
    sdxl = unet.config.addition_embed_type == "text_time"
    return unet(latents, torch.tensor([10, 400]), text, added_cond_kwargs=added if sdxl else None).sample


def predict_flux2(model):
    generator = torch.Generator().manual_seed(1)
    image_ids = torch.tensor([[0, row, column, 0] for row in range(4) for column in range(4)])
    return model(
        hidden_states=torch.randn(1, 16, 4, generator=generator), encoder_hidden_states=torch.randn(1, 5, 16, generator=generator),
        timestep=torch.tensor([0.4]), img_ids=image_ids, txt_ids=torch.tensor([[0, 0, 0, place] for place in range(5)]), guidance=None,
    ).sample  # fmt: skip


def predict_z_image(model):
    generator = torch.Generator().manual_seed(1)
    latents = [torch.randn(4, 1, 8, 8, generator=generator)]
    return model(latents, torch.tensor([0.4]), [torch.randn(5, 16, generator=generator)], return_dict=False)[0][0]


def predict_qwen(model):
    generator = torch.Generator().manual_seed(1)
    return model(
        hidden_states=torch.randn(1, 16, 16, generator=generator), encoder_hidden_states=torch.randn(1, 5, 16, generator=generator),
        encoder_hidden_states_mask=torch.ones(1, 5, dtype=torch.bool), timestep=torch.tensor([0.4]), img_shapes=[[(1, 4, 4)]],
    ).sample  # fmt: skip


def random_lora(model, prefix, targets, seed=5):
    """A LoRA in diffusers keys with large random weights on all layers whose names end in one of `targets`."""
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    model.add_adapter(LoraConfig(r=RANK, lora_alpha=RANK, target_modules=list(targets)))
    shapes = {name: tensor.shape for name, tensor in get_peft_model_state_dict(model).items()}
    model.delete_adapters("default")
    generator = torch.Generator().manual_seed(seed)
    return {f"{prefix}{name}": torch.randn(shape, generator=generator) * 0.2 for name, shape in sorted(shapes.items())}


def loaded(mixin, model, part, tensors):
    """The model with a LoRA attached by the stock loader of diffusers, `load_lora_weights`, as a pipeline of that family has it."""

    class Pipeline(mixin):
        hf_device_map = text_encoder = text_encoder_2 = None

    pipeline = Pipeline()
    pipeline.components = {part: model}
    setattr(pipeline, part, model)
    pipeline.load_lora_weights(tensors if isinstance(tensors, str) else dict(tensors))  # a path tells metadata, too
    return model
