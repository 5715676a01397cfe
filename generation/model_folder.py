"""A base model's folder in stock diffusers layout: which parts it has, whether they are whole, and one digest over what loading reads.

Reads JSON and digests files; loads no weights and knows no family.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from catalog.errors import ModelError
from catalog.keys import digest
from catalog.sentences import clause
from generation.file_digests import digest_of_file
from generation.model_files import files_below

PICKLED_SUFFIXES = (".bin", ".ckpt", ".pt", ".pth")
"""Weight formats that can run code when loaded; never read, and named in the error so that nobody wonders."""
WEIGHTS = {"diffusers": "diffusion_pytorch_model.safetensors", "transformers": "model.safetensors"}
"""Name of a part's weights by the library that reads them; large ones are cut into shards that an index beside them names."""
PREPROCESSORS = ("Tokenizer", "TokenizerFast", "Processor", "ImageProcessor", "FeatureExtractor")
"""Ends of class names of parts without weights of their own, whose configuration is not config.json."""


def read_index(folder: Path) -> dict[str, Any]:
    """A folder's model_index.json. Raises ModelError when the folder or the file is missing or is no mapping."""
    if not folder.is_dir():
        raise ModelError(
            f"There is no base model at {folder}. Point `base_model` in the settings at a folder in diffusers layout (model_index.json and "
            "one folder per part); the demo's own is demo/base-model."
        )
    if not (folder / "model_index.json").is_file():
        raise ModelError(f"The base model at {folder} lacks model_index.json. {_advice(folder, 'model_index.json')}")
    return _read_json(folder / "model_index.json")


def takes_guidance(index: Mapping[str, Any]) -> bool:
    """Whether guidance does anything with the model of this model_index.json: not where it was distilled to do without and says so (FLUX.2 klein)."""
    return index.get("is_distilled") is not True


def parts_of(index: Mapping[str, Any], left_out: frozenset[str]) -> dict[str, tuple[str, str]]:
    """Library and class of each part that is loaded, by its name, which is also its folder's."""
    named = {name: entry for name, entry in index.items() if isinstance(entry, list) and len(entry) == 2 and name not in left_out}
    return {name: (str(entry[0]), str(entry[1])) for name, entry in sorted(named.items()) if entry[0] is not None}


def check_parts(folder: Path, parts: Mapping[str, tuple[str, str]]) -> None:
    """Raise ModelError naming the first file that loading would miss, and what to do about it."""
    for name, (library, class_name) in parts.items():
        for file in _needed_files(folder / name, library, class_name):
            if not (folder / name / file).is_file():
                raise ModelError(f"The base model at {folder} lacks {name}/{file}. {_advice(folder, f'{name}/{file}')}")


def read_configs(folder: Path, parts: Mapping[str, tuple[str, str]]) -> dict[str, dict[str, Any]]:
    """Each part's configuration by name; empty for a part that has none."""
    configs = {}
    for name, (_, class_name) in parts.items():
        file = folder / name / _configuration_of(class_name)
        configs[name] = _read_json(file) if file.is_file() else {}
    return configs


def digest_of_folder(folder: Path, parts: Iterable[str]) -> str:
    """Changes with any byte that loading reads, and with no other file of the folder (a README, a sample sheet)."""
    named = set(parts)
    read = [(name, path) for name, path in files_below(folder) if name.split("/")[0] in named]
    read.append(("model_index.json", folder / "model_index.json"))
    return digest(sorted([name, digest_of_file(path)] for name, path in read))


def _configuration_of(class_name: str) -> str:
    if class_name.endswith("Scheduler"):
        return "scheduler_config.json"
    if "Tokenizer" in class_name:
        return "tokenizer_config.json"
    return "preprocessor_config.json" if class_name.endswith(PREPROCESSORS) else "config.json"


def _needed_files(folder: Path, library: str, class_name: str) -> list[str]:
    """A processor's files differ by class and release, so it is left to its loader to miss one."""
    configuration = _configuration_of(class_name)
    if configuration != "config.json":
        return [] if configuration == "preprocessor_config.json" else [configuration]
    weights = WEIGHTS.get(library, "model.safetensors")
    index = folder / f"{weights}.index.json"
    if not index.is_file():
        return [configuration, weights]
    return [configuration, *sorted(set(_read_json(index).get("weight_map", {}).values()))]


def _advice(folder: Path, name: str) -> str:
    pickled = [path.name for path in (folder / name).parent.glob("*") if path.suffix in PICKLED_SUFFIXES]
    if pickled and name.endswith(".safetensors"):
        return f"{pickled[0]} beside it is not read, because loading it can run code: save the model again with `safe_serialization=True`."
    return "Copy the folder again in full, or train it with demo/make."


def _read_json(path: Path) -> dict[str, Any]:
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} is not readable JSON: {clause(error)}. Copy the base model again.") from error
    if not isinstance(loaded, dict):
        raise ModelError(f"{path} holds {type(loaded).__name__}, but a mapping was expected. Copy the base model again.")
    return loaded
