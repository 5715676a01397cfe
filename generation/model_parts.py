"""Which files of a model's folder loading reads: model_index.json and the folders of the parts it names, or an adapter's one file.

Digests nothing and loads nothing.
"""

import json
from pathlib import Path
from typing import Any

from catalog.errors import ModelError
from catalog.model_entry import ModelEntry
from catalog.sentences import clause
from generation.families import FAMILIES, family_of_pipeline
from generation.model_files import files_below
from generation.model_folder import parts_of, read_index
from generation.model_safety import PICKLED

OTHER_FORMATS = (".msgpack", ".onnx", ".onnx_data", ".h5", ".xml", ".gguf")
"""Weights for other libraries, which repositories keep beside ours."""


def left_out(family: str) -> frozenset[str]:
    """Parts of a family's folders that are never loaded, and so no part of a model's digest."""
    return FAMILIES[family].left_out if family in FAMILIES else frozenset()


def refuse_another_family(entry: ModelEntry, folder: Path) -> None:
    """Raise ModelError for a folder of another family than its entry's, which decides how LoRAs are trained on it."""
    class_name = str(read_index(folder).get("_class_name"))
    family = family_of_pipeline(class_name)
    if entry.family in FAMILIES and (family is None or family.name != entry.family):
        raise ModelError(
            f"The model in {folder} is a {class_name}, and not of family '{entry.family}'. Correct `family`, or name another folder."
        )


def read_files(entry: ModelEntry, folder: Path) -> dict[str, Path]:
    """The files of a model that loading reads, by their name in its folder. Raises ModelError when it lacks what makes it a model."""
    if entry.adapter_file is not None:
        if not (folder / entry.adapter_file).is_file():
            raise ModelError(f"{folder} lacks {entry.adapter_file}. Copy the file there, or correct `adapter_file`.")
        return {entry.adapter_file: folder / entry.adapter_file}
    index = read_index(folder)
    refuse_another_family(entry, folder)
    parts = parts_of(index, left_out(entry.family))
    found = {name: path for name, path in files_below(folder) if name == "model_index.json" or name.split("/")[0] in parts}
    lacking = sorted(part for part in parts if not any(name.startswith(f"{part}/") for name in found))
    if lacking:
        raise ModelError(f"{folder} lacks the folder {lacking[0]}, which its model_index.json names. Copy the model again in full.")
    return found


def never_read(entry: ModelEntry, name: str, names: set[str]) -> str:
    """Why a file of a model's parts is never loaded, in words; '' for one that is."""
    path = Path(name)
    if path.suffix in PICKLED:
        return "a pickled weight, which can run code when it is loaded"
    if path.suffix in OTHER_FORMATS:
        return "a weight for another library"
    plain = name.replace(".fp16", "").replace(".bf16", "").replace(".non_ema", "")
    if path.suffix in {".safetensors", ".json"} and plain != name and (plain in names or _is_variant(name)):
        return "another precision of the same weights"
    return ""


def _is_variant(name: str) -> bool:
    return name.endswith((".fp16.safetensors", ".bf16.safetensors", ".non_ema.safetensors"))


def missing_shards(files: dict[str, Path]) -> list[str]:
    """Files that an index of weights cut into shards names, and that are not there."""
    lacking = []
    for name, path in files.items():
        if name.endswith(".safetensors.index.json"):
            prefix = name.rpartition("/")[0]
            shards = {f"{prefix}/{shard}" for shard in _mapping(path).get("weight_map", {}).values()}
            lacking += sorted(shards - files.keys())
    return lacking


def _mapping(path: Path) -> dict[str, Any]:
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} is not readable JSON: {clause(error)}. Copy the model again.") from error
    if not isinstance(loaded, dict):
        raise ModelError(f"{path} holds {type(loaded).__name__}, but a mapping was expected. Copy the model again.")
    return loaded
