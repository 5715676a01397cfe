"""Where the parts of a base model lie while it draws: all on the device, or each there only in the calls that a family's plan names for it.

Why not diffusers' own `enable_model_cpu_offload`: its hooks bring a part when its `forward` is called, in the one order of the stock pipeline, and take
it away when the next one runs. Our loop asks in other orders, and a family's code reads a part's statistics before it calls it, which is then still on
the host. It also copies weights back to the host that nobody changed.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal

log = logging.getLogger(__name__)

Call = Literal["condition", "encode", "predict", "decode"]
"""What a family is asked that runs parts of the pipeline (family.py)."""
Memory = Literal["resident", "staged"]
"""All parts on the device, or each only while it is needed."""

RESIDENT_SHARE = 0.7
"""Of the device's free memory, what weights may take for all to stay there where nobody says how; the rest is for pictures. A judgment, not measured."""


@dataclass(frozen=True, kw_only=True)
class MemoryPlan:
    """Which parts of a pipeline run in which of a family's calls, by the parts' names, so that the others may lie elsewhere meanwhile.

    `condition` is without pictures to go by, which are encoded in calls of their own. `prompts_repeat`: what a prompt comes to is the same for
    every product, so prompts can be read ahead and kept; False where the text encoder reads each product's pictures too.
    """

    condition: tuple[str, ...]
    encode: tuple[str, ...] = ("vae",)
    predict: tuple[str, ...]
    decode: tuple[str, ...] = ("vae",)
    prompts_repeat: bool = True

    def needed(self, call: Call) -> tuple[str, ...]:
        """The parts that a call runs."""
        parts: tuple[str, ...] = getattr(self, call)
        return parts


def is_staged(memory: Memory | None, pipeline: Any, device: str) -> bool:
    """Whether a pipeline's parts come to a device in turn: as asked for, else where its weights would take more than `RESIDENT_SHARE` of what is free."""
    if memory is not None or not device.startswith("cuda"):
        return memory == "staged"
    import torch

    weights, free = bytes_of(pipeline), torch.cuda.mem_get_info(device)[0]
    if weights <= RESIDENT_SHARE * free:
        return False
    log.info("the base model's %.1f GB come to %s part by part, of which %.1f GB are free", weights / 1e9, device, free / 1e9)
    return True


def bytes_of(pipeline: Any) -> int:
    """What all parts of a pipeline take together."""
    import torch

    modules = [part for part in pipeline.components.values() if isinstance(part, torch.nn.Module)]
    return sum(int(tensor.nbytes) for module in modules for tensor in (*module.parameters(), *module.buffers()))


class PartsInTurn:
    """A pipeline on the host whose parts come to a device for the calls that need them, and leave it afterwards.

    The host keeps what it has, so that leaving copies nothing: what is written into a part's weights on the device is lost. Layers may be added to
    and taken from a part, and its weights written, while it is on the host, which it is outside of the blocks below.
    """

    def __init__(self, pipeline: Any, plan: MemoryPlan, device: str) -> None:
        self._pipeline, self._plan, self._device = pipeline, plan, device
        self._brought: dict[str, list[tuple[Any, Any]]] = {}
        self._staying = False

    @property
    def on_device(self) -> frozenset[str]:
        """The parts that are on the device now."""
        return frozenset(self._brought)

    @contextmanager
    def during(self, call: Call) -> Iterator[None]:
        """Run a block with the parts that a call needs on the device; outside of `staying` those that came for it leave again, whatever happens."""
        with self.staying() if not self._staying else nullcontext():
            for name in self._plan.needed(call):
                if name not in self._brought:
                    self._bring(name)
            yield

    @contextmanager
    def staying(self) -> Iterator[None]:
        """Run a block at whose end all parts leave that came for the calls in it, so that none comes twice for a row of them."""
        assert not self._staying, "one block at a time"
        self._staying = True
        try:
            yield
        finally:
            self._staying = False
            for name in list(self._brought):
                self._take_away(name)

    def _bring(self, name: str) -> None:
        import torch

        module = getattr(self._pipeline, name)
        self._brought[name] = []
        with torch.inference_mode(False), torch.no_grad():
            for tensor in (*module.parameters(), *module.buffers()):
                self._brought[name].append((tensor, tensor.data))
                tensor.data = tensor.data.to(self._device, copy=True)

    def _take_away(self, name: str) -> None:
        import torch

        with torch.inference_mode(False), torch.no_grad():
            for tensor, on_host in self._brought.pop(name, ()):
                tensor.data = on_host
