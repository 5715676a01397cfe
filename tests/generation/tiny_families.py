"""What writes a tiny base model of each family, by its name; the fixture `models` reads them."""

from tests.tiny_klein import write_tiny_klein
from tests.tiny_model import write_tiny_base_model
from tests.tiny_qwen_edit import write_tiny_qwen_edit
from tests.tiny_sdxl import write_tiny_sd_inpaint, write_tiny_sdxl
from tests.tiny_z_image import write_tiny_z_image

FAMILIES = {
    "sd": write_tiny_base_model,
    "sdxl": write_tiny_sdxl,
    "flux2-klein": write_tiny_klein,
    "z-image": write_tiny_z_image,
    "qwen-image-edit": write_tiny_qwen_edit,
}
MODELS = {**FAMILIES, "sd-inpaint": write_tiny_sd_inpaint}
"""The families' models, and one whose pipeline only inpaints."""
