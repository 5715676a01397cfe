"""The card of a trained LoRA, as Markdown: what it is, what it was trained on, how it went, and what it is not."""

from training.checkpoint import CurvePoint, TrainingState
from training.plan import TrainingPlan


def write_card(plan: TrainingPlan, state: TrainingState, file_digest: str, *, layers: int, truncated_prompts: int) -> str:
    """The card as Markdown; holds no date and no host, so the same training gives the same card."""
    settings, data, base_model = plan.settings, plan.training_set, plan.base_model
    base_loss = state.curve[0].validation_loss
    best_loss = min(point.validation_loss for point in state.curve)
    lower_pct = 100 * (1 - best_loss / base_loss)
    pictures = len(data.train) // 2
    remarks = []
    if data.duplicates:
        remarks.append(f"Left out as duplicates: {', '.join(data.duplicates)}.")
    masked = sum(picture.mask_HW is not None for picture in data.train) // 2 + sum(p.mask_HW is not None for p in data.held_out)
    if masked:
        remarks.append(
            f"{masked} pictures have masks: what is black there counts {settings.mask_floor:g} in training and in the held-out loss."
        )
    if truncated_prompts:
        remarks.append(f"{truncated_prompts} prompts are longer than the text encoder reads; their ends had no effect.")
    curve = "\n".join(_curve_row(point) for point in state.curve)
    return f"""# LoRA: {data.trigger}

Draws empty sets in this look when prompted with **{data.trigger}**, alone or before a scene's description.

| | |
|---|---|
| file | sha256 `{file_digest}` |
| base model | `{base_model.digest}` (family {base_model.family}, {base_model.size_px} px) |
| training set | `{data.digest}`: {pictures} pictures with mirrored copies, {len(data.held_out)} held out |
| adapter | rank {settings.rank}, alpha {settings.adapter_alpha:g}, {layers} layers ({settings.target_modules}) |
| training | {settings.steps} steps of {settings.batch_size}, rate {settings.learning_rate:g}, {plan.precision}, seed {settings.seed} |
| beside the defaults | {_changed(plan)} |
| held-out loss | {base_loss:.4f} (base model) to **{best_loss:.4f}** at step {state.best_step}: {lower_pct:.0f} % lower |

The held-out loss uses the trigger phrase alone, with the same noise and timesteps each time; the weights of its lowest point are
kept. {" ".join(remarks)}

| step | training loss | held-out loss |
|---:|---:|---:|
{curve}

Not for other base models, not for pictures of products or people, and no better than the {pictures} pictures it has seen: a look it
was not shown, it does not know.
"""


def _changed(plan: TrainingPlan) -> str:
    """Settings that differ from the trainer's defaults, except those that rows above name."""
    named = {"steps", "batch_size", "learning_rate", "rank", "alpha", "target_modules", "precision", "seed"}
    changed = plan.settings.model_dump(mode="json", exclude_defaults=True, exclude=named)
    return ", ".join(f"{name} {value}" for name, value in changed.items()) or "nothing"


def _curve_row(point: CurvePoint) -> str:
    train_loss = "" if point.train_loss is None else f"{point.train_loss:.4f}"
    return f"| {point.step} | {train_loss} | {point.validation_loss:.4f} |"
