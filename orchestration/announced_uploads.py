"""The sensor `announced_uploads`: photos that S3 announces through SQS are looked at without listing the bucket.

It exists only where `uploads` is configured. It starts nothing itself: a product with a new photo is a change in the ledger, and
`new_and_changed_products` starts the cells of changes.
"""

import dagster as dg

from assets.partitions import FIRST_DROP
from orchestration.uploads import Taken, take_uploads
from resources.project import VitrineResource
from resources.settings import Settings, utc_now

UPLOADS_INTERVAL_S = 15


def build_upload_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """The sensor of a project that has a queue; nothing for others: omission means no."""
    return [] if settings.uploads is None else [announced_uploads]


@dg.sensor(
    minimum_interval_seconds=UPLOADS_INTERVAL_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Takes announced uploads from the queue and looks at the photos they name.",
)
def announced_uploads(context: dg.SensorEvaluationContext, vitrine: VitrineResource) -> dg.SkipReason:
    """Note announcements, look at the photos, tell what was done in one line."""
    from resources.upload_queue import UploadQueue

    project = vitrine.open()
    assert project.settings.uploads is not None
    taken = take_uploads(project, UploadQueue(project.settings.uploads), today=utc_now().date(), first_drop=FIRST_DROP)
    for reason in taken.set_aside:
        context.log.warning(f"A message went to the dead-letter queue: {reason}.")
    for message in taken.failed:
        context.log.warning(message)
    return dg.SkipReason(summary(taken))


def summary(taken: Taken) -> str:
    """One line for the tick in the web UI."""
    told = taken.told
    parts = [
        f"{told['photo']} photos announced ({told['newer']} not known yet)" if told["photo"] else "",
        f"{len(taken.changes)} products have a new photo" if taken.changes else "",
        *(f"{told[where]} {words}" for where, words in _OTHERS.items() if told[where]),
        f"{len(taken.set_aside)} messages set aside" if taken.set_aside else "",
        f"{len(taken.failed)} photos could not be read and are tried again" if taken.failed else "",
    ]
    said = ", ".join(part for part in parts if part)
    return f"{said}." if said else "No upload was announced."


_OTHERS = {"table": "of the product table", "look": "of looks", "elsewhere": "of other objects", "not deleted": "messages will come again"}
