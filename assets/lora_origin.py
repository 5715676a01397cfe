"""Where an imported LoRA comes from and what was stated of its license: the last word, also of two at one time, and what it was made from.

Whether pictures may be sold with it follows in resources/model_licenses.py.
"""

from typing import Any

import sqlalchemy as sa

from catalog.errors import LoraRefused
from resources.ledger import Row
from resources.ledger_tables import lora
from resources.project import Project


def refuse_contradiction(project: Project, license: str, commercial_ok: bool) -> None:
    """Raises LoraRefused when commercial use is stated of a license that the registry knows to forbid it."""
    known = project.licenses.of_name(license)
    if commercial_ok and known is not None and known.commercial_ok is False:
        raise LoraRefused(
            f"{license} forbids commercial use ({known.reason.rstrip('.')}), as the registry of models has it. State --no-commercial, or the "
            "license's right name. Nothing was imported."
        )


def imports_of(project: Project, category: str, sha256: str, base_model_digest: str) -> list[Row]:
    """What was stated of a file when it was imported for a category: the first import and corrections of its license, oldest first."""
    query = sa.select(lora).where(lora.c.category == category, lora.c.data_digest == "", lora.c.base_model_digest == base_model_digest)
    rows = project.ledger.rows(query.order_by(lora.c.made_at, lora.c.key))
    return [row for row in rows if row["facts"].get("origin", {}).get("sha256") == sha256]


def as_it_stands(project: Project, row: Row, stated: dict[str, Any]) -> Row:
    """The row as the ledger has it. Raises LoraRefused when the last word on the file's license is not what was stated just now."""
    last = imports_of(project, row["category"], row["facts"]["origin"]["sha256"], row["base_model_digest"])[-1]
    if states(last, stated):
        return last
    held = last["facts"]["origin"]
    raise LoraRefused(
        f"At the same time {held['by']} stated another license of {held['file']}: {held['license']}, commercial use "
        f"{'allowed' if held['commercial_ok'] else 'not allowed'}. That was recorded last, so it holds. Agree, then import the file again with the right one."
    )


def states(row: Row, stated: dict[str, Any]) -> bool:
    """Whether a row says this of its license."""
    return all(row["facts"]["origin"][name] == value for name, value in stated.items())


def made_from(project: Project, data: bytes, name: str) -> list[str]:
    """sha256 of imported files that this one was made from, as its metadata tells: an export is bound by what was stated of the import."""
    from training.lora_file import read_lora_bytes
    from training.lora_metadata import OWN

    facts = read_lora_bytes(data, name)[1]
    exported = facts.get(f"{OWN}exported_from", "")
    rows = project.ledger.rows(sa.select(lora).where(lora.c.lora_digest == exported, lora.c.data_digest == "")) if exported else []
    told = {row["facts"]["origin"]["sha256"] for row in rows if "origin" in row["facts"]} | {facts.get(f"{OWN}imported_from", "")}
    return sorted(told - {""})


def numbered(known: list[Row]) -> dict[str, int]:
    """What tells a correction's key from the first import's, which has no number."""
    return {"correction": len(known)} if known else {}
