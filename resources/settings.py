"""One project's settings: read from its `vitrine.yaml`, found through one environment variable, frozen afterwards.

This is the only file that reads the environment, and only when asked. What the brand decides is in the brand kit, not here.
"""

import datetime as dt
import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, HttpUrl, model_validator

from catalog.errors import SettingsError
from catalog.model_entry import MODEL_ID
from catalog.recipe import parse_model, read_yaml
from generation.execution import Execution, Weights
from generation.memory_plan import Memory
from resources.catalog_settings import CatalogSettings, FolderCatalog, PilotSettings, S3Place, Section, SqlCatalog, UploadSettings
from resources.cluster_settings import ClusterSettings
from resources.observing_settings import NotificationSettings, TelemetrySettings
from resources.redaction import remember_secret
from resources.residency import ResidencySettings, named_outside
from resources.schedule_settings import LoraRefreshSettings, NightlySettings
from resources.service_settings import BackfillSettings, BudgetSettings, CostSettings, TierSettings
from resources.store_settings import FolderPublish, FolderStore, PublishSettings, StoreSettings

PROJECT_VARIABLE = "VITRINE_PROJECT"
"""Environment variable with the folder that holds `vitrine.yaml`; the current folder when unset."""

SETTINGS_FILE = "vitrine.yaml"

LOG_FORMAT_VARIABLE = "VITRINE_LOG_FORMAT"
"""Environment variable that overrides `logging:`; a container's own setting, as its terminal is a log collector."""

POLL_S, ANNOUNCED_POLL_S = 15, 300
"""Seconds between two full looks at the catalog: with every tick of the sensor, or, when a queue announces uploads, every five minutes."""


class GenerationSettings(Section):
    """How plates are drawn: sampler steps, guidance scale, device, CPU threads per worker, images per shard and per batch.

    `guided_share` of the steps, from the first, are guided. A recipe's own `sampling` goes before. Steps and guidance that are left out are those
    of the few-step adapter, if there is one, or of the registered base model, where `base_model` names one that says them. `few_step` is the id
    of a registered adapter of the base model that is worn beside every look's LoRA; left out: none. `batch_images` left out: what was measured
    to suit the device. Memory that does not suffice halves it. `workers` are threads that compose and store pictures while others are drawn;
    left out: none on a CPU, three beside a GPU. `step_cache` skips blocks of steps that are alike (generation/step_cache.py); left out: none.
    `memory`: `resident` keeps all parts of the base model on the device, `staged` brings each while it is needed; left out: all where they fit.
    `weights: float8` stores the denoiser's in eight bits, for another picture; left out: as they are computed with.
    `compile` compiles the denoiser's repeated blocks with the first batch of each shape, for other last bits; left out: it does not.
    """

    steps: int = Field(default=20, ge=1, le=200)
    guidance: float = Field(default=3.0, ge=1.0, le=20.0)
    few_step: str | None = Field(default=None, pattern=MODEL_ID)
    guided_share: float = Field(default=1.0, gt=0.0, le=1.0)
    step_cache: float | None = Field(default=None, gt=0.0, le=1.0)
    device: Literal["cpu", "cuda"] = "cpu"
    threads: int = Field(default=1, ge=1, le=64)
    shard_images: int = Field(default=512, ge=1, le=512)
    batch_images: int | None = Field(default=None, ge=1, le=64)
    workers: int | None = Field(default=None, ge=0, le=16)
    memory: Memory | None = None
    weights: Weights | None = None
    compile: bool = False

    @model_validator(mode="after")
    def _execution_is_possible(self) -> Self:
        if self.memory == "staged" and self.device == "cpu":
            raise ValueError("`memory: staged` frees the memory of a GPU; with `device: cpu` everything is where it is. Leave it out")
        if self.compile and self.weights is not None:
            raise ValueError("blocks that convert their weights in every call cannot be compiled: leave out `compile` or `weights`")
        if self.compile and self.memory == "staged":
            raise ValueError("`compile` needs the denoiser to stay on the GPU: leave out `compile`, or set `memory: resident`")
        return self

    @property
    def execution(self) -> Execution:
        """How the base model lies in memory and is executed."""
        return Execution(memory=self.memory, weights=self.weights, compile=self.compile)


class EditModelSettings(Section):
    """The model that draws from pictures of a product: the id of a registered one, or a folder in diffusers layout.

    Steps and guidance that are left out are those of the few-step adapter, if there is one, or of the registered model, else those of
    `generation`; device, memory and batch size are those of `generation`.
    """

    name: str
    few_step: str | None = Field(default=None, pattern=MODEL_ID)
    steps: int | None = Field(default=None, ge=1, le=200)
    guidance: float | None = Field(default=None, ge=1.0, le=20.0)


class GateSettings(Section):
    """When a whole cell fails: less than this share of its renders approved (0..1)."""

    min_approved_share: float = Field(default=0.5, ge=0.0, le=1.0)


class LearnedSettings(Section):
    """Folders of weights for learned measures (CLIP, DINOv2), as `save_pretrained` of transformers writes them; left out: not evaluated."""

    clip: Path | None = None
    dino: Path | None = None


class CutoutSettings(Section):
    """A model that is asked where the classical cut-out is in doubt: its folder, and the license that its weights came under.

    `model` is a folder with Segment Anything as `save_pretrained` of transformers writes it; left out: doubtful photos wait for a person. `license`
    is its name as the registry of models has it, or one of `accepted_licenses`.
    """

    model: Path | None = None
    license: str | None = Field(default=None, min_length=2, max_length=80)

    @model_validator(mode="after")
    def _a_model_has_a_license(self) -> Self:
        if (self.model is None) != (self.license is None):
            raise ValueError("`model` and `license` belong together: name the folder of the weights, and the license that they came under")
        return self


class UpscalerSettings(Section):
    """A super-resolution model that recipes may name: its folder (Swin2SR as `save_pretrained` of transformers writes it), and its license, named as in
    the registry of models or in `accepted_licenses`."""

    model: Path
    license: str = Field(min_length=2, max_length=80)


class LedgerSettings(Section):
    """Where the ledger is, if not in a SQLite file of the state folder: the environment variable that holds its SQLAlchemy URL."""

    url_env: str = Field(min_length=1)


class Settings(Section):
    """Everything a project decides about how it runs. Paths are relative to the project folder."""

    project_dir: Path
    catalog: CatalogSettings = FolderCatalog()
    pilot: PilotSettings | None = None
    """Limits everything to a part of the catalog; left out: everything."""
    uploads: UploadSettings | None = None
    """The queue that announces uploads to the pictures' bucket; left out: the bucket is listed."""
    brand_kit: Path = Path("brand.yaml")
    recipes: Path | None = None
    """Folder of the project's own recipes, added to the shipped ones."""
    packs: Path | None = None
    """Folder of the project's own channel packs, added to the shipped ones."""
    base_model: str = "base-model"
    """Id of a registered model (`vitrine models list`), its repository's name, or a folder in diffusers layout."""
    edit_model: EditModelSettings | None = None
    """What draws from pictures of a product (the recipe `on_model`); left out: the base model, if it can."""
    accepted_licenses: tuple[str, ...] = ()
    """Names of licenses that allow commercial use on conditions which somebody here has read and keeps; left out: none."""
    state: Path = Path(".vitrine")
    ledger: LedgerSettings | None = None
    """Left out: a SQLite file in the state folder."""
    store: StoreSettings = FolderStore()
    output: Path = Path("vitrine-out")
    publish: PublishSettings = FolderPublish()
    generation: GenerationSettings = GenerationSettings()
    training: dict[str, Any] = Field(default_factory=dict)
    """Overrides of the LoRA trainer's settings, checked by the trainer's own model."""
    screening: dict[str, Any] = Field(default_factory=dict)
    """Overrides of the screening rules, checked by the screening's own model."""
    gate: GateSettings = GateSettings()
    learned: LearnedSettings = LearnedSettings()
    cutout: CutoutSettings = CutoutSettings()
    upscalers: dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")], UpscalerSettings] = Field(default_factory=dict)
    """Models that `upscale` of a recipe may name."""
    costs: CostSettings = CostSettings()
    tiers: TierSettings = TierSettings()
    budgets: BudgetSettings = BudgetSettings()
    backfills: BackfillSettings = BackfillSettings()
    nightly: NightlySettings | None = None
    lora_refresh: LoraRefreshSettings | None = None
    failure_webhook_url: HttpUrl | None = None
    """The short way to one unsigned webhook for failed runs; everything else is under `notifications`."""
    cluster: ClusterSettings = ClusterSettings()
    """Step pods of a deployment on Kubernetes; one machine reads none of it."""
    logging: Literal["text", "json"] = "text"
    telemetry: TelemetrySettings | None = None
    notifications: NotificationSettings | None = None

    residency: ResidencySettings | None = None

    @model_validator(mode="after")
    def _everything_stands_where_it_may(self) -> Self:
        if outside := named_outside(self):
            raise ValueError(f"{outside}; correct the one or the other")
        return self

    @model_validator(mode="after")
    def _announced_pictures_are_in_a_bucket(self) -> Self:
        if self.uploads is not None and self.pictures_bucket is None:
            raise ValueError("`uploads` announces photos in a bucket; set catalog.kind to s3, or catalog.pictures to {kind: s3, ...}")
        return self

    @property
    def pictures_bucket(self) -> S3Place | None:
        """The bucket and prefix the pictures are in; None for a folder."""
        place = self.catalog.pictures if isinstance(self.catalog, SqlCatalog) else self.catalog
        return place if isinstance(place, S3Place) else None

    @property
    def poll_s(self) -> int:
        """Least seconds between two full looks at the catalog; with announced uploads they are only the safety net."""
        return self.catalog.poll_s or (ANNOUNCED_POLL_S if self.uploads else POLL_S)

    def path(self, relative: Path) -> Path:
        """A settings path as an absolute one."""
        return (self.project_dir / relative).resolve()

    @property
    def state_dir(self) -> Path:
        """Folder of ledger, blobs, manifests and the Dagster instance."""
        return self.path(self.state)

    @property
    def output_dir(self) -> Path:
        """Folder of published images, galleries and the report."""
        return self.path(self.output)

    @property
    def dagster_home(self) -> Path:
        """Folder of the Dagster instance on one machine."""
        return self.state_dir / "dagster"


def read_settings(project_dir: Path) -> Settings:
    """The settings of a project. Raises SettingsError when the file is missing or any entry is wrong."""
    file = project_dir / SETTINGS_FILE
    if not file.is_file():
        raise SettingsError(
            f"There is no {SETTINGS_FILE} in {project_dir.resolve()}. Run `vitrine init DIR` to make a project, go into a project's "
            f"folder, or set {PROJECT_VARIABLE} to one. Nothing was changed."
        )
    data = read_yaml(file)
    if "project_dir" in data:
        raise SettingsError(f"{file}: project_dir is not a setting; it is the folder the file lies in. Remove the line.")
    return _as_the_model_is_made_for(parse_model(Settings, {**data, "project_dir": project_dir.resolve()}, file))


def _as_the_model_is_made_for(settings: Settings) -> Settings:
    """Steps and guidance that the settings leave out, as what draws is made to be drawn with: 4 and 20 steps are no matter of taste."""
    missing, few_step = {"steps", "guidance"} - settings.generation.model_fields_set, settings.generation.few_step
    if not missing or (few_step is None and settings.base_model.startswith((".", "/", "~"))):
        return settings
    from generation.model_registry import read_registry

    found = read_registry(settings.project_dir).named(few_step or settings.base_model)
    told = {} if found is None else {name: value for name in missing if (value := getattr(found.entry, name)) is not None}
    return settings.model_copy(update={"generation": settings.generation.model_copy(update=told)}) if told else settings


def with_edit_model(settings: Settings) -> Settings:
    """The settings as what is drawn by the edit model sees them: it is their base model. The same where none is named."""
    chosen, generation = settings.edit_model, settings.generation
    if chosen is None:
        return settings
    told = {name: value for name in ("steps", "guidance") if (value := getattr(chosen, name)) is not None}
    # Built anew, so that what nobody said of this model counts as left out: steps of another model are no good guess.
    kept = generation.model_dump(exclude={"steps", "guidance", "few_step", "guided_share", "step_cache"}, exclude_unset=True)
    own = GenerationSettings(**kept, **told, few_step=chosen.few_step)
    other = settings.model_copy(update={"base_model": chosen.name, "edit_model": None, "generation": own})
    fitted = _as_the_model_is_made_for(other)
    if fitted is other and {"steps", "guidance"} - told.keys():  # nothing is registered of it
        rest = {name: getattr(generation, name) for name in ("steps", "guidance") if name not in told}
        return other.model_copy(update={"generation": own.model_copy(update=rest)})
    return fitted


def project_from_environment() -> Path:
    """The project folder the environment names, else the current folder."""
    return Path(os.environ.get(PROJECT_VARIABLE) or ".").resolve()


def secret_from_environment(name: str) -> str | None:
    """A secret the settings name by its environment variable; None when it is not set. Logs hide it from now on."""
    value = os.environ.get(name) or None
    return remember_secret(value) if value else None


def hub_cache() -> Path:
    """Folder of the model hub's cache, by the variables that its own library reads."""
    home = Path(os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface")
    return Path(os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE") or home / "hub").expanduser()


def deployment_home() -> Path | None:
    """Folder of the Dagster instance that a deployment brings, as its DAGSTER_HOME says; None on a machine without one."""
    home = os.environ.get("DAGSTER_HOME")
    return Path(home) if home else None


def log_format(settings: Settings | None = None) -> str:
    """`json` or `text`: what VITRINE_LOG_FORMAT says, else the settings. Raises SettingsError for any other word."""
    chosen = os.environ.get(LOG_FORMAT_VARIABLE) or (settings.logging if settings else "text")
    if chosen not in ("text", "json"):
        raise SettingsError(f"{LOG_FORMAT_VARIABLE} is {chosen!r}; it can be text or json. Nothing was run.")
    return chosen


def otlp_endpoint(settings: Settings) -> str | None:
    """Base address of the OTLP collector, from the settings, else from OpenTelemetry's own variable; None: no telemetry."""
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    if settings.telemetry is not None and settings.telemetry.endpoint is not None:
        return str(settings.telemetry.endpoint)
    named = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or None
    if named is None and settings.telemetry is not None:
        return "http://localhost:4318"  # the default of the OTLP specification
    return named


def otlp_headers(settings: Settings) -> dict[str, str]:
    """Headers for the collector: `name=value` pairs, with commas between, from the environment variable the settings name."""
    if settings.telemetry is None or settings.telemetry.headers_env is None:
        return {}
    pairs = (secret_from_environment(settings.telemetry.headers_env) or "").split(",")
    headers = {name.strip(): value.strip() for name, _, value in (pair.partition("=") for pair in pairs) if name.strip()}
    for value in headers.values():
        remember_secret(value)
    return headers


def utc_now() -> dt.datetime:
    """Now, in UTC: the one clock of ledger and drops."""
    return dt.datetime.now(dt.UTC)
