"""How a notice reaches somebody: a signed webhook, a chat's incoming webhook, a mail. One send, one answer; when to try again is the outbox's.

Each message carries the notice's key, so that a receiver that is told twice can tell.
"""

import base64
import binascii
import hashlib
import hmac
import json
import smtplib
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any

from catalog.errors import SettingsError
from catalog.keys import digest
from resources.guarded_post import TIMEOUT_S, Posted, post
from resources.observing_settings import EmailReceiver, SlackReceiver, WebhookReceiver
from resources.redaction import redacted
from resources.settings import Settings, secret_from_environment

if TYPE_CHECKING:
    from resources.outbox import Notice

PLAIN_WEBHOOK = "failure-webhook"
"""Name of the receiver that `failure_webhook_url` makes."""

SECRET_PREFIX = "whsec_"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a receiver answered. `code` is its HTTP or SMTP status, 0 when nothing answered."""

    delivered: bool
    code: int
    said: str
    retry_after_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """Somebody to tell: a name, what they want to know, and how they are reached."""

    name: str
    events: tuple[str, ...]
    send: "Callable[[Notice], Answer]"


def receivers_of(settings: Settings) -> list[Receiver]:
    """Everybody the settings name."""
    made = []
    if (url := settings.failure_webhook_url) is not None:
        made.append(Receiver(name=PLAIN_WEBHOOK, events=("run.failed",), send=lambda event: _tried(lambda: _post_plain(str(url), event))))
    if (section := settings.notifications) is None:
        return made
    made += [_receiver(hook.name, hook.events, _post_signed, hook) for hook in section.webhooks]
    made += [_receiver(chat.name, chat.events, _post_chat, chat) for chat in section.slack]
    made += [_receiver(mail.name, mail.events, _mail, mail) for mail in section.email]
    return made


def _receiver(name: str, events: tuple[str, ...], send: "Callable[[Any, Notice], Answer]", configured: Any) -> Receiver:
    return Receiver(name=name, events=events, send=lambda event: _tried(lambda: send(configured, event)))


def _tried(send: Callable[[], Answer]) -> Answer:
    """The answer, or what went wrong as one: a receiver that cannot be reached is no error of ours. Secrets are taken out."""
    try:
        answer = send()
    except (OSError, smtplib.SMTPException, SettingsError) as error:
        code = int(getattr(error, "smtp_code", 0) or 0)
        return Answer(delivered=False, code=code, said=redacted(f"{type(error).__name__}: {error}"))
    return Answer(delivered=answer.delivered, code=answer.code, said=redacted(answer.said), retry_after_s=answer.retry_after_s)


def _post_plain(url: str, event: "Notice") -> Answer:
    # The body of `failure_webhook_url` as it always was, unsigned; its address is in the settings file, so private networks are meant.
    body = json.dumps(
        {"type": event.type, "what": event.facts["what"], "cell": event.facts["cell"], "run_id": event.facts["run_id"]}
        | {"message": event.message}
    )
    return _answer(post(url, body.encode(), {"Content-Type": "application/json"}, allow_private=True))


def _post_signed(hook: WebhookReceiver, event: "Notice") -> Answer:
    body = json.dumps(_payload(event), separators=(",", ":"), ensure_ascii=False).encode()
    at = str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "webhook-id": message_id(event),
        "webhook-timestamp": at,
        "webhook-signature": signatures(_named(hook.secret_env), message_id(event), at, body),
    }
    return _answer(post(_named(hook.url_env), body, headers, allow_private=hook.allow_private_network))


def _payload(event: "Notice") -> dict[str, Any]:
    """The body of Standard Webhooks: type, timestamp, data."""
    data = {"key": event.key, "subject": event.subject, "message": event.message, **event.facts}
    return {"type": event.type, "timestamp": event.at.isoformat(timespec="seconds") + "Z", "data": data}


def message_id(event: "Notice") -> str:
    """The same for every attempt, so that a receiver can drop a second delivery."""
    return f"msg_{digest({'notice': event.key})[:32]}"


def signatures(secrets: str, identifier: str, timestamp: str, body: bytes) -> str:
    """The header `webhook-signature`: one `v1,` signature per secret, with spaces between. Raises SettingsError for a wrong secret."""
    signed = f"{identifier}.{timestamp}.".encode() + body
    return " ".join(f"v1,{base64.b64encode(hmac.new(_key(one), signed, hashlib.sha256).digest()).decode()}" for one in secrets.split())


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error as error:
        raise SettingsError("A webhook's secret must be whsec_ and base64, as its receiver shows it. Nothing was sent.") from error
    if not secret.startswith(SECRET_PREFIX) or not 24 <= len(key) <= 64:
        raise SettingsError("A webhook's secret must be whsec_ and 24 to 64 bytes of base64. Nothing was sent.")
    return key


def _post_chat(chat: SlackReceiver, event: "Notice") -> Answer:
    # Slack's markup: &, < and > would be read as links and mentions, so product text cannot call a channel.
    text = f"*{event.type}* {event.subject}\n{event.message}".replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    body = json.dumps({"text": text, "username": "Vitrine", "mrkdwn": True}).encode()
    return _answer(post(_named(chat.url_env), body, {"Content-Type": "application/json"}, allow_private=chat.allow_private_network))


def _mail(mail: EmailReceiver, event: "Notice") -> Answer:
    message = EmailMessage()
    message["From"], message["To"] = mail.sender, ", ".join(mail.to)
    message["Subject"] = " ".join(f"[Vitrine] {event.type}: {event.subject}".split())
    message["Message-ID"] = f"<{message_id(event)}@{mail.sender.rpartition('@')[2]}>"  # the same each time: mail programs drop a second one
    message["Auto-Submitted"] = "auto-generated"
    facts = "\n".join(f"{name}: {value}" for name, value in event.facts.items())
    message.set_content(f"{event.message}\n\n{facts}\n\nat: {event.at.isoformat(timespec='seconds')}Z\nkey: {event.key}\n")
    with _smtp(mail) as server:
        if mail.user_env is not None and mail.password_env is not None:
            server.login(_named(mail.user_env), _named(mail.password_env))
        refused = server.send_message(message)
    if refused:
        return Answer(delivered=True, code=250, said=f"{len(refused)} of {len(mail.to)} addresses were refused")
    return Answer(delivered=True, code=250, said="accepted")


def _smtp(mail: EmailReceiver) -> smtplib.SMTP:
    if mail.security == "tls":
        return smtplib.SMTP_SSL(mail.host, mail.port, timeout=TIMEOUT_S, context=ssl.create_default_context())
    server = smtplib.SMTP(mail.host, mail.port, timeout=TIMEOUT_S)
    if mail.security == "starttls":
        server.starttls(context=ssl.create_default_context())
    return server


def _named(variable: str) -> str:
    value = secret_from_environment(variable)
    if value is None:
        raise SettingsError(
            f"The environment variable {variable} is not set, which notifications need. Set it where the daemon's code runs."
        )
    return value


def _answer(posted: Posted) -> Answer:
    ok = 200 <= posted.status < 300
    return Answer(
        delivered=ok,
        code=posted.status,
        said=f"{posted.status} {'' if ok else posted.body[:200]}".strip(),
        retry_after_s=posted.retry_after_s,
    )
