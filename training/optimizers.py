"""Optimizers of a LoRA training, and their state as tensors, so that a checkpoint holds it whatever the optimizer keeps.

Knows no schedule: the learning rate is set before each step (see step_plan.py).
"""

import importlib
import importlib.util
from typing import Any

from catalog.errors import TrainingError
from catalog.sentences import clause
from training.settings import LoraSettings

ADAM_BETAS = (0.9, 0.99)
"""A second moment of 0.99 forgets in 100 steps; the usual 0.999 remembers longer than a whole training lasts here."""
STATE, NUMBER, GROUP = "state/", "number/", "group/"
"""Prefixes: tensors that the optimizer keeps of the weights, numbers that it keeps of them, and numbers that it keeps of the whole group."""


PACKAGES = {"adamw8bit": "bitsandbytes", "prodigy": "prodigyopt"}
"""Packages that optimizers need and that are installed on demand."""


def missing_package(settings: LoraSettings) -> str:
    """The package that the optimizer needs and that is not installed here, in words with the command that installs it; '' for none. Loads nothing."""
    package = PACKAGES.get(settings.optimizer)
    if package is None or importlib.util.find_spec(package) is not None:
        return ""
    return f"`optimizer: {settings.optimizer}` needs the package {package}, which is not installed. {_how_to_install(package)}"


def build_optimizer(settings: LoraSettings, flat: Any) -> Any:
    """The optimizer of one vector of weights. Raises TrainingError with the command that installs what is missing."""
    import torch

    if settings.optimizer == "adamw":
        return torch.optim.AdamW([flat], lr=settings.learning_rate, betas=ADAM_BETAS, weight_decay=0.0, foreach=False)
    if settings.optimizer == "adamw8bit":
        eight_bit = _installed(PACKAGES["adamw8bit"], settings)
        return eight_bit.optim.AdamW8bit([flat], lr=settings.learning_rate, betas=ADAM_BETAS, weight_decay=0.0)
    # Bias correction and the safeguard are what its authors advise beside a warm-up and a cosine (their README).
    return _installed(PACKAGES["prodigy"], settings).Prodigy(
        [flat], lr=settings.learning_rate, betas=ADAM_BETAS, weight_decay=0.0, use_bias_correction=True, safeguard_warmup=True
    )


def _installed(module: str, settings: LoraSettings) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise TrainingError(
            f"`optimizer: {settings.optimizer}` needs the package {module}, which cannot be loaded: {clause(error)}. {_how_to_install(module)}"
        ) from error


def _how_to_install(package: str) -> str:
    return f"Install it with `pip install {package}`, or leave `optimizer` out."


def optimizer_tensors(optimizer: Any, flat: Any) -> dict[str, Any]:
    """Everything the optimizer's next step depends on, as tensors on the CPU by name."""
    import torch

    tensors = {}
    for name, value in optimizer.state[flat].items():
        if isinstance(value, torch.Tensor):
            tensors[STATE + name] = value.detach().cpu().clone()
        elif _is_number(value):
            tensors[NUMBER + name] = _as_tensor(value)
    return tensors | {GROUP + name: _as_tensor(value) for name, value in optimizer.param_groups[0].items() if _is_number(value)}


def restore_optimizer(optimizer: Any, flat: Any, tensors: dict[str, Any]) -> None:
    """Put a state as `optimizer_tensors` gives it back; tensors that count steps stay on the CPU, where torch keeps them."""
    state: dict[str, Any] = {}
    for name, tensor in tensors.items():
        if name.startswith(STATE):
            state[name.removeprefix(STATE)] = tensor.clone() if tensor.dim() == 0 else tensor.to(flat.device, copy=True)
        elif name.startswith(NUMBER):
            state[name.removeprefix(NUMBER)] = tensor.item()
        else:
            optimizer.param_groups[0][name.removeprefix(GROUP)] = tensor.item()
    if state:
        optimizer.state[flat] = state


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _as_tensor(value: float) -> Any:
    import torch

    return torch.tensor(value, dtype=torch.float64 if isinstance(value, float) else torch.int64)
