"""The registry of base models: the shipped models.yaml, and a project's own, which adds entries or overrides parts of them.

Looks at no model's files; see `model_safety.py` and the resources floor for those.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from catalog.errors import ModelError, SettingsError
from catalog.model_entry import MODEL_ID, ModelEntry
from catalog.recipe import parse_model, read_yaml
from generation.model_parts import left_out

SHIPPED = Path(__file__).parent / "models.yaml"
OWN_FILE = "models.yaml"
"""Name of a project's own registry, beside its vitrine.yaml."""


class RegistryFile(BaseModel):
    """A models.yaml: entries by id. In a project's own file an entry of a shipped id may give only what it changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: dict[str, dict[str, Any]] = Field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RegisteredModel:
    """An entry with its id and the folder that its own relative `folder` is counted from."""

    id: str
    entry: ModelEntry
    home: Path
    is_own: bool
    """Whether the project's own file says anything of it."""

    @property
    def folder(self) -> Path | None:
        """The local folder the entry names; None for one that comes from the hub's cache."""
        return None if self.entry.folder is None else (self.home / self.entry.folder).expanduser().resolve()


@dataclass(frozen=True)
class ModelRegistry:
    """All registered models by id, in the order of the files."""

    models: Mapping[str, RegisteredModel]

    def named(self, name: str) -> RegisteredModel | None:
        """The model of an id or, if only one has it, of a hub repository; None when nothing is registered under that name."""
        if name in self.models:
            return self.models[name]
        of_repository = [one for one in self.models.values() if one.entry.repo == name and one.entry.role != "adapter"]
        return of_repository[0] if len(of_repository) == 1 else None

    def needed(self, name: str) -> RegisteredModel:
        """The model of an id. Raises ModelError naming those there are."""
        found = self.named(name)
        if found is None:
            raise ModelError(f"No model {name!r} is registered. There are: {', '.join(self.models)}. Add it to {OWN_FILE} of the project.")
        return found

    def of_digest(self, digest: str) -> RegisteredModel | None:
        """The base model that consists of exactly these bytes; a project's own entry before a shipped one, None when nobody registered them."""
        found = self._by_digest.get(digest, ())
        return min(found, key=lambda one: not one.is_own) if found else None

    def of_adapter(self, sha256: str) -> RegisteredModel | None:
        """The adapter whose weight file has this sha256; None when nobody registered it."""
        adapters = (one for one in self.models.values() if one.entry.role == "adapter")
        return next((one for one in adapters if sha256 in one.entry.files.values()), None)

    @cached_property
    def _by_digest(self) -> Mapping[str, list[RegisteredModel]]:
        found: dict[str, list[RegisteredModel]] = {}
        for one in self.models.values():
            if one.entry.is_pinned and one.entry.role != "adapter":
                found.setdefault(model_digest(one), []).append(one)
        return found


def check_pinned(model: RegisteredModel) -> None:
    """Raise ModelError, telling how to pin it, for a model of which nobody has said which bytes it is."""
    if not model.entry.is_pinned:
        raise ModelError(
            f"Model {model.id!r} is registered but not pinned: nobody has said which bytes it is, so nothing is drawn or trained with it. "
            f"{_how_to_pin(model)}"
        )


def _how_to_pin(model: RegisteredModel) -> str:
    pin = f"`vitrine models pin {model.id}`"
    if model.folder is not None and model.folder.is_dir():
        return f"Pin it: {pin} reads {model.folder} and writes its digests into {OWN_FILE}."
    if model.entry.repo is None:
        return f"Copy it to {model.folder}, which is not there; then {pin} writes its digests into {OWN_FILE}."
    return f"Fetch it (`vitrine models fetch {model.id}`), then {pin} writes its digests into {OWN_FILE}."


def model_digest(model: RegisteredModel) -> str:
    """The digest that a pinned base model has in keys, told from its entry alone: no file is read. Raises ModelError for one that is not pinned."""
    check_pinned(model)
    return model.entry.digest(left_out(model.entry.family))


def as_base_model(model: RegisteredModel) -> RegisteredModel:
    """The model, once Vitrine can draw with it. Raises ModelError for an adapter, for one of no family of ours, and for one that is not pinned."""
    entry = model.entry
    if entry.role == "adapter" or entry.family == "unsupported":
        what = "an adapter of other models" if entry.role == "adapter" else "of no family that Vitrine draws with"
        license_words = "" if entry.license.commercial_ok is True else f" Its license, {entry.license.name}: {entry.license.reason}"
        raise ModelError(
            f"Model {model.id!r} ({entry.title}) is {what}.{license_words} Set `base_model` to another; `vitrine models list` names them."
        )
    model_digest(model)
    return model


def as_drawing_model(model: RegisteredModel, registry: ModelRegistry) -> RegisteredModel:
    """The model, once a project can draw with it. Raises ModelError like `as_base_model`, and for one that is for training only."""
    if model.entry.role == "training":
        drawn = [one.id for one in registry.models.values() if one.entry.trains_on == model.id]
        other = f"Set `base_model` to {' or '.join(drawn)}" if drawn else "Set `base_model` to another"
        raise ModelError(
            f"Model {model.id!r} ({model.entry.title}) is registered for training only (`role: training`). {other}, or say `role: both` of it in {OWN_FILE}."
        )
    return as_base_model(model)


def as_trained_on(model: RegisteredModel) -> RegisteredModel:
    """The model, once LoRAs may be trained on it. Raises ModelError for one that is for drawing only."""
    if model.entry.role == "inference":
        raise ModelError(
            f"Model {model.id!r} ({model.entry.title}) is registered for drawing only (`role: inference`): it was distilled, and LoRAs trained on it "
            f"undo that. Name the undistilled one in `trains_on` of its entry, or say `role: both` of it in {OWN_FILE}."
        )
    return model


def read_registry(project_dir: Path | None = None) -> ModelRegistry:
    """The shipped models with those of a project's own models.yaml, if there is one. Raises SettingsError naming the file and each wrong entry."""
    registry, wrong = look_at_registry(project_dir)
    if wrong:
        raise SettingsError("\n".join(wrong))
    return registry


def look_at_registry(project_dir: Path | None = None) -> tuple[ModelRegistry, list[str]]:
    """The models whose entries are right, and what is wrong with the others, in words.

    Raises SettingsError for a file that cannot be read as entries at all.
    """
    shipped = parse_model(RegistryFile, read_yaml(SHIPPED), SHIPPED).models
    own_file = None if project_dir is None else project_dir / OWN_FILE
    own = parse_model(RegistryFile, read_yaml(own_file), own_file).models if own_file is not None and own_file.is_file() else {}
    models: dict[str, RegisteredModel] = {}
    wrong = []
    for name in [*own, *(name for name in shipped if name not in own)]:
        source = SHIPPED if name not in own or own_file is None else own_file
        try:
            _check_id(name, source)
            entry = parse_model(ModelEntry, {**shipped.get(name, {}), **own.get(name, {})}, f"{source}: models.{name}")
        except SettingsError as error:
            wrong.append(str(error))
            continue
        home = source.parent if "folder" in own.get(name, {}) or name not in shipped else SHIPPED.parent
        models[name] = RegisteredModel(id=name, entry=entry, home=home, is_own=name in own)
    unread = {*own, *shipped} - models.keys()
    refused = {one.id: told for one in models.values() if (told := _wrong_reference(one, models, unread))}
    right = {name: one for name, one in models.items() if name not in refused}
    return ModelRegistry(right), [*wrong, *refused.values()]


def _check_id(name: str, source: Path) -> None:
    import re

    if not re.fullmatch(MODEL_ID, name):
        raise SettingsError(
            f"{source}: {name!r} cannot be the id of a model. Allowed: lower case letters, digits and single . - _ between."
        )


def _wrong_reference(one: RegisteredModel, models: Mapping[str, RegisteredModel], unread: Set[str]) -> str:
    """Why a model cannot speak of another as it does, in words; '' when it can, or when that one's own entry is what is wrong (`unread`)."""
    for other in (*one.entry.adapter_of, *((one.entry.trains_on,) if one.entry.trains_on else ())):
        if other in unread:
            continue
        if other not in models:
            return f"{OWN_FILE}: models.{one.id} speaks of model {other!r}, which is not registered. Register it, or correct the id."
        if models[other].entry.family != one.entry.family or other == one.id:
            what = "is itself" if other == one.id else f"is of family '{models[other].entry.family}'"
            return (
                f"{OWN_FILE}: models.{one.id}, of family '{one.entry.family}', speaks of model {other!r}, which {what}: what one of them learned fits "
                "no other family. Name the model it was distilled from, or leave the line out."
            )
    return ""


def registry_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a project's models.yaml, for editors; nothing is required, as entries of shipped ids give only changes."""
    schema: dict[str, Any] = TypeAdapter(dict[str, ModelEntry]).json_schema()
    schema["$defs"]["ModelEntry"].pop("required", None)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": schema["$defs"],
        "title": "models.yaml",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "models": {"type": "object", "propertyNames": {"pattern": MODEL_ID}, "additionalProperties": {"$ref": "#/$defs/ModelEntry"}}
        },
    }
