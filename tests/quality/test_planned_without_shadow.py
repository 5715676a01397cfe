"""A packshot that was planned without a shadow is no floating product; one that lost its shadow is."""

from dataclasses import replace

import numpy as np
import pandas as pd

from quality.gate import judge_table
from quality.measurements import measure_render
from quality.rules import read_rules
from tests.judged_pictures import Known, evidence, white_scene


def reasons(**facts: object) -> list[str]:
    scene = replace(white_scene(), shadow_HW=np.zeros((560, 560), np.float32))
    row = measure_render(evidence(scene.flat(), scene, Known(expected=False), **facts))
    frame = pd.DataFrame([{"render_id": "one", **row}])
    return [reason.code for reason in judge_table(frame, read_rules("packshot_white", kind="packshot"))[0].reasons]


def planned(shadow: float) -> dict[str, object]:
    return {"name": "packshot_white", "kind": "packshot", "params": {"fill_pct": 88.0, "shadow": shadow}}


def test_a_product_that_was_planned_without_a_shadow_is_not_called_floating():
    """Every packshot for a channel without shadows went to a person: `shadow: 0` of the recipe was unknown to the gate."""
    assert "FLOATING" not in reasons(resolved=planned(0.0))


def test_a_product_that_lost_its_shadow_is_called_floating():
    assert "FLOATING" in reasons(resolved=planned(0.8))


def test_a_picture_without_a_plan_is_asked_for_its_shadow():
    assert "FLOATING" in reasons()
