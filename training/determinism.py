"""Kernels that give the same sums each time, for as long as a training runs."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def deterministic() -> Iterator[None]:
    """Refuse kernels that give other sums each time while training; CUDA then needs CUBLAS_WORKSPACE_CONFIG=:4096:8 and says so.

    Memory is not filled with NaN before it is written, which torch adds for those who look for reads of it and which costs 3 % of a step.
    """
    import torch

    before = torch.are_deterministic_algorithms_enabled()
    filling = torch.utils.deterministic.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        torch.utils.deterministic.fill_uninitialized_memory = filling
