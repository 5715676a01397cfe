"""The LoRAs that a pipeline wears (a look's, a few-step adapter's): added into the denoiser's own weights, or beside them; exchanged, taken off bit for bit, proved before each batch.

Layers beside the weights cost a quarter of a small denoiser's time on a CPU. In float8 they stay beside, because
adding them in would round them away, and in bfloat16 where no blocks are compiled. Reading and checking the LoRA's file is in adapter.py.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from catalog.errors import ModelError
from catalog.keys import digest
from generation.adapter import Adapter, WornAdapter, attach_adapters, check_adapters_active, denoiser_of, detach_lora
from generation.float8_weights import is_stored_in_float8, seen_in_computing_type


def worn_by(pipeline: Any, *, compiled: bool = False) -> "LoraInWeights | LoraBeside":
    """What wears LoRAs on a pipeline that was just loaded: its weights where they are float32, layers beside them else.

    Compiled blocks have them in their weights in any case: other layers would be compiled anew with each exchange.
    """
    import torch

    denoiser = denoiser_of(pipeline)[1]
    exact = denoiser.dtype == torch.float32 and not is_stored_in_float8(denoiser)
    return LoraInWeights(pipeline) if exact or compiled else LoraBeside(pipeline)


class LoraBeside:
    """The LoRAs (or none) that run in layers of their own beside a denoiser's weights."""

    def __init__(self, pipeline: Any) -> None:
        self.pipeline = pipeline
        self.digest: str | None = None
        self._worn: tuple[WornAdapter, ...] = ()

    def wear(self, adapters: Sequence[Adapter]) -> None:
        """See LoraInWeights."""
        wanted = digest_of(adapters)
        if wanted != self.digest:
            self.digest, self._worn = None, ()
            detach_lora(self.pipeline)
            if adapters:
                with seen_in_computing_type(denoiser_of(self.pipeline)[1]):
                    self._worn = attach_adapters(self.pipeline, adapters)
                self.digest = wanted
        check_adapters_active(self.pipeline, self._worn)


class LoraInWeights:
    """The LoRAs (or none) that a pipeline's denoiser carries in its weights, and what those weights were without it.

    Weights are written in place: their memory, layout and compiled kernels stay, so an exchange compiles nothing anew. Unmerging copies the
    kept originals back, because subtracting what was added does not give the same bits.
    """

    def __init__(self, pipeline: Any) -> None:
        self.pipeline = pipeline
        self.digest: str | None = None
        self._originals: dict[str, Any] = {}
        self._fingerprint = fingerprint(denoiser_of(pipeline)[1])

    def wear(self, adapters: Sequence[Adapter]) -> None:
        """Exchange the LoRAs for those of these files (none: the bare denoiser) unless they are in already.

        Raises ModelError if a file is missing, altered or does not fit; the denoiser is then the bare base model.
        """
        if digest_of(adapters) != self.digest:
            self._take_out()
            if adapters:
                self._put_in(adapters)
        self.check()

    def check(self) -> None:
        """Raise ModelError unless the denoiser's weights are, bit for bit, those that the LoRA in them was put into."""
        found = fingerprint(denoiser_of(self.pipeline)[1])
        if found != self._fingerprint:
            raise ModelError(
                f"The denoiser's weights are not those of its base model with LoRA {(self.digest or 'none')[:12]} (fingerprint {found[:12]}, "
                f"expected {self._fingerprint[:12]}): this batch would have had another look. Nothing was drawn. Restart the worker."
            )

    def _put_in(self, adapters: Sequence[Adapter]) -> None:
        import torch

        denoiser = denoiser_of(self.pipeline)[1]
        attach_adapters(self.pipeline, adapters)
        try:
            added = deltas(denoiser)
        finally:
            detach_lora(self.pipeline)
        weights = dict(denoiser.named_parameters())
        try:
            with torch.no_grad():
                for name, delta in added.items():
                    self._originals[name] = weights[name].detach().to("cpu", copy=True)
                    weights[name].copy_(weights[name].float() + delta)
        except BaseException:  # out of memory halfway: those that are changed already go back
            self._take_out()
            raise
        self.digest, self._fingerprint = digest_of(adapters), fingerprint(denoiser)

    def _take_out(self) -> None:
        import torch

        if not self._originals:
            return
        weights = dict(denoiser_of(self.pipeline)[1].named_parameters())
        with torch.no_grad():
            for name, original in self._originals.items():
                weights[name].copy_(original)
        self.digest, self._originals = None, {}
        self._fingerprint = fingerprint(denoiser_of(self.pipeline)[1])


def digest_of(adapters: Sequence[Adapter]) -> str | None:
    """Changes with any adapter's bytes or strength; None for none. A single one's at full strength is that of its file."""
    if not adapters:
        return None
    if len(adapters) == 1 and adapters[0].scale == 1.0:
        return adapters[0].digest
    return digest([[adapter.name, adapter.digest, adapter.scale] for adapter in adapters])


def deltas(denoiser: Any) -> Mapping[str, Any]:
    """What the active adapters add to each weight, float32 in the weight's shape, by the weight's name in the bare denoiser."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    found = {}
    for name, layer in denoiser.named_modules():
        if not isinstance(layer, BaseTunerLayer):
            continue
        weight = layer.get_base_layer().weight
        if not weight.is_floating_point():
            raise ModelError(
                f"The weights of {name} are quantized ({weight.dtype}): a LoRA cannot be added into them. Load them unquantized."
            )
        total = sum(_delta(layer, adapter, weight.shape) for adapter in layer.active_adapters if adapter in layer.lora_A)
        found[f"{name}.weight"] = total
    return found


def _delta(layer: Any, adapter: str, shape: Any) -> Any:
    """scaling x B x A, in float32 whatever the weights are in; a convolution's A holds its kernel, its B is 1x1."""
    up, down = layer.lora_B[adapter].weight.float(), layer.lora_A[adapter].weight.float()
    return (up.flatten(1) @ down.flatten(1)).reshape(shape) * layer.scaling[adapter]


def fingerprint(denoiser: Any) -> str:
    """Changes with any bit of any weight of a denoiser and with any exchange of two, wherever they lie; costs one reading of the weights.

    Per weight, its bits as integers times odd numbers that rise with the place, added up modulo 2^64: one changed value always changes the sum.
    """
    import torch

    integers = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
    named = [(name, weight.detach()) for name, weight in denoiser.named_parameters()]
    if not named:
        return digest([])
    sums = []
    for _, weight in named:
        bits_N = weight.view(integers[weight.element_size()]).flatten().to(torch.int64)
        # Sums of integers do not depend on the order of adding, so neither on threads nor on the memory's layout.
        sums.append((bits_N * torch.arange(1, 2 * len(bits_N) + 1, 2, device=bits_N.device)).sum())
    return digest([[name, total] for (name, _), total in zip(named, torch.stack(sums).tolist(), strict=True)])
