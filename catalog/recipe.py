"""A recipe: a named way to make a variant, read from a YAML file. What its parameters do is the generation floor's."""

from pathlib import Path
from typing import Any, Literal, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from catalog.errors import SettingsError
from catalog.product import SLUG

SourceType = Literal[
    "digitalCapture",
    "algorithmicallyEnhanced",
    "compositeSynthetic",
    "compositeWithTrainedAlgorithmicMedia",
    "trainedAlgorithmicMedia",
]
"""IPTC DigitalSourceType terms that a product picture can carry (http://cv.iptc.org/newscodes/digitalsourcetype/)."""


M = TypeVar("M", bound=BaseModel)


class Recipe(BaseModel):
    """A named way to make a variant.

    `kind` names the code that makes it (several recipes may share one); `params` are that code's parameters, checked there.
    `version` is raised when the same parameters should give a new picture. `variants` renders are made per product.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=SLUG)
    kind: str = Field(pattern=SLUG)
    title: str
    description: str = ""
    engine: Literal["studio", "diffusion"]
    changes_product: bool = False
    version: int = Field(default=1, ge=1)
    variants: int = Field(default=1, ge=1, le=64)
    width_px: int = Field(default=1200, ge=64, le=8192)
    height_px: int = Field(default=1200, ge=64, le=8192)
    digital_source_type: SourceType
    params: dict[str, Any] = Field(default_factory=dict)

    def with_params(self, changes: dict[str, Any]) -> Self:
        """The same recipe with some parameters replaced; unknown names are refused by the code that makes it."""
        return self.model_copy(update={"params": {**self.params, **changes}})


def read_recipe(path: Path) -> Recipe:
    """The recipe in a YAML file. Raises SettingsError naming the file and each wrong entry."""
    return parse_model(Recipe, read_yaml(path), path)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file. Raises SettingsError if there is none, or if a key stands twice."""
    try:
        loaded = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeys)
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}. Check the path and its permissions.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(loaded, dict):
        raise SettingsError(f"{path} holds {type(loaded).__name__}, but a mapping of names to values was expected.")
    return loaded


def parse_model(model: type[M], data: dict[str, Any], source: Path | str) -> M:
    """Data as a checked model. Raises SettingsError with one line per wrong entry, and the names that would have been allowed."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        lines = [f"{source}: {len(error.errors())} wrong entr{'y' if len(error.errors()) == 1 else 'ies'}. Nothing was changed."]
        for item in error.errors():
            where = ".".join(str(part) for part in item["loc"]) or "(top)"
            if item["type"] == "extra_forbidden":
                allowed = ", ".join(sorted(model.model_fields)) if len(item["loc"]) == 1 else "see the documentation"
                lines.append(f"  {where}: unknown name (misspelt?). Allowed here: {allowed}.")
            else:
                lines.append(f"  {where}: {item['msg']} (got {str(item.get('input'))[:80]!r}).")
        raise SettingsError("\n".join(lines)) from error


class _UniqueKeys(yaml.SafeLoader):
    """SafeLoader that refuses a key given twice, instead of keeping the last one silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"the name {key!r} stands twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep=deep)
