"""What a project tells the outside about itself: the `telemetry:` and `notifications:` sections of `vitrine.yaml`.

Says what may be written. Addresses that are secrets, and secrets, are named by their environment variable and read in `settings.py`.
"""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, HttpUrl, model_validator

from resources.catalog_settings import Section

NoticeType = Literal["run.failed", "cell.overdue", "backfill.stuck", "budget.stopped", "quality.drift", "receiver.disabled"]
"""Everything somebody can be told."""

ALL_TYPES: tuple[NoticeType, ...] = (
    "run.failed", "cell.overdue", "backfill.stuck", "budget.stopped", "quality.drift", "receiver.disabled",
)  # fmt: skip


def _is_address(address: str) -> str:
    if not re.fullmatch(r"[^@\s,;<>\"]{1,64}@[^@\s,;<>\"]{1,255}", address):
        raise ValueError("not an e-mail address of the form name@host")
    return address


Address = Annotated[str, AfterValidator(_is_address)]
Variable = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
"""The name of an environment variable, in capitals: the value itself would be a secret in a file."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")]


class TelemetrySettings(Section):
    """Traces and metrics by OTLP over HTTP. `headers_env` names a variable with `name=value` pairs for the collector's login."""

    endpoint: HttpUrl | None = None
    """Left out: OTEL_EXPORTER_OTLP_ENDPOINT, else http://localhost:4318."""
    headers_env: Variable | None = None
    service_name: str = "vitrine"
    interval_s: float = Field(default=15.0, ge=1.0, le=300.0)


class _Receiver(Section):
    name: Name
    events: tuple[NoticeType, ...] = ALL_TYPES
    """What this receiver is told; left out: everything."""
    allow_private_network: bool = False
    """Whether the address may lie in a private network, and be plain http there. Off: a setting must not reach the inside of a cluster."""


class WebhookReceiver(_Receiver):
    """A signed webhook after Standard Webhooks. `secret_env` holds `whsec_...`; two with a space between while one is being replaced."""

    url_env: Variable
    secret_env: Variable


class SlackReceiver(_Receiver):
    """An incoming webhook of Slack, Mattermost, Rocket.Chat, Discord (`/slack`): the address itself is the secret."""

    url_env: Variable


class EmailReceiver(_Receiver):
    """Mail through an SMTP server. `security` none only inside a private network."""

    to: tuple[Address, ...] = Field(min_length=1)
    sender: Address
    host: str
    port: int = Field(default=587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    user_env: Variable | None = None
    password_env: Variable | None = None

    @model_validator(mode="after")
    def _login_is_whole_and_not_in_the_clear(self) -> Self:
        if (self.user_env is None) != (self.password_env is None):
            raise ValueError("user_env and password_env come together")
        if self.security == "none" and self.user_env is not None:
            raise ValueError("security none would send the password in the clear; use starttls or tls")
        return self


class NotificationSettings(Section):
    """Who is told what, and when something counts as overdue, stuck or drifting."""

    webhooks: tuple[WebhookReceiver, ...] = ()
    slack: tuple[SlackReceiver, ...] = ()
    email: tuple[EmailReceiver, ...] = ()
    overdue_after_h: float = Field(default=48.0, gt=0)
    """A cell that is stale for so long is overdue."""
    stuck_after_h: float = Field(default=6.0, gt=0)
    """A backfill none of whose runs moved for so long is stuck."""
    drift_points: float = Field(default=0.15, gt=0, le=1)
    """A category whose approved share of the last day falls by this much below its last 30 days drifts (0..1)."""
    drift_min_renders: int = Field(default=50, ge=10)
    """Fewer renders of a day than this say nothing about drift."""
    drift_week_points: float = Field(default=0.10, gt=0, le=1)
    """A recipe or LoRA of whose renders of the last week a share larger by this much than in the four weeks before is rejected or doubted drifts."""

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [receiver.name for receiver in (*self.webhooks, *self.slack, *self.email)]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two receivers are called {twice[0]!r}; what was delivered to whom is kept by name")
        return self
