"""What a base model's folder may not hold: code, weights that run code when they are loaded, weights that end too early.

Reads names, JSON and the headers of safetensors; loads nothing and digests nothing.
"""

import json
from pathlib import Path
from typing import Any

from generation.model_files import files_below
from generation.model_folder import PICKLED_SUFFIXES
from generation.safetensors_header import read_header

PICKLED = frozenset({*PICKLED_SUFFIXES, ".pkl", ".pickle"})
"""Weight formats that can run code when they are loaded. Vitrine never reads them."""
CODE = frozenset({".py", ".pyc", ".so", ".dll", ".pyd"})
LIBRARIES = frozenset({"diffusers", "transformers", "stable_diffusion"})
"""What a part of a pipeline may come from; another name is a module of the model's own. The last one is the module of diffusers that the
safety checker of Stable Diffusion 1.5 is named by."""
ASKS_FOR_CODE = ("auto_map", "trust_remote_code", "custom_pipeline")
"""Keys of configurations by which a model asks to run code of its own."""
MAX_CONFIGURATION_BYTES = 1_000_000
"""Configurations are a few KB; larger JSON files are vocabularies and lists of weights."""


def code_in(folder: Path) -> str:
    """What of a folder would be code of the model's own, in words; '' when there is none."""
    for name, path in files_below(folder):
        if path.suffix.lower() in CODE:
            return f"{name} is code, and a model brings none"
        if path.suffix.lower() != ".json":
            continue
        if path.name.endswith("config.json") and path.stat().st_size > MAX_CONFIGURATION_BYTES:
            return f"{name} has {path.stat().st_size:,} bytes, and configurations have at most {MAX_CONFIGURATION_BYTES:,}: it is not read"
        if path.stat().st_size <= MAX_CONFIGURATION_BYTES and (asked := _asked_for(name, _json(path))):
            return asked
    return ""


def _asked_for(name: str, configuration: dict[str, Any]) -> str:
    if keys := [key for key in ASKS_FOR_CODE if configuration.get(key)]:
        return f"{name} asks for code of the model's own ({keys[0]}), and none is run"
    if name != "model_index.json":
        return ""
    if not isinstance(configuration.get("_class_name", ""), str):
        return f"{name} names a pipeline of the model's own ({configuration['_class_name']}), and no such code is run"
    for part, named in configuration.items():
        if isinstance(named, list) and named and named[0] is not None and named[0] not in LIBRARIES:
            return f"{name} takes {part} from {named[0]!r}; known are {', '.join(sorted(LIBRARIES))}, and no code of the model's own is run"
    return ""


def pickles_in(folder: Path) -> list[str]:
    """Names of weight files that could run code when loaded."""
    return [name for name, path in files_below(folder) if path.suffix.lower() in PICKLED]


def cut_short(folder: Path) -> str:
    """The first safetensors file that holds fewer or more bytes than its header says, in words; '' when all are whole."""
    for name, path in files_below(folder):
        if path.suffix != ".safetensors":
            continue
        told, found = _length_told(path), path.stat().st_size
        if told != found or not told:
            return f"{name} has {found:,} bytes" + (f", its header says {told:,}" if told else " and no readable header")
    return ""


def _length_told(path: Path) -> int:
    """Length of a safetensors file by its own header; 0 when it is not readable."""
    before, tensors = read_header(path)
    try:
        return before + max((int(tensor["data_offsets"][1]) for tensor in tensors.values()), default=0)
    except (ValueError, KeyError, TypeError, IndexError):
        return 0


def _json(path: Path) -> dict[str, Any]:
    """A JSON mapping; empty for anything else, which its loader will refuse."""
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return loaded if isinstance(loaded, dict) else {}
