"""Screen a source photo: may it become a product picture, and if not, what should the photographer do?

Reading the file is imaging/photo.py, measuring it imaging/photo_measurements.py; what is required stands in screening_rules.py, the
sentences in screening_reasons.py. Codes are stable: the file-level ones of imaging.photo.REFUSAL_CODES and the names of the
rules in RuleActions. Left out: duplicates across products, which need the whole catalog (assets/look_alikes.py).
"""

from dataclasses import dataclass, field
from typing import Protocol

from catalog.errors import PhotoRefused
from catalog.verdict import Reason
from imaging.photo import Photo, decode_photo
from imaging.photo_measurements import measure_photo
from quality.screening_file_reasons import file_reasons
from quality.screening_reasons import broken_rules, in_force
from quality.screening_rules import RuleActions, ScreeningRules

__all__ = ["SCREENING_VERSION", "Decoder", "RuleActions", "Screening", "ScreeningRules", "screen_photo"]

SCREENING_VERSION = "3"
"""Raised whenever the same photo may measure or be judged differently under the same rules; part of the screening key."""


@dataclass(frozen=True, kw_only=True)
class Screening:
    """The outcome for one file: accepted or not, why, and the numbers behind it."""

    name: str
    accepted: bool
    reasons: tuple[Reason, ...]
    """Why it was refused, the most basic first; empty when accepted."""
    warnings: tuple[Reason, ...]
    measurements: dict[str, float]
    """The columns of imaging.photo_measurements.COLUMNS; empty when the file cannot be read."""
    photo: Photo | None = field(repr=False)
    """The decoded photo, also when it was refused for its looks; None when the file cannot be read."""


class Decoder(Protocol):
    """Anything that reads a photo as `imaging.photo.decode_photo` does, such as a sandbox's `decode`."""

    def __call__(self, data: bytes, *, name: str = "") -> Photo:
        """Return the photo or raise PhotoRefused."""
        ...


def screen_photo(data: bytes, name: str, rules: ScreeningRules | None = None, *, decode: Decoder = decode_photo) -> Screening:
    """Read, measure and judge one photo file. Never raises for a bad file: that is a Screening with `accepted` False.

    decode: `imaging.photo.decode_photo`, or `DecodeSandbox.decode` for files from outside.
    """
    rules = rules or ScreeningRules()
    try:
        photo, misnamed = _read(data, name, rules, decode)
    except PhotoRefused as refusal:
        reason = Reason(code=refusal.code, message=str(refusal))
        return Screening(name=name, accepted=False, reasons=(reason,), warnings=(), measurements={}, photo=None)
    measurements = measure_photo(photo.pixels_HW3)
    found = (*broken_rules(measurements, rules), *in_force([*misnamed, *file_reasons(photo)], rules))
    reasons, warnings = (tuple(reason for reason in found if reason.severity == severity) for severity in ("critical", "warning"))
    return Screening(
        name=name, accepted=not reasons, reasons=reasons, warnings=warnings, measurements=measurements, photo=photo
    )  # fmt: skip


def _read(data: bytes, name: str, rules: ScreeningRules, decode: Decoder) -> tuple[Photo, list[Reason]]:
    """The photo, and the reason if its name promises another format and the rules let that pass. Raises PhotoRefused."""
    try:
        return decode(data, name=name), []
    except PhotoRefused as refusal:
        if refusal.code != "wrong_type" or rules.actions.wrong_type == "refuse":
            raise
        return decode(data, name=""), [Reason(code=refusal.code, message=str(refusal))]
