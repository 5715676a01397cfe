"""How a loaded base model lies in memory and is executed: what a project chooses beside what is drawn.

Holds no model and imports no torch. The parts' places are in memory_plan.py.
"""

from dataclasses import dataclass
from typing import Any, Literal

from generation.memory_plan import Memory

Weights = Literal["float8"]
"""What a denoiser's weights are stored in, if not in the type that it computes in."""


@dataclass(frozen=True, kw_only=True)
class Execution:
    """`memory`: all parts on the device, or each while it is needed; None: all where they fit. It changes no picture.

    `weights`: what the denoiser's are stored in; None: as loaded. See float8_weights.py. `compile`: whether its repeated blocks are compiled. See
    compiled_blocks.py.
    """

    memory: Memory | None = None
    weights: Weights | None = None
    compile: bool = False

    @property
    def in_keys(self) -> dict[str, Any]:
        """What of it changes pictures, where it was chosen."""
        return ({} if self.weights is None else {"weights": self.weights}) | ({"compile": True} if self.compile else {})


AS_LOADED = Execution()
"""Nothing chosen."""
