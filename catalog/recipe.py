"""A recipe: a named way to make a variant, read from a YAML file. What its parameters do is the generation floor's."""

import reprlib
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from catalog.errors import SettingsError
from catalog.product import SLUG
from catalog.sentences import clause
from catalog.wrong_entries import WORDS, any_of, place_of, wrong_in_words
from catalog.yaml_text import parsed

SourceType = Literal[
    "digitalCapture",
    "algorithmicallyEnhanced",
    "compositeSynthetic",
    "compositeWithTrainedAlgorithmicMedia",
    "trainedAlgorithmicMedia",
]
"""IPTC DigitalSourceType terms that a product picture can carry (http://cv.iptc.org/newscodes/digitalsourcetype/)."""


M = TypeVar("M", bound=BaseModel)

MOST_VARIANTS = 64
"""Pictures of one product that a recipe can make at most."""

MAX_YAML_VALUES = 20_000
"""Values in one settings file. The largest honest one (a brand kit of 500 categories) stays below 10,000; aliases of aliases make billions."""


class RecipeSampling(BaseModel):
    """How a recipe's scenes are drawn, where it differs from the settings: sampler steps, guidance scale (1 is none), share of guided steps (0..1).

    `step_cache` is how alike two steps must be for a transformer's later blocks to be skipped, relative (0.05 to 0.2); left out: none are.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int | None = Field(default=None, ge=1, le=200)
    guidance: float | None = Field(default=None, ge=1.0, le=20.0)
    guided_share: float | None = Field(default=None, gt=0.0, le=1.0)
    step_cache: float | None = Field(default=None, gt=0.0, le=1.0)


class Recipe(BaseModel):
    """A named way to make a variant.

    `kind` names the code that makes it (several recipes may share one); `params` are that code's parameters, checked there.
    `version` is raised when the same parameters should give a new picture. `variants` renders are made per product. `sampling` is for recipes that
    are drawn.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=SLUG, description="What the brand kit and the command line call it.")
    kind: str = Field(pattern=SLUG, description="The code that makes the picture.")
    title: str = Field(description="What people read.")
    description: str = Field(default="", description="What the picture is for.")
    engine: Literal["studio", "diffusion"] = Field(description="studio: computed; diffusion: drawn by the base model.")
    changes_product: bool = Field(default=False, description="Whether the product looks other than photographed, as in another color.")
    version: int = Field(default=1, ge=1, description="Raised when the same parameters should give a new picture.")
    variants: int = Field(default=1, ge=1, le=MOST_VARIANTS, description="Most pictures per product.")
    width_px: int = Field(default=1200, ge=64, le=8192, description="Width of the picture.")
    height_px: int = Field(default=1200, ge=64, le=8192, description="Height of the picture.")
    digital_source_type: SourceType = Field(description="IPTC DigitalSourceType that its files carry.")
    gate: str | None = Field(
        default=None, pattern=SLUG, description="Name of the rules that judge it; left out, those of its name, else those of its kind."
    )
    params: dict[str, Any] = Field(default_factory=dict, description="Parameters of the kind.")
    sampling: RecipeSampling | None = Field(default=None, description="How its scenes are drawn, where that differs from the settings.")

    @model_validator(mode="after")
    def _only_what_is_drawn_is_sampled(self) -> Self:
        if self.sampling is not None and self.engine != "diffusion":
            raise ValueError("`sampling` is for recipes with `engine: diffusion`; nothing of this one is drawn by a model. Remove it")
        return self

    def with_params(self, changes: dict[str, Any]) -> Self:
        """The same recipe with some parameters replaced; unknown names are refused by the code that makes it."""
        return self.model_copy(update={"params": {**self.params, **changes}})


def read_recipe(path: Path) -> Recipe:
    """The recipe in a YAML file. Raises SettingsError naming the file and each wrong entry."""
    data = read_yaml(path)
    params = data.get("params")
    if isinstance(params, dict) and (empty := [name for name, value in params.items() if value is None]):
        raise SettingsError(
            f"{path}: {', '.join(f'`params.{name}`' for name in empty)} without a value. Nothing was changed. Put a color in quotes ('#a84828'), for "
            "YAML takes what follows # for a comment; leave a parameter out for what it is by itself."
        )
    return parse_model(Recipe, data, path)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file. Raises SettingsError if there is none, if a key stands twice, or if it says one thing a thousandfold."""
    try:
        loaded = parsed(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}. Check the path and its permissions.") from error
    except RecursionError as error:
        raise SettingsError(f"{path} is nested too deeply to be read. Nothing was changed; write it flatter.") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: wrong bytes, or a date such as 2026-13-45
        raise SettingsError(f"{path} is not valid YAML: {clause(error)}. Nothing was changed.") from error
    if loaded is None:
        raise SettingsError(f"{path} is empty; names and their values were expected. Nothing was changed; restore the file.")
    if not isinstance(loaded, dict):
        raise SettingsError(f"{path} holds {type(loaded).__name__}, but a mapping of names to values was expected.")
    try:
        left = _values(loaded, MAX_YAML_VALUES)
    except RecursionError:  # an alias of the mapping it stands in
        left = -1
    if left < 0:
        raise SettingsError(
            f"{path} holds more than {MAX_YAML_VALUES} values once its aliases are followed. Nothing was changed; write it shorter."
        )
    return loaded


def _values(node: Any, left: int) -> int:
    """How many more values may follow after this one, counted as a reader without aliases would meet them; negative when too many."""
    inside = [*node, *node.values()] if isinstance(node, dict) else node if isinstance(node, list) else ()
    left -= 1
    for item in inside:
        if left < 0:
            break
        left = _values(item, left)
    return left


def parse_model(model: type[M], data: dict[str, Any], source: Path | str) -> M:
    """Data as a checked model. Raises SettingsError with one line per wrong entry, and the names that would have been allowed."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        lines = []
        for where, tried in _by_place(error):
            item = tried[0]
            if item["type"] == "extra_forbidden":
                allowed = ", ".join(sorted(_fields_at(model, item["loc"][:-1]))) or "see the documentation"
                lines.append(f"  {where}: unknown name (misspelt?). Allowed here: {allowed}.")
            elif item["type"] == "value_error" and not item["loc"]:  # about several entries, which the words name
                lines.append(f"  {clause(item['ctx']['error'])}.")
            else:
                got = "" if item["type"] == "missing" else f" (got {_shown(item.get('input'))})"
                lines.append(f"  {where}: {any_of([clause(wrong_in_words(one)) for one in tried])}{got}.")
        counted = f"{len(lines)} wrong entr{'y' if len(lines) == 1 else 'ies'}"
        raise SettingsError("\n".join([f"{source}: {counted}. Nothing was changed.", *lines])) from error


def _by_place(error: ValidationError) -> list[tuple[str, list[Any]]]:
    """Errors by the entry they are about: one that may be of several kinds has an error for each kind that was tried, and is one wrong entry."""
    found: dict[tuple[str, bool], list[Any]] = {}
    places = [item["loc"] for item in error.errors()]
    for item in error.errors():
        if item["type"] == "too_short" and any(place[:-1] == item["loc"] for place in places):
            continue  # pydantic counts only the entries that are right: the wrong ones are told themselves
        is_alternative = item["type"] in WORDS and item["type"] not in {"missing", "extra_forbidden"}
        found.setdefault((place_of(item) if is_alternative else f"{len(found)} {item['loc']}", is_alternative), []).append(item)
    return [(place_of(items[0]), items) for items in found.values()]


def _fields_at(kind: Any, path: tuple[int | str, ...]) -> set[str]:
    """The names that a model allows at a place within it; none where the place is no model.

    A place goes through fields, list indices, keys of mappings and, where a field is one of several models, the chosen model's tag.
    """
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        if not path:
            return set(kind.model_fields)
        field = kind.model_fields.get(str(path[0]))
        return _fields_at(field.annotation, path[1:]) if field else set()
    models = [get_args(part)[0] if get_origin(part) is Annotated else part for part in get_args(kind)]
    if path and isinstance(path[0], str) and (tagged := [part for part in models if _tag_of(part) == path[0]]):
        return _fields_at(tagged[0], path[1:])
    inner = path[1:] if path and get_origin(kind) in (tuple, list, dict) else path
    return set().union(*(_fields_at(part, inner) for part in models))


def _tag_of(kind: Any) -> str | None:
    """The value of `kind` by which a model is told from others."""
    field = kind.model_fields.get("kind") if isinstance(kind, type) and issubclass(kind, BaseModel) else None
    return str(get_args(field.annotation)[0]) if field and get_args(field.annotation) else None


def _shown(value: Any) -> str:
    """A value as an error message can show it, 80 characters at most."""
    return repr(value[:80]) if isinstance(value, str) else reprlib.repr(value)[:80]
