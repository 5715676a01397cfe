"""Who may review: names and hashed passwords in one file, readable by its owner only; who is signed in is `sessions.py`.

The file is in the state folder of one machine, or where a deployment mounts it from its secrets.
"""

import base64
import hashlib
import hmac
import json
import os
import re
import secrets
import threading
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from catalog.errors import SettingsError

ACCOUNTS_FILE: Final = "reviewers.json"

SCRYPT: Final = {"n": 2**15, "r": 8, "p": 3, "dklen": 32}
"""Cost of one guess: 32 MiB and some 0.2 CPU-seconds. OWASP Password Storage Cheat Sheet, scrypt, second choice."""

SCRYPT_MEMORY: Final = 64 * 2**20

AT_ONCE: Final = threading.BoundedSemaphore(2)
"""Passwords tried at once: 64 MiB. The rest waits, so that a crowd at the door does not take the machine's memory."""

MIN_PASSWORD_CHARACTERS: Final = 12
"""NIST SP 800-63B asks for 8 at least where there is a second factor and for 15 where there is none; a local page lies between."""

NAME_PATTERN: Final = r"[a-z0-9][a-z0-9._-]{0,31}"


class Account(BaseModel):
    """One reviewer: salt and scrypt digest of the password, both base64."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    salt: str
    digest: str


class Accounts(BaseModel):
    """The accounts file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reviewers: dict[str, Account] = Field(default_factory=dict)

    def fingerprint(self, name: str) -> str:
        """What changes with a reviewer's password; '' for who is none."""
        account = self.reviewers.get(name)
        return hashlib.sha256(f"{account.salt} {account.digest}".encode()).hexdigest()[:32] if account else ""


def read_accounts(path: Path) -> Accounts:
    """The accounts in a file; none when there is no file. Raises SettingsError for a file that cannot be read."""
    try:
        return Accounts.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Accounts()
    except ValidationError as error:
        raise SettingsError(f"{path} is no file of reviewers. Delete it and add them again: `vitrine review add-user NAME`.") from error


def add_account(path: Path, name: str, password: str) -> bool:
    """Add a reviewer, or give one another password; whether the name is new. Raises SettingsError for a bad name or a short password."""
    if not re.fullmatch(NAME_PATTERN, name):
        raise SettingsError(
            f"{name!r} cannot be a reviewer's name: lower-case letters, digits, `.`, `-`, `_`, at most 32. Nothing was changed."
        )
    if len(password) < MIN_PASSWORD_CHARACTERS:
        raise SettingsError(f"The password has {len(password)} characters; {MIN_PASSWORD_CHARACTERS} are needed. Nothing was changed.")
    before, salt = read_accounts(path), secrets.token_bytes(16)
    account = Account(salt=_text(salt), digest=_text(_digest(password, salt)))
    _write(path, {**before.model_dump()["reviewers"], name: account.model_dump()})
    return name not in before.reviewers


def password_fits(accounts: Accounts, name: str, password: str) -> bool:
    """Whether this is a reviewer's password. Takes as long for a name that does not exist."""
    account = accounts.reviewers.get(name)
    salt = base64.b64decode(account.salt) if account else b"\0" * 16
    found = _digest(password, salt)
    return account is not None and hmac.compare_digest(found, base64.b64decode(account.digest))


def _digest(password: str, salt: bytes) -> bytes:
    with AT_ONCE:
        return hashlib.scrypt(password.encode(), salt=salt, maxmem=SCRYPT_MEMORY, **SCRYPT)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _write(path: Path, reviewers: dict[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    waiting = path.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(waiting, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump({"reviewers": reviewers}, file, indent=1, sort_keys=True)
    waiting.replace(path)
