"""The page for photographers says what the rules in force ask, with their numbers, and shows right and wrong."""

import datetime as dt
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from imaging.photo_examples import example_pair, subject_of
from quality.guidelines import ALWAYS, GROUPS, guidelines, in_short
from quality.guidelines_page import guidelines_page
from quality.screening import RuleActions, ScreeningRules
from tests.sample_photos import studio_photo

SUBJECT = subject_of(studio_photo())
PAGE = guidelines_page(ScreeningRules(), studio_photo(), brand="Nord & Licht", day=dt.date(2026, 11, 21))


class _Read(HTMLParser):
    """The words of a page, its pictures and what it would load."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words, self.pictures, self.loads = "", [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "img":
            self.pictures.append(given)
        self.loads += [value for name, value in given.items() if name in ("src", "href") and not value.startswith("data:")]

    def handle_data(self, data):
        self.words += data


def test_every_rule_in_force_has_a_guideline_and_one_that_is_off_has_none():
    in_force = {name for name, action in RuleActions().model_dump().items() if action != "off"}
    assert {guideline.code for guideline in guidelines(ScreeningRules())} == in_force | set(ALWAYS)
    everything_off = ScreeningRules(actions=RuleActions(**dict.fromkeys(RuleActions.model_fields, "off")))
    assert {guideline.code for guideline in guidelines(everything_off)} == set(ALWAYS)
    loud = ScreeningRules(actions=RuleActions(no_color_profile="warn"))
    assert "no_color_profile" in {guideline.code for guideline in guidelines(loud)}


def test_the_numbers_are_those_of_the_settings():
    rules = ScreeningRules(min_side_px=1613, max_frame_contact_share=0.037, actions=RuleActions(cluttered="warn"))
    words = _Read(guidelines_page(rules, None)).words
    assert "1613 pixels" in words
    assert "3.7\u00a0%" in words
    cards = {guideline.code: guideline for guideline in guidelines(rules)}
    assert cards["cluttered"].action == "warn"
    assert any("1613" in line for line in in_short(rules))


def test_guidelines_are_sentences_without_jargon():
    for guideline in guidelines(ScreeningRules()):
        assert guideline.group in GROUPS
        assert guideline.ask.endswith(".")
        assert guideline.why.endswith(".")
        for jargon in ("ratio", "sigma", "threshold", "delta", "_"):
            assert jargon not in guideline.ask.lower(), guideline.code


def test_the_page_loads_nothing_and_describes_its_pictures():
    read = _Read(PAGE)
    assert read.loads == []
    assert len(read.pictures) >= 25
    assert all(picture["alt"] for picture in read.pictures)
    assert "Nord & Licht" in read.words
    assert "November 21, 2026" in read.words
    assert len(PAGE) < 1_500_000
    assert not re.search(r"url\(|@import|<script", PAGE)


def test_without_a_photo_the_page_has_words_alone():
    read = _Read(guidelines_page(ScreeningRules(), None))
    assert read.pictures == []
    assert "In focus" in read.words


@pytest.mark.parametrize("code", [guideline.code for guideline in guidelines(ScreeningRules())])
def test_right_and_wrong_look_different_and_have_one_size(code: str):
    pair = example_pair(code, SUBJECT)
    if pair is None:
        assert code in ("formats", "wrong_type", "ai_marked"), "what no picture shows"
        return
    good, bad = pair
    assert good.dtype == bad.dtype == np.uint8
    assert good.shape == bad.shape
    assert np.mean(np.abs(good.astype(int) - bad)) > 2.0


def test_the_photo_itself_is_not_changed():
    photo = studio_photo()
    before = photo.copy()
    for guideline in guidelines(ScreeningRules()):
        example_pair(guideline.code, subject_of(photo))
    np.testing.assert_array_equal(photo, before)
