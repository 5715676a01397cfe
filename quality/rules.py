"""The rules that a recipe's renders are held to: shipped packs in YAML, with a brand's own bounds laid over them.

What the columns mean is `columns.COLUMNS`; how rules are applied is `gate.py`.
"""

import datetime
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from catalog.brand_kit import Bound, BrandKit
from catalog.errors import SettingsError
from catalog.keys import digest
from catalog.product import SLUG
from catalog.recipe import parse_model, read_yaml
from quality.columns import COLUMNS, LEARNED_COLUMNS, PALETTE_COLUMNS, SIZE_COLUMNS, Column, measurement_version

RULE_FOLDER = Path(__file__).parent / "rules"

When = Literal[
    "always",
    "expected_known",
    "expected_unknown",
    "text_known",
    "story_text_known",
    "size_known",
    "logo_known",
    "asked_size_known",
    "shadow_due",
    "companion_known",
]
CONDITIONS: dict[When, tuple[str, float]] = {
    "expected_known": ("expected_known", 1.0),
    "expected_unknown": ("expected_known", 0.0),
    "text_known": ("text_known", 1.0),
    "story_text_known": ("story_text_known", 1.0),
    "size_known": ("size_known", 1.0),
    "logo_known": ("logo_known", 1.0),
    "asked_size_known": ("asked_size_known", 1.0),
    "shadow_due": ("shadow_due", 1.0),
    "companion_known": ("companion_known", 1.0),
}
"""The column that a condition looks at, and its value in renders that the rule applies to. Where it holds nothing, the rule applies, too."""

CONDITIONS_IN_WORDS: dict[When, str] = {
    "always": "",
    "expected_known": "only where the expected picture is known",
    "expected_unknown": "only where the expected picture is not known",
    "text_known": "only where there is text",
    "story_text_known": "only in stories with text",
    "size_known": "only where the catalog tells the product's size",
    "logo_known": "only where there is a logo",
    "asked_size_known": "only where the plan says how large the product is to be shown",
    "shadow_due": "only where the recipe as planned has a shadow and the expected picture is not known",
    "companion_known": "only where a second product stands beside the first",
}
"""To which renders a rule applies, for people; nothing where to all."""

NOT_IN_DIGEST = {"source", "url", "date", "starts", "until"}
"""Where a rule comes from and when it holds changes no verdict: rules in force are told apart by what they ask."""


class Rule(BaseModel):
    """One column and what it must be.

    Outside `min`..`max` (or not among `values`) the rule is broken with its `severity`; inside but outside `review_min`..`review_max`
    a person looks. `when` applies the rule only to some renders (see `CONDITIONS`): those whose complete expected picture was given or those
    without, those with text on them, those that are a story with text, those whose catalog size is known, pairs.
    In `reason`, {measured} and {required} are filled in.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: ClassVar[Mapping[str, Column]] = COLUMNS
    """The columns that such a rule may name."""

    column: str
    min: float | None = None
    max: float | None = None
    review_min: float | None = None
    review_max: float | None = None
    values: tuple[str, ...] | None = None
    severity: Literal["critical", "warning"] = "critical"
    code: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")
    reason: str = Field(min_length=10)
    when: When = "always"
    source: str = Field(min_length=3)
    date: datetime.date

    @model_validator(mode="after")
    def _bounds_make_sense(self) -> Self:
        if self.column not in self.columns:
            near = difflib.get_close_matches(self.column, self.columns, 1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise ValueError(f"unknown column {self.column!r}.{hint} Columns: {', '.join(sorted(self.columns))}.")
        bounds = [bound for bound in self.bounds if bound is not None]
        if self.documented.unit == "name":
            if self.values is None or bounds:
                raise ValueError(f"column {self.column!r} holds words: give `values`, not bounds")
        elif self.values is not None or (self.min is None and self.max is None):
            raise ValueError(f"column {self.column!r} holds numbers: give `min`, `max` or both, not `values`")
        if bounds != sorted(bounds):
            raise ValueError(f"bounds of {self.column!r} must rise: min <= review_min <= review_max <= max, got {bounds}")
        if self.severity == "warning" and (self.review_min is not None or self.review_max is not None):
            raise ValueError(f"rule on {self.column!r} is a warning already: give `min` and `max` only")
        try:
            self.reason.format(measured="1", required="2")
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(f"reason may use {{measured}} and {{required}} only: {self.reason!r} ({error})") from error
        return self

    @property
    def bounds(self) -> tuple[float | None, ...]:
        """Every number a measured value is compared with."""
        return self.min, self.review_min, self.review_max, self.max

    @property
    def required(self) -> str:
        """What is allowed, in words: `at least 98.5 %`, `0.6 to 1.35`, `one of JPEG, PNG`."""
        return _in_words(self.min, self.max, self.values, self.documented)

    @property
    def only_where(self) -> str:
        """To which renders it applies, in words; '' where to all."""
        return CONDITIONS_IN_WORDS[self.when]

    @property
    def documented(self) -> Column:
        """What its column means."""
        return self.columns[self.column]

    @property
    def condition(self) -> tuple[str, float] | None:
        """The column and the value in it that the rule waits for; None if it always applies."""
        return CONDITIONS.get(self.when)

    def applies_to(self, columns: Mapping[str, object]) -> bool:
        """Whether a render with these measurements is held to the rule; where it is not known whether there is text, it is."""
        if self.condition is None:
            return True
        column, wanted = self.condition
        found = columns.get(column)
        if not isinstance(found, (int, float)) or found != found:
            found = 0.0 if column == "expected_known" else 1.0
        return found == wanted

    @property
    def severity_unmeasured(self) -> Literal["critical", "warning"]:
        """How bad it is when the column could not be measured: a render that is not measured is not approved."""
        return "critical"

    @property
    def review_required(self) -> str:
        """What is needed to pass without a person looking."""
        low = self.review_min if self.review_min is not None else self.min
        high = self.review_max if self.review_max is not None else self.max
        return _in_words(low, high, self.values, self.documented)


class RulePack(BaseModel):
    """The rules of one recipe as they stand in a YAML file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: str = Field(pattern=SLUG)
    kind: str = Field(pattern=SLUG)
    version: int = Field(ge=1)
    title: str
    background: Literal["white", "plain", "scene"]
    rules: tuple[Rule, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _one_rule_per_column(self) -> Self:
        columns = [rule.column for rule in self.rules]
        twice = sorted({column for column in columns if columns.count(column) > 1})
        if twice:
            raise ValueError(f"two rules on one column: {', '.join(twice)}. Use review_min and review_max for a second step.")
        return self


@dataclass(frozen=True, kw_only=True)
class RuleSet:
    """The rules in force for one recipe and brand. `digest` changes with anything that can change a verdict or its reasons."""

    recipe: str
    background: Literal["white", "plain", "scene"]
    rules: tuple[Rule, ...]
    overridden: tuple[str, ...] = ()
    """Columns whose bounds are the brand's own."""
    brand: str = ""
    """The brand whose bounds were laid over; empty for rules as they ship."""
    channel: str = ""
    """The channel's pack; empty for the rules of a recipe."""
    version: int = 1
    """Of the rule file."""
    palette: tuple[str, ...] = ()
    """The brand's colors, if a rule compares the surroundings with them."""
    measured_with: str = ""
    """Digest of the learned weights that the measurements it judges were taken with; empty without."""

    @cached_property
    def digest(self) -> str:
        """Sha256 over the rules; where a bound comes from and since when is not part of it."""
        rules = [rule.model_dump(mode="json", exclude=NOT_IN_DIGEST) for rule in self.rules]
        palette = {"palette": sorted(self.palette)} if self.palette else {}
        return digest({"recipe": self.recipe, "background": self.background, "rules": rules, **palette})

    @property
    def measurement_version(self) -> str:
        """Version of the measurements that it judges, as it enters the gate key: other weights measure anew."""
        return measurement_version(self.measured_with)

    @cached_property
    def asks_for_size(self) -> bool:
        """Whether a verdict depends on the product's size in the catalog."""
        return not self.needed_columns.isdisjoint(SIZE_COLUMNS)

    @property
    def needed_columns(self) -> set[str]:
        """Everything that must be known of a render to judge it: what rules look at, and what tells whether they apply."""
        conditions = {rule.condition[0] for rule in self.rules if rule.condition is not None}
        columns = {rule.column for rule in self.rules}
        told_by = {"learned_weights"} if columns & LEARNED_COLUMNS.keys() else set()
        return columns | conditions | told_by | ({"surroundings_hex"} if self.palette else set())

    @property
    def about(self) -> dict[str, str | int]:
        """What the rules are for and which they are: brand, recipe, channel, version of the file, digest. A pack holds for every recipe."""
        recipe = "any-recipe" if self.channel else self.recipe
        whose = {"brand": self.brand or "any-brand", "recipe": recipe, "channel": self.channel or "any-channel"}
        return {**whose, "version": self.version, "rules_digest": self.digest}

    @property
    def suite_name(self) -> str:
        """Name of the Great Expectations suite: brand, recipe, channel and version; the digest tells edited bounds of one version apart."""
        return "{brand}.{recipe}.{channel}.v{version}-{rules_digest:.8}".format(**self.about)


def read_rules(recipe_name: str, brand_kit: BrandKit | None = None, *, kind: str | None = None, gate: str | None = None) -> RuleSet:
    """The rules for a recipe: the shipped pack that its `gate` names (else that of its name or kind), with the brand's bounds laid over.

    Raises SettingsError when there is no pack, when the brand names a column that does not exist, or when a bound makes no sense.
    """
    pack = read_pack(recipe_name, kind=kind, gate=gate)
    overrides = {} if brand_kit is None else brand_kit.rules_of(recipe_name)
    unknown = sorted(set(overrides) - set(COLUMNS))
    if unknown:
        near = difflib.get_close_matches(unknown[0], COLUMNS, 1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise SettingsError(
            f"Brand kit, rules for '{recipe_name}': unknown column{'s' * (len(unknown) > 1)} {', '.join(unknown)}{hint}. "
            f"Nothing was judged. Columns: {', '.join(COLUMNS)}."
        )
    rules = [_overridden(rule, overrides[rule.column], recipe_name) if rule.column in overrides else rule for rule in pack.rules]
    present = {rule.column for rule in rules}
    rules += [_brand_rule(column, bound, recipe_name) for column, bound in sorted(overrides.items()) if column not in present]
    if brand_kit is None:
        rules = [rule for rule in rules if rule.column not in PALETTE_COLUMNS]  # no brand, no palette to compare with
    compared = brand_kit is not None and any(rule.column in PALETTE_COLUMNS for rule in rules)
    return RuleSet(
        recipe=recipe_name,
        background=pack.background,
        rules=tuple(rules),
        overridden=tuple(sorted(overrides)),
        brand="" if brand_kit is None else brand_kit.brand,
        version=pack.version,
        palette=brand_kit.palette if brand_kit is not None and compared else (),
    )


def read_pack(recipe_name: str, *, kind: str | None = None, gate: str | None = None) -> RulePack:
    """The shipped pack that a recipe's `gate` names; without one that of its name, else of its kind. Raises SettingsError if there is none."""
    path = RULE_FOLDER / f"{gate or recipe_name}.yaml"
    # A brand's own recipe may have the name of a shipped one of another kind.
    if path.is_file() and (gate is not None or kind in (None, _pack(path).kind)):
        return _pack(path)
    if gate is not None:
        raise SettingsError(
            f"Recipe '{recipe_name}' says `gate: {gate}`, and there are no rules of that name. Nothing was judged. There are: {', '.join(shipped_packs())}."
        )
    for other in sorted(RULE_FOLDER.glob("*.yaml")):
        if kind is not None and _pack(other).kind == kind:
            return _pack(other)
    raise SettingsError(
        f"There are no rules for recipe '{recipe_name}'"
        + (f" (kind '{kind}')" if kind else "")
        + f"; rules exist for {', '.join(shipped_packs())}. "
        "A recipe without rules cannot be judged: give it the kind of one of these, or add a pack."
    )


@cache
def _pack(path: Path) -> RulePack:
    """A shipped pack, read once: a plan of many cells asks for the same few thousands of times."""
    return parse_model(RulePack, read_yaml(path), path)


def shipped_packs() -> tuple[str, ...]:
    """Names of the recipes that have rules."""
    return tuple(sorted(path.stem for path in RULE_FOLDER.glob("*.yaml")))


def _overridden(rule: Rule, bound: Bound, recipe_name: str) -> Rule:
    """The rule with the brand's bounds; the shipped review band belonged to the shipped bounds and goes with the side that changed."""
    changes: dict[str, object] = {}
    if bound.min is not None:
        changes |= {"min": bound.min, "review_min": None}
    if bound.max is not None:
        changes |= {"max": bound.max, "review_max": None}
    changes |= {name: inner for name in ("review_min", "review_max") if (inner := getattr(bound, name)) is not None}
    if bound.severity is not None:
        changes |= {"severity": bound.severity}
        if bound.severity == "warning":
            changes = {"review_min": None, "review_max": None} | changes
    return parse_model(
        Rule, rule.model_dump() | changes | {"source": "brand kit"}, f"Brand kit, rules for '{recipe_name}', column '{rule.column}'"
    )


def _brand_rule(column: str, bound: Bound, recipe_name: str) -> Rule:
    """A rule that only the brand has, on a column the pack leaves free."""
    documented = COLUMNS[column]
    data = {
        "column": column, "min": bound.min, "max": bound.max, "review_min": bound.review_min, "review_max": bound.review_max,
        "severity": bound.severity or "critical", "code": column.upper(),
        "reason": f"{documented.meaning[:1].upper()}{documented.meaning[1:]}: {{measured}}, the brand asks for {{required}}.",
        "source": "brand kit", "date": datetime.date(2026, 11, 21),
    }  # fmt: skip
    return parse_model(Rule, data, f"Brand kit, rules for '{recipe_name}', column '{column}'")


def format_measured(value: float | str, documented: Column, *, bounds: tuple[float | None, ...] = ()) -> str:
    """A measured value with its unit, short enough for a sentence.

    `bounds`: the bounds it was held to; it gets the digits that set it apart from them, so that no sentence says "98.5 % is too little,
    98.5 % is needed".
    """
    if isinstance(value, str):
        return value
    unit = documented.unit
    text = _short(value)
    for digits in range(4, 10):
        if all(bound is None or (float(text) < bound, float(text) > bound) == (value < bound, value > bound) for bound in bounds):
            break
        text = f"{value:.{digits}g}"
    return f"{text} {unit}" if unit in ("%", "px", "KiB", "permille", "MP") else text


def _short(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def _in_words(low: float | None, high: float | None, values: tuple[str, ...] | None, documented: Column) -> str:
    if values is not None:
        return f"one of {', '.join(values)}" if len(values) > 1 else values[0]
    if low is not None and high is not None:
        return f"{format_measured(low, documented).split()[0]} to {format_measured(high, documented)}"
    if low is not None:
        return f"at least {format_measured(low, documented)}"
    assert high is not None
    return f"at most {format_measured(high, documented)}"
