"""A recipe's own sampling: for recipes that are drawn, within the ranges of the settings, and nothing misspelt."""

import pytest

from catalog.errors import SettingsError
from catalog.recipe import read_recipe
from generation.recipe_book import SHIPPED


def recipe(tmp_path, name, line):
    path = tmp_path / f"{name}.yaml"
    path.write_text((SHIPPED / f"{name}.yaml").read_text() + line)
    return read_recipe(path)


def test_a_drawn_recipe_may_say_how(tmp_path):
    sampling = recipe(tmp_path, "staged_scene", "sampling: {steps: 8, guidance: 1, guided_share: 0.6}").sampling
    assert (sampling.steps, sampling.guidance, sampling.guided_share) == (8, 1.0, 0.6)
    assert recipe(tmp_path, "staged_scene", "").sampling is None


@pytest.mark.parametrize(
    ("name", "line", "said"),
    [
        ("packshot_white", "sampling: {steps: 8}", "nothing of this one is drawn"),
        ("staged_scene", "sampling: {step: 8}", "step"),
        ("staged_scene", "sampling: {guided_share: 0}", "guided_share"),
        ("staged_scene", "sampling: {guidance: 0.5}", "guidance"),
    ],
)
def test_what_it_may_not_say_is_refused(tmp_path, name, line, said):
    with pytest.raises(SettingsError, match=said):
        recipe(tmp_path, name, line)
