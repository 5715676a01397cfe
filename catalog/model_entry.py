"""What the registry says of one base model or adapter: where it comes from, which bytes it is, and what its license allows.

Plain data out of models.yaml; finding files and judging pictures is done elsewhere.
"""

import datetime as dt
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, StringConstraints, model_validator

from catalog.keys import digest
from catalog.training_preset import TrainingPreset

MODEL_ID = r"^[a-z0-9]+([._-][a-z0-9]+)*$"
"""Ids of models: lower case letters and digits, with single dots, hyphens or underscores between."""

FamilyName = Literal["sd", "sdxl", "flux2-klein", "z-image", "qwen-image-edit", "unsupported"]
"""Families that a registered model can belong to; `unsupported`: no code draws with it, it is listed so that its license is told."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Commit = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
"""A commit of a hub repository. Branches and tags move, and are no pin."""
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.+-]*(/[A-Za-z0-9_][A-Za-z0-9_.+-]*)*$")]
"""A path within a model's folder, with `/`; it cannot lead out of the folder, nor to a hidden file."""
Repository = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][\w.-]*/[\w.-]+$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class License(_Part):
    """A license as somebody read it: its name (SPDX where it has one), where its text is, and whether pictures may be sold with it.

    `commercial_ok`: true, false, or `conditions` when it is allowed to those who keep to something; `reason` says what forbids or binds.
    """

    name: str = Field(min_length=2, max_length=80)
    url: HttpUrl | None = None
    commercial_ok: bool | Literal["conditions"]
    reason: str = ""

    @model_validator(mode="after")
    def _what_binds_is_said(self) -> Self:
        if self.commercial_ok is not True and not self.reason:
            raise ValueError("`reason` is missing: say what forbids commercial use, or on which conditions it is allowed")
        return self


class Memory(_Part):
    """GPU memory that drawing takes, gigabytes of 10^9 bytes, with weights of this type."""

    gb: float = Field(gt=0.0)
    dtype: Literal["float32", "float16", "bfloat16"] = "bfloat16"


class Note(_Part):
    """Something somebody read about a model, where, and on which day."""

    text: str = Field(min_length=1)
    source: str = Field(min_length=1)
    read: dt.date


class Sampler(_Part):
    """How a few-step adapter is drawn with: a scheduler class of diffusers, and what differs from the base model's own settings."""

    class_name: str = Field(pattern=r"^[A-Za-z0-9]+Scheduler$")
    settings: dict[str, bool | int | float | str | None] = Field(default_factory=dict)
    """By the class's own names. A whole number stays one, and null takes away what the base model's own settings say."""


class KnownAs(_Part):
    """How other programs call a model in the files of its LoRAs: `modelspec.architecture`, and sd-scripts' `ss_base_model_version`, if it has one."""

    architecture: str = Field(min_length=1, max_length=80)
    base_version: str | None = Field(default=None, min_length=1, max_length=80)


class ModelEntry(_Part):
    """One base model, or one adapter of base models, as models.yaml registers it.

    It comes from `folder` (relative to the file that names it) or from the hub's repository `repo`, at the commit `revision`. `files` are the
    sha256 of everything that loading reads; without them (and, for a repository, without a commit) the entry is not pinned and not used.
    `license_files` are the sha256 of the license texts that lay in its folder when it was pinned. `trains_on` is the id of the model that its
    LoRAs are trained on, where that is another one (the undistilled one). An adapter names the models it changes in `adapter_of`; its one weight
    file is `adapter_file`, and `sampler` how it is drawn with, if it makes do with few steps. `steps` and `guidance` (1 is none) are what it is
    made to be drawn with; `leave_out` are patterns of files that are not fetched. `training` are defaults of trainings on it, before those of its
    family. `known_as` is its name in the files of its LoRAs, where it is not the one that its family goes by.
    """

    title: str = Field(min_length=1, max_length=120)
    family: FamilyName
    license: License
    folder: str | None = Field(default=None, min_length=1)
    repo: Repository | None = None
    revision: Commit | None = None
    files: dict[FileName, Sha256] = Field(default_factory=dict)
    license_files: dict[FileName, Sha256] = Field(default_factory=dict)
    role: Literal["both", "training", "inference", "adapter"] = "both"
    trains_on: Annotated[str, StringConstraints(pattern=MODEL_ID)] | None = None
    adapter_of: tuple[Annotated[str, StringConstraints(pattern=MODEL_ID)], ...] = ()
    adapter_file: FileName | None = None
    sampler: Sampler | None = None
    native_px: int | None = Field(default=None, ge=32, le=8192)
    steps: int | None = Field(default=None, ge=1, le=200)
    guidance: float | None = Field(default=None, ge=1.0, le=20.0)
    vram: Memory | None = None
    training: TrainingPreset | None = None
    known_as: KnownAs | None = None
    leave_out: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()

    @model_validator(mode="after")
    def _it_comes_from_somewhere(self) -> Self:
        if self.folder is None and self.repo is None:
            raise ValueError("name a `folder`, or a `repo` of the hub")
        return self

    @model_validator(mode="after")
    def _an_adapter_says_of_what(self) -> Self:
        if (self.role == "adapter") != bool(self.adapter_of) or (self.role == "adapter") != bool(self.adapter_file):
            raise ValueError("an adapter has `role: adapter`, `adapter_of` and `adapter_file`; a base model has none of them")
        if self.sampler is not None and (self.role != "adapter" or self.steps is None):
            raise ValueError("`sampler` belongs to an adapter that also says its `steps`; a base model's is in its folder")
        if self.training is not None and (self.role == "adapter" or self.trains_on is not None):
            raise ValueError(
                "`training` belongs to a model that LoRAs are trained on; this one is an adapter, or names another in `trains_on`"
            )
        return self

    @property
    def is_pinned(self) -> bool:
        """Whether it says which bytes it is: digests of its files and, out of a repository alone, the commit they are of."""
        return bool(self.files) and (self.folder is not None or self.revision is not None)

    def digest(self, left_out: frozenset[str] = frozenset()) -> str:
        """The digest that a base model of exactly these files has in keys; `left_out` are parts its family never loads.

        Same formula as the digest of a folder, so that a copy of a registered model is known wherever it lies.
        """
        return digest(sorted([name, sha256] for name, sha256 in self.files.items() if name.split("/")[0] not in left_out))
