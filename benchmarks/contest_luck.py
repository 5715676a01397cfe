"""How often luck decides a contest of LoRAs (training/contest.py): drawn entrants without a true difference, and with a known one.

    python -m benchmarks.contest_luck
    python -m benchmarks.contest_luck --contests 1000 --json luck.json

Nothing is trained. Plates are drawn walls over tables whose color and horizon vary from plate to plate, so that palette, layout and texture are luck of one
kind, as they are in plates. Losses vary by 5 % from picture to picture, half of it whatever the noise is. A challenger is the best of several checkpoints by
the losses that its training saw; its rival is one checkpoint. How much of a real loss goes with the picture and not with the noise was not measured.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.command_line import finish, report_file, whole_number
from imaging.color import lab_to_srgb
from training.contest import CONTEST_VERSION, FEATURE_TOLERANCE, TOLERANCE, Contest, hold_contest
from training.entrants import PLATES, Entrant
from training.texture_distance import Features, texture_features

SIDE_PX = 48
HELD_OUT = 4
LOSS_SPREAD = 0.05
"""Standard deviation of a checkpoint's loss on a picture, as a share."""
OF_THE_PICTURE = 0.5
"""Share of its variance that other noise does not change."""
CHECKPOINTS = (1, 4, 12)
SHIFTS_DELTA_E = (0.0, 1.0, 2.0, 3.0, 4.0)
POOL = 160


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Plates that entrants draw from, all of one distribution, with their features."""

    plates: Sequence[npt.NDArray[np.uint8]]
    features_ND: Features


def pool_of(seed: int, count: int, lighter: float = 0.0) -> Pool:
    """`count` plates; all are lighter by so many Delta E."""
    random = np.random.default_rng(seed)
    plates = [_plate(random, lighter) for _ in range(count)]
    return Pool(plates=plates, features_ND=texture_features(plates))


def entrant(pool: Pool, losses_NK: npt.NDArray[np.float64], random: np.random.Generator) -> Entrant:
    """An entrant with these losses and some of the pool's plates."""
    chosen = random.choice(len(pool.plates), PLATES, replace=False)
    plates = tuple(pool.plates[n] for n in chosen)
    return Entrant(losses_NK=losses_NK, plates=plates, features_ND=pool.features_ND[chosen], feature_name="gradient_energy")


def losses_of(checkpoints: int, random: np.random.Generator, *, other_noise: bool) -> npt.NDArray[np.float64]:
    """Losses (pictures, 1) that judge the best of equal checkpoints, which was chosen by its training's noise."""
    shape = (checkpoints, HELD_OUT)
    picture = random.normal(0, LOSS_SPREAD * OF_THE_PICTURE**0.5, shape)
    chosen_by, judged_by = (picture + random.normal(0, LOSS_SPREAD * (1 - OF_THE_PICTURE) ** 0.5, shape) for _ in range(2))
    best = int(chosen_by.mean(1).argmin())
    return np.asarray(0.15 * np.exp((judged_by if other_noise else chosen_by)[best])[:, None])


def equals(pool: Pool, look: Pool, contests: int, checkpoints: int, *, other_noise: bool, seed: int = 0) -> list[Contest]:
    """Contests without a true difference."""
    random, held = np.random.default_rng(seed), []
    for _ in range(contests):
        pair = [entrant(pool, losses_of(count, random, other_noise=other_noise), random) for count in (checkpoints, 1)]
        held.append(hold_contest(*pair, look.plates, look.features_ND))
    return held


def shifted(pool: Pool, worse: Pool, look: Pool, contests: int, seed: int = 0) -> list[Contest]:
    """Contests whose challenger draws from another pool."""
    random, held = np.random.default_rng(seed), []
    for _ in range(contests):
        challenger, rival = (entrant(one, losses_of(1, random, other_noise=True), random) for one in (worse, pool))
        held.append(hold_contest(replace(challenger, losses_NK=rival.losses_NK), rival, look.plates, look.features_ND))
    return held


def shares(held: Sequence[Contest]) -> dict[str, float]:
    """What share of contests was won, in which the loss was, which a score vetoed, and which a point estimate beyond its tolerance would have."""
    return {
        "promoted": float(np.mean([one.won for one in held])),
        "loss_won": float(np.mean([one.scores[0].verdict == "better" for one in held])),
        "vetoed": float(np.mean([any(score.verdict == "worse" for score in one.scores) for one in held])),
        "vetoed_by_estimates": float(np.mean([any(map(_is_beyond, one.as_json()["scores"])) for one in held])),
    }


def main() -> int:
    """Draw the contests, print two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contests", type=whole_number(10), default=400, help="per row")
    parser.add_argument("--json", type=report_file, default=None, help="the report is also written there")
    options = parser.parse_args()
    pool, look = pool_of(1, POOL), pool_of(2, HELD_OUT)
    report: dict[str, Any] = {
        "benchmark": "contest_luck",
        "version": CONTEST_VERSION,
        "contests": options.contests,
        "equals": [],
        "worse": [],
    }
    print("| equals: best of | judged by | promoted | loss won | vetoed | by estimates alone |\n|---:|---|---:|---:|---:|---:|")
    for checkpoints in CHECKPOINTS:
        for other_noise in (False, True):
            found = shares(equals(pool, look, options.contests, checkpoints, other_noise=other_noise))
            report["equals"].append({"checkpoints": checkpoints, "other_noise": other_noise, **found})
            print(
                f"| {checkpoints} | {'other' if other_noise else 'the same'} noise | "
                + " | ".join(f"{100 * x:.1f} %" for x in found.values())
                + " |"
            )
    print("\n| challenger lighter by, Delta E | vetoed | by estimates alone | promoted |\n|---:|---:|---:|---:|")
    for shift in SHIFTS_DELTA_E:
        found = shares(shifted(pool, pool_of(3, POOL, shift), look, options.contests))
        report["worse"].append({"lighter_delta_e": shift, **found})
        print(f"| {shift:g} | {found['vetoed']:.0%} | {found['vetoed_by_estimates']:.0%} | {found['promoted']:.1%} |")
    finish(report, options.json)
    return 0


def _plate(random: np.random.Generator, lighter: float) -> npt.NDArray[np.uint8]:
    lab = np.zeros((SIDE_PX, SIDE_PX, 3), np.float32)
    lab[..., 0] = 60 + lighter + random.normal(0, 2)
    lab[..., 1] = 10 + random.normal(0, 2)
    lab[int((0.6 + random.normal(0, 0.03)) * SIDE_PX) :, :, 0] -= 25
    lab += random.normal(0, random.uniform(1.5, 2.5), lab.shape)
    return np.rint(lab_to_srgb(lab) * 255).astype(np.uint8)


def _is_beyond(score: dict[str, Any]) -> bool:
    relative = score["name"] == "held_out_loss" or score["name"] not in TOLERANCE
    tolerance = TOLERANCE.get(score["name"], FEATURE_TOLERANCE) * (score["incumbent"] if relative else 1.0)
    return bool(score["challenger"] - score["incumbent"] > tolerance)


if __name__ == "__main__":
    sys.exit(main())
