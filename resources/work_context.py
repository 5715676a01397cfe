"""What the code is working on right now: run, step, cell, product, recipe, render. Log lines and spans take their names from here.

Plain context variables: a block says what it works on, and everything below it knows. Holds no secrets and decides nothing.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_NOW: ContextVar[Mapping[str, str]] = ContextVar("vitrine_work", default={})  # noqa: B039 - replaced, never changed in place

FACTS = ("run_id", "job", "step", "attempt", "cell", "category", "product", "recipe", "render_key", "notice", "receiver")
"""The names that may be set, in the order log lines show them."""


@contextmanager
def working_on(**facts: str) -> Iterator[None]:
    """Inside this block, log lines and spans carry these facts; empty ones are left out."""
    unknown = facts.keys() - set(FACTS)
    assert not unknown, f"not a fact of work: {unknown}"
    before = _NOW.get()
    _NOW.set({**before, **{name: value for name, value in facts.items() if value}})
    try:
        yield
    finally:
        _NOW.set(before)  # not reset(token): a generator step may be closed from another context


def current_work() -> Mapping[str, str]:
    """The facts that hold here."""
    return _NOW.get()
