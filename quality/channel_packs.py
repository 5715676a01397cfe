"""Packs: what a channel asks of every picture it takes, whatever recipe made it; shipped in YAML, each rule with its source and dates.

A pack judges the file that the channel would receive. When that is done, and what follows, is the assets' part.
"""

import datetime
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from catalog.errors import SettingsError
from catalog.product import SLUG
from catalog.recipe import parse_model, read_yaml
from quality.rendition_facts import CHANNEL_COLUMNS
from quality.rules import Rule, RulePack, RuleSet

PACK_FOLDER = Path(__file__).parent / "packs"


class ChannelRule(Rule):
    """A rule of a channel, in force `from` one day `until` another, both included; without them always.

    A "critical" rule refuses the picture, a "warning" (a recommendation) is told and the picture goes out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    columns: ClassVar = CHANNEL_COLUMNS

    url: str | None = Field(default=None, pattern=r"^https?://\S+$")
    """Where the source can be read; on `date` it said what the rule says."""
    starts: datetime.date | None = Field(default=None, alias="from")
    until: datetime.date | None = None

    @model_validator(mode="after")
    def _dates_make_sense(self) -> Self:
        if self.starts and self.until and self.starts > self.until:
            raise ValueError(f"rule on {self.column!r} would end ({self.until}) before it begins ({self.starts})")
        if self.when.startswith("expected"):
            raise ValueError(f"rule on {self.column!r}: `when: {self.when}` is for recipes; a channel knows nothing of expected pictures")
        return self

    @property
    def severity_unmeasured(self) -> Literal["critical", "warning"]:
        """A recommendation that cannot be checked refuses nothing."""
        return self.severity

    def in_force(self, on: datetime.date) -> bool:
        """Whether the rule holds on a day."""
        return (self.starts is None or self.starts <= on) and (self.until is None or on <= self.until)

    def meets(self, other: "ChannelRule") -> bool:
        """Whether there is a day on which both hold."""
        first, last = datetime.date.min, datetime.date.max
        return max(self.starts or first, other.starts or first) <= min(self.until or last, other.until or last)


class ChannelPack(BaseModel):
    """The rules of one channel as they stand in a YAML file, and what it asks that no column can tell yet.

    A pack of a project's own may begin with a shipped one (`extends`), see `own_packs.py`; title and background are then that one's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    channel: str = Field(pattern=SLUG)
    version: int = Field(ge=1)
    extends: str | None = Field(default=None, pattern=SLUG)
    title: str = ""
    background: Literal["white", "any"] | None = None
    rules: tuple[ChannelRule, ...] = Field(min_length=1)
    not_judged: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _stands_alone_or_on_another(self) -> Self:
        missing = [name for name in ("title", "background") if not getattr(self, name)]
        if missing and self.extends is None:
            raise ValueError(f"a pack needs {' and '.join(missing)}, unless it extends a shipped one (`extends: amazon_main`)")
        return self

    @model_validator(mode="after")
    def _one_rule_per_column_and_day(self) -> Self:
        for index, rule in enumerate(self.rules):
            for other in self.rules[:index]:
                if other.column == rule.column and other.meets(rule):
                    raise ValueError(f"two rules on {rule.column!r} hold on the same day. Give one `until:` and the other `from:`.")
                if other.column != rule.column and other.code == rule.code:
                    raise ValueError(f"code {rule.code} names two rules: on {other.column!r} and on {rule.column!r}")
        return self


@cache
def rules_of_pack(name: str, on: datetime.date) -> RuleSet:
    """The rules of a shipped pack that hold on a day. Raises SettingsError when there is no such pack."""
    return in_force(read_channel_pack(name), on)


def in_force(pack: ChannelPack, on: datetime.date) -> RuleSet:
    """The rules of a pack that hold on a day. A pack none of whose rules holds has an empty set: it takes everything."""
    background: Literal["white", "scene"] = "white" if pack.background == "white" else "scene"
    rules = tuple(rule for rule in pack.rules if rule.in_force(on))
    return RuleSet(recipe=pack.channel, background=background, rules=rules, channel=pack.channel, version=pack.version)


def read_channel_pack(name: str) -> ChannelPack:
    """A shipped pack, with rules of every date. Raises SettingsError naming those there are."""
    if name not in shipped_channel_packs():
        raise SettingsError(f"There is no channel pack '{name}'. There are: {', '.join(shipped_channel_packs())}.")
    return _read(PACK_FOLDER / f"{name}.yaml")


@cache
def _read(path: Path) -> ChannelPack:
    return parse_model(ChannelPack, read_yaml(path), path)


@cache
def shipped_channel_packs() -> tuple[str, ...]:
    """Names of the channel packs."""
    return tuple(sorted(path.stem for path in PACK_FOLDER.glob("*.yaml")))


def rule_file_schema(kind: Literal["recipe", "channel"]) -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a rule file, for editors: of a recipe's rules, or of a channel's pack."""
    model, columns = (RulePack, Rule.columns) if kind == "recipe" else (ChannelPack, ChannelRule.columns)
    schema = model.model_json_schema(by_alias=True)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    for definition in schema["$defs"].values():
        definition["properties"]["column"] |= {"enum": sorted(columns)}
    return schema
