"""What a queue message says was uploaded or removed: S3's own notifications, the same through SNS, and EventBridge.

Reads text only. A message says where to look; what is there, the bucket says.
"""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

CHANGING = ("ObjectCreated:", "ObjectRemoved:", "LifecycleExpiration:")
"""Notifications after which other bytes, or none, are under a key. The other kinds (tags, ACLs, tiers, restores) change no picture."""
CHANGING_DETAILS = ("Object Created", "Object Deleted")
"""The same in EventBridge's words (`detail-type`)."""
MAX_WRAPPINGS = 2
"""A notification inside SNS is wrapped once; more than twice is nobody's form."""


class UnreadableMessage(ValueError):
    """A message that is no upload notification; its words are the reason that goes to the dead-letter queue."""


@dataclass(frozen=True, kw_only=True)
class UploadEvent:
    """One object that changed.

    `sequencer` rises with each change of one key (upper-case hexadecimal text, compared letter by letter); '' where a sender gives none.
    """

    bucket: str
    key: str
    sequencer: str = ""


def read_message(body: str) -> tuple[UploadEvent, ...]:
    """The changes a message tells of; none for S3's test event and for events that change no bytes. Raises UnreadableMessage."""
    return _events(_object(body, "the message"), MAX_WRAPPINGS)


def _events(message: dict[str, Any], wrappings: int) -> tuple[UploadEvent, ...]:
    if message.get("Event") == "s3:TestEvent":
        return ()
    if message.get("Type") == "Notification" and "Message" in message and wrappings:
        return _events(_object(message["Message"], "the SNS message inside it"), wrappings - 1)
    if "Records" in message:
        records = message["Records"]
        if not isinstance(records, list):
            raise UnreadableMessage(f"Records is {type(records).__name__}, not a list")
        return tuple(event for record in records if (event := _notified(record)) is not None)
    if "detail-type" in message:
        return _from_event_bridge(message)
    raise UnreadableMessage(f"it has neither Records nor detail-type, but {', '.join(sorted(map(str, message))[:8]) or 'nothing'}")


def _notified(record: Any) -> UploadEvent | None:
    if not isinstance(record, dict) or record.get("eventSource") != "aws:s3":
        raise UnreadableMessage("a record's eventSource is not aws:s3")
    name = record.get("eventName")
    if not isinstance(name, str):
        raise UnreadableMessage("a record has no eventName")
    if not name.removeprefix("s3:").startswith(CHANGING):
        return None
    # Keys come as in a form: spaces as '+', the rest percent-encoded UTF-8.
    return _event(record.get("s3"), decode=True)


def _from_event_bridge(message: dict[str, Any]) -> tuple[UploadEvent, ...]:
    if message.get("source") != "aws.s3":
        raise UnreadableMessage(f"its source is {str(message.get('source'))[:80]!r}, not 'aws.s3'")
    if message["detail-type"] not in CHANGING_DETAILS:
        return ()
    return (_event(message.get("detail"), decode=False),)


def _event(where: Any, *, decode: bool) -> UploadEvent:
    try:
        bucket, key, sequencer = where["bucket"]["name"], where["object"]["key"], where["object"].get("sequencer") or ""
    except (TypeError, KeyError, AttributeError) as error:
        raise UnreadableMessage("a record does not say which bucket and key it is about") from error
    if not (isinstance(bucket, str) and isinstance(key, str) and isinstance(sequencer, str) and bucket and key):
        raise UnreadableMessage("a record's bucket, key or sequencer is no text")
    try:
        plain = unquote_plus(key, errors="strict") if decode else key
    except UnicodeDecodeError as error:
        raise UnreadableMessage(f"the key {key[:200]!r} is not percent-encoded UTF-8") from error
    return UploadEvent(bucket=bucket, key=plain, sequencer=sequencer.upper())


def _object(text: Any, what: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise UnreadableMessage(f"{what} is no JSON") from error
    if not isinstance(value, dict):
        raise UnreadableMessage(f"{what} is a JSON {type(value).__name__}, not an object")
    return value
