"""A denoiser whose repeated blocks are compiled (regional compilation): each kind of block once per shape, with the first batch of that shape.

Every shape is compiled for itself: with shapes left open, which kernels draw a batch, and so its last bits, would depend on what was drawn before.
"""

from typing import Any

from catalog.errors import ModelError
from generation.base_model import BaseModel
from generation.execution import Execution

SHAPES = 64
"""Of one kind of block that may be compiled in a process: kinds of pictures, guided and not. dynamo's own limit is 8, and the UNets' blocks come in two
or more widths each."""


BACKEND = "inductor"
"""What compiles; torch's default. Tests that ask only when something is compiled take one that does not."""


def check_compile(base_model: BaseModel, execution: Execution, *, staged: bool) -> None:
    """Raise ModelError where compiling would fail or be endless."""
    family = base_model.behavior
    if family.prompts_keep_their_length:
        raise ModelError(
            f"`compile` compiles for each shape, and every length of a prompt is one for family '{family.name}'. Leave `generation.compile` out."
        )
    if execution.weights is not None:
        raise ModelError(
            "`compile` and `weights: float8` exclude one another: blocks that convert their weights in every call cannot be compiled. Leave one out."
        )
    if staged:
        raise ModelError(
            "`compile` has looks in the denoiser's weights, which are read before every batch; a denoiser that lies on the host meanwhile would be "
            "read there, for seconds. Leave `compile` out, or set `memory: resident` on a larger GPU."
        )


def compile_blocks(denoiser: Any, device: str) -> None:
    """Compile the blocks that diffusers names as repeated, without breaks. Raises ModelError where there are none, or no compiler for a CPU's."""
    import torch

    if device == "cpu":
        _check_compiler()
    torch._dynamo.config.recompile_limit = max(SHAPES, torch._dynamo.config.recompile_limit)
    try:
        denoiser.compile_repeated_blocks(fullgraph=True, dynamic=False, backend=BACKEND)
    except (AttributeError, ValueError) as error:
        raise ModelError(f"`compile` does not work with {type(denoiser).__name__}: {error} Leave `generation.compile` out.") from error


def forget_compiled() -> None:
    """Let go of everything that was compiled in this process, and of the models it refers to."""
    import torch

    torch.compiler.reset()


def _check_compiler() -> None:
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    try:
        get_cpp_compiler()
    except InvalidCxxCompiler as error:
        raise ModelError(
            "`compile` needs a C++ compiler on a CPU, and there is none here. Install g++, or leave `generation.compile` out; nothing was drawn."
        ) from error
