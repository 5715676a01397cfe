"""Weights in a local folder, as `save_pretrained` of transformers writes them: checked and digested without torch, loaded without running their code.

What a model is for, and which message ends how, is its user's (neural_cutout.py, upscaler.py); nothing is ever downloaded.
"""

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from catalog.errors import ModelError
from catalog.sentences import clause

NEEDED = ("config.json", "model.safetensors")


def read_config(folder: Path, *, what: str, model_type: str, advice: str) -> dict[str, Any]:
    """The folder's config.json. Raises ModelError where a file is missing or damaged, or the model is of another type or brings code of its own.

    what: opens every message ("Upscaler 'twice' at models/x2"); advice: ends it, with what to do and what state is left.
    """
    for name in NEEDED:
        if not (folder / name).is_file():
            raise ModelError(f"{what} lacks {name}; its folder has {' and '.join(NEEDED)}. {advice}")
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{what}: config.json is no JSON ({error}). {advice}") from error
    if not isinstance(config, dict):
        raise ModelError(f"{what}: config.json holds a {type(config).__name__} and no settings of a model. {advice}")
    if config.get("auto_map"):
        raise ModelError(f"{what} asks for code of its own, and none is run. {advice}")
    if config.get("model_type") != model_type:
        raise ModelError(f"{what} is a model of type {config.get('model_type')!r}; {model_type!r} is read. {advice}")
    return config


def digest_of(folder: Path) -> str:
    """Sha256 over the names and bytes of what is needed; read once per process for files that stay as they are."""
    return _digest(tuple((folder / name, (folder / name).stat().st_mtime_ns) for name in NEEDED))


@lru_cache(maxsize=4)
def _digest(files: tuple[tuple[Path, int], ...]) -> str:
    total = hashlib.sha256()
    for path, _ in files:
        with path.open("rb") as file:
            total.update(f"{path.name}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return total.hexdigest()


def load_network(network_class: Any, folder: Path, *, what: str, advice: str) -> Any:
    """A network of a class of transformers, in float32 however it was saved, ready to be asked. Raises ModelError if its files do not fit together."""
    import torch
    from safetensors import SafetensorError

    try:
        network, loading = network_class.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, output_loading_info=True, dtype=torch.float32
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"{what} cannot be loaded: {clause(error)}. {advice}") from error
    if loading["missing_keys"]:
        raise ModelError(f"{what} lacks {len(loading['missing_keys'])} weights, {sorted(loading['missing_keys'])[0]} among them. {advice}")
    return network.eval()
