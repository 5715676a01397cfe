"""A rejection teaches the rules it speaks about, and no other."""

import pytest

from assets.blamed_rules import blamed_columns, named_column
from assets.faults import IN_WORDS, columns_of_fault
from quality.rules import read_rules

RULES = read_rules("packshot_white").rules
GOOD = {"halo_delta_e": [3, 4, 5, 6], "gmsd": [0.01, 0.02, 0.03, 0.04], "edge_gain": [0.95, 1.0, 1.05, 1.1], "shadow_lost_delta_l": [1, 2]}
MEASURED = {"halo_delta_e": 5.5, "gmsd": 0.035, "edge_gain": 0.9, "shadow_lost_delta_l": 3.0, "expected_known": 0.0}


def said(codes=("HALO", "BLURRED"), fault=None):
    return {"action": "reject", "codes": list(codes), "gate_verdict": "rejected", "fault": fault}


def blamed(by, words=(), columns=MEASURED):
    """What is blamed where the word `edges` stands for some columns."""
    return blamed_columns(by, columns, RULES, GOOD, lambda fault: frozenset(words) if fault == "edges" else named_column(fault))


def test_without_a_named_fault_it_is_what_the_reviewer_saw():
    assert blamed(said()) == {"halo_delta_e", "edge_gain"}
    assert blamed({key: value for key, value in said().items() if key != "fault"}) == {"halo_delta_e", "edge_gain"}
    assert blamed(said(codes=[])) == set(), "nobody said what the gate should have seen"


def test_a_fault_named_by_its_column_is_that_one_alone():
    assert blamed(said(fault="halo_delta_e")) == {"halo_delta_e"}
    assert blamed(said(codes=[], fault="gmsd")) == {"gmsd"}, "the gate had approved it: a miss of this rule"


def test_a_fault_in_words_is_the_rules_that_spoke_of_it():
    assert blamed(said(fault="edges"), ["edge_gain", "gmsd"]) == {"edge_gain"}
    assert blamed(said(fault="something else")) == set(), "no column measures it, and it is not what the gate said"


@pytest.mark.parametrize(
    ("changed", "worst"), [({}, "edge_gain"), ({"edge_gain": 1.0, "gmsd": 0.05}, "gmsd"), ({"edge_gain": 1.3, "gmsd": 0.02}, "edge_gain")]
)
def test_where_no_rule_spoke_of_it_it_is_the_one_that_came_nearest(changed, worst):
    assert blamed(said(codes=[], fault="edges"), ["edge_gain", "gmsd", "halo_delta_e"], {**MEASURED, **changed}) == {worst}


def test_rules_that_do_not_apply_or_did_not_measure_are_not_blamed():
    assert blamed(said(codes=[], fault="edges"), ["shadow_lost_delta_l", "gmsd"]) == {"gmsd"}, "that rule needs an expected picture"
    assert blamed(said(codes=[], fault="edges"), ["edge_gain", "gmsd"], {"gmsd": None, "expected_known": 0.0}) == set()


def in_words(codes, fault):
    """What is blamed where a reviewer saw these codes and chose one of the words there are."""
    return blamed_columns(said(codes, fault), {**MEASURED, "halo_share_pct": 40.0}, RULES, GOOD, columns_of_fault, IN_WORDS)


def test_who_saw_a_fringe_along_the_edge_and_says_fringe_blames_no_other_fringe():
    assert in_words(["FRINGE_ALONG_EDGE"], "fringe") == {"halo_share_pct"}


def test_no_unseen_rule_is_blamed_while_what_was_seen_is_in_no_word():
    assert in_words([], "fringe") == {"halo_delta_e"}
    assert in_words(["EDGES_CHANGED"], "fringe") == {"halo_delta_e"}, "it would have been said as a shape"
    assert in_words(["BLURRED"], "fringe") == set(), "no word stands for it, so it may have been meant"
    assert in_words(["EDGES_CHANGED", "A_RULE_OF_BEFORE"], "fringe") == set(), "nobody knows what that one measured"
    assert in_words(["BLURRED", "HALO"], "fringe") == {"halo_delta_e"}, "what was seen and said is blamed as ever"
    assert in_words(["BLURRED"], "gmsd") == {"gmsd"}, "a column that is named is no word"
