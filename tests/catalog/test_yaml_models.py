"""What people misspell in YAML is told to them, all at once."""

from pathlib import Path

import pytest
import yaml

from catalog import yaml_text
from catalog.brand_kit import read_brand_kit
from catalog.errors import SettingsError
from catalog.recipe import read_recipe, read_yaml

KIT = """
brand: acme
palette: ["#0A2A66"]
recipes: [packshot_white]
categories:
  mugs: {trigger: acme mugs look, scenes: [oak table], backdrops: ["#ffffff"]}
"""


NESTED = ["a: " + "[" * 200_000, "a: " + "{a: " * 200_000, "- " * 200_000 + "x", "? " * 200_000 + "x"]
"""What libyaml would end the process over."""


def written(tmp_path, text):
    path = tmp_path / "file.yaml"
    path.write_text(text)
    return path


def test_a_good_brand_kit_is_read_and_its_colors_are_lower_case(tmp_path):
    assert read_brand_kit(written(tmp_path, KIT)).palette == ("#0a2a66",)


def test_comments_order_and_spelling_of_numbers_do_not_change_the_digest(tmp_path):
    kit = read_brand_kit(written(tmp_path, KIT))
    again = read_brand_kit(written(tmp_path, "# a comment\nversion: 1.0\n" + KIT))
    assert again.digest == kit.digest
    assert read_brand_kit(written(tmp_path, KIT.replace("#0A2A66", "#0A2A67"))).digest != kit.digest


def test_a_misspelt_name_is_an_error_that_lists_the_allowed_names(tmp_path):
    with pytest.raises(SettingsError, match=r"pallete: unknown name.*palette"):
        read_brand_kit(written(tmp_path, KIT.replace("palette", "pallete") + 'palette: ["#000000"]\n'))


def test_every_wrong_entry_is_named_in_one_error(tmp_path):
    text = KIT.replace("#0A2A66", "blue").replace("brand: acme", "brand: Acme Inc")
    with pytest.raises(SettingsError) as caught:
        read_brand_kit(written(tmp_path, text))
    assert "brand:" in str(caught.value)
    assert "palette.0" in str(caught.value)
    assert "'blue'" in str(caught.value)


def test_a_name_that_stands_twice_is_refused_instead_of_keeping_the_last(tmp_path):
    with pytest.raises(SettingsError, match="'brand' stands twice"):
        read_brand_kit(written(tmp_path, KIT + "brand: other\n"))


@pytest.mark.parametrize("text", ["just words", "- a\n- list", "a: [unclosed"])
def test_a_file_that_is_no_mapping_is_refused_with_its_path(tmp_path, text):
    with pytest.raises(SettingsError, match=r"file\.yaml"):
        read_yaml(written(tmp_path, text))


def test_a_missing_file_is_refused_with_its_path(tmp_path):
    with pytest.raises(SettingsError, match=r"none\.yaml cannot be read"):
        read_recipe(tmp_path / "none.yaml")


def test_an_empty_file_is_called_empty(tmp_path):
    with pytest.raises(SettingsError, match="is empty"):
        read_yaml(written(tmp_path, "# only a comment\n"))


@pytest.mark.parametrize("text", ["? [a, b]\n: 1\n", "day: 2026-13-45\n", "deep: " + "[" * 3000 + "]" * 3000, "a: &a\n  b: *a\n", *NESTED])
def test_yaml_that_trips_its_reader_is_refused_with_its_path(tmp_path, text):
    with pytest.raises(SettingsError, match=r"file\.yaml"):
        read_yaml(written(tmp_path, text))


def test_aliases_of_aliases_are_refused_before_anything_walks_through_them(tmp_path):
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefg", "bcdefgh", strict=True))
    with pytest.raises(SettingsError, match="aliases"):
        read_yaml(written(tmp_path, bomb))


def test_a_wrong_text_is_shown_as_it_was_written(tmp_path):
    with pytest.raises(SettingsError, match=r"\(got 'red'\)"):
        read_brand_kit(written(tmp_path, KIT.replace("#0A2A66", "red")))


def test_a_bound_that_is_no_number_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="fill_pct"):
        read_brand_kit(written(tmp_path, KIT + "rules: {packshot_white: {fill_pct: {min: .nan}}}\n"))


@pytest.mark.parametrize("file", sorted(Path(__file__).parents[2].glob("[!.]*/**/*.yaml")), ids=lambda file: file.name)
def test_both_readers_read_every_file_of_this_repository_alike(file):
    """libyaml is asked first; where it is not built in, PyYAML's own reader must give the same values, or digests would depend on it."""
    try:
        fast = list(yaml.load_all(file.read_text(), yaml_text._FastUniqueNames))
    except yaml.YAMLError:
        fast = "refused"
    try:
        slow = list(yaml.load_all(file.read_text(), yaml_text._UniqueNames))
    except yaml.YAMLError:
        slow = "refused"
    assert fast == slow


@pytest.mark.parametrize("text", ["a: [unclosed", "a: 1\na: 2\n", "? [a, b]\n: 1\n", "a: b: c\n", "a: *nobody\n", "\ta: 1\n"])
def test_an_error_is_told_in_the_same_words_whichever_reader_is_built_in(text, monkeypatch):
    said = []
    for reader in (yaml_text._FastUniqueNames, None):
        monkeypatch.setattr(yaml_text, "_FastUniqueNames", reader)
        with pytest.raises(yaml.YAMLError) as caught:
            yaml_text.parsed(text)
        said.append(str(caught.value))
    assert said[0] == said[1]


RECIPE = "name: own\nkind: {kind}\ntitle: Own\nengine: studio\n{more}params:\n  {param}\n"


def test_a_color_that_yaml_takes_for_a_comment_is_not_left_out_silently(tmp_path):
    """`hex: #a84828` is `hex:` with a comment: the recipe drew its own color, and `vitrine check` found everything in order."""
    with pytest.raises(SettingsError, match=r"`params.hex` without a value.*Put a color in quotes \('#a84828'\)"):
        read_recipe(written(tmp_path, RECIPE.format(kind="recolor", more="changes_product: true\n", param="hex: #a84828")))


def test_off_is_a_word_and_true_is_not():
    assert yaml_text.parsed("exposure: off\ncountry: no\nshown: true\nhidden: False\n") == {
        "exposure": "off",
        "country": "no",
        "shown": True,
        "hidden": False,
    }
