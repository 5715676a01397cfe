"""`vitrine plan` where a recipe cannot be made: the recipe is named with the reason, and the rest is planned."""

import json

from tests.made_up_work import Shop


def test_a_recipe_without_its_model_is_named_with_what_to_install_and_the_rest_is_planned(tmp_path, monkeypatch, vitrine):
    """The command ended with the recipe's error, and the packshots had no plan."""
    shop = Shop(tmp_path / "shop")
    shop.brand |= {"recipes": ["packshot_white", "on_model"], "channels": [{"name": "web", "recipes": ["packshot_white"]}]}
    shop.catalog = {sku: ({"title": "A thing", "category": "mugs"}, f"photo {sku}") for sku in "AB"}
    shop.sync()
    cell = ("mugs", "2026-11-01")
    shop.work(cell, steps=2)
    monkeypatch.setenv("VITRINE_PROJECT", str(shop.folder))
    code, out, _ = vitrine("plan")
    assert code == 0 and "recipe on_model is not made, everything else is: Recipes of kind 'on_model' are drawn from pictures" in out
    assert "on_model: its own model cannot be used" in out and "packshot_white: not rendered" in out
    code, out, _ = vitrine("plan", "--json")
    told = json.loads(out)
    assert code == 0 and list(told["recipes_refused"]) == ["on_model"] and "edit_model: {name: ID}" in told["recipes_refused"]["on_model"]
    assert list(told["cells"][0]["renders_by_recipe"]) == ["packshot_white"]
