"""Who crashes workers: attempts are counted before work begins, so that an item whose worker dies each time is found and set aside.

An item is whatever is made in one go: one photo to cut out, one group of renders, one render to measure. Its row is there while a worker has
it in hand and goes when the item is done or refused, whatever for. A worker that died by itself leaves the row; a worker that was preempted
takes its attempt back, because the machine is to blame. After `MAX_ATTEMPTS` the item is not begun again; its step says what becomes of it.
"""

import os
import platform
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import sqlalchemy as sa

from catalog.errors import VitrineError
from catalog.failpoint import failpoint
from catalog.preemption import Preempted
from resources.ledger import QUERY_CHUNK, Row
from resources.ledger_tables import attempt
from resources.project import Project
from resources.settings import utc_now

MAX_ATTEMPTS = 3
"""So often a worker may die with one item in hand. Once is a lost machine; two lost machines on one item are rare; three are the item."""

DIED_EACH_TIME = "the worker died each of the"
"""In the message of such an item, which is all that the refusal of a render keeps."""

CRASHES = "crashed_worker"
"""Code of the reason for which such an item is set aside."""


class CrashedItem(VitrineError):
    """An item whose worker died each time it was begun; not begun again until what it is made of changes, or a person asks for it."""


@dataclass(frozen=True)
class Hands:
    """The items that this worker has in hand, each counted as begun."""

    project: Project
    items: set[str] = field(default_factory=set)

    def take(self, item: str, what: str) -> None:
        """Begin an item as one more attempt. Raises CrashedItem, without beginning, when all its attempts ended their worker.

        `item` names what is made by all that it is made of (a key); `what` names it for people.
        """
        begun = _begin(self.project, item)
        if begun > MAX_ATTEMPTS:
            raise CrashedItem(
                f"{what}: {DIED_EACH_TIME} {MAX_ATTEMPTS} times it was begun, without saying why. It was set aside and the rest goes on. "
                "Look at the workers' memory and logs, then `vitrine retry` its cell; a changed photo, recipe or version is tried again by itself."
            )
        self.items.add(item)
        failpoint("attempt.begun")

    def put_down(self, item: str) -> None:
        """An item is done, or what became of it is recorded."""
        forget(self.project, item)
        self.items.discard(item)
        failpoint("attempt.forgotten")


@contextmanager
def in_hand(project: Project) -> Iterator[Hands]:
    """Work on items, several at a time where they are made together. What is in hand when the work is preempted is given back."""
    hands = Hands(project)
    try:
        yield hands
    except Preempted:
        for item in sorted(hands.items):
            _give_back(project, item)
        raise
    except BaseException:
        forget(project, *hands.items)  # it ended with a reason, which is told elsewhere
        raise


@contextmanager
def counted(project: Project, item: str, what: str) -> Iterator[None]:
    """Work on one item as one more attempt; see `Hands.take`."""
    with in_hand(project) as hands:
        hands.take(item, what)
        yield
        hands.put_down(item)


def suspects(project: Project, items: Iterable[str]) -> set[str]:
    """Those of the items that were in hand when a worker died: to be done last, so that the others are not lost with them again."""
    return set(project.ledger.by_keys(attempt, items))


def times_begun(project: Project, items: Iterable[str]) -> dict[str, int]:
    """How often those of the items were begun that were in hand when a worker died."""
    return {item: row["begun"] for item, row in project.ledger.by_keys(attempt, items).items()}


def _begin(project: Project, item: str) -> int:
    """Count one more attempt; its number. Beyond the last one it stays where it is."""
    with project.ledger.writing(item) as connection:
        begun = connection.execute(sa.select(attempt.c.begun).where(attempt.c.item == item)).scalar()
        if begun is None:
            connection.execute(sa.insert(attempt), [{"item": item, "begun": 1, **_here_and_now()}])
        elif begun < MAX_ATTEMPTS:
            connection.execute(sa.update(attempt).where(attempt.c.item == item).values(begun=begun + 1, **_here_and_now()))
    return (begun or 0) + 1


def _give_back(project: Project, item: str) -> None:
    with project.ledger.writing(item) as connection:
        connection.execute(sa.update(attempt).where(attempt.c.item == item).values(begun=attempt.c.begun - 1))
        connection.execute(sa.delete(attempt).where(attempt.c.item == item, attempt.c.begun <= 0))


def forget(project: Project, *items: str) -> None:
    """Count items' attempts from nothing again: they are done, or what became of them is recorded."""
    known = sorted(suspects(project, items))
    for start in range(0, len(known), QUERY_CHUNK):
        with project.ledger.writing("attempts") as connection:
            connection.execute(sa.delete(attempt).where(attempt.c.item.in_(known[start : start + QUERY_CHUNK])))


def _here_and_now() -> Row:
    return {"at": utc_now().replace(tzinfo=None), "worker": f"{platform.node()}/{os.getpid()}"}
