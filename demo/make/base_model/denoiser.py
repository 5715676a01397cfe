"""Train the denoiser and the text encoder together on cached latents and captions. Draws no pictures; see sheet.py.

Shapes: latents_BCHW are float32 (B, 8, 16, 16) of unit spread; tokens_BT int64 (B, 32).
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog.errors import TrainingError
from demo.make import vocabulary
from demo.make.base_model.data import Scene
from demo.make.base_model.latents import LatentSet, LatentStore
from demo.make.base_model.loop import MovingAverage, load_checkpoint, rate_at, save_checkpoint
from demo.make.base_model.networks import build_scheduler, speed_up_on_cpu
from demo.make.base_model.tokenizer import MAX_TOKENS

if TYPE_CHECKING:
    import torch
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

EMA_DECAY = 0.999
MIDDLE_EMPHASIS = 0.4
"""How much denser middle timesteps are drawn (0: evenly): layout and props are decided there."""

CAPTION_FATES = (("empty", 0.08), ("trigger alone", 0.03), ("with trigger", 0.04), ("parts", 0.08))
"""What may happen to a caption in training, with probabilities; otherwise it stays.

Empty captions make guidance possible; triggers before or instead of a caption keep those words neutral until a LoRA gives
them a look; captions of some parts only let users leave parts out.
"""


@dataclass(frozen=True, kw_only=True)
class DenoiserPlan:
    """How long and how fast; `samples` counts training samples over all resumptions."""

    samples: int
    batch: int = 32
    peak_rate: float = 6e-4
    warm_up: int = 3_200
    cool_down: int = 30_000
    checkpoint_every_s: float = 240.0
    seed: int = 0


def vary_caption(caption: str, draws: Sequence[float]) -> str:
    """A caption as training shows it: mostly itself, sometimes shortened or with a trigger (see CAPTION_FATES).

    draws: six random numbers in 0..1 that decide: the fate, the trigger's category, and which of four parts stay.
    """
    fate, threshold = "itself", 0.0
    for name, probability in reversed(CAPTION_FATES):
        threshold += probability
        if draws[0] < threshold:
            fate = name
            break
    trigger = vocabulary.trigger(vocabulary.CATEGORIES[int(draws[1] * len(vocabulary.CATEGORIES))])
    parts = [part for part, draw in zip(caption.split(", "), draws[2:], strict=True) if draw < 0.6]
    versions = {"empty": "", "trigger alone": trigger, "with trigger": f"{trigger}, {caption}", "parts": ", ".join(parts)}
    return versions.get(fate, caption)


class DenoiserRun:
    """A resumable training run over a folder of scenes that may still grow."""

    def __init__(
        self,
        unet: "UNet2DConditionModel",
        text_encoder: "CLIPTextModel",
        tokenizer: "CLIPTokenizer",
        plan: DenoiserPlan,
        checkpoint: Path,
        *,
        device: str = "cpu",
    ) -> None:
        import torch

        self.unet, self.text_encoder = unet.to(device).train(), text_encoder.to(device).train()
        self.tokenizer, self.plan, self.checkpoint, self.device = tokenizer, plan, checkpoint, device
        if device == "cpu":
            speed_up_on_cpu(unet)
        parameters = [*unet.parameters(), *text_encoder.parameters()]
        groups = [
            {"params": [p for p in parameters if p.dim() > 1], "weight_decay": 0.01},
            {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, plan.peak_rate, betas=(0.9, 0.99), fused=True)
        self.average = MovingAverage(parameters, EMA_DECAY)
        self.generator = torch.Generator().manual_seed(plan.seed)
        self.alphas = build_scheduler().alphas_cumprod
        self.seen = 0
        self._resume()

    def _tokens(self) -> list[str]:
        return sorted(self.tokenizer.get_vocab(), key=self.tokenizer.get_vocab().__getitem__)

    def _resume(self) -> None:
        state = load_checkpoint(self.checkpoint)
        if state is None:
            return
        if state["tokens"] != self._tokens():
            raise TrainingError(
                f"{self.checkpoint} was trained with another vocabulary ({len(state['tokens'])} tokens, now "
                f"{len(self.tokenizer)}). Export it with the old words, move it away, and start from the export."
            )
        self.unet.load_state_dict(state["unet"])
        self.text_encoder.load_state_dict(state["text_encoder"])
        self.optimizer.load_state_dict(state["optimizer"])
        for average, saved in zip(self.average.averages, state["average"], strict=True):
            average.copy_(saved)
        self.generator.set_state(state["generator"])
        self.seen = state["seen"]

    def save(self, checkpoint: Path | None = None) -> None:
        """Write everything that the next process needs to go on as if nothing had happened."""
        state: dict[str, Any] = {
            "unet": self.unet.state_dict(),
            "text_encoder": self.text_encoder.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.averages,
            "generator": self.generator.get_state(),
            "seen": self.seen,
            "tokens": self._tokens(),
            "plan": asdict(self.plan),
        }
        save_checkpoint(checkpoint or self.checkpoint, state)

    def advance(self, find_scenes: Callable[[], list[Scene]], store: LatentStore, report: Callable[[str], None] = print) -> None:
        """Train to the planned number of samples; at every checkpoint look for new scenes."""
        plan = self.plan
        cool_down_begins = plan.samples - plan.cool_down
        scenes, saved_at, losses = find_scenes(), time.monotonic(), []
        training = self._training_set(scenes, store, report)
        while self.seen < plan.samples:
            if self.seen >= cool_down_begins > self.seen - plan.batch:
                # A longer training goes on from here: cooled weights learn slowly.
                self.save(self.checkpoint.with_stem(self.checkpoint.stem + "-before-cool-down"))
            losses.append(self._step(training))
            if len(losses) == 50:
                report(f"denoiser {self.seen}/{plan.samples} samples, loss {sum(losses) / 50:.4f}, cpu {time.process_time():.0f} s")
                losses = []
            if time.monotonic() - saved_at > plan.checkpoint_every_s:
                self.save()
                report(f"denoiser {self.seen} samples: {self.measure(scenes, store)}")
                newest = find_scenes()
                if len(newest) != len(scenes):
                    scenes, training = newest, self._training_set(newest, store, report)
                saved_at = time.monotonic()
        self.save()

    def _training_set(self, scenes: list[Scene], store: LatentStore, report: Callable[[str], None]) -> LatentSet:
        training = store.latents_of([scene for scene in scenes if not scene.held_out])
        report(f"denoiser: {len(training.captions)} training pictures, mirror images included")
        return training

    def encode(self, captions: Sequence[str]) -> "torch.Tensor":
        """Captions as text-encoder states, float (B, 32, 128)."""
        tokens_BT = self.tokenizer(
            list(captions), padding="max_length", max_length=MAX_TOKENS, truncation=True, return_tensors="pt"
        ).input_ids
        return self.text_encoder(tokens_BT.to(self.device))[0]

    def _timesteps(self) -> "torch.Tensor":
        """One timestep from each of B strata, denser in the middle; int64 (B,) in 0..999."""
        import torch

        batch = self.plan.batch
        even = (torch.randperm(batch, generator=self.generator) + torch.rand(batch, generator=self.generator)) / batch
        bent = even + MIDDLE_EMPHASIS / (2 * math.pi) * torch.sin(2 * math.pi * even)
        return (bent * 1000).long().clamp(0, 999)

    def _loss(self, latents: "torch.Tensor", captions: Sequence[str], timesteps: "torch.Tensor", noise: "torch.Tensor") -> "torch.Tensor":
        """Mean squared error of the predicted velocity."""
        import torch
        from torch.nn.functional import mse_loss

        alpha = self.alphas[timesteps].view(-1, 1, 1, 1)
        signal, spread = alpha.sqrt().to(self.device), (1 - alpha).sqrt().to(self.device)
        latents, noise = latents.to(self.device), noise.to(self.device)
        noisy = (signal * latents + spread * noise).contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device, torch.bfloat16):
            velocity = self.unet(noisy, timesteps.to(self.device), self.encode(captions)).sample
        return mse_loss(velocity.float(), signal * noise - spread * latents)

    def _step(self, training: LatentSet) -> float:
        import torch

        plan, draw = self.plan, self.generator
        rate = rate_at(self.seen, total=plan.samples, peak=plan.peak_rate, warm_up=plan.warm_up, cool_down=plan.cool_down)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        picked = torch.randint(len(training.captions), (plan.batch,), generator=draw)
        fates = torch.rand(plan.batch, 6, generator=draw).tolist()
        captions = [vary_caption(training.captions[i], fate) for i, fate in zip(picked.tolist(), fates, strict=True)]
        latents_BCHW = training.latents[picked]
        noise = torch.randn(latents_BCHW.shape, generator=draw)
        loss = self._loss(latents_BCHW, captions, self._timesteps(), noise)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.average.live, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.seen += plan.batch
        self.average.update(self.seen // plan.batch)
        return loss.item()

    def measure(self, scenes: Sequence[Scene], store: LatentStore, most: int = 64) -> str:
        """Held-out velocity loss of the averaged weights per scene folder, at fixed noise and evenly spread timesteps."""
        import torch

        said = []
        for folder in sorted({scene.path.parent for scene in scenes}):
            chosen = [scene for scene in scenes if scene.held_out and scene.path.parent == folder][:most]
            if not chosen:
                said.append(f"{folder.name} has no held-out scene yet")
                continue
            held_out = store.latents_of(chosen)
            count = len(held_out.captions)
            fixed = torch.Generator().manual_seed(7)
            noise = torch.randn(held_out.latents.shape, generator=fixed)
            timesteps = ((torch.randperm(count, generator=fixed) + 0.5) / count * 1000).long()
            with self.average, torch.no_grad():
                loss = self._loss(held_out.latents, held_out.captions, timesteps, noise).item()
            said.append(f"{folder.name} {loss:.4f} on {count}")
        return "held-out velocity loss " + ", ".join(said)
