"""Registered models on a machine: found in folders and in the hub's cache without a network, pinned, verified, fetched by one command."""

import hashlib
import shutil
import socket
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from catalog.errors import ModelError, SettingsError
from generation.base_model import read_base_model
from generation.model_registry import model_digest, read_registry
from resources import settings
from resources.installed_models import fetch_command, in_words, installed_folder, problems, verified_adapter, verified_folder
from resources.model_pins import folder_to_pin, license_changes, read_pin
from resources.pinned_file import write_pin
from tests.tiny_z_image import write_tiny_z_image

EMBEDDED = Path(__file__).resolve().parents[2] / "demo" / "base-model"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
ENTRY = {"title": "Theirs", "family": "sd", "repo": "somebody/small", "license": {"name": "MIT", "commercial_ok": True}}


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Whoever opens a connection fails here, not after a timeout."""

    def refuse(*_):
        raise AssertionError("a model was looked for in the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture
def project(tmp_path):
    """A project folder with one model of its own, which is not pinned."""
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "models.yaml").write_text(yaml.safe_dump({"models": {"theirs": ENTRY}}, sort_keys=False))
    return tmp_path / "project"


@pytest.fixture
def downloaded(tmp_path):
    """A folder as `hf download --local-dir` leaves it: files, and notes of commit and ETag beside them."""
    folder = Path(shutil.copytree(EMBEDDED, tmp_path / "download", ignore=shutil.ignore_patterns("README.md")))
    (folder / "LICENSE.md").write_text("MIT")
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        note = folder / ".cache" / "huggingface" / "download" / f"{path.relative_to(folder)}.metadata"
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(f"{COMMIT}\n{hashlib.sha256(path.read_bytes()).hexdigest()}\n1.0\n")
    return folder


@pytest.fixture
def cache(tmp_path):
    """The hub's cache as its library lays it out: blobs by their sha256, linked into a folder per commit."""
    home = tmp_path / "hub" / "models--somebody--small"
    for path in [path for path in EMBEDDED.rglob("*") if path.is_file() and path.name != "README.md"]:
        blob = home / "blobs" / hashlib.sha256(path.read_bytes()).hexdigest()
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(path.read_bytes())
        link = home / "snapshots" / COMMIT / path.relative_to(EMBEDDED)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(blob)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(COMMIT)
    return tmp_path / "hub"


def theirs(project):
    return read_registry(project).needed("theirs")


def test_a_folder_of_another_family_than_its_entry_says_is_neither_pinned_nor_used(project, downloaded, tmp_path):
    """The entry's family decides how LoRAs are trained, the folder's pipeline what is loaded."""
    entry = {**ENTRY, "family": "sdxl"}
    (project / "models.yaml").write_text(yaml.safe_dump({"models": {"theirs": entry}}))
    told = "is a StableDiffusionPipeline, and not of family 'sdxl'. Correct `family`"
    with pytest.raises(ModelError, match=told):
        read_pin(theirs(project), downloaded, named=True)
    pinned = {**entry, "folder": str(downloaded), "files": {"model_index.json": "0" * 64}}
    (project / "models.yaml").write_text(yaml.safe_dump({"models": {"theirs": pinned}}))
    with pytest.raises(ModelError, match=told):
        verified_folder(theirs(project), tmp_path)


def pinned(project, cache, folder=None):
    """Pin the model and return it as the project then knows it."""
    found = read_pin(theirs(project), folder_to_pin(theirs(project), cache, folder), named=folder is not None)
    write_pin(theirs(project), found, project)
    return theirs(project)


def test_a_model_in_the_hubs_cache_is_pinned_to_its_commit_and_found_there_again(project, cache):
    model = pinned(project, cache)
    assert (model.entry.revision, model.folder) == (COMMIT, None) and model.entry.is_pinned
    assert verified_folder(model, cache) == cache / "models--somebody--small" / "snapshots" / COMMIT
    assert model.entry.files == read_registry().needed("embedded").entry.files


def test_parts_behind_links_to_folders_are_pinned_digested_and_looked_at(project, downloaded, tmp_path):
    """A text encoder that two models share by a link was called lacking; what is behind a link is read as any other file of the model."""
    (downloaded / "unet").rename(tmp_path / "shared-unet")
    (downloaded / "unet").symlink_to(tmp_path / "shared-unet", target_is_directory=True)
    (tmp_path / "shared-unet" / "round").symlink_to(downloaded, target_is_directory=True)
    model = pinned(project, tmp_path / "no-cache", downloaded)
    assert model.entry.files == read_registry().needed("embedded").entry.files and problems(model, downloaded) == []
    assert read_base_model(downloaded).digest == model_digest(model)
    (tmp_path / "shared-unet" / "more.py").write_text("print()")
    assert problems(model, downloaded) == ["unet/more.py is code, and a model brings none"]


def test_the_cache_is_where_the_hubs_own_variables_say(monkeypatch, tmp_path):
    for name in ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert settings.hub_cache() == Path("~/.cache/huggingface/hub").expanduser()
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    assert settings.hub_cache() == tmp_path / "hub"
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "elsewhere"))
    assert settings.hub_cache() == tmp_path / "elsewhere"


def test_a_downloaded_folder_is_pinned_with_its_commit_its_license_text_and_its_place(project, downloaded, tmp_path):
    model = pinned(project, tmp_path / "no-cache", downloaded)
    assert (model.folder, model.entry.revision) == (downloaded, COMMIT)
    assert model.entry.license_files == {"LICENSE.md": hashlib.sha256(b"MIT").hexdigest()}
    assert problems(model, downloaded) == []
    (downloaded / "LICENSE.md").write_text("something else")
    assert ["LICENSE.md has other bytes" in words for words in problems(model, downloaded)] == [True]


def test_a_model_that_is_not_there_tells_the_one_command_that_fetches_what_is_needed(project, cache, tmp_path):
    model = pinned(project, cache)
    with pytest.raises(ModelError) as told:
        verified_folder(model, tmp_path / "empty")
    words = str(told.value)
    assert f"hf download somebody/small --revision {COMMIT} --include model_index.json --include '*/*'" in words
    assert all(f"--exclude '{pattern}'" in words for pattern in ("*.bin", "*.ckpt", "*.fp16.*", "*.py", "safety_checker/*"))
    assert "--local-dir" not in words
    assert in_words(fetch_command(model, Path("models/theirs"))).endswith("--local-dir models/theirs")


def test_an_adapter_is_fetched_as_one_file():
    words = in_words(fetch_command(read_registry().needed("sdxl-lightning-8step")))
    assert words == "hf download ByteDance/SDXL-Lightning sdxl_lightning_8step_lora.safetensors"


def test_a_partial_download_in_the_cache_is_not_pinned(project, cache):
    (cache / "models--somebody--small" / "snapshots" / COMMIT / "vae" / "config.json").unlink()
    (cache / "models--somebody--small" / "snapshots" / COMMIT / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(ModelError, match="lacks the folder vae"):
        pinned(project, cache)


def test_what_the_hub_did_not_announce_is_not_pinned(project, downloaded, tmp_path):
    """Same length, one byte flipped on the way: nothing but the announced digest tells."""
    weights = downloaded / "unet" / "diffusion_pytorch_model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    with pytest.raises(ModelError, match=r"the hub announced 9820fe7431c4. It was cut short or altered"):
        pinned(project, tmp_path, downloaded)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("unet/diffusion_pytorch_model.bin", "pickled"),
        ("unet/diffusion_pytorch_model.fp16.safetensors", "another precision"),
        ("unet/model.onnx", "another library"),
        ("unet/modeling.py", "is code"),
    ],
)
def test_a_folder_that_holds_what_is_never_read_is_neither_pinned_nor_used(project, downloaded, cache, name, told):
    model = pinned(project, cache)
    shutil.copy(downloaded / "vae" / "diffusion_pytorch_model.safetensors", downloaded / name)
    with pytest.raises(ModelError, match=f"{name}.*{told}"):
        pinned(project, cache, downloaded)
    (words,) = [words for words in problems(model, downloaded) if name in words]
    assert told in words


def test_altered_truncated_and_missing_files_are_told_before_anything_is_loaded(project, downloaded, tmp_path):
    model = pinned(project, tmp_path, downloaded)
    config = downloaded / "unet" / "config.json"
    config.write_text(config.read_text().replace("96", "97"))
    with pytest.raises(ModelError, match=r"unet/config.json has other bytes"):
        verified_folder(model, tmp_path)
    weights = downloaded / "vae" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100_000])
    with pytest.raises(ModelError, match=r"vae/diffusion_pytorch_model.safetensors has 100,000 bytes, its header says 3,357,254"):
        verified_folder(model, tmp_path)
    weights.unlink()
    assert "vae/diffusion_pytorch_model.safetensors is missing" in problems(model, downloaded)


def test_pinning_keeps_the_comments_and_the_order_of_the_file(project, cache):
    file = project / "models.yaml"
    file.write_text(
        "# ours\nmodels:\n  # bought in May\n  theirs:   # from somebody\n    title: Theirs\n    family: sd\n    files:   # old\n"
        f"      a.json: '{'0' * 64}'\n    repo: somebody/small   # the hub\n    license: {{name: MIT, commercial_ok: true}}\n\n"
        "  # the next one\n  z-image:\n    steps: 40\n# end\n"
    )
    pinned(project, cache)
    text = file.read_text()
    assert [line for line in text.splitlines() if "#" in line] == [
        "# ours", "  # bought in May", "  theirs:   # from somebody", "    repo: somebody/small   # the hub", "  # the next one", "# end",
    ]  # fmt: skip
    assert "a.json" not in text and f"    revision: {COMMIT}" in text
    assert read_registry(project).needed("z-image").entry.steps == 40
    again = text
    pinned(project, cache)
    assert file.read_text() == again, "pinning the same again changes nothing"


def test_a_shipped_model_is_pinned_in_the_projects_own_file(project, downloaded):
    (project / "models.yaml").unlink()
    notes = downloaded / ".cache" / "huggingface" / "download"
    for part in [path for path in downloaded.iterdir() if path.name not in (".cache", "LICENSE.md")]:
        shutil.rmtree(part) if part.is_dir() else part.unlink()
    write_tiny_z_image(downloaded)
    for path in [path for path in downloaded.rglob("*") if path.is_file() and notes not in path.parents]:
        note = notes / f"{path.relative_to(downloaded)}.metadata"
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(f"{COMMIT}\n{hashlib.sha256(path.read_bytes()).hexdigest()}\n1.0\n")
    shipped = read_registry(project).needed("z-image")
    write_pin(shipped, read_pin(shipped, downloaded, named=True), project)
    found = read_registry(project).needed("z-image")
    assert found.entry.is_pinned and found.folder == downloaded and found.entry.license.name == "Apache-2.0"
    assert set(yaml.safe_load((project / "models.yaml").read_text())["models"]["z-image"]) == {
        "folder",
        "revision",
        "files",
        "license_files",
    }


def test_a_file_that_cannot_be_edited_line_by_line_is_left_as_it_is(project, cache):
    file = project / "models.yaml"
    file.write_text("models: {theirs: {title: T, family: sd, repo: somebody/small, license: {name: MIT, commercial_ok: true}}}\n")
    before = file.read_text()
    with pytest.raises(SettingsError, match="Nothing was changed"):
        pinned(project, cache)
    assert file.read_text() == before


PINNED_BEFORE = f"{{a.json: '{'0' * 64}'}}"
ALIAS = f"  theirs:\n    files: &said {PINNED_BEFORE}\n{{rest}}  other:\n    files: *said\n{{rest}}"


def test_a_file_with_anchors_that_pinning_would_break_is_left_as_it_is(project, cache):
    rest = "    title: Theirs\n    family: sd\n    repo: somebody/small\n    license: {name: MIT, commercial_ok: true}\n"
    file = project / "models.yaml"
    file.write_text("models:\n" + ALIAS.replace("{rest}", rest))
    before = file.read_text()
    read_registry(project)
    with pytest.raises(SettingsError, match=r"cannot be edited line by line.*Nothing was changed"):
        pinned(project, cache)
    assert file.read_text() == before


@pytest.mark.parametrize("name", ["2.1", "2024", "null"])
def test_an_id_that_yaml_would_take_for_something_else_is_quoted(project, cache, name):
    known = read_registry(project)
    model = replace(known.needed("theirs"), id=name)
    (project / "models.yaml").write_text("# none yet\nmodels:\n  z-image:\n    steps: 40\n")
    pin = read_pin(model, folder_to_pin(model, cache, None), named=False)
    entry = {"title": "T", "family": "sd", "repo": "somebody/small", "license": {"name": "MIT", "commercial_ok": True}}
    (project / "models.yaml").write_text(yaml.safe_dump({"models": {name: entry}}))
    write_pin(model, pin, project)
    assert read_registry(project).needed(name).entry.revision == COMMIT
    bare = yaml.safe_dump({"models": {name: entry}}).replace(f"'{name}'", name)
    (project / "models.yaml").write_text(bare)
    with pytest.raises(SettingsError, match="Nothing was changed"):
        write_pin(model, pin, project)
    assert (project / "models.yaml").read_text() == bare
    (project / "models.yaml").unlink()
    with pytest.raises(SettingsError, match=f"models.{name}: 3 wrong entries"):
        write_pin(model, pin, project)


def test_pinning_again_tells_which_license_texts_are_not_those_that_were_read(project, downloaded):
    first = read_registry(project).needed("theirs")
    pin = read_pin(first, downloaded, named=True)
    assert license_changes(first, pin) == "", "nothing was pinned before"
    write_pin(first, pin, project)
    pinned_before = read_registry(project).needed("theirs")
    assert license_changes(pinned_before, read_pin(pinned_before, downloaded, named=True)) == ""
    (downloaded / "LICENSE.md").write_text("for research only")
    (downloaded / ".cache" / "huggingface" / "download" / "LICENSE.md.metadata").unlink()
    (downloaded / "USE_POLICY.md").write_text("not for sets")
    told = license_changes(pinned_before, read_pin(pinned_before, downloaded, named=True))
    assert "LICENSE.md has other words, USE_POLICY.md is new. The entry still says MIT" in told


def test_a_model_that_was_never_fetched_is_not_pinned(project, tmp_path):
    with pytest.raises(ModelError, match=r"not on this machine.*hf download somebody/small"):
        pinned(project, tmp_path / "empty")
    assert installed_folder(theirs(project), tmp_path / "empty") is None


def test_an_adapter_is_used_only_with_its_base_models_and_only_as_pinned(tmp_path):
    weights = EMBEDDED / "text_encoder" / "model.safetensors"
    (tmp_path / "models.yaml").write_text(
        "models:\n  fast:\n    title: Fast\n    family: sd\n    folder: adapters\n    role: adapter\n    adapter_of: [embedded]\n"
        "    adapter_file: fast.safetensors\n    license: {name: MIT, commercial_ok: true}\n"
    )
    (tmp_path / "adapters").mkdir()
    shutil.copy(weights, tmp_path / "adapters" / "fast.safetensors")

    def use(of="embedded"):
        registry = read_registry(tmp_path)
        return verified_adapter(registry.needed("fast"), registry.needed(of), tmp_path)

    with pytest.raises(ModelError, match="not pinned"):
        use()
    model = read_registry(tmp_path).needed("fast")
    write_pin(model, read_pin(model, tmp_path / "adapters", named=False), tmp_path)
    assert use() == tmp_path / "adapters" / "fast.safetensors"
    with pytest.raises(ModelError, match=r"does not fit base model 'z-image'. It fits: embedded"):
        use("z-image")
    (tmp_path / "adapters" / "fast.safetensors").write_bytes(weights.read_bytes()[:-4])
    with pytest.raises(ModelError, match=r"fast.safetensors has 2,041,460 bytes"):
        use()
    (tmp_path / "adapters" / "fast.safetensors").unlink()
    with pytest.raises(ModelError, match=r"lacks fast.safetensors"):
        use()


def test_a_pinned_model_of_another_family_has_the_digest_that_loading_it_will_find(tmp_path):
    """A LoRA is found by the digest of the model it was trained on: entry and folder must agree, whatever parts a family leaves out."""
    from tests.tiny_sdxl import write_tiny_sdxl

    folder = write_tiny_sdxl(tmp_path / "sdxl")
    shipped = read_registry().needed("sdxl-base")
    write_pin(shipped, read_pin(shipped, folder, named=True), tmp_path)
    found = read_registry(tmp_path).needed("sdxl-base")
    assert verified_folder(found, tmp_path) == folder and model_digest(found) == read_base_model(folder).digest
    with pytest.raises(ModelError, match=r"is a StableDiffusionXLPipeline, and not of family 'sd'"):
        read_pin(read_registry().needed("embedded"), folder, named=True)
