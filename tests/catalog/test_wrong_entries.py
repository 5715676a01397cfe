"""Wrong entries of settings files are told in our words, never in those of the library that finds them."""

import datetime
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from catalog.errors import SettingsError
from catalog.product import SLUG
from catalog.recipe import parse_model
from quality.channel_packs import ChannelPack
from quality.rules import RulePack
from training.settings import LoraSettings

JARGON = ("Input", "Field required", "String should", "valid ", "parse", "instance", "type=", "unable", "pydantic", "tuple", "dictionary")


class Inner(BaseModel):
    kind: Literal["inner"] = "inner"
    share: float = Field(default=0.5, gt=0, lt=1)


class Other(BaseModel):
    kind: Literal["other"] = "other"


class Everything(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=SLUG, min_length=2, max_length=9)
    whole: int = Field(default=1, ge=1, le=9, multiple_of=2)
    number: float = 1.0
    exact: float = Field(default=1.0, allow_inf_nan=False)
    either: int | str | None = None
    yes: bool = True
    day: datetime.date = datetime.date(2026, 1, 1)
    moment: datetime.datetime = datetime.datetime(2026, 1, 1)
    folder: Path = Path()
    words: tuple[str, ...] = Field(default=("a",), min_length=1, max_length=2)
    numbers: list[int] = []
    table: dict[str, int] = {}
    one: Literal["red", "green"] = "red"
    inner: Inner = Inner()
    chosen: Annotated[Inner | Other, Field(discriminator="kind")] = Inner()


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"name": 3}, "must be text"),
        ({"name": "Upper"}, "small letters, digits"),
        ({"name": "a"}, "at least 2 characters"),
        ({"name": "a" * 10}, "at most 9 characters"),
        ({"whole": "many"}, "a whole number"),
        ({"whole": 1.5}, "a whole number"),
        ({"whole": 0}, "at least 1"),
        ({"whole": 12}, "at most 9"),
        ({"whole": 3}, "a multiple of 2"),
        ({"number": "wide"}, "a number"),
        ({"number": []}, "a number"),
        ({"exact": float("nan")}, "a finite number"),
        ({"either": []}, "either: must be"),
        ({"yes": "perhaps"}, "true or false"),
        ({"day": "soon"}, "a day, such as 2026-11-21"),
        ({"day": "2026-11-21T08:00:00"}, "a day without a time"),
        ({"moment": "soon"}, "a day and a time"),
        ({"folder": 3}, "name of a file or folder"),
        ({"words": "a"}, "a list, such as [a, b]"),
        ({"words": []}, "at least 1 entry, and has 0"),
        ({"words": ["a", "b", "c"]}, "at most 2 entries"),
        ({"numbers": 3}, "a list"),
        ({"table": 3}, "`name: value`"),
        ({"one": "blue"}, "must be 'red' or 'green' (got 'blue')"),
        ({"inner": 3}, "`name: value`"),
        ({"inner": {"share": 0}}, "inner.share: must be more than 0"),
        ({"inner": {"share": 1}}, "inner.share: must be less than 1"),
        ({"chosen": {"kind": "third"}}, "must be one of 'inner', 'other'"),
        ({"chosen": {}}, "it says which kind is meant"),
        ({"misspelt": 1}, "unknown name (misspelt?)"),
    ],
    ids=str,
)
def test_what_an_entry_must_be_is_said_in_words(entry, said):
    with pytest.raises(SettingsError) as refused:
        parse_model(Everything, {"name": "abc", **entry}, "shop.yaml")
    text = str(refused.value)
    assert said in text
    assert not [word for word in JARGON if word in text], text


def test_an_entry_that_is_missing_is_not_shown_as_if_something_had_been_given():
    with pytest.raises(SettingsError, match=r"\n  name: is missing\.$"):
        parse_model(Everything, {}, "shop.yaml")


def test_an_entry_that_may_be_of_several_kinds_is_one_wrong_entry():
    """Each kind that had been tried had a line of its own."""
    with pytest.raises(SettingsError) as refused:
        parse_model(Everything, {"name": "abc", "either": [], "numbers": ["a", "b"]}, "shop.yaml")
    text = str(refused.value)
    assert text.startswith("shop.yaml: 3 wrong entries. ") and len(text.splitlines()) == 4
    assert "  either: must be a whole number, or text; put it in quotes where it looks like something else (got [])." in text


def test_a_sentence_of_a_models_own_check_ends_with_one_full_stop():
    with pytest.raises(SettingsError) as refused:
        parse_model(LoraSettings, {"batch_size": 2, "accumulation": 4}, "training")
    assert str(refused.value).endswith("pictures to part. Raise batch_size.")


@pytest.mark.parametrize("model", [RulePack, ChannelPack])
def test_a_pack_in_which_everything_is_wrong_is_told_without_jargon(model):
    rule = {
        "column": "fill_pct",
        "min": "much",
        "severity": "bad",
        "code": "too small",
        "reason": "no",
        "when": "never",
        "source": "",
        "date": 1.5,
    }
    pack = {
        "recipe": "Big",
        "kind": "x y",
        "channel": 3,
        "version": "one",
        "title": [],
        "background": "pink",
        "rules": [rule, 7],
        "more": 1,
    }
    with pytest.raises(SettingsError) as refused:
        parse_model(model, pack, "pack.yaml")
    text = str(refused.value)
    assert not [word for word in JARGON if word in text], text
    for words in (
        "rules.0.min: must be a number",
        "rules.0.severity: must be 'critical' or 'warning'",
        "capitals, digits and _",
        "rules.0.date: ",
    ):
        assert words in text, text
