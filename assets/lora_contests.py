"""Champion against challenger: whether a new LoRA goes into use, judged on the held-out pictures of today, and kept with all its scores.

What is measured and the rule are training/entrants.py and training/contest.py. What a person decides is lora_use.py.
"""

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from assets.lora_use import chosen_for
from assets.planning import promoted_lora
from assets.training_set import lora_settings
from catalog.failpoint import failpoint
from catalog.keys import digest
from resources.ledger import Row
from resources.ledger_tables import lora_contest
from resources.project import Project
from resources.settings import utc_now

if TYPE_CHECKING:
    from generation.plates import DiffusionPlates
    from training.contest import Contest
    from training.training_set import TrainingSet

SCORE_WORDS = {
    "held_out_loss": "held-out loss, v-MSE",
    "palette_delta_e": "palette distance, Delta E",
    "layout_delta_e": "layout distance, Delta E",
    "gradient_energy": "texture distance (gradient statistics, nothing learned), Delta E per pixel",
    "dino_energy": "feature distance (DINOv2)",
    "clip_energy": "feature distance (CLIP)",
}


def incumbent_of(project: Project, category: str) -> Row | None:
    """The LoRA in use, unless its file is lost: that one can neither be compared with nor be drawn with."""
    row = promoted_lora(project, category)
    return row if row is not None and project.store.has(row["lora_digest"]) else None


def judge_trained(project: Project, row: Row, data: "TrainingSet") -> Row:
    """The contest of a newly trained LoRA, recorded; it beats the LoRA in use, or is not promoted.

    The first LoRA of a category has nobody to beat: its training refuses one that is not 1 % below the base model's held-out loss, and it has to
    draw pictures. A LoRA that a person chose for this very look stays, whatever the scores, also when that was said during the contest.
    """
    while True:
        incumbent, chosen = incumbent_of(project, row["category"]), chosen_for(project, row["category"], row["key"])
        if chosen is not None:
            return _left_to_a_person(project, row, incumbent, data, chosen)
        if incumbent is None or incumbent["lora_digest"] == row["lora_digest"]:
            held = _first_of_its_category(project, row, data)
        else:
            held = held_contest(project, row, incumbent, data)
        if _key_of(incumbent) == _key_of(incumbent_of(project, row["category"])) and not chosen_for(project, row["category"], row["key"]):
            return held


def held_contest(project: Project, row: Row, incumbent: Row | None, data: "TrainingSet") -> Row:
    """The contest of a LoRA against another (None: the base model alone), recorded; nothing is measured for one that was held before."""
    judged = judged_by(project)
    known = project.ledger.by_keys(lora_contest, [key := contest_key(row, incumbent, data.digest, judged)])
    if known:
        return known[key]
    start = time.perf_counter()
    held = compare(project, data, row["lora_digest"], incumbent["lora_digest"] if incumbent is not None else None)
    outcome = held.won, held.reason, held.as_json()
    return record_contest(project, row, incumbent, data.digest, outcome, judged, seconds=time.perf_counter() - start)


def _first_of_its_category(project: Project, row: Row, data: "TrainingSet") -> Row:
    """A LoRA that would be the only one goes into use if all of its plates are pictures."""
    from training.entrants import LoraFile, drawn_plates, told_faults

    start, facts = time.perf_counter(), row["facts"]
    loss, base_loss = facts["validation_loss"], facts["base_validation_loss"]
    file = LoraFile(path=project.store.local_file(row["lora_digest"]), digest=row["lora_digest"])
    plates, faults = drawn_plates(_drawn_with(project), file, data.trigger)
    count = len(plates) + len(faults)
    if faults:
        reason = f"not promoted: {told_faults(faults, count)}"
    else:
        reason = f"promoted: held-out loss {loss:.4f}, the base model's is {base_loss:.4f}, its {count} plates are pictures, and no other LoRA is in use"
    scores = {"version": contest_version(), "plates": count, "scores": [_against_base(loss, base_loss)]}
    outcome = not faults, reason, scores
    return record_contest(
        project, row, None, data.digest, outcome, {"first": True, "drawing": drawing(project)}, seconds=time.perf_counter() - start
    )


def _left_to_a_person(project: Project, row: Row, incumbent: Row | None, data: "TrainingSet", chosen: Row) -> Row:
    reason = f"not promoted: a person chose {chosen['lora_digest'][:12]} for this look"
    outcome: tuple[bool, str, dict[str, Any]] = False, reason, {"version": contest_version(), "plates": 0, "scores": []}
    return record_contest(project, row, incumbent, data.digest, outcome, {"chosen": chosen["lora_digest"]}, seconds=0.0)


def _key_of(row: Row | None) -> str | None:
    return None if row is None else row["key"]


def compare(project: Project, data: "TrainingSet", challenger: str, incumbent: str | None) -> "Contest":
    """Measure two LoRAs by their digests (None: the base model alone) on a look, and hold the contest.

    Plates are drawn as the shop's are: by its base model, sampling and few-step adapter. Losses are of the model that looks are trained on.
    """
    from generation.base_model import read_base_model
    from training.contest import hold_contest
    from training.entrants import LoraFile, feature_measure, look_pixels, measured_entrants

    def file_of(name: str | None) -> LoraFile | None:
        return None if name is None else LoraFile(path=project.store.local_file(name), digest=name)

    measure, look = feature_measure(project.weights), [look_pixels(picture) for picture in data.held_out]
    base_model, work_dir = read_base_model(project.training_model_dir), project.settings.state_dir / "training"
    files = [file_of(challenger), file_of(incumbent)]
    new, old = measured_entrants(lora_settings(project), data, base_model, files, measure, work_dir, _drawn_with(project))
    return hold_contest(new, old, look, measure.of(look))


def _drawn_with(project: Project) -> "DiffusionPlates":
    """What draws a contest's plates: the shop's own, with the sampling of its settings."""
    from assets.shard_drawing import plates_of

    how = project.settings.generation
    return replace(
        plates_of(project, None), steps=how.steps, guidance=how.guidance, guided_share=how.guided_share, step_cache=how.step_cache
    )


def drawing(project: Project) -> dict[str, Any]:
    """What a contest's plates are drawn by, as it enters the contest's key. A recipe's own `sampling` is left out: a contest is of no recipe."""
    how = project.settings.generation.model_dump(include={"steps", "guidance", "guided_share", "step_cache"})
    executed = project.settings.generation.execution.in_keys
    return {"base_model": project.base_model_digest, **how, **executed, **project.few_step.in_keys}


def judged_by(project: Project) -> dict[str, Any]:
    """What a contest's numbers depend on beside its entrants and pictures, as it enters its key."""
    from training.entrants import feature_measure

    measure, weights = feature_measure(project.weights), project.weights
    learned = {} if weights is None else {"learned": weights.digest}
    return {"drawing": drawing(project), "measure": measure.name, **learned, "mask_floor": lora_settings(project).mask_floor}


def contest_key(row: Row, incumbent: Row | None, data_digest: str, judged: dict[str, Any]) -> str:
    """Name of a contest: both files, the pictures they meet on, by what and how they are judged, and by which rule."""
    return digest(
        {
            "kind": "lora contest",
            "category": row["category"],
            "version": contest_version(),
            "challenger": row["lora_digest"],
            "incumbent": incumbent["lora_digest"] if incumbent is not None else None,
            "data": data_digest,
            "base_model": row["base_model_digest"],
            "judged": judged,
        }
    )


def record_contest(
    project: Project,
    row: Row,
    incumbent: Row | None,
    data_digest: str,
    outcome: tuple[bool, str, dict[str, Any]],
    judged: dict[str, Any],
    *,
    seconds: float,
) -> Row:
    """Keep a contest; the row as it stands. The same two files on the same pictures, judged alike, have one, however often a worker was killed."""
    won, reason, scores = outcome
    contest: Row = {
        "key": contest_key(row, incumbent, data_digest, judged),
        "category": row["category"],
        "challenger_key": row["key"],
        "challenger_digest": row["lora_digest"],
        "incumbent_key": incumbent["key"] if incumbent is not None else None,
        "incumbent_digest": incumbent["lora_digest"] if incumbent is not None else None,
        "base_model_digest": row["base_model_digest"],
        "data_digest": data_digest,
        "won": won,
        "reason": reason,
        "scores": scores | judged,
        "seconds": seconds,
        "at": utc_now().replace(tzinfo=None),
    }
    failpoint("lora.before_contest_record")
    project.ledger.record(lora_contest, contest)
    failpoint("lora.contest_recorded")
    return project.ledger.by_keys(lora_contest, [contest["key"]])[contest["key"]]


def contest_version() -> str:
    """The version of scores and rule."""
    from training.contest import CONTEST_VERSION

    return CONTEST_VERSION


def contest_markdown(contest: Row) -> str:
    """A contest as Markdown, for cards and the UI."""
    rival = f"LoRA `{contest['incumbent_digest'][:12]}`" if contest["incumbent_digest"] else "the base model"
    lines = [f"## Contest against {rival}", "", f"{contest['reason']}.", ""]
    if not contest["scores"]["scores"]:
        return "\n".join(lines)
    lines += ["| score | new | in use | sure | |", "|---|---:|---:|---:|---|"]
    for score in contest["scores"]["scores"]:
        sure = "" if score["sure"] is None else f"{score['sure']:.0%}"
        words = SCORE_WORDS.get(score["name"], score["name"])
        lines.append(f"| {words} | {_number(score['challenger'])} | {_number(score['incumbent'])} | {sure} | {score['verdict']} |")
    plates = contest["scores"]["plates"]
    drawn = f" {plates} plates each, same seeds." if plates else ""
    return "\n".join([*lines, "", f"Lower is better; sure: 1 minus the chance that equals differ so much.{drawn}", ""])


def _number(value: float | None) -> str:
    return "no number" if value is None else f"{value:.4g}"


def _against_base(loss: float, base_loss: float) -> dict[str, Any]:
    verdict = "better" if loss < base_loss else "worse"
    return {"name": "held_out_loss", "challenger": round(loss, 6), "incumbent": round(base_loss, 6), "sure": None, "verdict": verdict}
