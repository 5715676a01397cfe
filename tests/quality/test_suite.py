"""The suite that rules are compiled to: its name, what its expectations carry, and that it does the same in somebody else's context."""

import datetime
import json

import pandas as pd
import pytest

from benchmarks.made_up_measurements import made_up_rows
from catalog.brand_kit import BrandKit
from quality.channel_packs import rules_of_pack
from quality.expectation_lines import expectation_lines
from quality.expectations import suite_of, validate
from quality.quick_expectations import expectation_kinds
from quality.rules import read_rules
from quality.suite import expectations_of, suite_json

TODAY = datetime.date(2026, 11, 21)


def brand(**bounds):
    words = {"trigger": "a look", "scenes": ["a table"], "backdrops": ["#ffffff"]}
    return BrandKit.model_validate(
        {
            "brand": "acme",
            "palette": ["#ffffff"],
            "recipes": ["packshot_white"],
            "categories": {"mugs": words},
            "rules": {"packshot_white": bounds},
        }
    )


def a_table(rules, count=60):
    rows = made_up_rows(rules, count, seed=5, broken_share=0.6)
    for number, row in enumerate(rows):
        row["expected_known"] = float(number % 3 == 0)
    holes = [rule.column for rule in rules.rules]
    for number in range(0, count, 7):
        rows[number][holes[number % len(holes)]] = None
    return pd.DataFrame([{"render_id": f"r{number}", **row} for number, row in enumerate(rows)])


def test_a_suite_is_named_by_brand_recipe_channel_and_version():
    shipped, own = read_rules("packshot_white"), read_rules("packshot_white", brand(fill_pct={"min": 80}))
    assert shipped.suite_name == f"any-brand.packshot_white.any-channel.v{shipped.version}-{shipped.digest[:8]}"
    assert own.suite_name.startswith("acme.packshot_white.any-channel.v") and own.suite_name.endswith(own.digest[:8])
    assert own.suite_name.split("-")[-1] != shipped.suite_name.split("-")[-1], "edited bounds are another suite"
    assert rules_of_pack("etsy", TODAY).suite_name.startswith("any-brand.any-recipe.etsy.v1-")


def test_every_expectation_carries_code_reason_source_and_date():
    rules = rules_of_pack("google_merchant", TODAY)
    told = [one["meta"] for one in suite_json(rules)["expectations"] if one["meta"]["rule"] >= 0]
    assert {meta["code"] for meta in told} == {rule.code for rule in rules.rules}
    for meta in told:
        rule = rules.rules[meta["rule"]]
        assert (meta["source"], meta["date"], meta["reason"], meta["unit"]) == (
            rule.source,
            str(rule.date),
            rule.reason,
            rule.documented.unit,
        )
    assert [meta["until"] for meta in told if meta["step"] == "broken" and "until" in meta] == ["2027-01-30"]


@pytest.fixture
def as_shipped(monkeypatch):
    """Great Expectations as anyone else has it: with its own classes under the names of ours."""
    from great_expectations.expectations import registry

    for ours in vars(expectation_kinds()).values():
        monkeypatch.setitem(registry._registered_expectations, ours.expectation_type, ours.__mro__[1])


@pytest.mark.parametrize("name", ["packshot_white", "staged_scene"])
def test_an_exported_suite_finds_the_same_rows_in_a_context_of_ones_own(name, as_shipped, monkeypatch):
    import great_expectations as gx

    rules = read_rules(name)
    table = a_table(rules)
    content = json.loads(json.dumps(suite_json(rules)))
    context = gx.get_context(mode="ephemeral")
    suite = context.suites.add(gx.ExpectationSuite(**content))
    batch = context.data_sources.add_pandas("mine").add_dataframe_asset("rows").add_batch_definition_whole_dataframe("all")
    how = {"result_format": "COMPLETE", "unexpected_index_column_names": ["render_id"], "return_unexpected_index_query": False}
    result = batch.get_batch(batch_parameters={"dataframe": table}).validate(suite, result_format=how)
    theirs = {
        (one.expectation_config.meta["rule"], one.expectation_config.meta["step"], row["render_id"])
        for one in result.results
        for row in one.result.get("unexpected_index_list") or []
    }
    assert {type(one).__module__.split(".")[0] for one in suite.expectations} == {"great_expectations"}
    monkeypatch.undo()
    ours = validate(table, lambda: expectations_of(rules, table), name="ours", index_column="render_id")
    assert theirs == {(finding.meta["rule"], finding.meta["step"], finding.index) for finding in ours.findings} != set()
    assert suite.name == rules.suite_name


def test_an_expectation_is_put_together_once_however_often_it_is_asked(monkeypatch):
    """Great Expectations asks 145 times per expectation, and each answer was written out anew: half of the time of judging."""
    kinds, rules = expectation_kinds(), read_rules("packshot_white")
    table = a_table(rules)
    asked = []
    for kind in vars(kinds).values():
        own = kind.__mro__[1]
        monkeypatch.setattr(own, "configuration", property(lambda self, get=own.configuration.fget: asked.append(id(self)) or get(self)))
    validate(table, lambda: expectations_of(rules, table), name="asked", index_column="render_id")
    assert 0 < len(asked) < 20 * len(expectations_of(rules, table))


def test_a_field_that_is_set_is_in_the_configuration_and_what_is_written_into_an_answer_is_not():
    one = expectation_kinds().between(column="fill_pct", min_value=1.0, meta={"rule": 1})
    one.configuration.kwargs["batch_id"] = one.configuration.meta["rule"] = "other"
    assert (one.configuration.kwargs, one.configuration.meta) == ({"column": "fill_pct", "min_value": 1.0}, {"rule": 1})
    one.max_value = 2.0
    assert one.configuration.kwargs == {"column": "fill_pct", "min_value": 1.0, "max_value": 2.0}


def test_the_same_rules_are_the_same_suite():
    rules = read_rules("staged_scene")
    assert suite_json(rules) == suite_json(rules)


@pytest.mark.parametrize("name", ["packshot_white", "staged_scene"])
def test_the_counts_on_the_gate_page_are_those_of_great_expectations(name):
    rules = read_rules(name)
    table = a_table(rules)
    lines = expectation_lines(
        [{**row, "label": row["render_id"]} for row in table.astype(object).where(table.notna(), None).to_dict("records")], rules
    )
    counted = {}
    suite_of("warm", lambda: [])
    for one in results_of(table, rules):
        meta, found = one.expectation_config.meta, one.result
        counted[meta["rule"], meta["step"]] = (found["element_count"], found["unexpected_count"])
        if meta["step"] == "broken" and meta["rule"] >= 0:
            line = lines[meta["rule"]]
            assert (line.evaluated, line.missing, line.unexpected) == (
                found["element_count"],
                found["missing_count"],
                found["unexpected_count"],
            )
            assert line.unexpected_pct == pytest.approx(found["unexpected_percent_nonmissing"] or 0.0)
    for index, line in enumerate(lines):
        assert line.missing == counted[index, "missing"][1]
        if (index, "review") in counted:
            assert line.doubtful + line.unexpected >= counted[index, "review"][1] >= line.doubtful
    assert sum(line.unexpected for line in lines) > 10 and sum(line.missing for line in lines) > 3


def results_of(table, rules):
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    batch = context.data_sources.add_pandas("counts").add_dataframe_asset("rows").add_batch_definition_whole_dataframe("all")
    suite = gx.ExpectationSuite(name="counts", expectations=expectations_of(rules))
    return batch.get_batch(batch_parameters={"dataframe": table}).validate(suite, result_format="COMPLETE").results
