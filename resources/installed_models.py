"""Registered models on this machine: where one lies, whether its files are those that were pinned, and the command that fetches it.

Reaches no network: the hub's cache is only looked into. What a model may be used for is `model_licenses.py`.
"""

import shlex
from pathlib import Path

from catalog.errors import ModelError
from generation.file_digests import digest_of_file, forget
from generation.model_parts import left_out, missing_shards, never_read, read_files, refuse_another_family
from generation.model_registry import RegisteredModel, as_base_model, check_pinned
from generation.model_safety import code_in, cut_short

NEVER_FETCHED = (
    "*.bin",
    "*.ckpt",
    "*.pt",
    "*.pth",
    "*.msgpack",
    "*.onnx",
    "*.onnx_data",
    "*.h5",
    "*.xml",
    "*.py",
    "*.fp16.*",
    "*.bf16.*",
    "*.non_ema.*",
)
"""Patterns of what repositories keep beside the weights that are read: pickles, other libraries' weights, second copies, code."""
FETCHED = ("model_index.json", "*/*", "LICENSE*")
"""A repository's parts, and not the single-file weights that many keep at the top, which would double the download."""


def installed_folder(model: RegisteredModel, hub_cache: Path) -> Path | None:
    """The folder a model lies in: the one its entry names, else its pinned commit in the hub's cache; None when it is not there."""
    folder = model.folder
    if folder is not None:
        return folder if folder.is_dir() else None
    return snapshot_folder(model, hub_cache, model.entry.revision) if model.entry.revision else None


def snapshot_folder(model: RegisteredModel, hub_cache: Path, revision: str) -> Path | None:
    """The folder of a commit (or of what a branch was when it was fetched) in the hub's cache; None when it is not there, or not in full."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    assert model.entry.repo is not None, "a model without a folder comes from a repository"
    wanted = [model.entry.adapter_file] if model.entry.adapter_file else list(FETCHED)
    try:
        found = snapshot_download(
            model.entry.repo,
            revision=revision,
            cache_dir=hub_cache,
            local_files_only=True,
            allow_patterns=wanted,
            ignore_patterns=_left_there(model),
        )
    except (LocalEntryNotFoundError, FileNotFoundError, HFValidationError):  # the last for a name that no repository can have
        return None
    return Path(found)


def fetch_command(model: RegisteredModel, folder: Path | None = None) -> list[str]:
    """The command that downloads what a model needs and nothing else, into a folder or the hub's cache. Raises ModelError without a repository."""
    entry, folder = model.entry, folder or model.folder
    if entry.repo is None:
        raise ModelError(
            f"Model {model.id!r} comes from the folder {model.folder}, and no repository is registered to fetch it from. Copy it there."
        )
    command = ["hf", "download", entry.repo]
    if entry.adapter_file:
        command.append(entry.adapter_file)
    if entry.revision:
        command += ["--revision", entry.revision]
    if not entry.adapter_file:
        for option, patterns in (("--include", FETCHED), ("--exclude", _left_there(model))):
            command += [word for pattern in patterns for word in (option, pattern)]
    return command + (["--local-dir", str(folder)] if folder else [])


def in_words(command: list[str]) -> str:
    """A command as a shell takes it."""
    return shlex.join(command)


def _left_there(model: RegisteredModel) -> list[str]:
    return [*NEVER_FETCHED, *(f"{part}/*" for part in sorted(left_out(model.entry.family))), *model.entry.leave_out]


def verified_folder(model: RegisteredModel, hub_cache: Path) -> Path:
    """The folder of a pinned base model whose files are all as pinned. Raises ModelError telling what is wrong and what to do."""
    as_base_model(model)
    folder = installed_folder(model, hub_cache)
    if folder is None:
        raise ModelError(
            f"Base model {model.id!r} is not on this machine: {_where(model, hub_cache)} is not there. Nothing was drawn. {_how_to_fetch(model)}"
        )
    if (folder / "model_index.json").is_file():  # that it is not there is told among the problems
        refuse_another_family(model.entry, folder)
    if wrong := problems(model, folder):
        more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise ModelError(
            f"Base model {model.id!r} in {folder} is not what was pinned: {wrong[0]}{more}. Nothing was drawn. {_how_to_fetch(model)}"
        )
    return folder


def _where(model: RegisteredModel, hub_cache: Path) -> str:
    return str(model.folder) if model.folder else f"{model.entry.repo} at {(model.entry.revision or '')[:12]} in {hub_cache}"


def _how_to_fetch(model: RegisteredModel) -> str:
    return f"Fetch it: {in_words(fetch_command(model))}" if model.entry.repo else "Copy the folder again in full."


def problems(model: RegisteredModel, folder: Path, *, full: bool = False) -> list[str]:
    """What of an installed model differs from its entry, or may not be there, in words; empty when all is well.

    Digests are remembered while a file keeps size, times and inode; `full` reads every byte again.
    """
    if found := unsafe(folder):
        return [found]
    try:
        here = read_files(model.entry, folder)
    except ModelError as error:
        return [str(error).rstrip(".")]
    if full:
        forget(folder)
    wrong = []
    for name, expected in {**model.entry.files, **model.entry.license_files}.items():
        path = folder / name
        if not path.is_file():
            wrong.append(f"{name} is missing")
        elif (sha256 := digest_of_file(path)) != expected:
            wrong.append(f"{name} has other bytes ({sha256[:12]}, pinned is {expected[:12]})")
    for name in sorted(here.keys() - model.entry.files.keys()):
        wrong.append(f"{name} was not there when it was pinned; remove it" + _because(never_read(model.entry, name, set(here))))
    return wrong


def _because(reason: str) -> str:
    return f" (it is {reason})" if reason else ""


def unsafe(folder: Path) -> str:
    """Why nothing may be loaded from a folder, in words: code of the model's own, or weights that end too early; '' when it may."""
    return code_in(folder) or cut_short(folder)


def files_to_pin(model: RegisteredModel, folder: Path) -> dict[str, Path]:
    """The files of a folder that an entry would name. Raises ModelError for what may not be in it, or is not there in full."""
    here = read_files(model.entry, folder)
    wrong = unsafe(folder)
    for name in sorted(here):
        reason = never_read(model.entry, name, set(here))
        wrong = wrong or (f"{name} is {reason}, and is never read; remove it" if reason else "")
    wrong = wrong or "".join(f"{name} is missing, though an index of weights names it" for name in missing_shards(here)[:1])
    if wrong:
        again = f" Or fetch it anew: {in_words(fetch_command(model))}" if model.entry.repo else ""
        raise ModelError(f"Model {model.id!r} in {folder} is not pinned: {wrong}.{again}")
    return here


def verified_adapter(adapter: RegisteredModel, base_model: RegisteredModel, hub_cache: Path) -> Path:
    """The weight file of a pinned adapter of a base model, its bytes as pinned. Raises ModelError telling what is wrong and what to do."""
    if base_model.id not in adapter.entry.adapter_of or adapter.entry.adapter_file is None:
        fits = ", ".join(adapter.entry.adapter_of) or "none: it is no adapter"
        raise ModelError(f"Model {adapter.id!r} does not fit base model {base_model.id!r}. It fits: {fits}. Choose another of the two.")
    check_pinned(adapter)
    folder = installed_folder(adapter, hub_cache)
    wrong = [f"it is not at {_where(adapter, hub_cache)}"] if folder is None else problems(adapter, folder)
    if folder is None or wrong:
        raise ModelError(f"Adapter {adapter.id!r} is not what was pinned: {wrong[0]}. Nothing was drawn. {_how_to_fetch(adapter)}")
    return folder / adapter.entry.adapter_file
