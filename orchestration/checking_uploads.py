"""The part of `vitrine check` about announced uploads: queues, rights, and whether the bucket tells the queue. Changes nothing.

Rights are tried with requests that cannot succeed (a receipt that does not exist, an empty message): AWS says AccessDenied to who may not, and
something else to who may.
"""

from collections.abc import Callable, Generator, Iterator
from typing import Any, Literal

from catalog.sentences import clause
from resources.announced_uploads import waiting_uploads
from resources.catalog_settings import S3Place
from resources.project import Project
from resources.upload_queue import UploadQueue, open_client

Said = tuple[Literal["error", "warning"], str]
CHANGING = ("s3:ObjectCreated:*", "s3:ObjectRemoved:*")
DENIED = ("AccessDenied", "AccessDeniedException", "AWS.SimpleQueueService.AccessDenied", "403")
SHORTEST_RETENTION_S = 86_400
"""A queue that forgets sooner loses announcements over a weekend's outage; the next full look finds them all the same."""


def check_uploads(project: Project) -> Iterator[Said]:
    """What is wrong with the queue, its dead-letter queue and the bucket's notifications; nothing for a project without `uploads`."""
    settings, place = project.settings.uploads, project.settings.pictures_bucket
    if settings is None or place is None:
        return
    queue = UploadQueue(settings)
    arns: dict[str, str] = {}
    for name, url in (("queue_url", str(settings.queue_url)), ("dead_letter_queue_url", str(settings.dead_letter_queue_url))):
        attributes = yield from _attributes(queue, name, url)
        if attributes is not None:
            arns[name] = attributes["QueueArn"]
            yield from _retention(name, attributes)
    yield from _rights(queue)
    if "queue_url" in arns:
        yield from _notifications(queue, place, arns["queue_url"])
    count, some = waiting_uploads(project.ledger, project.source.pictures.name)
    if count:
        message = f"{count} announced photos are named by no product of the pilot, such as {', '.join(some)}. They wait for their rows."
        yield "warning", message


def _attributes(queue: UploadQueue, name: str, url: str) -> Generator[Said, None, dict[str, str] | None]:
    """The queue's attributes, or None after what is wrong."""
    answer, said = _asked(lambda: queue.client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"]))
    if answer is not None:
        return dict(answer["Attributes"])
    yield "error", f"{name} {url} cannot be used: {said}. Correct it, or give the role sqs:GetQueueAttributes on it."
    return None


def _retention(name: str, attributes: dict[str, str]) -> Iterator[Said]:
    keeps_s = int(attributes.get("MessageRetentionPeriod", SHORTEST_RETENTION_S))
    if keeps_s < SHORTEST_RETENTION_S:
        yield "warning", f"{name} keeps messages for {keeps_s} s only; a day or more outlasts an outage."
    if name == "queue_url" and "RedrivePolicy" not in attributes:
        yield "warning", "the queue has no redrive policy: a message that ends its consumer each time would come for ever. Set one."


def _rights(queue: UploadQueue) -> Iterator[Said]:
    url, dead = str(queue.settings.queue_url), str(queue.settings.dead_letter_queue_url)
    tried: tuple[tuple[str, str, Callable[[], Any]], ...] = (
        ("sqs:DeleteMessage", url, lambda: queue.client.delete_message(QueueUrl=url, ReceiptHandle="vitrine-check")),
        ("sqs:ReceiveMessage", url, lambda: queue.client.receive_message(QueueUrl=url, MaxNumberOfMessages=0)),
        ("sqs:SendMessage", dead, lambda: queue.client.send_message(QueueUrl=dead, MessageBody="")),
    )
    for right, where, request in tried:
        _, said = _asked(request)
        if said.split(":")[0] in DENIED:
            yield "error", f"this role may not {right} on {where}. Add it to the role's policy."


def _notifications(queue: UploadQueue, place: S3Place, arn: str) -> Iterator[Said]:
    client = open_client("s3", place.endpoint, place.region or queue.region)
    answer, said = _asked(lambda: client.get_bucket_notification_configuration(Bucket=place.bucket))
    if answer is None:
        yield "warning", f"whether bucket {place.bucket} announces uploads cannot be seen: {said}."
        return
    told = [event for entry in answer.get("QueueConfigurations", []) if entry["QueueArn"] == arn for event in _covered(entry, place)]
    missing = [event for event in CHANGING if event not in told]
    if missing and ("EventBridgeConfiguration" in answer or answer.get("TopicConfigurations")):
        message = f"bucket {place.bucket} announces through EventBridge or SNS; whether that reaches {arn} cannot be seen from here."
        yield "warning", message
    elif missing:
        message = f"bucket {place.bucket} does not announce {' and '.join(missing)} under {place.prefix or 'its root'!r} to {arn}."
        yield "error", f"{message} Add a notification; until then changes are seen by the listing only."


def _covered(entry: dict[str, Any], place: S3Place) -> Iterator[str]:
    """Which of the changing events a notification tells for all photos of the place."""
    rules = {rule["Name"].lower(): rule["Value"] for rule in entry.get("Filter", {}).get("Key", {}).get("FilterRules", [])}
    folder = f"{place.prefix.strip('/')}/photos/".lstrip("/")
    if rules.get("suffix") or not folder.startswith(rules.get("prefix", "")):
        return
    yield from (event for event in entry["Events"] if event in CHANGING)


def _asked(request: Callable[[], Any]) -> tuple[Any, str]:
    """A request's answer, or None and what was said instead."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return request(), ""
    except ClientError as error:
        return None, f"{error.response['Error'].get('Code', '')}: {clause(error.response['Error'].get('Message', ''))}"
    except BotoCoreError as error:
        return None, clause(error)
