"""Whether a new LoRA is better than the one in use: scores of both on the same held-out pictures, noise and seeds, and a rule that luck does
not pass.

Draws nothing; see entrants.py. A person may decide otherwise, see assets/lora_use.py.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from catalog.errors import ModelError
from training.entrants import Entrant
from training.look_distance import ColorMoments, color_moments, frechet_distances, layout_distances
from training.texture_distance import Features, energies_of, pairwise

CONTEST_VERSION = "contest-3"
"""Raise when the same entrants should get another verdict; stored with each contest."""
MAX_EXCHANGES = 2048
"""Patterns of exchanges that are looked at: all of up to 11 pairs, else as many drawn ones and the measured one itself."""
EXCHANGE_SEED = 2711
SURE = 0.95
"""1 minus the chance that equals would differ so much: a paired, one-sided test that exchanges the two LoRAs' values of a picture or seed (Fisher
1935). It is exact for any number of pairs; a percentile bootstrap is not: of 4 pictures it calls equals surely better in 12 % of contests."""
MIN_PAIRS = 4
"""As many pairs may win a score by being better in every one, though 4 are sure to 1 in 16 only: no score wins a contest alone."""
MIN_WINS = 2
"""Scores that must be won. How often luck wins two cannot be told from `SURE`: the scores are not independent, and the held-out pictures that
judge have chosen the training's best step, too. `benchmarks/contest_luck.py` draws it; docs/how-to/loras.md has the numbers."""
TOLERANCE = {"held_out_loss": 0.02, "palette_delta_e": 1.0, "layout_delta_e": 1.0}
"""How much worse a score may be: the loss as a share, distances in Delta E, of which 1 is hardly seen."""
FEATURE_TOLERANCE = 0.15
"""The feature distance may be this share worse; it has no unit that an eye knows."""
ROUNDING = 1e-9
"""Differences that are nearer than this share are equal: sums in another order round otherwise."""
GROSS = 3.0
"""Worse by this many tolerances loses without being sure: two held-out pictures can be sure of nothing, and six losses in a hundred, 3 Delta E or
half of the feature distance are more than the luck of 8 plates (docs/how-to/loras.md)."""
LEAST_GAIN = 0.5
"""A score is won by at least this share of its tolerance: a gain that nobody sees is not worth drawing a category's scenes anew."""

Verdict = Literal["better", "worse", "alike"]
Indices = npt.NDArray[np.int64]
Distances = Callable[[Indices], npt.NDArray[np.float64]]
"""The distances of sets of plates from the look, each set given by the indices of its plates among both entrants': (..., n) to (...)."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """One score of both, lower is better. `sure` is 1 minus the chance that equals differ so much in the new one's favor.

    `worse` is by more than tolerated, and surely so or grossly; also what is no number.
    """

    name: str
    challenger: float
    incumbent: float
    sure: float
    verdict: Verdict


@dataclass(frozen=True, kw_only=True)
class Contest:
    """A finished comparison: all scores, who won, and why in a sentence."""

    scores: tuple[Score, ...]
    won: bool
    reason: str
    plates: int
    version: str = CONTEST_VERSION

    def as_json(self) -> dict[str, Any]:
        """Plain data for the ledger."""
        scores = [{name: _or_none(value) for name, value in asdict(score).items()} for score in self.scores]
        return {"version": self.version, "plates": self.plates, "scores": scores}


def hold_contest(challenger: Entrant, incumbent: Entrant, look: Sequence[npt.NDArray[np.uint8]], look_features: Features) -> Contest:
    """Compare two entrants that were measured on the same held-out pictures and drew from the same seeds.

    `look` are the held-out pictures, uint8 sRGB; `look_features` theirs by what gave the entrants' features. One of which nothing can be compared
    (see `Entrant.unfit`) loses without scores; a challenger also to such an incumbent. Raises ModelError when the look has no finite features.
    """
    if challenger.unfit or incumbent.unfit:
        reason = (
            f"not promoted: {challenger.unfit}"
            if challenger.unfit
            else f"promoted: nothing is wrong with it, and of the other {incumbent.unfit}"
        )
        return Contest(scores=(), won=not challenger.unfit, reason=reason, plates=len(challenger.plates) + len(challenger.faults))
    if not np.isfinite(look_features).all():
        raise ModelError(
            f"The held-out pictures have no finite features for {challenger.feature_name}, so no contest was held. Install that model's weights anew, "
            "or take it out of `learned:`."
        )
    assert challenger.losses_NK.shape == incumbent.losses_NK.shape and len(challenger.plates) == len(incumbent.plates)
    plates, count = (*challenger.plates, *incumbent.plates), len(challenger.plates)
    features_ND = np.concatenate([challenger.features_ND, incumbent.features_ND])
    scores = (
        _loss_score(challenger, incumbent),
        _exchanged("palette_delta_e", _palette_of(plates, look), count),
        _exchanged("layout_delta_e", _layout_of(plates, look), count),
        _exchanged(challenger.feature_name, _feature_of(features_ND, look_features), count),
    )
    won, reason = decide(scores)
    return Contest(scores=scores, won=won, reason=reason, plates=len(challenger.plates))


def decide(scores: Sequence[Score]) -> tuple[bool, str]:
    """The rule: at least `MIN_WINS` scores surely better, and none worse than tolerated. A tie leaves what is in use."""
    better, worse = ([score for score in scores if score.verdict == verdict] for verdict in ("better", "worse"))
    if worse:
        return False, f"not promoted: {', '.join(map(in_words, worse))}" + (
            f"; better: {', '.join(map(in_words, better))}" if better else ""
        )
    if len(better) < MIN_WINS:
        what = f"only {in_words(better[0])} is surely better" if better else "no score is surely better"
        return False, f"not promoted: {what}, {MIN_WINS} of {len(scores)} are needed, and a tie keeps the LoRA in use"
    return True, f"promoted: surely better in {', '.join(map(in_words, better))}, and worse in none"


def in_words(score: Score) -> str:
    """A score for people: `palette_delta_e 3.1 against 4.6`."""
    return f"{score.name} {score.challenger:.4g} against {score.incumbent:.4g}"


def _loss_score(challenger: Entrant, incumbent: Entrant) -> Score:
    """Held-out loss, paired by picture: its noise levels are not independent. Ratios, or the noisiest levels would decide alone."""
    ratios_N = np.log(challenger.losses_NK / incumbent.losses_NK).mean(axis=1)
    differences = np.where(_exchanges(len(ratios_N)), -ratios_N, ratios_N).mean(-1)
    return _score("held_out_loss", challenger.loss, incumbent.loss, differences, len(ratios_N))


def _exchanged(name: str, distances: Distances, count: int) -> Score:
    """A score of plates, paired by seed: of both entrants' plates, the challenger's first, `count` are each one's."""
    exchanged, own = _exchanges(count), np.arange(count)
    mine, theirs = distances(np.where(exchanged, own + count, own)), distances(np.where(exchanged, own, own + count))
    return _score(name, float(mine[0]), float(theirs[0]), mine - theirs, count)


def _exchanges(count: int) -> npt.NDArray[np.bool_]:
    """Which of `count` pairs are exchanged, by pattern (patterns, count); the first exchanges none."""
    if 2**count <= MAX_EXCHANGES:
        return (np.arange(2**count)[:, None] >> np.arange(count) & 1).astype(bool)
    drawn = np.random.default_rng(EXCHANGE_SEED).integers(0, 2, (MAX_EXCHANGES, count)).astype(bool)
    drawn[0] = False
    return drawn


def _sure(differences: npt.NDArray[np.float64]) -> float:
    """1 minus the share of patterns that make the challenger at least as much better as it was measured (the first); 0 if any is no number."""
    if not np.isfinite(differences).all():
        return 0.0
    return 1 - float((differences <= differences[0] + ROUNDING * np.abs(differences).max()).mean())


def _score(name: str, challenger: float, incumbent: float, differences: npt.NDArray[np.float64], pairs: int) -> Score:
    """A score from both values and the differences of all patterns of exchanges, the measured one first."""
    relative = name not in TOLERANCE or name == "held_out_loss"
    tolerance = TOLERANCE.get(name, FEATURE_TOLERANCE) * (incumbent if relative else 1.0)
    gain, enough = incumbent - challenger, min(SURE, 1 - 2.0 ** -max(pairs, MIN_PAIRS))
    sure = _sure(differences)
    verdict: Verdict = "alike"
    if not np.isfinite(gain) or gain < -GROSS * tolerance or (gain < -tolerance and _sure(-differences) >= enough):
        verdict = "worse"
    elif sure >= enough and gain > LEAST_GAIN * tolerance:
        verdict = "better"
    return Score(name=name, challenger=round(challenger, 6), incumbent=round(incumbent, 6), sure=round(sure, 4), verdict=verdict)


def _or_none(value: Any) -> Any:
    """A value as the ledger's JSON can hold it: None in place of what is no number."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _palette_of(plates: Sequence[npt.NDArray[np.uint8]], look: Sequence[npt.NDArray[np.uint8]]) -> Distances:
    theirs, ours = color_moments(look), [color_moments([plate]) for plate in plates]
    means_N3, seconds_N33 = np.stack([one.mean for one in ours]), np.stack([one.second_moment for one in ours])

    def distances(chosen: Indices) -> npt.NDArray[np.float64]:
        mine = ColorMoments(mean=means_N3[chosen].mean(-2), second_moment=seconds_N33[chosen].mean(-3))
        return frechet_distances(mine, theirs)

    return distances


def _layout_of(plates: Sequence[npt.NDArray[np.uint8]], look: Sequence[npt.NDArray[np.uint8]]) -> Distances:
    each_N = layout_distances(plates, look)
    return lambda chosen: np.asarray(each_N[chosen].mean(-1))


def _feature_of(features_ND: Features, look_features: Features) -> Distances:
    between, within = pairwise(features_ND, look_features), pairwise(features_ND, features_ND)
    look = pairwise(look_features, look_features)
    return lambda chosen: energies_of(between, within, look, chosen)
