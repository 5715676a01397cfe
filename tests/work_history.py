"""A ledger with a history written by hand: renders, judgments, decisions and money at given times, with made-up digests and no pixels."""

import datetime as dt
from dataclasses import dataclass
from unittest import mock

from assets import decisions
from assets.planning import rules_in_force
from catalog.keys import gate_key
from quality.columns import MEASUREMENT_VERSION
from resources.ledger_tables import decision, judgment, lora, render, spend
from tests.made_up_work import made_up

START = dt.datetime(2026, 11, 2, 9, 0)
"""A Monday."""

BROKEN = {
    "rejected": [{"code": "margin_low", "message": "Touches the edge", "measured": 1.0, "required": ">= 4 %", "severity": "critical"}],
    "review": [{"code": "shadow_light", "message": "Hardly a shadow", "measured": 1.0, "required": ">= 9", "severity": "warning"}],
    "approved": [],
}


@dataclass
class History:
    """Writes what workers and reviewers write. Times are minutes after START."""

    project: object

    def at(self, minutes):
        return START + dt.timedelta(minutes=minutes)

    def render(self, sku, recipe="packshot_white", idx=0, *, minutes=0.0, seed=1, cutout="cutout", lora_digest=None, category="mugs"):
        """A render made; its row."""
        key = made_up(sku, recipe, idx, seed, cutout, lora_digest)
        row = {
            "render_key": key, "sku": sku, "category": category, "recipe": recipe, "idx": idx, "render_digest": made_up("bytes", key),
            "cutout_digest": cutout, "lora_digest": lora_digest, "placement": {}, "facts": {}, "seconds": 1.0, "made_at": self.at(minutes),
        }  # fmt: skip
        self.project.ledger.record(render, row)
        return row

    def judge(self, made, verdict, *, minutes=0.0, reasons=None, rules=None):
        """A judgment of a render, by the rules in force or by others; its row."""
        recipe = next(recipe for recipe in self.project.recipes if recipe.name == made["recipe"])
        rules = rules or rules_in_force(self.project, recipe).digest
        row = {
            "gate_key": gate_key(render_digest=made["render_digest"], rules_digest=rules, measurement_version=MEASUREMENT_VERSION),
            "render_key": made["render_key"], "render_digest": made["render_digest"], "rules_digest": rules, "verdict": verdict,
            "reasons": BROKEN[verdict] if reasons is None else reasons, "judged_at": self.at(minutes),
        }  # fmt: skip
        self.project.ledger.record(judgment, row)
        return row

    def judged(self, verdict, sku, *words, minutes=0.0, **more):
        """A render made and judged at once; both rows."""
        made = self.render(sku, *words, minutes=minutes, **more)
        return made, self.judge(made, verdict, minutes=minutes)

    def decide(self, both, action, *, reviewer="ann", minutes=0.0):
        """A person decides about a render, or takes the decision back."""
        made, judged = both
        seen = max((row["id"] for row in decisions.history(self.project, made["sku"], made["render_digest"])), default=0)
        with mock.patch.object(decisions, "utc_now", lambda: self.at(minutes).replace(tzinfo=dt.UTC)):
            if action == "undo":
                return decisions.undo(self.project, made, judged, reviewer=reviewer, seen=seen)
            return decisions.decide(
                self.project, made, judged, action, reviewer=reviewer, note="seen", fault="other" if action == "reject" else None, seen=seen
            )

    def ask_again(self, both, *, minutes=0.0, action=decisions.NEW_SEED, undoes=None):
        """A person asks for another seed, or takes such a request back; the id of the entry."""
        made, judged = both
        row = {
            **{name: made[name] for name in ("sku", "category", "recipe", "idx", "render_key", "render_digest")}, "at": self.at(minutes),
            "reviewer": "ann", "action": action, "undoes": undoes, "note": "", "gate_key": judged["gate_key"], "rules_digest": judged["rules_digest"],
            "gate_verdict": judged["verdict"], "codes": [],
        }  # fmt: skip
        self.project.ledger.append(decision, [row])
        return max(one["id"] for one in decisions.history(self.project, made["sku"], made["render_digest"]))

    def train(self, category, number, *, minutes=0.0, promoted=True):
        """A LoRA trained; its digest."""
        digest = made_up("lora file", category, number)
        row = {
            "key": made_up("lora", category, number), "category": category, "lora_digest": digest,
            "base_model_digest": self.project.base_model_digest, "data_digest": "", "facts": {}, "seconds": 1.0, "promoted": promoted,
            "made_at": self.at(minutes),
        }  # fmt: skip
        self.project.ledger.record(lora, row)
        return digest

    def spend(self, usd, category="mugs", recipe=None, *, minutes=0.0, activity="render", drop=None):
        """Money booked."""
        row = {
            "category": category, "drop": drop, "activity": activity, "item_count": 0, "seconds": usd, "usd": usd, "at": self.at(minutes),
            "recipe": recipe, "cpu_seconds": usd, "tier": None, "campaign": None, "attempt": None,
        }  # fmt: skip
        self.project.ledger.append(spend, [row])
