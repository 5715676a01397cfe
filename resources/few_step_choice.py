"""The few-step adapter that a project draws with, if it chose one: which registered model it is, what of it enters keys, and its verified file."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

from catalog.errors import ModelError
from generation.families import FAMILIES
from generation.model_registry import OWN_FILE, RegisteredModel, check_pinned
from resources.installed_models import verified_adapter
from resources.settings import hub_cache

if TYPE_CHECKING:
    from generation.few_step import FewStep
    from resources.project import Project


class FewStepChoice:
    """What `generation.few_step` of a project's settings comes to; everything is empty where it is left out."""

    def __init__(self, project: "Project") -> None:
        self._project = project

    @cached_property
    def registered(self) -> RegisteredModel | None:
        """The registered adapter; None without. Raises ModelError when nothing of that name draws in few steps, or not with this base model."""
        name, present = self._project.settings.generation.few_step, self._project.registered_base_model
        if name is None:
            return None
        found = self._project.models.needed(name)
        if found.entry.sampler is None:
            raise ModelError(
                f"Model {name!r} is no few-step adapter: its entry says no `sampler`. Correct `generation.few_step`, or say in {OWN_FILE} how it "
                f"is drawn with, as its publisher does (for example `sampler: {_example_sampler(found)}`)."
            )
        if present is None or present.id not in found.entry.adapter_of:
            what = "a folder, of which nobody knows what fits it" if present is None else present.id
            raise ModelError(
                f"`generation.few_step` names {name!r}, which is made for {', '.join(found.entry.adapter_of)}; `base_model` is {what}. Set one of "
                "the two to what fits the other."
            )
        return found

    @property
    def in_keys(self) -> dict[str, Any]:
        """The adapter as it enters the render key, told from its entry alone: no file is read."""
        if self.registered is None:
            return {}
        check_pinned(self.registered)
        entry = self.registered.entry
        assert entry.sampler is not None and entry.adapter_file is not None
        return {"few_step": {"digest": entry.files[entry.adapter_file], "sampler": entry.sampler.model_dump(mode="json")}}

    def verified(self) -> "FewStep | None":
        """The adapter as plates wear it, its file verified; None without. Raises ModelError when it is not there, not pinned, or altered."""
        present = self._project.registered_base_model
        if self.registered is None or present is None:
            return None
        from generation.few_step import FewStep

        path, entry = verified_adapter(self.registered, present, hub_cache()), self.registered.entry
        assert entry.sampler is not None and entry.adapter_file is not None
        return FewStep(
            path=path, digest=entry.files[entry.adapter_file], sampler=entry.sampler.class_name, sampler_settings=entry.sampler.settings
        )


def _example_sampler(adapter: RegisteredModel) -> str:
    """A sampler that draws with models of an adapter's family; its settings are for its publisher to say."""
    family = FAMILIES.get(adapter.entry.family)
    if family is not None and family.objective == "flow":
        return "{class_name: FlowMatchEulerDiscreteScheduler, settings: {shift_terminal: null}}"
    return "{class_name: EulerDiscreteScheduler, settings: {timestep_spacing: trailing}}"
