"""Whether pictures may be sold that were drawn with a model and a LoRA, by the licenses of both; who asks is the publication.

A license belongs to bytes: a copy of a registered model is known by its digest wherever it lies. What nobody registered has an unknown license,
and unknown means no.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from generation.model_registry import OWN_FILE, RegisteredModel, model_digest
from resources.ledger import Row
from resources.ledger_tables import lora, lora_choice

if TYPE_CHECKING:
    from catalog.model_entry import License
    from resources.project import Project


class ModelLicenses:
    """What the licenses of a project's models allow; looked up once per LoRA, as a plan of many cells asks thousands of times."""

    def __init__(self, project: "Project") -> None:
        self._project = project
        self._known: dict[str | None, str] = {}
        self._drawn: dict[tuple[str, str], str] = {}

    def refusal(self, lora_digest: str | None) -> str:
        """Why pictures drawn with this LoRA (None: with the present base model alone) may not be sold; '' when they may."""
        if lora_digest not in self._known:
            self._known[lora_digest] = self._refusal(lora_digest) or self._of_few_step()
        return self._known[lora_digest]

    @property
    def may_refuse(self) -> bool:
        """Whether any picture of the project could be refused: the present base model, or one that a LoRA was ever trained on, is not cleared."""
        chosen = lora.c.key.in_(sa.select(lora_choice.c.lora_key))
        query = sa.select(lora.c.lora_digest).where(lora.c.promoted | chosen).distinct()
        loras: Iterable[str | None] = (row["lora_digest"] for row in self._project.ledger.rows(query))
        return any(self.refusal(one) for one in loras)

    def of_base_model(self, digest: str) -> str:
        """Why pictures of a base model may not be sold; '' when they may."""
        found = self._model(digest)
        if found is None:
            return (
                f"base model {digest[:12]} is not registered, so its license is unknown. Add it to {OWN_FILE} with its license, then "
                "`vitrine models pin ID`"
            )
        return self.of_model(found)

    def of_model(self, model: RegisteredModel) -> str:
        """Why pictures of a registered model or adapter may not be sold; '' when they may."""
        held = model.entry.license
        if held.commercial_ok is True or (held.commercial_ok == "conditions" and held.name in self._project.settings.accepted_licenses):
            return ""
        if held.commercial_ok == "conditions":
            return (
                f"{model.id} is under {held.name}, which allows commercial use on conditions ({held.reason.rstrip('.')}). When somebody has "
                f"read and keeps them, add {held.name!r} to `accepted_licenses` in vitrine.yaml"
            )
        return f"{model.id} is under {held.name}, which forbids commercial use ({held.reason.rstrip('.')})"

    def _model(self, digest: str) -> RegisteredModel | None:
        project = self._project
        present = project.registered_base_model
        if present is not None and digest == project.base_model_digest:
            return present
        return project.models.of_digest(digest)

    def _refusal(self, lora_digest: str | None) -> str:
        if lora_digest is None:
            return self.of_base_model(self._project.base_model_digest)
        rows = self._project.ledger.rows(sa.select(lora).where(lora.c.lora_digest == lora_digest).order_by(lora.c.key))
        if rows:
            # Trained here, on looks of one's own, nothing but the licenses of its base model and of what draws with it bind; imported, its own, too.
            trained_on = sorted({row["base_model_digest"] for row in rows})
            of_base = (self.of_base_model(one) or self._of_what_draws_with(one) for one in trained_on)
            return next(filter(None, (*self._of_imports(rows), *of_base)), "")
        adapter = self._project.models.of_adapter(lora_digest)
        if adapter is None:
            return f"LoRA {lora_digest[:12]} was not trained here and is not registered, so its license is unknown. Add it to {OWN_FILE}"
        return self.of_model(adapter) or self.of_base_model(self._project.base_model_digest)

    def _of_imports(self, rows: Iterable[Row]) -> list[str]:
        """Why pictures of an imported LoRA may not be sold, by what was stated last in each category that its file was imported for."""
        files = {_imported_file(row) for row in rows} - {""}
        if not files:
            return []
        imports = self._project.ledger.rows(sa.select(lora).where(lora.c.data_digest == "").order_by(lora.c.made_at, lora.c.key))
        last = {(row["category"], _imported_file(row)): row for row in imports if _imported_file(row)}
        bound = _with_what_they_were_made_from(files, last.values())
        return [self._of_imported(last[place]) for place in sorted(last) if place[1] in bound]

    def of_name(self, name: str) -> "License | None":
        """The license that the registry has under this name, the strictest where entries read it differently; None when no entry has it."""
        found = [model.entry.license for model in self._project.models.models.values() if model.entry.license.name.lower() == name.lower()]
        return min(found, key=lambda held: (held.commercial_ok is True, held.commercial_ok == "conditions"), default=None)

    def of_named_license(self, name: str) -> str:
        """Why what was made with weights under a license of this name may not be sold, in words; '' when it may."""
        known, accepted = self.of_name(name), set(self._project.settings.accepted_licenses)
        if known is not None and known.commercial_ok is True:
            return ""
        if known is not None and known.commercial_ok is False:
            return f"{known.name} forbids commercial use ({known.reason.rstrip('.')})"
        if name in accepted or (known is not None and known.name in accepted):
            return ""
        why = "is not in the registry of models" if known is None else f"allows commercial use on conditions ({known.reason.rstrip('.')})"
        return f"{name} {why}. When somebody has read and keeps it, add {name!r} to `accepted_licenses` in vitrine.yaml"

    def _of_imported(self, row: Row) -> str:
        """Why pictures of an imported LoRA may not be sold: by what was said of it, and by what the registry knows of the license named."""
        origin = row["facts"]["origin"]
        imported = f"LoRA {row['lora_digest'][:12]} was imported from {origin['file']} under {origin['license']}, which"
        if not origin["commercial_ok"]:
            return f"{imported} forbids commercial use as {origin['by']} said then"
        known = self.of_name(origin["license"])
        if known is None or known.commercial_ok is True:
            return ""
        if known.commercial_ok is False:
            return f"{imported} forbids commercial use ({known.reason.rstrip('.')}), whatever {origin['by']} said then"
        if {known.name, origin["license"]} & set(self._project.settings.accepted_licenses):
            return ""
        return (
            f"{imported} allows commercial use on conditions ({known.reason.rstrip('.')}). When somebody has read and keeps them, add "
            f"{known.name!r} to `accepted_licenses` in vitrine.yaml"
        )

    def of_drawing(self, recorded: Mapping[str, Any]) -> str:
        """Why a picture may not be sold, by the base model and few-step adapter that its render recorded; '' when it may, or nothing is recorded."""
        base, few_step = recorded.get("base_model"), recorded.get("few_step")
        named = (str(base) if base else "", str(few_step["digest"]) if few_step else "")
        if named not in self._drawn:
            base_digest, adapter_digest = named
            refusal = self.of_base_model(base_digest) if base_digest else ""
            self._drawn[named] = refusal or (self._of_adapter(adapter_digest) if adapter_digest else "")
        return self._drawn[named]

    def _of_adapter(self, sha256: str) -> str:
        adapter = self._project.models.of_adapter(sha256)
        if adapter is None:
            return f"adapter {sha256[:12]} is not registered, so its license is unknown. Add it to {OWN_FILE}"
        return self.of_model(adapter)

    def _of_few_step(self) -> str:
        """Why pictures that the few-step adapter helps to draw may not be sold; '' when they may, or there is none."""
        adapter = self._project.few_step.registered
        return "" if adapter is None else self.of_model(adapter)

    def _of_what_draws_with(self, trained_on: str) -> str:
        """Why the present base model's pictures may not be sold, where it draws with LoRAs of another (a distilled model with its undistilled one's)."""
        present = self._project.registered_base_model
        of = None if present is None or present.entry.trains_on is None else self._project.models.models[present.entry.trains_on]
        if present is None or of is None or not of.entry.is_pinned or model_digest(of) != trained_on:
            return ""
        return self.of_model(present)


def _imported_file(row: Row) -> str:
    """The digest of the file that an imported LoRA came from, whatever it became here; '' for a LoRA trained here."""
    origin = row["facts"].get("origin")
    return "" if origin is None else str(origin["sha256"])


def _with_what_they_were_made_from(files: set[str], imports: Iterable[Row]) -> set[str]:
    """Imported files, and those that they were made from: an export that is imported again has another digest and the same license."""
    sources: dict[str, set[str]] = {}
    for row in imports:
        sources.setdefault(_imported_file(row), set()).update(row["facts"]["origin"].get("made_from", ()))
    bound, open_ones = set[str](), set(files)
    while open_ones:
        bound |= open_ones
        open_ones = set().union(*(sources.get(file, set()) for file in open_ones)) - bound
    return bound
