"""Take announcements of uploads from the queue and look at the photos they name, and at no others.

Two steps with the ledger between them: what was received is noted and only then deleted from the queue; what is noted is looked at, now
or at a later tick. No Dagster here; the sensor is in `announced_uploads.py`.
"""

import datetime as dt
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import sqlalchemy as sa

from catalog.errors import CatalogError
from resources.announced_uploads import Announced, announce, due_looks, look_failed
from resources.catalog_settings import S3Place
from resources.ledger import Row
from resources.ledger_tables import photo_file
from resources.photo_changes import Look, record_looks
from resources.photo_digests import refuse_if_known
from resources.project import Project
from resources.s3_source import S3Pictures
from resources.upload_events import UnreadableMessage, UploadEvent, read_message
from resources.upload_queue import Message, UploadQueue

RECEIVE_S = 10.0
LOOK_S = 20.0
"""Time for receiving and for looking per tick; Dagster ends a tick after 60 s. What is left waits in the queue, or in the ledger."""
LOOKS_PER_COMMIT = 64
"""Photos looked at between two commits: what is done is kept when the next one fails."""


@dataclass(kw_only=True)
class Taken:
    """What one tick did: messages by what became of them, photos that could not be looked at, and the changes of products."""

    told: Counter[str] = field(default_factory=Counter)
    set_aside: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    changes: list[Row] = field(default_factory=list)


def take_uploads(project: Project, queue: UploadQueue, *, today: dt.date, first_drop: dt.date) -> Taken:
    """One tick: note what the queue tells, then look at noted photos. Raises CatalogError when queue or bucket cannot be reached."""
    taken = Taken()
    take_announcements(project, queue, taken, until=_after(RECEIVE_S))
    look_again(project, taken, today=today, first_drop=first_drop, until=_after(LOOK_S))
    return taken


def take_announcements(project: Project, queue: UploadQueue, taken: Taken, *, until: Callable[[], bool]) -> None:
    """Receive until the queue is empty or the time is over. Each batch is committed to the ledger before it is deleted."""
    place = project.settings.pictures_bucket
    assert place is not None  # the settings refuse `uploads` without a bucket
    while not until():
        messages = queue.receive()
        if not messages:
            return
        understood, told = list[Message](), dict[str, str]()
        for message in messages:
            try:
                events = read_message(message.body)
            except UnreadableMessage as error:
                queue.set_aside(message, str(error))
                taken.set_aside.append(str(error))
                continue
            understood.append(message)
            for event in events:
                where, name = place_of(event, place)
                taken.told[where] += 1
                if where == "photo":
                    told[name] = _newest(told.get(name, event.sequencer), event.sequencer)
        taken.told["newer"] += announce(project.ledger, project.source.pictures.name, told)
        taken.told["not deleted"] += queue.delete(understood)


def place_of(event: UploadEvent, place: S3Place) -> tuple[str, str]:
    """What an object is to this catalog: a photo and its name, a look and its category, a table, or something elsewhere.

    Only photos are looked at. The table's ETag is asked at every tick of `catalog_changes`, and looks are read when a LoRA is refreshed.
    """
    prefix = f"{place.prefix.strip('/')}/" if place.prefix.strip("/") else ""
    if event.bucket != place.bucket or not event.key.startswith(prefix) or event.key.endswith("/"):
        return "elsewhere", ""
    top, _, rest = event.key.removeprefix(prefix).partition("/")
    if top == "photos" and rest:
        return "photo", rest
    if top == "looks" and "/" in rest:
        return "look", rest.partition("/")[0]
    return ("table", top) if not rest else ("elsewhere", "")


def _newest(one: str, other: str) -> str:
    """The newer of two sequencers of one photo; '' when either is not known, so that the photo is looked at."""
    return max(one, other) if one and other else ""


def look_again(project: Project, taken: Taken, *, today: dt.date, first_drop: dt.date, until: Callable[[], bool]) -> None:
    """Ask the bucket for each noted photo and write what changed. A photo that cannot be read waits for a later tick and stops no other.

    Raises CatalogError when not one of a batch could be read: then it is the bucket.
    """
    pictures = project.source.pictures
    assert isinstance(pictures, S3Pictures)
    tried = set[str]()
    while not until():
        due = [asked for asked in due_looks(project.ledger, pictures.name, LOOKS_PER_COMMIT) if asked.name not in tried]
        if not due:
            return
        tried.update(asked.name for asked in due)
        looks, errors = _look(project, pictures, due)
        taken.changes += record_looks(
            project.ledger,
            pictures.name,
            looks,
            today=today,
            first_drop=first_drop,
            max_cell_products=project.settings.catalog.max_cell_products,
        )
        if errors:
            look_failed(project.ledger, pictures.name, list(errors))
            taken.failed += [str(error) for error in errors.values()]
            if not looks:
                raise next(iter(errors.values()))


def _look(project: Project, pictures: S3Pictures, due: Sequence[Announced]) -> tuple[list[Look], dict[str, CatalogError]]:
    """What is under each name now. A photo whose version is remembered is not read again."""
    known = project.ledger.by_keys(photo_file, [asked.name for asked in due])

    def look(asked: Announced) -> Look | CatalogError:
        try:
            version = pictures.photo_version(asked.name)
            old = known.get(asked.name)
            if version and old is not None and old["state"] == version:
                return Look(asked=asked, photo_digest=old["photo_digest"], version=version)
            read = None if version is None else pictures.photo_digest(asked.name)
        except CatalogError as error:
            return error
        return Look(asked=asked, photo_digest=read[0] if read else None, version=read[1] if read else None)

    with ThreadPoolExecutor(pictures.parallel_reads) as pool:
        found = list(zip(due, pool.map(look, due), strict=True))
    if any(isinstance(answer, Look) and answer.photo_digest is None for _, answer in found):
        _refuse_if_all_are_gone(project, pictures)
    looks = [answer for _, answer in found if isinstance(answer, Look)]
    return looks, {asked.name: answer for asked, answer in found if isinstance(answer, CatalogError)}


def _refuse_if_all_are_gone(project: Project, pictures: S3Pictures) -> None:
    """Told that photos are gone, be sure that the bucket is there, and that not every photo left it at once."""
    if not pictures.bucket.has_photos():
        remembered = project.ledger.rows(sa.select(photo_file.c.name))
        refuse_if_known(project.ledger, pictures.name, [row["name"] for row in remembered])


def _after(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end
