"""Everything one project needs, opened together: settings, brand kit, recipes, ledger, object store, catalog source.

Assets get it through `VitrineResource`; the command line and notebooks call `open_project`. Decides nothing.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import sqlalchemy as sa
from dagster_shared.check import CheckError

from catalog.brand_files import files_in, read_brand_file
from catalog.brand_kit import BrandKit, read_brand_kit
from catalog.errors import LicenseNotCleared, ModelError, SettingsError
from catalog.recipe import Recipe
from generation.families import FAMILIES
from generation.file_digests import keep_digests_in
from generation.kinds import KINDS
from generation.model_folder import read_index, takes_guidance
from generation.model_registry import (
    ModelRegistry,
    RegisteredModel,
    as_base_model,
    as_drawing_model,
    as_trained_on,
    model_digest,
    read_registry,
)
from generation.recipe_book import read_recipe_book
from generation.references import edit_family
from quality.columns import measurement_version
from resources.bucket_files import BucketFiles
from resources.catalog_source import CatalogSource
from resources.few_step_choice import FewStepChoice
from resources.installed_models import installed_folder, unsafe, verified_folder
from resources.ledger import Ledger
from resources.ledger_records import keep_rows
from resources.ledger_tables import OF_RENDERS, judgment, lora, render
from resources.model_licenses import ModelLicenses
from resources.object_store import ObjectStore
from resources.open_ledger import open_ledger
from resources.open_source import open_source
from resources.open_store import open_published_bucket, open_store
from resources.preemptible_steps import listen_in_worker
from resources.run_facts import RunFacts, facts_of
from resources.settings import Settings, hub_cache, read_settings, with_edit_model

if TYPE_CHECKING:
    from imaging.neural_cutout import CutoutModel
    from imaging.upscaler import Upscaler
    from quality.learned import LearnedWeights
    from quality.own_packs import PackBook
    from quality.rules import RuleSet


@dataclass(frozen=True)
class Project:
    """An opened project. Files are read when first asked for, then kept: open it anew to see changes."""

    settings: Settings
    run: RunFacts = field(default_factory=RunFacts)
    """The run it was opened for: its tier, its campaign, the recipes it is limited to."""

    @cached_property
    def brand_kit(self) -> BrandKit:
        """The brand kit of the project. Raises SettingsError when it is missing or wrong."""
        return read_brand_kit(self.settings.path(self.settings.brand_kit))

    def brand_file(self, sha256: str) -> bytes:
        """The bytes of a file that the brand kit names: from beside the kit, else from the store, where the kit's asset keeps it.

        Raises SettingsError when it is in neither place.
        """
        folder = self.settings.path(self.settings.brand_kit).parent
        name = dict(files_in(self.brand_kit)).get(sha256)
        if name is not None and (folder / name).is_file():
            return read_brand_file(folder, name, sha256)
        if not self.store.missing([sha256]):
            return self.store.get(sha256)
        raise SettingsError(
            f"Brand file {sha256[:12]}{f' ({name})' if name else ''} is neither beside the brand kit nor in the store. Nothing was made. "
            "Restore the file, or materialize the asset brand_kit where it is: it keeps the kit's files in the store."
        )

    @cached_property
    def recipe_book(self) -> Mapping[str, Recipe]:
        """All known recipes by name: the shipped ones and the project's own."""
        extra = self.settings.recipes
        return read_recipe_book(self.settings.path(extra) if extra else None)

    @cached_property
    def recipes(self) -> tuple[Recipe, ...]:
        """The recipes the brand kit asks for, in its order. Raises SettingsError for one that does not exist."""
        missing = [name for name in self.brand_kit.recipes if name not in self.recipe_book]
        if missing:
            raise SettingsError(
                f"The brand kit asks for recipe {missing[0]!r}, which does not exist. Known: {', '.join(sorted(self.recipe_book))}. "
                "Correct the name or add its YAML file to the project's recipes folder. Nothing was changed."
            )
        return tuple(self.recipe_book[name] for name in self.brand_kit.recipes)

    @cached_property
    def rule_sets(self) -> "dict[str, RuleSet]":
        """Rules by recipe name as they were first asked for: a plan of many cells asks thousands of times."""
        return {}

    @cached_property
    def unusable(self) -> dict[str, ModelError | None]:
        """By recipe name, what is wrong with a model that it alone needs, as it was first found; `assets/own_models.py` finds out."""
        return {}

    @cached_property
    def packs(self) -> "PackBook":
        """All known channel packs: the shipped ones and the project's own, read when one is asked for."""
        from quality.own_packs import PackBook

        folder = self.settings.packs
        return PackBook(self.settings.path(folder) if folder else None)

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger, made when missing."""
        ledger = open_ledger(self.settings)
        ledger.journal = lambda table, rows: keep_rows(self.store, table, rows)
        return ledger

    def with_ledger(self, ledger: Ledger) -> "Project":
        """The same project, its ledger behind a fence."""
        other = copy.copy(self)
        other.__dict__["ledger"] = ledger  # where cached_property looks first
        return other

    @cached_property
    def store(self) -> ObjectStore:
        """The object store, made when missing."""
        return open_store(self.settings)

    @cached_property
    def published_bucket(self) -> BucketFiles | None:
        """The bucket that pictures are delivered to; None where they go into the output folder."""
        return open_published_bucket(self.settings)

    @cached_property
    def source(self) -> CatalogSource:
        """The catalog source."""
        return open_source(self.settings)

    @cached_property
    def weights(self) -> "LearnedWeights | None":
        """Installed weights of learned measures, checked and digested; None without. Raises ModelError."""
        from quality.learned import read_weights

        named = {family: self.settings.path(folder) for family, folder in self.settings.learned if folder is not None}
        return read_weights(**named) if named else None

    @cached_property
    def cutout_model(self) -> "CutoutModel | None":
        """The installed model for doubtful cut-outs, checked and digested, its license cleared; None without.

        Raises ModelError, which stops every plan: without the model's cut-outs, their products would be taken out of the shop.
        """
        from imaging.neural_cutout import read_cutout_model

        named = self.settings.cutout
        if named.model is None or named.license is None:
            return None
        if refusal := ModelLicenses(self).of_named_license(named.license):
            raise LicenseNotCleared(f"The cut-out model at {named.model} is not used: {refusal}. Nothing was cut out.")
        return read_cutout_model(self.settings.path(named.model))

    def upscaler(self, name: str) -> "Upscaler":
        """The registered upscaler model of a name, checked and digested, its license cleared. Raises RenderError where there is none; ModelError."""
        from generation.kind import no_upscaler
        from imaging.upscaler import read_upscaler

        named = self.settings.upscalers.get(name)
        if named is None:
            no_upscaler(name)
        if refusal := ModelLicenses(self).of_named_license(named.license):
            raise LicenseNotCleared(f"Upscaler '{name}' at {named.model} is not used: {refusal}. Nothing was made.")
        return read_upscaler(name, self.settings.path(named.model))

    @cached_property
    def measurement_version(self) -> str:
        """The version under which measurements are stored and judged now."""
        return measurement_version("" if self.weights is None else self.weights.digest)

    def ledger_counts(self) -> dict[str, int]:
        """How many LoRAs, renders and judgments the ledger holds."""
        tables = {"loras": lora, "renders": render, "judgments": judgment}
        queries = {name: sa.select(sa.func.count().label("n")).select_from(table) for name, table in tables.items()}
        queries["judgments"] = queries["judgments"].where(OF_RENDERS)
        counts = {name: self.ledger.one(query) for name, query in queries.items()}
        return {name: int(row["n"]) if row else 0 for name, row in counts.items()}

    @cached_property
    def models(self) -> ModelRegistry:
        """All registered base models and adapters: the shipped ones and the project's own."""
        return read_registry(self.settings.project_dir)

    @cached_property
    def registered_base_model(self) -> RegisteredModel | None:
        """The registered model that `base_model` names; None when it names a folder."""
        return self.models.named(self.settings.base_model)

    @cached_property
    def base_model_dir(self) -> Path:
        """Folder of the base model in diffusers layout, its files verified. Raises ModelError when it is not there, not pinned, or altered."""
        keep_digests_in(self.settings.state_dir / "model-digests.json")
        if self.registered_base_model is not None:
            return verified_folder(as_drawing_model(self.registered_base_model, self.models), hub_cache())
        folder = self.settings.path(Path(self.settings.base_model).expanduser())
        if (folder / "model_index.json").is_file() and (wrong := unsafe(folder)):
            raise ModelError(
                f"The base model at {folder} is not used: {wrong}. Nothing was drawn. Restore the file, or choose another model."
            )
        return folder

    @cached_property
    def training_model(self) -> RegisteredModel | None:
        """The registered model that looks are trained on, where another one draws with them (a distilled model); None: the base model itself."""
        present = self.registered_base_model
        if present is None:
            return None
        if present.entry.trains_on is None:
            as_trained_on(present)
            return None
        return as_trained_on(self.models.needed(present.entry.trains_on))

    @cached_property
    def training_model_dir(self) -> Path:
        """Folder of the model that looks are trained on, verified like the base model's."""
        if self.training_model is None:
            return self.base_model_dir
        keep_digests_in(self.settings.state_dir / "model-digests.json")
        return verified_folder(self.training_model, hub_cache())

    @cached_property
    def training_model_digest(self) -> str:
        """Digest of the model that looks are trained on: what LoRAs of this project are recorded with."""
        return self.base_model_digest if self.training_model is None else model_digest(as_base_model(self.training_model))

    @property
    def base_model_name(self) -> str:
        """What people call the base model: its id, or its folder's name."""
        return self.registered_base_model.id if self.registered_base_model else self.settings.path(Path(self.settings.base_model)).name

    @cached_property
    def base_model_digest(self) -> str:
        """Digest of the base model's files; of a registered one without reading them, so that who only plans or publishes needs no weights."""
        if self.registered_base_model is not None:
            return model_digest(as_drawing_model(self.registered_base_model, self.models))
        from generation.base_model import read_base_model

        return read_base_model(self.base_model_dir).digest

    @cached_property
    def family_name(self) -> str:
        """The family that the base model is of; of a registered one without reading its files."""
        if self.registered_base_model is not None:
            return as_drawing_model(self.registered_base_model, self.models).entry.family
        from generation.base_model import read_base_model

        return read_base_model(self.base_model_dir).family

    @cached_property
    def _editing(self) -> "Project":
        """The project as it draws with its edit model; itself where `edit_model` names none."""
        if self.settings.edit_model is None:
            return self
        other = copy.copy(self)
        other.__dict__.update(settings=with_edit_model(self.settings))
        for name in _OF_THE_MODEL:
            other.__dict__.pop(name, None)
        return other

    def drawing(self, kind: str) -> "Project":
        """The project as it draws recipes of a kind: for kinds that edit, its edit model stands for the base model.

        Raises ModelError, telling what to install, where that one draws from words alone.
        """
        if not KINDS[kind].edits:
            return self
        other = self._editing
        if not _can_edit(other.family_name):
            known = [
                one.id for one in self.models.models.values() if one.entry.role in ("both", "inference") and _can_edit(one.entry.family)
            ]
            raise ModelError(
                f"Recipes of kind '{kind}' are drawn from pictures of the product; {other.base_model_name} (family {other.family_name}) draws "
                f"from words alone. Install one that edits ({', '.join(known)}): `vitrine models fetch ID`, `vitrine models pin ID`, then "
                "`edit_model: {name: ID}` in vitrine.yaml. Or take the recipe out of the brand kit's `recipes`. Nothing was drawn."
            )
        return other

    @cached_property
    def takes_guidance(self) -> bool:
        """Whether guidance does anything with the base model, as its model_index.json says; True where that is not on this machine."""
        if self.registered_base_model is None:
            folder: Path | None = self.settings.path(Path(self.settings.base_model).expanduser())
        else:
            folder = installed_folder(self.registered_base_model, hub_cache())
        return folder is None or not (folder / "model_index.json").is_file() or takes_guidance(read_index(folder))

    @cached_property
    def few_step(self) -> FewStepChoice:
        """The few-step adapter that plates are drawn with, if the settings name one."""
        return FewStepChoice(self)

    @cached_property
    def licenses(self) -> ModelLicenses:
        """What the licenses of base models and LoRAs allow."""
        return ModelLicenses(self)


_OF_THE_MODEL = (
    "registered_base_model", "base_model_dir", "training_model", "training_model_dir", "training_model_digest", "base_model_digest",
    "family_name", "takes_guidance", "few_step", "licenses", "_editing",
)  # fmt: skip
"""What a project keeps of its base model."""


def _can_edit(family: str) -> bool:
    """Whether models of a family go by pictures."""
    return family in FAMILIES and edit_family(FAMILIES[family]) is not None


def open_project(project_dir: Path) -> Project:
    """The project in a folder. Raises SettingsError when its settings are missing or wrong."""
    return Project(read_settings(project_dir))


class VitrineResource(dg.ConfigurableResource):  # type: ignore[type-arg]  # the argument is for resources that hand out another value
    """A project folder as a Dagster resource; `open()` gives the plain `Project`."""

    project_dir: str

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Listen for SIGTERM in the process that executes a step, before the step begins."""
        listen_in_worker()

    def open(self) -> Project:
        """The project, read anew: a changed brand kit is seen by the next run. Inside a run it knows the facts that the run's tags tell."""
        return Project(read_settings(Path(self.project_dir)), run=self._run_facts())

    def _run_facts(self) -> RunFacts:
        try:
            run = self.get_resource_context().run
        except CheckError:  # made in Python, outside Dagster
            return RunFacts()
        return RunFacts() if run is None else facts_of(run.tags)
