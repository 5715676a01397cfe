"""A project's own packs: files like the shipped ones, or `extends: amazon_main` with rules that ask for more. All packs of a project by name.

An extended pack may tighten, never loosen: what its channel refuses is refused whatever the file says. What packs are is `channel_packs.py`.
"""

import datetime
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from catalog.errors import SettingsError
from catalog.recipe import parse_model, read_yaml
from quality.channel_packs import ChannelPack, ChannelRule, in_force, read_channel_pack, shipped_channel_packs
from quality.rules import RuleSet

DAY = datetime.timedelta(days=1)


class PackBook:
    """Every pack of a project by name: those that ship, and those of its own folder. Raises SettingsError for a wrong file when first asked."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._rules: dict[tuple[str, datetime.date], RuleSet] = {}

    @cached_property
    def own(self) -> Mapping[str, ChannelPack]:
        """The packs of the project's folder."""
        return {} if self._folder is None else read_own_packs(self._folder)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all packs, the shipped ones first."""
        return (*shipped_channel_packs(), *sorted(self.own))

    def pack(self, name: str) -> ChannelPack:
        """A pack with rules of every date. Raises SettingsError naming those there are."""
        if name in self.own:
            return self.own[name]
        if name not in shipped_channel_packs():
            folder = "" if self._folder is not None else " Own packs: see `packs` in the settings."
            raise SettingsError(f"There is no channel pack '{name}'. There are: {', '.join(self.names)}.{folder}")
        return read_channel_pack(name)

    def rules(self, name: str, on: datetime.date) -> RuleSet:
        """The rules of a pack that hold on a day; read once, as a plan of many cells asks thousands of times."""
        if (name, on) not in self._rules:
            self._rules[name, on] = in_force(self.pack(name), on)
        return self._rules[name, on]


def read_own_packs(folder: Path) -> dict[str, ChannelPack]:
    """The packs in a folder by name, those that extend a shipped one filled in.

    Raises SettingsError if the folder is missing or a file is wrong: named unlike its channel, of the name of a shipped pack, or loosening what it
    extends.
    """
    if not folder.is_dir():
        raise SettingsError(f"The folder of channel packs {folder} does not exist. Create it, or remove the setting that names it.")
    return {path.stem: _read(path) for path in sorted(folder.glob("*.yaml"))}


def _read(path: Path) -> ChannelPack:
    if path.stem in shipped_channel_packs():
        raise SettingsError(
            f"{path}: Vitrine ships a pack '{path.stem}', which a project cannot replace. Name yours otherwise and begin it with `extends: {path.stem}`."
        )
    pack = parse_model(ChannelPack, read_yaml(path), path)
    if pack.channel != path.stem:
        raise SettingsError(
            f"{path}: it says `channel: {pack.channel}`. A pack's file has its name: call it {pack.channel}.yaml, or correct the line."
        )
    return pack if pack.extends is None else _extended(pack, pack.extends, path)


def _extended(pack: ChannelPack, name: str, path: Path) -> ChannelPack:
    """An own pack with the rules of the shipped one that it extends."""
    if name not in shipped_channel_packs():
        raise SettingsError(f"{path}: it extends '{name}', which does not ship. It may extend {', '.join(shipped_channel_packs())}.")
    base = read_channel_pack(name)
    if base.background == "white" and pack.background == "any":
        raise SettingsError(f"{path}: `background: any` would loosen {name}, which asks for white. Leave the line out.")
    columns = dict.fromkeys(rule.column for rule in (*base.rules, *pack.rules))
    rules = [rule for column in columns for rule in _of_column(column, base, pack.rules, f"{path}, which extends {name}")]
    data: dict[str, Any] = {
        "channel": pack.channel,
        "version": pack.version,
        "title": pack.title or f"{base.title}, as {pack.channel} holds it",
        "background": pack.background or base.background,
        "rules": [rule.model_dump() for rule in rules],
        "not_judged": (*base.not_judged, *pack.not_judged),
    }
    return parse_model(ChannelPack, data, path)


def _of_column(column: str, base: ChannelPack, own: Iterable[ChannelRule], where: str) -> list[ChannelRule]:
    """The rules on one column: own ones in place of the base's on the days they hold, with the base's bounds where they give none."""
    theirs, mine = [rule for rule in base.rules if rule.column == column], [rule for rule in own if rule.column == column]
    rules = [_tightened(rule, one, where) for one in mine for rule in theirs if rule.meets(one)]
    rules += [piece for rule in theirs for piece in _outside_of(rule, mine)]
    rules += [piece for one in mine for piece in _outside_of(one, theirs)]
    return sorted(rules, key=lambda rule: rule.starts or datetime.date.min)


def _tightened(base: ChannelRule, own: ChannelRule, where: str) -> ChannelRule:
    """The own rule on the days that both hold. Raises SettingsError where it would take what the base refuses."""
    asked = {name: getattr(own, name) if name in own.model_fields_set else getattr(base, name) for name in ("min", "max", "values")}
    looser = (
        (base.min is not None and (asked["min"] is None or asked["min"] < base.min))
        or (base.max is not None and (asked["max"] is None or asked["max"] > base.max))
        or (base.values is not None and not set(asked["values"] or ()) <= set(base.values))
        or (base.severity == "critical" and own.severity == "warning")
        or own.when not in ("always", base.when)
    )
    if looser:
        raise SettingsError(
            f"{where}: the rule {own.code} on {own.column} ({own.required}, {own.severity}) would loosen {base.code} ({base.required}, "
            f"{base.severity}). An extended pack may only ask for more; to ask for less, write a pack of its own without `extends`."
        )
    bands = {name: getattr(own, name) if name in own.model_fields_set else getattr(base, name) for name in ("review_min", "review_max")}
    if own.severity == "warning" or (bands["review_min"] is not None and asked["min"] is not None and bands["review_min"] <= asked["min"]):
        bands["review_min"] = None
    if own.severity == "warning" or (bands["review_max"] is not None and asked["max"] is not None and bands["review_max"] >= asked["max"]):
        bands["review_max"] = None
    days = {
        "starts": max(filter(None, (base.starts, own.starts)), default=None),
        "until": min(filter(None, (base.until, own.until)), default=None),
    }
    return parse_model(ChannelRule, own.model_dump(by_alias=False) | asked | bands | days, where)


def _outside_of(rule: ChannelRule, others: Iterable[ChannelRule]) -> list[ChannelRule]:
    """A rule on the days on which none of the others holds: itself, nothing, or the pieces between them."""
    pieces = [rule]
    for other in others:
        pieces = [piece for one in pieces for piece in ([one] if not one.meets(other) else _cut(one, other))]
    return pieces


def _cut(rule: ChannelRule, other: ChannelRule) -> list[ChannelRule]:
    before, after = [], []
    if other.starts is not None and (rule.starts is None or rule.starts < other.starts):
        before = [rule.model_copy(update={"until": other.starts - DAY})]
    if other.until is not None and (rule.until is None or rule.until > other.until):
        after = [rule.model_copy(update={"starts": other.until + DAY})]
    return before + after
