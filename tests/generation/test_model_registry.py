"""The registry of base models: what ships, what a project adds or overrides, and which license belongs to which bytes."""

import hashlib
import json
from pathlib import Path

import pytest
import yaml

from catalog.errors import ModelError, SettingsError
from generation.base_model import read_base_model
from generation.model_registry import SHIPPED, as_base_model, check_pinned, look_at_registry, model_digest, read_registry, registry_schema
from resources.settings import read_settings

REPOSITORY = Path(__file__).resolve().parents[2]
EMBEDDED = REPOSITORY / "demo" / "base-model"
MINE = {"title": "Mine", "family": "sd", "folder": "mine", "license": {"name": "MIT", "commercial_ok": True}}


def own(folder, models):
    (folder / "models.yaml").write_text(yaml.safe_dump({"models": models}))
    return read_registry(folder)


def test_the_embedded_model_is_registered_with_the_digest_of_every_file_it_has():
    entry = read_registry().needed("embedded").entry
    here = {path.relative_to(EMBEDDED).as_posix(): path for path in EMBEDDED.rglob("*") if path.is_file() and path.name != "README.md"}
    assert entry.files == {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in here.items()}


def test_a_registered_model_has_the_digest_that_its_folder_has():
    """Render keys hold it: another formula would draw the whole demo again."""
    known = read_registry().needed("embedded")
    assert model_digest(known) == read_base_model(EMBEDDED).digest
    assert read_registry().of_digest(read_base_model(EMBEDDED).digest) == known


def test_what_nobody_here_downloaded_is_not_pinned_and_not_used():
    shipped = read_registry()
    assert [name for name, one in shipped.models.items() if one.entry.is_pinned] == ["embedded"]
    with pytest.raises(ModelError, match=r"registered but not pinned.*vitrine models fetch z-image.*vitrine models pin z-image"):
        as_base_model(shipped.needed("z-image"))


def test_every_shipped_model_that_may_not_be_sold_with_says_why():
    entries = {name: one.entry for name, one in read_registry().models.items()}
    refused = {name for name, entry in entries.items() if entry.license.commercial_ok is False}
    assert {"flux1-dev", "flux1-fill-dev", "flux1-kontext-dev", "flux2-dev", "flux2-klein-9b", "qwen-image-2.1"} <= refused
    assert all(entry.license.reason for entry in entries.values() if entry.license.commercial_ok is not True)
    assert {name for name, entry in entries.items() if entry.license.commercial_ok is True and entry.role != "adapter"} == {
        "embedded", "flux2-klein-4b", "flux2-klein-base-4b", "z-image", "z-image-turbo", "qwen-image-edit-2511",
    }  # fmt: skip


def test_a_model_that_vitrine_cannot_draw_with_tells_its_license_to_whoever_names_it():
    with pytest.raises(
        ModelError, match=r"of no family that Vitrine draws with.*FLUX.1-dev-Non-Commercial: The weights are for non-commercial use"
    ):
        as_base_model(read_registry().needed("flux1-fill-dev"))
    with pytest.raises(ModelError, match="an adapter of other models"):
        as_base_model(read_registry().needed("sdxl-lightning-8step"))


def test_distilled_models_name_the_one_their_loras_are_trained_on():
    models = read_registry().models
    assert {name: one.entry.trains_on for name, one in models.items() if one.entry.trains_on} == {
        "sdxl-inpaint": "sdxl-base", "flux2-klein-4b": "flux2-klein-base-4b", "z-image-turbo": "z-image",
        "flux2-klein-9b": "flux2-klein-base-9b",
    }  # fmt: skip


def test_a_projects_own_file_adds_models_and_overrides_parts_of_shipped_ones(tmp_path):
    found = own(tmp_path, {"mine": MINE, "z-image": {"steps": 40}})
    assert found.needed("mine").folder == tmp_path / "mine"
    assert (found.needed("z-image").entry.steps, found.needed("z-image").entry.license.name) == (40, "Apache-2.0")
    assert found.needed("z-image").is_own and not found.needed("z-image-turbo").is_own
    assert found.needed("embedded").folder == EMBEDDED, "a shipped folder is counted from the shipped file"


def test_a_model_is_also_found_by_its_repository_so_that_whoever_copies_its_name_is_told():
    assert read_registry().named("black-forest-labs/FLUX.1-Fill-dev").id == "flux1-fill-dev"
    assert read_registry().named("nobody/nothing") is None and read_registry().named("base-model") is None


def test_the_projects_word_on_a_license_stands_before_the_shipped_one(tmp_path):
    """Whoever bought a license says so in their own file."""
    bytes_of = read_registry().needed("embedded").entry.files
    found = own(tmp_path, {"bought": {**MINE, "files": dict(bytes_of)}})
    assert found.of_digest(read_base_model(EMBEDDED).digest).id == "bought"


def test_a_registered_model_is_drawn_with_the_steps_it_is_made_for_unless_the_settings_say_otherwise(tmp_path):
    def drawn_with(text):
        (tmp_path / "vitrine.yaml").write_text(text)
        how = read_settings(tmp_path).generation
        return how.steps, how.guidance

    assert drawn_with("base_model: flux2-klein-4b\n") == (4, 1.0)
    assert drawn_with("base_model: flux2-klein-4b\ngeneration: {steps: 6}\n") == (6, 1.0)
    assert (
        drawn_with("base_model: flux1-fill-dev\n")
        == drawn_with("base_model: ./flux2-klein-4b\n")
        == drawn_with("brand_kit: brand.yaml\n")
        == (20, 3.0)
    )


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({**MINE, "famly": "sd"}, "famly: unknown name"),
        ({**MINE, "family": "sd15"}, "family"),
        ({**MINE, "files": {"../outside": "0" * 64}}, "files"),
        ({**MINE, "files": {"a.json": "12"}}, "files.a.json"),
        ({**MINE, "repo": "a/b", "revision": "main"}, "revision"),
        ({**MINE, "license": {"name": "MIT", "commercial_ok": False}}, "`reason` is missing"),
        (
            {**MINE, "license": {"name": "MIT", "commercial_ok": "maybe"}},
            "commercial_ok: must be true or false, or 'conditions' (got 'maybe').",
        ),
        ({**MINE, "license": {"name": "MIT", "commercial_ok": "maybe"}}, "1 wrong entry"),
        ({key: value for key, value in MINE.items() if key != "folder"}, "name a `folder`, or a `repo`"),
        ({**MINE, "role": "adapter"}, "an adapter has"),
        ({**MINE, "trains_on": "nobody"}, "'nobody', which is not registered"),
    ],
)
def test_a_wrong_entry_is_refused_with_its_place(tmp_path, entry, told):
    with pytest.raises(SettingsError) as refused:
        own(tmp_path, {"mine": entry})
    assert told in str(refused.value) and "mine" in str(refused.value)


def test_all_wrong_entries_are_told_at_once_and_the_others_can_be_listed(tmp_path):
    wrong = {"bad": {**MINE, "family": "sd15"}, "Worse": MINE, "lost": {**MINE, "trains_on": "nobody"}}
    with pytest.raises(SettingsError) as refused:
        own(tmp_path, {"mine": MINE, **wrong, "of-bad": {**MINE, "trains_on": "bad"}})
    registry, told = look_at_registry(tmp_path)
    assert (
        len(told) == 3
        and all(name in words for name, words in zip(sorted(wrong), told, strict=True))
        and str(refused.value) == "\n".join(told)
    )
    assert {"mine", "of-bad", "embedded"} <= registry.models.keys() and registry.models.keys().isdisjoint(wrong)


def test_a_folder_name_with_a_zero_character_is_refused_in_words(tmp_path):
    """The first look at the folder ended in a traceback: embedded null byte."""
    (tmp_path / "models.yaml").write_text('models:\n  mine:\n    folder: "a\\0b"\n')
    with pytest.raises(SettingsError, match=r"holds the zero character.*line 3"):
        read_registry(tmp_path)


def test_what_is_not_pinned_is_pinned_copied_or_fetched_by_where_it_comes_from(tmp_path):
    """A folder of one's own was told to be fetched, from nowhere."""
    (tmp_path / "mine").mkdir()
    hub = {**{key: value for key, value in MINE.items() if key != "folder"}, "repo": "a/b"}
    registry = own(tmp_path, {"here": MINE, "gone": {**MINE, "folder": "gone"}, "hub": hub, "both": {**hub, "folder": "gone"}})
    told = {}
    for name in ("here", "gone", "hub", "both"):
        with pytest.raises(ModelError) as refused:
            check_pinned(registry.needed(name))
        told[name] = str(refused.value).partition("trained with it. ")[2]
    assert told["here"] == f"Pin it: `vitrine models pin here` reads {tmp_path / 'mine'} and writes its digests into models.yaml."
    assert told["gone"].startswith(f"Copy it to {tmp_path / 'gone'}, which is not there; then `vitrine models pin gone`")
    assert told["hub"].startswith("Fetch it (`vitrine models fetch hub`)") and told["both"].startswith(
        "Fetch it (`vitrine models fetch both`)"
    )


def test_an_id_that_could_be_a_path_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="cannot be the id of a model"):
        own(tmp_path, {"./mine": MINE})


def test_the_schema_in_the_documentation_is_that_of_the_registry_and_names_every_key_it_uses():
    schema = registry_schema()
    written = json.loads((REPOSITORY / "docs" / "schema" / "models.json").read_text())
    assert written == schema, "write it anew: vitrine models schema > docs/schema/models.json"
    for entry in yaml.safe_load(SHIPPED.read_text())["models"].values():
        assert set(entry) <= set(schema["$defs"]["ModelEntry"]["properties"])
        assert set(entry["license"]) <= set(schema["$defs"]["License"]["properties"])


def test_the_table_of_licenses_in_the_documentation_is_that_of_the_registry():
    page = (REPOSITORY / "docs" / "how-to" / "models.md").read_text()
    section = page[page.index("## Licenses") : page.index("## Your own models.yaml")]
    told = {cells[1].strip(): cells[2] for line in section.splitlines() if len(cells := line.split("|")) == 5 and "`" in line}
    for name, one in read_registry().models.items():
        if one.entry.role != "adapter":
            assert f"`{name}`" in told[one.entry.license.name], f"{name} is missing beside {one.entry.license.name}"
