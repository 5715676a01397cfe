"""What products that were settled alike need now: counted from what changed between the expectation then and the one of today.

Exact, or None: whatever cannot be told without looking at each product is left to the full plan. Knows no ledger.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from assets.expectation import Expectation, is_unusable, some_packed, waits_for_lora
from assets.needs import PUBLISHED_DIFFERS
from assets.planning import NO_LORA, NO_MODEL, NOT_JUDGED, NOT_RENDERED
from assets.settled import REFUSED, Made, read_shape


@dataclass(kw_only=True)
class ProductNeed:
    """What one product needs; as in `CellNeed`."""

    to_render: Counter[str] = field(default_factory=Counter)
    to_judge: Counter[str] = field(default_factory=Counter)
    to_publish: int = 0
    why: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, kw_only=True)
class Tried:
    """Names of everything that was ever made or judged by, for a product; `everything`: nobody knows what else there was."""

    variants: Collection[str]
    gates: Collection[str]
    everything: bool = False


def need_of_settled(then: Expectation, now: Expectation, shape: str, tried: Tried, category: str) -> ProductNeed | None:
    """What an active product of this shape needs that was settled under `then`; None when each product must be looked at."""
    if then.intake != now.intake:
        return None
    need = ProductNeed()
    if shape == REFUSED:
        return need
    if any(is_unusable(variants) and name not in now.variants for name, variants in then.variants.items()):
        return None  # its pictures may stand yet, and the shape does not say how many
    made = read_shape(shape)
    for recipe in now.variants:
        known = _recipe_need(recipe, then, now, made.get(recipe, Made(wanted=0, made=0, approved=0)), tried, category, need)
        if not known:
            return None
    if any(counts.approved and some_packed(then.channels.get(name, {})) for name, counts in made.items() if name not in now.variants):
        return None
    need.to_publish += sum(counts.approved * len(then.channels.get(name, {})) for name, counts in made.items() if name not in now.variants)
    if need.to_publish:
        need.why[PUBLISHED_DIFFERS] += need.to_publish
    return need


def _recipe_need(recipe: str, then: Expectation, now: Expectation, made: Made, tried: Tried, category: str, need: ProductNeed) -> bool:
    """Add what one recipe needs; False when it cannot be told."""
    old, new = then.variants.get(recipe), now.variants[recipe]
    if old == new:
        return _same_variants(recipe, then, now, made, tried, category, need)
    if isinstance(new, int) and old is None:
        need.why[f"{recipe}: {NO_LORA.format(category=category)}"] += new
        return True
    if not isinstance(new, list) or isinstance(old, str):
        return False
    return _other_variants(recipe, old if isinstance(old, list) else [], new, then, now, made, tried, need)


def _same_variants(recipe: str, then: Expectation, now: Expectation, made: Made, tried: Tried, category: str, need: ProductNeed) -> bool:
    if waits_for_lora(now.variants[recipe]):
        if made.wanted:
            need.why[f"{recipe}: {NO_LORA.format(category=category)}"] += made.wanted
        return True
    if is_unusable(now.variants[recipe]):
        return _still_unusable(recipe, then, now, made, need)
    if then.gates[recipe] != now.gates[recipe]:
        return _judge(recipe, now, made.made, tried, need)  # undecided: neither published anew nor taken back
    if made.approved and then.words[recipe] != now.words[recipe]:
        return False
    if made.approved and then.channels[recipe] != now.channels[recipe] and some_packed(then.channels[recipe], now.channels[recipe]):
        return False  # a pack refuses some of them, and the shape does not say which
    need.to_publish += made.approved * _forms_to_change(then.channels[recipe], now.channels[recipe])
    return True


def _still_unusable(recipe: str, then: Expectation, now: Expectation, made: Made, need: ProductNeed) -> bool:
    """A recipe whose own model could not be used then either: its pictures stay where they are, but for channels that take them no more."""
    if then.channels[recipe].keys() != now.channels[recipe].keys():
        return False
    if made.wanted:
        need.why[f"{recipe}: {NO_MODEL}"] += made.wanted
    return True


def _other_variants(
    recipe: str, old: list[str], new: list[str], then: Expectation, now: Expectation, made: Made, tried: Tried, need: ProductNeed
) -> bool:
    """A recipe with other keys: what was never tried is to be rendered; what stands published stays until its successor is judged."""
    if old and made.made != made.wanted:
        return False  # the recipe refused some of them, and the shape does not say which
    fresh = set(new) - set(old)
    if fresh and (tried.everything or not fresh.isdisjoint(tried.variants)):
        return False
    if made.approved:
        others = (then.words[recipe], then.channels[recipe]) != (now.words[recipe], now.channels[recipe])
        if others or len(new) < len(old):
            return False
    if fresh:
        need.to_render[recipe] += len(fresh)
        need.why[f"{recipe}: {NOT_RENDERED}"] += len(fresh)
    return recipe not in then.gates or then.gates[recipe] == now.gates[recipe] or _judge(recipe, now, len(new) - len(fresh), tried, need)


def _judge(recipe: str, now: Expectation, count: int, tried: Tried, need: ProductNeed) -> bool:
    if tried.everything or now.gates[recipe] in tried.gates:
        return False
    if count:
        need.to_judge[recipe] += count
        need.why[NOT_JUDGED] += count
    return True


def _forms_to_change(then: Mapping[str, str], now: Mapping[str, str]) -> int:
    """Published files per picture that would change: one for each channel that came, went or takes another form."""
    return sum(then.get(name) != now.get(name) for name in then.keys() | now.keys())
