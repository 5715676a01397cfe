"""The JSON Schema of recipe files: that of the code, and fit for an editor that completes the parameters of a kind."""

import json
from pathlib import Path

import pytest
import yaml

from generation.kinds import KINDS
from generation.recipe_book import SHIPPED
from generation.recipe_schema import parameters, recipe_file_schema

REPOSITORY = Path(__file__).parents[2]


def test_the_schema_in_the_documentation_is_that_of_the_code():
    written = json.loads((REPOSITORY / "docs" / "schema" / "recipe.json").read_text())
    assert written == recipe_file_schema(), "write it anew: vitrine recipes schema > docs/schema/recipe.json"


def test_a_file_of_each_kind_is_told_by_its_kind_and_allows_the_parameters_of_that_kind_alone():
    schema = recipe_file_schema()
    told = schema["discriminator"]["mapping"]
    assert set(told) == set(KINDS)
    for kind, reference in told.items():
        definition = schema["$defs"][reference.rpartition("/")[2]]
        assert definition["properties"]["kind"]["const"] == kind and definition["additionalProperties"] is False
        params = schema["$defs"][definition["properties"]["params"]["$ref"].rpartition("/")[2]]
        assert set(params["properties"]) == set(KINDS[kind].params.model_fields) and params["additionalProperties"] is False


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_schema_names_every_entry_of_the_shipped_recipes(path):
    schema, data = recipe_file_schema(), yaml.safe_load(path.read_text())
    definition = schema["$defs"][schema["discriminator"]["mapping"][data["kind"]].rpartition("/")[2]]
    assert set(data) <= set(definition["properties"]) and set(definition["required"]) <= set(data)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_parameter_says_what_it_means_and_what_it_may_be(kind):
    for one in parameters(KINDS[kind].params):
        assert len(one.meaning) > 10 and one.meaning.endswith("."), f"give `{one.name}` of {kind} a description: Field(description=...)"
        assert one.allowed
