"""A verdict and the reasons for it, in words a merchandiser reads. Who decides is the quality floor."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Literal


class Verdict(StrEnum):
    """What may happen to a render: published, looked at by a person, or neither."""

    APPROVED = "approved"
    REVIEW = "review"
    REJECTED = "rejected"


@dataclass(frozen=True, kw_only=True)
class Reason:
    """One rule that a picture broke: a stable code, a sentence, what was measured and what was required.

    `severity` "critical" refuses or rejects; "warning" asks for a person. `measured` None means it could not be measured.
    """

    code: str
    message: str
    measured: float | str | None = None
    required: str | None = None
    severity: Literal["critical", "warning"] = "critical"

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


def verdict_of(reasons: tuple[Reason, ...] | list[Reason]) -> Verdict:
    """The verdict that reasons add up to: any critical rejects, any warning asks for review, none approves."""
    severities = {reason.severity for reason in reasons}
    if "critical" in severities:
        return Verdict.REJECTED
    return Verdict.REVIEW if "warning" in severities else Verdict.APPROVED
