"""Keys change exactly when something they stand for changes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.keys import canonical_json, digest, gate_key, publish_key, render_key

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)

RENDER = {
    "photo_digest": "p",
    "cutout_digest": "c",
    "recipe": {"name": "packshot_white", "params": {"fill_pct": 86}},
    "index": 0,
    "seed": 7,
    "base_model_digest": None,
    "lora_digest": None,
    "engine_version": "studio-1",
}


@given(plain)
def test_the_order_of_names_never_changes_a_key(value):
    def reversed_names(item):
        if isinstance(item, dict):
            return {name: reversed_names(item[name]) for name in reversed(list(item))}
        return [reversed_names(part) for part in item] if isinstance(item, list) else item

    assert digest(reversed_names(value)) == digest(value)


@given(plain)
def test_canonical_json_reads_back_as_the_same_plain_data(value):
    assert canonical_json(json.loads(canonical_json(value))) == canonical_json(value)


def test_a_whole_number_is_the_same_key_as_int_and_as_float():
    assert digest({"fill_pct": 86}) == digest({"fill_pct": 86.0})
    assert digest({"fill_pct": 86}) != digest({"fill_pct": "86"})


def test_composed_and_decomposed_letters_are_the_same_text():
    assert digest("Caf\u00e9") == digest("Cafe\u0301")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), b"bytes"])
def test_what_is_not_plain_finite_data_cannot_become_a_key(value):
    with pytest.raises((ValueError, TypeError)):
        digest({"value": value})


@pytest.mark.parametrize(
    ("field", "other"),
    [
        ("photo_digest", "p2"),
        ("cutout_digest", "c2"),
        ("recipe", {"name": "packshot_white", "params": {"fill_pct": 85}}),
        ("index", 1),
        ("seed", 8),
        ("base_model_digest", "b"),
        ("lora_digest", "l"),
        ("engine_version", "studio-2"),
    ],
)
def test_every_part_of_a_render_is_part_of_its_key(field, other):
    assert render_key(**RENDER) != render_key(**{**RENDER, field: other})


def test_the_three_keys_never_collide_on_equal_parts():
    keys = {
        gate_key(render_digest="a", rules_digest="b", measurement_version="c"),
        publish_key(render_digest="a", channel_digest="b", metadata_digest="c"),
        digest({"render": "a"}),
    }
    assert len(keys) == 3


def test_a_key_of_today_is_the_key_of_tomorrow():
    """Stored keys must survive releases: this value may change only together with KEY_SCHEMA."""
    assert render_key(**RENDER) == "184669eaafeb307b03d4dd8aeb6bcdfae01488d7dd0a3423200bb245c939af13"
