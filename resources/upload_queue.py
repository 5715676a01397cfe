"""The SQS queue that announces uploads: receive, delete, and set aside what cannot be understood. Understands nothing itself.

Credentials come from the ordinary AWS chain and are never read from settings. boto3 is imported when the queue is first used.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from pydantic import HttpUrl

from catalog.errors import CatalogError
from catalog.sentences import clause
from resources.catalog_settings import UploadSettings

BATCH = 10
"""Messages per request, SQS's largest."""
HIDDEN_S = 300
"""How long a received message stays hidden from other consumers: five times the longest wait for the ledger's write lock, so that a batch
that waits for it is not told twice. If it is all the same, that is a duplicate like any other."""
WAIT_S = 1
"""How long an empty queue is waited for (long polling): asks all of SQS's servers instead of some."""
CONNECT_TIMEOUT_S, READ_TIMEOUT_S, ATTEMPTS = 5, 20, 3
MAX_REASON_CHARACTERS = 1000


@dataclass(frozen=True)
class Message:
    """A received message: its text, and the receipt that deletes it."""

    body: str
    receipt: str


@dataclass(frozen=True)
class UploadQueue:
    """The queue the settings name. Raises CatalogError in one sentence when it cannot be used."""

    settings: UploadSettings

    @property
    def region(self) -> str | None:
        """The settings' region, else the one in an AWS queue's address."""
        parts = (urlsplit(str(self.settings.queue_url)).hostname or "").split(".")
        return self.settings.region or (parts[1] if parts[0] == "sqs" and "amazonaws" in parts else None)

    @cached_property
    def client(self) -> Any:
        """The boto3 client."""
        return open_client("sqs", self.settings.endpoint, self.region)

    def receive(self) -> list[Message]:
        """Up to ten messages, hidden from others for a while; none when the queue is empty."""
        with self._one_sentence("receive from", self.settings.queue_url):
            answer = self.client.receive_message(
                QueueUrl=str(self.settings.queue_url), MaxNumberOfMessages=BATCH, WaitTimeSeconds=WAIT_S, VisibilityTimeout=HIDDEN_S
            )
        return [Message(item.get("Body", ""), item["ReceiptHandle"]) for item in answer.get("Messages", [])]

    def delete(self, messages: Sequence[Message]) -> int:
        """Delete messages that are done with; return how many could not be deleted: they come again, as duplicates."""
        failed = 0
        for start in range(0, len(messages), BATCH):
            entries = [{"Id": str(n), "ReceiptHandle": message.receipt} for n, message in enumerate(messages[start : start + BATCH])]
            with self._one_sentence("delete from", self.settings.queue_url):
                answer = self.client.delete_message_batch(QueueUrl=str(self.settings.queue_url), Entries=entries)
            failed += len(answer.get("Failed", []))
        return failed

    def set_aside(self, message: Message, reason: str) -> None:
        """Move a message to the dead-letter queue as it came, with the reason as its attribute `reason`."""
        with self._one_sentence("send to", self.settings.dead_letter_queue_url):
            self.client.send_message(
                QueueUrl=str(self.settings.dead_letter_queue_url),
                MessageBody=message.body or " ",  # SQS takes no empty message
                MessageAttributes={"reason": {"DataType": "String", "StringValue": _plain(reason)}},
            )
        self.delete([message])

    @contextmanager
    def _one_sentence(self, what: str, url: Any) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except (BotoCoreError, ClientError) as error:
            raise CatalogError(
                f"Cannot {what} the queue {url}: {clause(error, 400)}. Check uploads.* in the settings and the role's rights. "
                "Announcements stay in the queue."
            ) from error


def open_client(service: str, endpoint: HttpUrl | None, region: str | None) -> Any:
    """A boto3 client with short time-outs, so that a sensor's tick ends. Raises CatalogError without boto3 or a region."""
    try:
        import boto3
    except ImportError as error:
        raise CatalogError("`uploads` needs boto3: pip install 'vitrine[s3]'. Announcements stay in the queue.") from error
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    config = Config(
        connect_timeout=CONNECT_TIMEOUT_S, read_timeout=READ_TIMEOUT_S, retries={"mode": "standard", "total_max_attempts": ATTEMPTS}
    )
    address = str(endpoint).rstrip("/") if endpoint else None
    try:
        return boto3.session.Session().client(service, region_name=region, endpoint_url=address, config=config)
    except (BotoCoreError, ValueError) as error:
        raise CatalogError(
            f"The AWS settings for uploads are wrong: {clause(error)}. Correct uploads.region or the AWS profile."
        ) from error


def _plain(text: str) -> str:
    """A text as a message attribute may hold it: no control characters, not empty."""
    return "".join(letter if letter.isprintable() else " " for letter in text)[:MAX_REASON_CHARACTERS] or "no reason"
