"""Samplers that give the same picture for the same seed, and those that do not and are refused.

The latter draw fresh noise between steps: for the whole batch at once and out of the process's one stream, so that a picture would depend on
its neighbors and on what was drawn before it.
"""

from typing import Any

from catalog.errors import ModelError

NOISE_DRAWING = frozenset(
    {
        "ConsistencyDecoderScheduler", "CMStochasticIterativeScheduler", "DDPMParallelScheduler", "DDPMScheduler", "DDPMWuerstchenScheduler",
        "DPMSolverSDEScheduler", "EulerAncestralDiscreteScheduler", "FlowMatchLCMScheduler", "KDPM2AncestralDiscreteScheduler", "LCMScheduler",
        "LTXEulerAncestralRFScheduler", "RePaintScheduler", "SASolverScheduler", "SCMScheduler", "ScoreSdeVeScheduler", "TCDScheduler",
        "UnCLIPScheduler",
    }
)  # fmt: skip
"""Schedulers of diffusers 0.42 whose `step` always draws noise; tests/generation/test_samplers.py asks every one that these pipelines take."""


def draws_noise(scheduler: Any) -> bool:
    """Whether a scheduler draws noise between steps, by its class or by how it is set."""
    config = scheduler.config
    by_setting = str(config.get("algorithm_type", "")).startswith("sde-") or bool(config.get("stochastic_sampling", False))
    return type(scheduler).__name__ in NOISE_DRAWING or by_setting


def refuse_noise_drawing(scheduler: Any) -> None:
    """Raise ModelError for a scheduler that draws noise between steps."""
    if draws_noise(scheduler):
        raise ModelError(
            f"The sampler {type(scheduler).__name__} draws noise between steps, so that no seed gives its pictures back. Nothing was drawn. Name "
            "another in the model's scheduler/scheduler_config.json (`_class_name`: EulerDiscreteScheduler or DDIMScheduler, "
            "FlowMatchEulerDiscreteScheduler for flows), without `sde-` in its `algorithm_type` or `stochastic_sampling`."
        )
