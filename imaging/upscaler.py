"""Enlarge a picture with an installed super-resolution model, in tiles, and refuse what is not the picture any more.

Swin2SR from a local folder, through its own class in transformers: nothing is downloaded, and no code of a folder runs. A model guesses detail;
what it gives, made small again, must be the picture that it was given. Lanczos, the default of recipes, is upright.py's.
"""

import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from catalog.errors import ModelError, RenderError
from imaging.color import delta_e2000, srgb_to_lab
from imaging.local_weights import digest_of, load_network, read_config

Uint8 = npt.NDArray[np.uint8]

UPSCALER_VERSION = "1"
"""Raised whenever the same weights may give the same photo other pixels; part of the render key of what was enlarged with them."""
MODEL_TYPE = "swin2sr"
UPSAMPLERS = ("pixelshuffle", "pixelshuffledirect", "nearest+conv")
TILE_PX, CONTEXT_PX = 160, 16
"""Side of the squares that are enlarged one at a time, and what each sees of its surroundings; memory depends on these and not on the photo."""
FIDELITY_BLUR_PX = 1.0
MAX_MEAN_DELTA_E, MAX_P95_DELTA_E = 1.5, 4.0
"""How far a result, made small again, may be from the photo in CIEDE2000, both blurred by FIDELITY_BLUR_PX: sharper edges are what was wanted, another
color or another print is not. Chosen, not measured on published weights: none are at hand."""

_ALONE = threading.Lock()
"""Held while a network is loaded or run. Torch has one number of threads: a thread that begins while another has set it to 1 would take 1 for what was
there before and restore that; and two threads would load the weights twice. Pictures that are composed beside each other wait here for their turn."""


@dataclass(frozen=True, kw_only=True)
class Upscaler:
    """Installed weights: their name in the settings, where they lie, which bytes they are, and how many times they enlarge."""

    name: str
    folder: Path
    digest: str
    factor: int

    @property
    def identity(self) -> dict[str, str]:
        """What the render key of a picture enlarged with it holds."""
        return {"name": self.name, "model": self.digest, "version": UPSCALER_VERSION}


def read_upscaler(name: str, folder: Path) -> Upscaler:
    """Weights in a local folder, checked and digested without torch. Raises ModelError for a folder that is missing, incomplete, or of another kind."""
    wanted = "`save_pretrained` of transformers writes a Swin2SR folder. Nothing was made."
    config = read_config(folder, what=f"Upscaler '{name}' at {folder}", model_type=MODEL_TYPE, advice=wanted)
    factor, upsampler = config.get("upscale", 2), config.get("upsampler", "pixelshuffle")
    if factor not in (2, 3, 4) or upsampler not in UPSAMPLERS:
        raise ModelError(
            f"Upscaler '{name}' at {folder} enlarges {factor!r} times by {upsampler!r}; 2, 3 or 4 times by {', '.join(UPSAMPLERS)} are read. {wanted}"
        )
    return Upscaler(name=name, folder=folder, digest=digest_of(folder), factor=factor)


def upscaled(model: Upscaler, picture_HW3: Uint8) -> tuple[Uint8, dict[str, float]]:
    """A picture enlarged `model.factor` times, and how far it is from the picture when it is made small again.

    Raises RenderError for a result that is another picture; ModelError if the files do not fit together.
    """
    with _ALONE:
        network = _loaded(model)
        import torch

        before = torch.get_num_threads()
        torch.set_num_threads(1)  # sums depend on the number of threads, and renders must not
        try:
            with torch.inference_mode():
                result = _in_tiles(network, picture_HW3, model.factor)
        finally:
            torch.set_num_threads(before)
    apart = _apart(result, picture_HW3)
    if apart["mean_delta_e"] > MAX_MEAN_DELTA_E or apart["p95_delta_e"] > MAX_P95_DELTA_E:
        raise RenderError(
            f"Upscaler '{model.name}' made another picture: made small again it is {apart['mean_delta_e']:.1f} CIEDE2000 from the photo on average and "
            f"{apart['p95_delta_e']:.1f} in parts; {MAX_MEAN_DELTA_E:g} and {MAX_P95_DELTA_E:g} are allowed. Nothing was made. Set `upscale: lanczos`, "
            "or install other weights."
        )
    return result, apart


def _in_tiles(network: Any, picture_HW3: Uint8, factor: int) -> Uint8:
    import torch

    window = int(network.config.window_size)
    height, width = picture_HW3.shape[:2]
    padded = cv2.copyMakeBorder(picture_HW3, *(CONTEXT_PX,) * 4, borderType=cv2.BORDER_REPLICATE)
    result = np.empty((height * factor, width * factor, 3), np.uint8)
    for top in range(0, height, TILE_PX):
        for left in range(0, width, TILE_PX):
            rows, columns = min(TILE_PX, height - top), min(TILE_PX, width - left)
            seen = padded[top : top + rows + 2 * CONTEXT_PX, left : left + columns + 2 * CONTEXT_PX]
            down, right = (-side % window for side in seen.shape[:2])  # its class takes whole windows only
            whole = np.asarray(cv2.copyMakeBorder(seen, 0, down, 0, right, borderType=cv2.BORDER_REPLICATE))
            values = torch.from_numpy(np.ascontiguousarray(whole.transpose(2, 0, 1))).float()[None] / 255
            made = network(pixel_values=values).reconstruction[0].float().clamp(0, 1).numpy().transpose(1, 2, 0)
            inner = made[CONTEXT_PX * factor :, CONTEXT_PX * factor :][: rows * factor, : columns * factor]
            part = np.s_[top * factor : (top + rows) * factor, left * factor : (left + columns) * factor]
            result[part] = np.round(255 * inner)
    return result


def _apart(large: Uint8, small: Uint8) -> dict[str, float]:
    again = cv2.resize(large, small.shape[1::-1], interpolation=cv2.INTER_AREA)
    lab = [srgb_to_lab(np.asarray(cv2.GaussianBlur(one, (0, 0), FIDELITY_BLUR_PX), np.uint8)) for one in (again, small)]
    apart = delta_e2000(lab[0], lab[1])
    return {"mean_delta_e": round(float(apart.mean()), 2), "p95_delta_e": round(float(np.percentile(apart, 95)), 2)}


@lru_cache(maxsize=1)
def _loaded(model: Upscaler) -> Any:
    """The network, loaded once per process. Raises ModelError if its files do not fit together."""
    what = f"Upscaler '{model.name}' at {model.folder}"
    try:
        from transformers import Swin2SRForImageSuperResolution

        return load_network(Swin2SRForImageSuperResolution, model.folder, what=what, advice="Copy it again. Nothing was made.")
    except ImportError as error:
        raise ModelError(
            f"Upscaler '{model.name}' needs torch, transformers and safetensors, and this installation lacks {error.name}. Nothing was made. Install "
            "Vitrine with all its packages, or set `upscale: lanczos`."
        ) from error
