"""The four kinds of expectations that rules compile to, Great Expectations' own, which put their configuration together once instead of each time.

Great Expectations asks an expectation for its `configuration` some 145 times while it validates it, and each time the whole model is written out
anew: half of the CPU time of judging 10,000 rows. Nothing else of them is changed, and they keep their names: a suite written as JSON is anyone's.
"""

import logging
from dataclasses import dataclass
from functools import cache
from typing import Any


@dataclass(frozen=True, kw_only=True)
class ExpectationKinds:
    """The classes of expectations, called as Great Expectations' own."""

    between: Any
    in_set: Any
    not_null: Any
    unique: Any


@cache
def expectation_kinds() -> ExpectationKinds:
    """The kinds, made and registered once per process; loads Great Expectations."""
    import great_expectations.expectations as gxe

    registry = logging.getLogger("great_expectations.expectations.registry")
    level = registry.level
    registry.setLevel(logging.ERROR)  # it warns of what is meant here: a class in place of another under its name
    try:
        return ExpectationKinds(
            between=_quick(gxe.ExpectColumnValuesToBeBetween),
            in_set=_quick(gxe.ExpectColumnValuesToBeInSet),
            not_null=_quick(gxe.ExpectColumnValuesToNotBeNull),
            unique=_quick(gxe.ExpectColumnValuesToBeUnique),
        )
    finally:
        registry.setLevel(level)


def _quick(kind: Any) -> Any:
    """A class like this one that remembers its configuration until one of its fields is set."""
    from great_expectations.compatibility import pydantic

    def configuration(self: Any) -> Any:
        if self._put_together is None:
            self._put_together = kind.configuration.fget(self)
        known = self._put_together
        found = object.__new__(type(known))
        found.__dict__.update(known.__dict__, _kwargs=dict(known._kwargs), meta=dict(known.meta))  # whoever asks may write into them
        return found

    def set_field(self: Any, name: str, value: Any) -> None:
        kind.__setattr__(self, name, value)
        if name != "_put_together":
            self._put_together = None

    own = {"_put_together": pydantic.PrivateAttr(default=None), "configuration": property(configuration), "__setattr__": set_field}
    return type(kind)(kind.__name__, (kind,), {"__module__": __name__, "__doc__": kind.__doc__, **own})
