"""Page colors against WCAG 2.2 AA, in the light and in the dark scheme: text 4.5 : 1, signs and frames 3 : 1."""

import re
from pathlib import Path

import pytest

import publishing

TOKENS = (Path(publishing.__file__).parent / "templates" / "tokens.css").read_text()
LIGHT, DARK = (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", half)) for half in TOKENS.split("prefers-color-scheme: dark")[:2])
PAPERS = ("paper", "card", "sunk")
TEXT = [(ink, paper) for ink in ("ink", "soft", "accent") for paper in PAPERS]
TEXT += [(name, f"{name}-soft") for name in ("ok", "warn", "bad")] + [(name, "card") for name in ("ok", "warn", "bad")]
FRAMES = [(f"{name}-frame", paper) for name in ("ok", "warn", "bad") for paper in ("paper", "card")]


def luminance(color):
    channels = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "paper"), TEXT)
def test_text_can_be_read(scheme, ink, paper):
    assert contrast(scheme[ink], scheme[paper]) >= 4.5


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("frame", "paper"), FRAMES)
def test_frames_can_be_seen(scheme, frame, paper):
    assert contrast(scheme[frame], scheme[paper]) >= 3.0


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("frame", ["ok-frame", "warn-frame", "bad-frame"])
def test_the_white_sign_on_a_frame_can_be_seen(scheme, frame):
    assert contrast("#ffffff", scheme[frame]) >= 3.0
