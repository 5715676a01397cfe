"""Train the autoencoder: 128 px pictures to 16x16 latents of 8 channels and back. Knows nothing of captions.

Two ways to begin. *Thumbnail start*: latent channels 0-2 begin as an 8x smaller opponent-color picture; from a random
start this little network loses the green-magenta axis. *Continuing* from trained weights: a frozen copy of the old encoder
anchors the new latents, so that a denoiser trained on the old ones stays valid; the decoder is free to sharpen.

Shapes: pictures_BCHW are float32 (B, 3, S, S) in -1..1; latents (B, 8, S/8, S/8).
"""

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from demo.make.base_model.data import PICTURE_PX, Scene, read_pictures, to_unit
from demo.make.base_model.loop import MovingAverage, load_checkpoint, rate_at, save_checkpoint

if TYPE_CHECKING:
    import torch
    from diffusers import AutoencoderTiny

LATENT_CHANNELS = 8
GRID_PX = 8
"""One latent per 8x8 pixels."""

WIDTH = 64
LATENT_NOISE = 0.06
"""Noise on latents while the decoder learns, in latent units: a denoiser never hits a latent exactly."""

EMA_DECAY = 0.998


@dataclass(frozen=True, kw_only=True)
class AutoencoderPlan:
    """How long and how fast; `crops` counts training crops of `crop_px`, over all resumptions."""

    crops: int
    batch: int = 16
    crop_px: int = 64
    peak_rate: float = 1e-3
    anchor_weight: float = 0.5
    """Pull towards the old latents, per squared latent unit; 0 forgets them."""
    checkpoint_every_s: float = 120.0
    seed: int = 0


def build_autoencoder() -> "AutoencoderTiny":
    """A fresh autoencoder whose first three latent channels carry a thumbnail."""
    from diffusers import AutoencoderTiny

    autoencoder = AutoencoderTiny(
        encoder_block_out_channels=(WIDTH,) * 4,
        decoder_block_out_channels=(WIDTH,) * 4,
        latent_channels=LATENT_CHANNELS,
        # No blocks at full resolution: they cost half the time and gained nothing.
        num_encoder_blocks=(0, 1, 2, 3),
        num_decoder_blocks=(3, 2, 2, 0),
        scaling_factor=1.0,
        force_upcast=False,
    )
    _carry_thumbnail(autoencoder)
    return autoencoder


def _carry_thumbnail(autoencoder: "AutoencoderTiny") -> None:
    """Make channels 0-2 an opponent-color thumbnail: brightness, green-magenta, blue-yellow."""
    import torch
    from diffusers.models.autoencoders.vae import AutoencoderTinyBlock
    from torch import nn

    binomial = torch.outer(torch.tensor([1.0, 2.0, 1.0]), torch.tensor([1.0, 2.0, 1.0])) / 16
    opponent = torch.tensor([[4 / 3, 4 / 3, 4 / 3], [5.0, -5.0, 0.0], [-3.5, -3.5, 7.0]])
    offset = torch.tensor([-2.0, 0.0, 0.0])
    inverse = torch.linalg.inv(opponent)
    with torch.no_grad():
        for layers, encodes in ((autoencoder.encoder.layers, True), (autoencoder.decoder.layers, False)):
            for block in layers:
                if isinstance(block, AutoencoderTinyBlock):
                    block.conv[-1].weight.mul_(0.3)
                    block.conv[-1].weight[:3] = 0
                    block.conv[-1].bias[:3] = 0
            convolutions = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
            for index, layer in enumerate(convolutions):
                first, last = index == 0, index == len(convolutions) - 1
                weight, bias = layer.weight, layer.bias
                if last and not encodes:  # the picture itself: the thumbnail, and faint contributions of the rest
                    weight.mul_(0.1)
                    weight[:, :3] = 0
                    weight[range(3), range(3), 1, 1] = 1.0
                    bias[:] = 0
                    continue
                if last:
                    weight.mul_(0.7)
                weight[:3] = 0
                if encodes and last:
                    weight[:3, :3, 1, 1] = opponent
                    bias[:3] = offset
                elif not encodes and first:
                    weight[:3, :3, 1, 1] = inverse
                    bias[:3] = -inverse @ offset
                elif first:
                    weight[range(3), range(3), 1, 1] = 1.0
                    bias[:3] = 0
                elif layer.stride[0] == 2 or not encodes:
                    weight[range(3), range(3)] = binomial


def loss_of(rebuilt: "torch.Tensor", pictures: "torch.Tensor") -> "torch.Tensor":
    """Absolute and squared error, edges at two scales, and opponent colors, which plain errors neglect."""
    from torch.nn.functional import avg_pool2d

    halves = avg_pool2d(rebuilt, 2), avg_pool2d(pictures, 2)
    eighths = avg_pool2d(halves[0], 4), avg_pool2d(halves[1], 4)
    error = rebuilt - pictures
    fine = error.abs().mean() + 2 * error.pow(2).mean() + 0.7 * _edge_error(rebuilt, pictures)
    coarse = 0.5 * _edge_error(*halves) + 0.3 * (halves[0] - halves[1]).abs().mean()
    color = 0.7 * (eighths[0] - eighths[1]).abs().mean()
    return fine + coarse + color + 0.3 * _opponent(error) + _opponent(avg_pool2d(error, 4))


def _edge_error(a: "torch.Tensor", b: "torch.Tensor") -> "torch.Tensor":
    error = a - b
    return (error[..., 1:] - error[..., :-1]).abs().mean() + (error[..., 1:, :] - error[..., :-1, :]).abs().mean()


def _opponent(error: "torch.Tensor") -> "torch.Tensor":
    red, green, blue = error.unbind(1)
    return (red - green).abs().mean() + (blue - 0.5 * (red + green)).abs().mean()


def latent_order(latents: "torch.Tensor") -> "torch.Tensor":
    """Small cost that keeps latents centered, of unit spread, uncorrelated and inside the range that the decoder clamps."""
    from torch.nn.functional import relu

    spread = latents.mean((0, 2, 3)).pow(2).mean() + (latents.std((0, 2, 3)) - 1).pow(2).mean()
    rows = (latents - latents.mean((0, 2, 3), keepdim=True)).permute(1, 0, 2, 3).flatten(1)
    covariance = rows @ rows.t() / rows.shape[1]
    crosstalk = (covariance - covariance.diag().diag()).pow(2).mean()
    return 0.03 * spread + 0.003 * crosstalk + 0.003 * relu(latents.abs() - 2.5).mean()


class AutoencoderRun:
    """A resumable training run; `advance` takes it to the end of its plan, `measure` judges the averaged weights."""

    def __init__(self, autoencoder: "AutoencoderTiny", plan: AutoencoderPlan, checkpoint: Path, *, continues: bool, device: str) -> None:
        import torch

        self.plan, self.checkpoint, self.device = plan, checkpoint, device
        self.model = autoencoder.to(device, memory_format=torch.channels_last).train()
        self.old_encoder = copy.deepcopy(self.model.encoder).requires_grad_(False) if continues else None
        self.optimizer = torch.optim.AdamW(self.model.parameters(), plan.peak_rate, weight_decay=1e-4, betas=(0.9, 0.98))
        self.average = MovingAverage(self.model.parameters(), EMA_DECAY)
        self.generator = torch.Generator().manual_seed(plan.seed)
        self.seen = 0
        self._resume()

    def _resume(self) -> None:
        state = load_checkpoint(self.checkpoint)
        if state is None:
            return
        self.model.load_state_dict(state["model"])
        if self.old_encoder is not None:
            self.old_encoder.load_state_dict(state["old_encoder"])
        self.optimizer.load_state_dict(state["optimizer"])
        for average, saved in zip(self.average.averages, state["average"], strict=True):
            average.copy_(saved)
        self.generator.set_state(state["generator"])
        self.seen = state["seen"]

    def save(self) -> None:
        """Write everything that the next process needs to go on as if nothing had happened."""
        state: dict[str, Any] = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.averages,
            "generator": self.generator.get_state(),
            "seen": self.seen,
            "plan": {key: value for key, value in asdict(self.plan).items() if value is not None},
        }
        if self.old_encoder is not None:
            state["old_encoder"] = self.old_encoder.state_dict()
        save_checkpoint(self.checkpoint, state)

    def advance(self, scenes: Sequence[Scene], report: Callable[[str], None] = print) -> None:
        """Train to the planned number of crops, saving every few minutes and at the end."""
        pictures_BCHW = read_pictures([scene for scene in scenes if not scene.held_out])
        saved_at = time.monotonic()
        while self.seen < self.plan.crops:
            loss = self._step(self._crops(pictures_BCHW))
            if self.seen % (100 * self.plan.batch) == 0:
                report(f"autoencoder {self.seen}/{self.plan.crops} crops, loss {loss:.4f}, cpu {time.process_time():.0f} s")
            if time.monotonic() - saved_at > self.plan.checkpoint_every_s:
                self.save()
                report(f"autoencoder {self.seen} crops: {self.measure(scenes)}")
                saved_at = time.monotonic()
        self.save()

    def _crops(self, pictures_BCHW: "torch.Tensor") -> "torch.Tensor":
        """Random crops, some mirrored, some darker or slightly re-mixed in color: float32 (B, 3, S, S)."""
        import torch

        batch, size, draw = self.plan.batch, self.plan.crop_px, self.generator
        picked = torch.randint(len(pictures_BCHW), (batch,), generator=draw).tolist()
        steps = (PICTURE_PX - size) // GRID_PX + 1
        corners = (torch.randint(steps, (batch, 2), generator=draw) * GRID_PX).tolist()
        pairs = zip(picked, corners, strict=True)
        crops = to_unit(torch.stack([pictures_BCHW[i, :, y : y + size, x : x + size] for i, (y, x) in pairs]))
        mirror, dim, mix = torch.rand(3, generator=draw).tolist()
        if mirror < 0.5:
            crops = crops.flip(3)
        if dim < 0.25:
            crops = ((crops + 1) * (0.8 + 0.3 * torch.rand(batch, 1, 1, 1, generator=draw)) - 1).clamp(-1, 1)
        if mix < 0.25:
            change = torch.randn(3, 3, generator=draw) * 0.25
            matrix = torch.eye(3) + change - change.mean(1, keepdim=True)  # grays stay gray
            crops = (torch.einsum("ij,bjhw->bihw", matrix, crops + 1) - 1).clamp(-1, 1)
        return crops.to(self.device).contiguous(memory_format=torch.channels_last)

    def _step(self, pictures: "torch.Tensor") -> float:
        import torch

        rate = rate_at(self.seen, total=self.plan.crops, peak=self.plan.peak_rate, warm_up=1000, cool_down=self.plan.crops // 3)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast(self.device, torch.bfloat16):
            latents = self.model.encoder(pictures)
            noise = torch.randn(latents.shape, generator=self.generator).to(self.device)
            rebuilt = self.model.decoder(latents + LATENT_NOISE * noise)
        loss = loss_of(rebuilt.float(), pictures) + latent_order(latents.float())
        if self.old_encoder is not None:
            with torch.no_grad(), torch.autocast(self.device, torch.bfloat16):
                old = self.old_encoder(pictures)
            loss = loss + self.plan.anchor_weight * (latents.float() - old.float()).pow(2).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.seen += self.plan.batch
        self.average.update(self.seen // self.plan.batch)
        return loss.item()

    def measure(self, scenes: Sequence[Scene], most: int = 48) -> str:
        """Held-out fidelity of the averaged weights, in words: mean PSNR in dB, pooled color error, drift of latents."""
        import torch
        from torch.nn.functional import adaptive_avg_pool2d

        held_out = [scene for scene in scenes if scene.held_out]
        held_out = held_out[:: max(1, len(held_out) // most)]
        pictures = to_unit(read_pictures(held_out)).to(self.device)
        with self.average, torch.no_grad():
            latents = torch.cat([self.model.encoder(part) for part in pictures.split(8)])
            rebuilt = torch.cat([self.model.decoder(part) for part in latents.split(8)]).clamp(-1, 1)
            drift = 0.0
            if self.old_encoder is not None:
                old = torch.cat([self.old_encoder(part) for part in pictures.split(8)])
                drift = (latents - old).pow(2).mean().sqrt().item()
        psnr = (10 * torch.log10(4 / (rebuilt - pictures).pow(2).mean((1, 2, 3)))).mean().item()
        color = (adaptive_avg_pool2d(rebuilt, 8) - adaptive_avg_pool2d(pictures, 8)).abs().mean().item() * 127.5
        return f"held-out {psnr:.2f} dB, color error {color:.2f}/255, latents drifted {drift:.3f}, spread {latents.std():.3f}"

    def export(self, folder: Path, scenes: Sequence[Scene]) -> None:
        """Save the averaged weights as a diffusers folder; a fresh model's latents are scaled to unit spread."""
        import torch

        with self.average, torch.no_grad():
            if self.old_encoder is None:
                sample = to_unit(read_pictures([s for s in scenes if not s.held_out][:400])).to(self.device)
                latents = torch.cat([self.model.encoder(part) for part in sample.split(16)])
                self.model.register_to_config(scaling_factor=float(1 / latents.std()))
            self.model.save_pretrained(folder)
