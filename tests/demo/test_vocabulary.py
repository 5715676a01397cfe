"""The words of scene captions; needs neither Blender nor torch."""

import json
import os
from pathlib import Path

import pytest

from demo.make import vocabulary as words
from demo.make.vocabulary import SceneSpec, caption, flip_caption, look_caption, sample_spec

ROOT = Path(__file__).resolve().parents[2]
ASSETS = Path(os.environ.get("VITRINE_TEST_ASSETS", ROOT.parent / "shared"))


def spec(**changes) -> SceneSpec:
    given = {"surface": "oak", "wall": "sage", "light": "window light", "prop": "stone arch", "side": "left", "seed": 1}
    return SceneSpec(**{**given, **changes})


def test_a_caption_names_surface_wall_light_and_prop_in_this_order():
    assert caption(spec()) == "oak table, sage wall, window light, stone arch on the left"
    assert caption(spec(prop="no props")) == "oak table, sage wall, window light, no props"
    assert caption(spec(prop="arch niche", side="middle")).endswith(", arch niche in the middle")


def test_a_mirrored_picture_swaps_left_and_right_and_nothing_else():
    for seed in range(200):
        text = caption(sample_spec(seed))
        assert flip_caption(flip_caption(text)) == text
        assert (flip_caption(text) == text) == (" left" not in text and " right" not in text)


def test_a_word_outside_the_vocabulary_is_refused_by_name():
    with pytest.raises(ValueError, match="'plaid'"):
        spec(wall="plaid")


def test_a_seed_always_gives_the_same_scene_and_all_words_are_drawn():
    drawn = [sample_spec(seed) for seed in range(2000)]
    assert drawn[:50] == [sample_spec(seed) for seed in range(50)]
    assert {s.wall for s in drawn} == set(words.WALLS)
    assert {s.surface for s in drawn} == set(words.SURFACES)
    assert {s.light for s in drawn} == set(words.LIGHTS)
    assert {s.prop for s in drawn} == set(words.PROPS)


def test_middle_props_stand_in_the_middle_and_the_others_never_do():
    for scene in (sample_spec(seed) for seed in range(500)):
        assert (scene.side == "middle") == (scene.prop in words.MIDDLE_PROPS)


def test_every_caption_is_made_of_the_listed_words():
    known = set(words.words())
    texts = [caption(sample_spec(seed)) for seed in range(500)]
    texts += [look_caption(category, sample_spec(3)) for category in words.CATEGORIES]
    assert {word for text in texts for word in text.replace(",", "").split()} <= known


def test_the_trigger_of_an_unknown_category_is_an_error():
    with pytest.raises(ValueError, match="'shoes'"):
        words.trigger("shoes")


def test_the_first_rendered_scenes_keep_their_captions():
    listing = ASSETS / "scenes" / "captions.jsonl"
    if not listing.exists():
        pytest.skip(f"no rendered scenes at {listing}; set VITRINE_TEST_ASSETS")
    names = ("surface", "wall", "light", "prop", "side", "seed")
    for line in listing.read_text().splitlines():
        row = json.loads(line)
        assert caption(SceneSpec(**{name: row[name] for name in names})) == row["caption"]
