"""Latents of rendered sets and of their mirror images, computed once per picture and autoencoder. Trains nothing."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from demo.make import vocabulary
from demo.make.base_model.data import Scene, read_pictures, to_unit
from demo.make.base_model.loop import load_checkpoint, save_checkpoint

if TYPE_CHECKING:
    import torch
    from diffusers import AutoencoderTiny

_BATCH = 16


@dataclass(frozen=True, kw_only=True)
class LatentSet:
    """Scaled latents float32 (N, 8, 16, 16) with their N captions; pictures first, then their mirror images."""

    latents: "torch.Tensor"
    captions: tuple[str, ...]


class LatentStore:
    """Encodes scenes on demand and keeps the result in a file beside the checkpoints.

    A picture is encoded again when it or the autoencoder has changed.
    """

    def __init__(self, autoencoder: "AutoencoderTiny", file: Path, device: str = "cpu") -> None:
        import torch

        self.autoencoder = autoencoder.eval().to(device, memory_format=torch.channels_last)
        self.file, self.device = file, device
        self.digest = _digest_of(autoencoder)
        kept = load_checkpoint(file)
        self.pairs: dict[str, torch.Tensor] = kept["pairs"] if kept and kept["digest"] == self.digest else {}

    def latents_of(self, scenes: Sequence[Scene]) -> LatentSet:
        """Latents and captions of scenes, and of their mirror images with left and right exchanged in the caption."""
        import torch

        keys = [f"{scene.path}@{scene.path.stat().st_mtime_ns}" for scene in scenes]
        missing = [index for index, key in enumerate(keys) if key not in self.pairs]
        for start in range(0, len(missing), _BATCH):
            part = missing[start : start + _BATCH]
            pairs = self._encode([scenes[index] for index in part])
            # Cloned, or saving one pair would save the whole batch it is a view of.
            self.pairs |= {keys[index]: pair.clone() for index, pair in zip(part, pairs, strict=True)}
        if missing:
            save_checkpoint(self.file, {"digest": self.digest, "pairs": self.pairs})
        pairs_N2CHW = torch.stack([self.pairs[key] for key in keys]).float()
        captions = [scene.caption for scene in scenes]
        return LatentSet(
            latents=torch.cat([pairs_N2CHW[:, 0], pairs_N2CHW[:, 1]]),
            captions=(*captions, *map(vocabulary.flip_caption, captions)),
        )

    def _encode(self, scenes: Sequence[Scene]) -> "torch.Tensor":
        """(N, 2, 8, 16, 16): each picture and its mirror image."""
        import torch

        pictures = to_unit(read_pictures(scenes)).to(self.device).contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            both = [self.autoencoder.encode(view).latents for view in (pictures, pictures.flip(3))]
        return (torch.stack(both, dim=1) * self.autoencoder.config.scaling_factor).cpu()


def _digest_of(autoencoder: "AutoencoderTiny") -> str:
    digest = hashlib.sha256(str(autoencoder.config.scaling_factor).encode())
    for name, tensor in sorted(autoencoder.encoder.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
