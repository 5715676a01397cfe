"""Pin a model: read commit and digests from what was fetched. Verifying what was pinned is `installed_models.py`, writing it `pinned_file.py`."""

import re
from dataclasses import dataclass
from pathlib import Path

from catalog.errors import ModelError
from generation.file_digests import digest_of_file
from generation.model_files import files_below
from generation.model_registry import OWN_FILE, RegisteredModel
from resources.installed_models import fetch_command, files_to_pin, in_words, installed_folder, snapshot_folder

SHA256 = re.compile(r"[0-9a-f]{64}")
COMMIT = re.compile(r"[0-9a-f]{40}")
LICENSE_NAMES = ("LICENSE", "LICENCE", "USE_POLICY")
"""Beginnings of names of license texts at the top of a model's folder."""


@dataclass(frozen=True, kw_only=True)
class Pin:
    """What was read of a fetched model: where it lies (None: the hub's cache), its commit if the download tells, digests by file name."""

    folder: Path | None
    revision: str | None
    files: dict[str, str]
    license_files: dict[str, str]


def folder_to_pin(model: RegisteredModel, hub_cache: Path, given: Path | None) -> Path:
    """The folder that a model is to be pinned from: the one given, the one its entry names, else the hub cache's. Raises ModelError when it is not there."""
    if given is not None:
        if not given.is_dir():
            raise ModelError(f"{given} is no folder, so model {model.id!r} is not pinned. Name the folder that it was downloaded to.")
        return given
    found = installed_folder(model, hub_cache)
    if found is None and model.folder is None:
        found = snapshot_folder(model, hub_cache, "main")
    if found is None:
        command = f" Fetch it: {in_words(fetch_command(model))}" if model.entry.repo else ""
        where = model.folder or f"{hub_cache} (as {model.entry.repo})"
        raise ModelError(f"Model {model.id!r} is not on this machine: there is nothing at {where}, so it is not pinned.{command}")
    return found


def read_pin(model: RegisteredModel, folder: Path, *, named: bool) -> Pin:
    """Digest a model's files; `named`: the entry is to say that it lies in this folder.

    Raises ModelError for files that may not be in it, that are not there in full, or that have other bytes than the hub announced.
    """
    here = files_to_pin(model, folder)
    licenses = {name: path for name, path in files_below(folder) if "/" not in name and name.upper().startswith(LICENSE_NAMES)}
    files = {name: digest_of_file(path) for name, path in here.items()}
    for name, path in here.items():
        announced = _announced(folder, name, path)
        if announced is not None and announced != files[name]:
            again = f" Fetch it anew: {in_words(fetch_command(model))}" if model.entry.repo else ""
            raise ModelError(
                f"Model {model.id!r} is not pinned: {name} in {folder} has sha256 {files[name][:12]}, the hub announced {announced[:12]}. It was "
                f"cut short or altered.{again}"
            )
    revision = _commit(folder, next(iter(here)))
    return Pin(
        folder=folder.resolve() if named or model.entry.repo is None else None,
        revision=revision,
        files=files,
        license_files={name: digest_of_file(path) for name, path in licenses.items()},
    )


def license_changes(model: RegisteredModel, pin: Pin) -> str:
    """What of the license texts is another than when the entry was pinned before, in words; '' when all is as it was, or it was not pinned.

    Whoever read the license read the former text: `commercial_ok` is their reading.
    """
    before, now = model.entry.license_files, pin.license_files
    if not model.entry.files or before == now:
        return ""
    told = [
        f"{name} {'is new' if name not in before else 'is gone' if name not in now else 'has other words'}"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]
    return (
        f"Its license texts are not those that were pinned before: {', '.join(told)}. The entry still says {model.entry.license.name}; read what it "
        f"comes with now, and say in {OWN_FILE} under `license` what it allows."
    )


def _announced(folder: Path, name: str, path: Path) -> str | None:
    """The sha256 that the hub announced for a large file: the name of the blob in its cache, or noted beside a downloaded folder."""
    if path.is_symlink() and SHA256.fullmatch(path.readlink().name):
        return path.readlink().name
    noted = _noted(folder, name)
    return noted[1] if len(noted) > 1 and SHA256.fullmatch(noted[1]) else None


def _commit(folder: Path, name: str) -> str | None:
    """The commit a folder was fetched at: its own name in the hub's cache, or noted beside its files; None when nothing tells."""
    if folder.parent.name == "snapshots" and COMMIT.fullmatch(folder.name):
        return folder.name
    noted = _noted(folder, name)
    return noted[0] if noted and COMMIT.fullmatch(noted[0]) else None


def _noted(folder: Path, name: str) -> list[str]:
    """Commit, ETag and time that the hub's library notes of each file it downloads into a folder; empty where it did not."""
    note = folder / ".cache" / "huggingface" / "download" / f"{name}.metadata"
    return note.read_text(encoding="utf-8").split() if note.is_file() else []
