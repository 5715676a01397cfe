"""The one pipeline that a process keeps: loaded once, with the LoRA it wears and the prompts it has read.

Draws nothing (see plates.py). Attaching, checking and merging a LoRA are in adapter.py and worn_lora.py.
"""

import logging
from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

from catalog.errors import ModelError
from generation.adapter import denoiser_of
from generation.base_model import BaseModel, load_pipeline, quiet_libraries, read_base_model
from generation.compiled_blocks import check_compile, compile_blocks, forget_compiled
from generation.execution import AS_LOADED, Execution
from generation.family import Conditioning, Pixels
from generation.float8_weights import store_in_float8
from generation.inpainting import Inpainting, Known, encode_known
from generation.kept_tensors import KeptTensors
from generation.memory_plan import Call, PartsInTurn, is_staged
from generation.references import edit_family, named_references, picture_digest
from generation.worn_lora import LoraBeside, LoraInWeights, worn_by

PROMPT_BYTES = 256 * 2**20
"""What may stay in the device's memory of prompts that were read: all of a brand's with CLIP (.2 MB each), 32 with FLUX.2 klein (7.9 MB each)."""
PICTURE_BYTES = 128 * 2**20
"""What may stay there of pictures that were encoded. A megapixel is 1 MB for Qwen-Image-Edit, 2 MB for FLUX.2 klein, .3 MB for SDXL: the products
of any one batch many times over; a product's variants follow one another."""

log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Resident:
    """A loaded base model on a device, the LoRA in its weights, and what it was told and shown before.

    What is kept is of this model, its number format and this device; it goes when they do. Kept by digests of pictures, so that N variants of one
    product cost one pass through the autoencoder. `parts` brings its parts to the device in turn; None: all are there.
    """

    base_model: BaseModel
    device: str
    execution: Execution = AS_LOADED
    pipeline: Any
    parts: PartsInTurn | None = None
    lora: LoraInWeights | LoraBeside
    prompts: KeptTensors = field(default_factory=lambda: KeptTensors(max_bytes=PROMPT_BYTES))
    pictures: KeptTensors = field(default_factory=lambda: KeptTensors(max_bytes=PICTURE_BYTES))

    def __post_init__(self) -> None:
        self.prompts.while_computing = lambda: self.during("condition")
        self.pictures.while_computing = lambda: self.during("encode")

    def during(self, call: Call) -> AbstractContextManager[None]:
        """What to wrap a family's `condition`, `encode`, `predict` or `decode` in: it has the parts on the device that they run."""
        return nullcontext() if self.parts is None else self.parts.during(call)

    def staying(self) -> AbstractContextManager[None]:
        """What to wrap a row of such calls in: parts come when the first one needs them, and leave after the last."""
        return nullcontext() if self.parts is None else self.parts.staying()

    def condition(self, prompt: str, references: Sequence[Pixels] = ()) -> Conditioning:
        """What the denoiser is told of a prompt and pictures to go by; each is encoded alone so that it never depends on its neighbors.

        Raises RenderError for references that the family cannot take.
        """
        behavior, pipeline = self.base_model.behavior, self.pipeline
        edits = edit_family(behavior)
        if not references:
            return self._read(prompt, prompt, lambda: behavior.condition(pipeline, prompt))
        if edits is None:
            return behavior.condition(pipeline, prompt, references)  # which refuses them in its own words
        digests = tuple(picture_digest(picture) for picture in references)
        # Where the text encoder sees the pictures, what it makes of a prompt is another thing for every product.
        name = prompt if edits.memory.prompts_repeat else (prompt, *digests)
        told = self._read(name, prompt, lambda: edits.read(pipeline, prompt, references))

        def latents(digest: str, picture: Pixels) -> Any:
            return self.pictures.tensors(("reference", digest), lambda: {"latents": edits.encode_reference(pipeline, picture)})["latents"]

        return told | named_references([latents(*one) for one in zip(digests, references, strict=True)])

    def known(self, inpainting: Inpainting) -> Known:
        """An inpainting as latents (B = 1)."""
        return encode_known(self.base_model.behavior, self.pipeline, inpainting, self.pictures)

    def _read(self, name: Hashable, prompt: str, read: Callable[[], Conditioning]) -> Conditioning:
        def read_now() -> Conditioning:
            self._warn_if_truncated(prompt)
            return read()

        return self.prompts.tensors(name, read_now)

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


def resident(base_model: BaseModel, device: str, threads: int, execution: Execution = AS_LOADED) -> Resident:
    """The process's pipeline of a base model on a device, loaded when it is another than the last one, or executed in another way.

    Raises ModelError if the model's files changed since it was read, or do not load.
    """
    if not KEPT or (KEPT[0].base_model.digest, KEPT[0].device, KEPT[0].execution) != (base_model.digest, device, execution):
        _let_go()
        found = read_base_model(base_model.folder).digest
        if found != base_model.digest:
            raise ModelError(
                f"The base model at {base_model.folder} changed since it was read ({base_model.digest[:12]}, now {found[:12]}). Nothing "
                "was drawn. Plan again, so that the renders are recorded with the model that draws them."
            )
        KEPT.append(_loaded(base_model, device, threads, execution))
    return KEPT[0]


def _loaded(base_model: BaseModel, device: str, threads: int, execution: Execution) -> Resident:
    pipeline, parts = load_pipeline(base_model, threads, device, on_host=True), None
    if execution.weights == "float8":
        store_in_float8(denoiser_of(pipeline)[1])
    if device == "cpu":
        _lay_decoder_channels_last(pipeline)
    if is_staged(execution.memory, pipeline, device):
        parts = PartsInTurn(pipeline, base_model.behavior.memory, device)
    else:
        pipeline = pipeline.to(device)
    if execution.compile:
        check_compile(base_model, execution, staged=parts is not None)
        compile_blocks(denoiser_of(pipeline)[1], device)
    lora = worn_by(pipeline, compiled=execution.compile)
    return Resident(base_model=base_model, device=device, execution=execution, pipeline=pipeline, lora=lora, parts=parts)


def _let_go() -> None:
    if KEPT and KEPT[0].execution.compile:
        forget_compiled()
    KEPT.clear()


def release() -> None:
    """Let go of the kept pipeline, so that another may take its memory."""
    import gc

    import torch

    with LOCK:
        _let_go()
        gc.collect()  # a pipeline and its hooks refer to one another
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _lay_decoder_channels_last(pipeline: Any) -> None:
    """Channels innermost in the autoencoder: 44 instead of 59 CPU-ms a picture of the embedded model.

    Not in the denoiser, where it costs a twelfth more at batch 8, and not on a GPU, where it was not measured (docs/how-to/engine.md). Autoencoders
    for films (Qwen-Image's) have kernels of five dimensions, which cannot be laid so, and stay as they are.
    """
    import torch

    vae = getattr(pipeline, "vae", None)
    if isinstance(vae, torch.nn.Module) and all(weight.ndim <= 4 for weight in vae.parameters()):
        vae.to(memory_format=torch.channels_last)
