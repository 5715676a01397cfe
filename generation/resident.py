"""The one pipeline that a process keeps: loaded once, with the LoRA it wears and the prompts it has read.

Draws nothing (see plates.py). Attaching, checking and merging a LoRA are in adapter.py and worn_lora.py.
"""

import logging
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

from catalog.errors import ModelError
from generation.base_model import BaseModel, load_pipeline, quiet_libraries, read_base_model
from generation.family import Conditioning
from generation.worn_lora import LoraBeside, LoraInWeights, worn_by

CONDITIONING_BYTES = 256 * 2**20
"""What may stay in the device's memory of prompts that were read: all of a brand's with CLIP (.2 MB each), 32 with FLUX.2 klein (7.9 MB each)."""

log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Resident:
    """A loaded base model on a device, the LoRA in its weights, and what it was told before."""

    base_model: BaseModel
    device: str
    pipeline: Any
    lora: LoraInWeights | LoraBeside
    conditionings: dict[str, Conditioning] = field(default_factory=dict)

    def condition(self, prompt: str) -> Conditioning:
        """What the denoiser is told of a prompt; each prompt is encoded alone so that it never depends on its neighbors."""
        conditioning = self.conditionings.pop(prompt, None)
        if conditioning is None:
            self._warn_if_truncated(prompt)
            conditioning = self.base_model.behavior.condition(self.pipeline, prompt)
            room = CONDITIONING_BYTES - _bytes_of(conditioning)
            while self.conditionings and sum(map(_bytes_of, self.conditionings.values())) > room:
                self.conditionings.pop(next(iter(self.conditionings)))
        self.conditionings[prompt] = conditioning  # at the end: what was not asked for longest goes first
        return conditioning

    def _warn_if_truncated(self, prompt: str) -> None:
        with quiet_libraries():
            tokens = self.base_model.behavior.count_tokens(self.pipeline, prompt)
        if tokens > self.base_model.max_tokens:
            log.warning(
                "Prompt %r has %d tokens; this base model reads %d and ignores the end.", prompt, tokens, self.base_model.max_tokens
            )


LOCK = RLock()
"""One batch at a time: exchanging a LoRA changes the shared pipeline."""
KEPT: list[Resident] = []
"""The one pipeline of this process, or none yet."""


def resident(base_model: BaseModel, device: str, threads: int) -> Resident:
    """The process's pipeline of a base model on a device, loaded when it is another than the last one.

    Raises ModelError if the model's files changed since it was read, or do not load.
    """
    if not KEPT or KEPT[0].base_model.digest != base_model.digest or KEPT[0].device != device:
        KEPT.clear()
        found = read_base_model(base_model.folder).digest
        if found != base_model.digest:
            raise ModelError(
                f"The base model at {base_model.folder} changed since it was read ({base_model.digest[:12]}, now {found[:12]}). Nothing "
                "was drawn. Plan again, so that the renders are recorded with the model that draws them."
            )
        pipeline = load_pipeline(base_model, threads, device)
        if device == "cpu":
            _lay_decoder_channels_last(pipeline)
        KEPT.append(Resident(base_model=base_model, device=device, pipeline=pipeline, lora=worn_by(pipeline)))
    return KEPT[0]


def release() -> None:
    """Let go of the kept pipeline, so that another may take its memory."""
    import gc

    import torch

    with LOCK:
        KEPT.clear()
        gc.collect()  # a pipeline and its hooks refer to one another
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _bytes_of(conditioning: Conditioning) -> int:
    return sum(int(tensor.nbytes) for tensor in conditioning.values())


def _lay_decoder_channels_last(pipeline: Any) -> None:
    """Channels innermost in the autoencoder: 44 instead of 59 CPU-ms a picture of the embedded model.

    Not in the denoiser, where it costs a twelfth more at batch 8, and not on a GPU, where it was not measured (docs/how-to/engine.md). Autoencoders
    for films (Qwen-Image's) have kernels of five dimensions, which cannot be laid so, and stay as they are.
    """
    import torch

    vae = getattr(pipeline, "vae", None)
    if isinstance(vae, torch.nn.Module) and all(weight.ndim <= 4 for weight in vae.parameters()):
        vae.to(memory_format=torch.channels_last)
