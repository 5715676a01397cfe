"""Few-step adapters: a LoRA that lets a base model draw in a few steps (SDXL-Lightning, Hyper-SD and their like), worn beside a look's LoRA.

It brings its own sampler settings, because it was distilled for certain noise levels: with the folder's sampler it draws mush.
"""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from catalog.errors import ModelError
from generation.adapter import Adapter
from generation.samplers import refuse_noise_drawing

FEW_STEP_NAME = "few_step"


@dataclass(frozen=True, kw_only=True)
class FewStep:
    """A few-step LoRA file in any keys that diffusers reads, and how it is drawn with.

    `scale` weakens it (1 is as it was made). `sampler` is a class of diffusers that draws no noise between steps, made from the folder's own
    settings but for `sampler_settings`; the defaults are those of SDXL-Lightning. Steps and guidance are asked for as ever: those that it was
    distilled for.
    """

    path: Path
    digest: str
    scale: float = 1.0
    sampler: str = "EulerDiscreteScheduler"
    sampler_settings: Mapping[str, Any] = field(default_factory=lambda: {"timestep_spacing": "trailing"})

    def __post_init__(self) -> None:
        assert 0 < self.scale <= 2

    @property
    def adapter(self) -> Adapter:
        """Its LoRA as `attach_adapters` takes it."""
        return Adapter(path=self.path, digest=self.digest, name=FEW_STEP_NAME, scale=self.scale, foreign=True)

    @property
    def as_recorded(self) -> dict[str, Any]:
        """What of it makes pixels, as plain data."""
        return {"digest": self.digest, "scale": self.scale, "sampler": self.sampler, "sampler_settings": dict(self.sampler_settings)}

    def beside(self, looks: Sequence[Adapter]) -> tuple[Adapter, ...]:
        """All adapters to attach for these looks (one or none)."""
        return (*looks, self.adapter)


@contextmanager
def sampling_in_few_steps(pipeline: Any, few_step: FewStep | None) -> Iterator[None]:
    """Run a block with the sampler of a few-step adapter, and the pipeline's own again afterwards. None changes nothing.

    Raises ModelError for a sampler that draws noise between steps, or a setting that it does not have.
    """
    before = pipeline.scheduler
    if few_step is not None:
        pipeline.scheduler = _sampler(before, few_step)
    try:
        yield
    finally:
        pipeline.scheduler = before


def _sampler(folders: Any, few_step: FewStep) -> Any:
    import diffusers

    made = getattr(diffusers, few_step.sampler, None) if few_step.sampler.endswith("Scheduler") else None
    if made is None:
        raise ModelError(
            f"The few-step adapter {few_step.path.name} asks for the sampler '{few_step.sampler}', which diffusers does not have."
        )
    known = inspect.signature(made.__init__).parameters
    wrong = [name for name in few_step.sampler_settings if name not in known]
    if wrong:
        raise ModelError(
            f"The sampler {few_step.sampler} of the few-step adapter {few_step.path.name} has no setting {wrong[0]!r}. Correct or remove it."
        )
    if "mu" in inspect.signature(folders.set_timesteps).parameters and "mu" not in inspect.signature(made.set_timesteps).parameters:
        raise ModelError(
            f"The sampler {few_step.sampler} of the few-step adapter {few_step.path.name} does not draw with this base model, which follows flows. "
            "Name the one that its publisher draws with, as a rule FlowMatchEulerDiscreteScheduler."
        )
    sampler = made.from_config(folders.config, **few_step.sampler_settings)
    refuse_noise_drawing(sampler)
    return sampler
