"""What the photo rules in force ask of a photographer, in plain words: one guideline per rule, with the number from the settings.

The page is guidelines_page.py; the sentences a refused photo gets are screening_reasons.py. A rule that is switched off has no guideline.
"""

from collections.abc import Callable
from dataclasses import dataclass

from imaging.photo import PhotoLimits
from imaging.photo_format import listed
from quality.screening_rules import Action, ScreeningRules

ALWAYS: tuple[str, ...] = ("formats", "truncated")
"""Guidelines about what no project can switch off: a file that cannot be read is no photo."""


@dataclass(frozen=True, kw_only=True)
class Guideline:
    """One rule as a photographer reads it."""

    code: str
    group: str
    title: str
    ask: str
    """What to do, with the number in force."""
    why: str
    good: str
    bad: str
    """Captions of the two examples; for a rule about the file, the examples themselves."""
    action: Action
    """What breaking it does: `refuse` or `warn`."""
    limit: str
    """The rule in short, for a table; the bound on a measured column where there is one."""


@dataclass(frozen=True, kw_only=True)
class _Words:
    group: str
    title: str
    ask: Callable[[ScreeningRules], str]
    why: str
    good: str
    bad: str
    limit: Callable[[ScreeningRules], str]


FILE, SHARP, FRAME, LIGHT, HONEST = "The file", "Sharpness", "The product in the frame", "Background and light", "Only the product"
GROUPS = (FILE, SHARP, FRAME, LIGHT, HONEST)


def guidelines(rules: ScreeningRules) -> tuple[Guideline, ...]:
    """A guideline for every rule that is not switched off, grouped as GROUPS."""
    found = []
    for code, words in _WORDS.items():
        action: Action = "refuse" if code in ALWAYS else getattr(rules.actions, code)
        if action != "off":
            found.append(
                Guideline(
                    code=code, group=words.group, title=words.title, ask=words.ask(rules), why=words.why, good=words.good, bad=words.bad,
                    action=action, limit=words.limit(rules),
                )
            )  # fmt: skip
    return tuple(sorted(found, key=lambda guideline: GROUPS.index(guideline.group)))


def in_short(rules: ScreeningRules) -> tuple[str, ...]:
    """The checklist for the wall of the studio: what is asked of nearly every photo."""
    return (
        f"{_formats()}, at least {rules.min_side_px} pixels on the shorter side",
        "The camera's original, never a screenshot, a preview or an enlarged copy",
        "The whole product in the frame, sharp from edge to edge, on plain paper or a plain wall",
        "Even light, neutral white balance, nothing burnt to white",
        "No logo, watermark, date, frame or props",
        "A photo of its own for every product",
    )


def _formats() -> str:
    return listed(PhotoLimits().formats).replace("WEBP", "WebP")


def _percent(share: float) -> str:
    return f"{100 * share:g}\u00a0%"


_WORDS: dict[str, _Words] = {
    "too_small": _Words(
        group=FILE, title="Large enough",
        ask=lambda r: f"The shorter side has at least {r.min_side_px} pixels. Upload the original from the camera.",
        why="Customers zoom in. What is not in the photo cannot be shown later.",
        good="Detail is there to zoom into", bad="A preview has none",
        limit=lambda r: f"shorter side ≥ {r.min_side_px} px",
    ),
    "truncated": _Words(
        group=FILE, title="Arrived completely",
        ask=lambda r: "Wait until an upload is done, and look at the file once after copying it.",
        why="The rest of the picture is gone, even if the beginning opens.",
        good="The whole picture", bad="The upload broke off",
        limit=lambda r: "complete file",
    ),
    "formats": _Words(
        group=FILE, title="A picture file we can read",
        ask=lambda r: f"{_formats()}, one picture per file, at most {PhotoLimits().max_bytes // 1_000_000} MB and "
        f"{PhotoLimits().max_pixels // 1_000_000} megapixels. Not HEIC, raw, PDF or an animation.",
        why="Other files look different from program to program, or do not open at all.",
        good="mug-front.jpg", bad="mug-front.heic",
        limit=lambda r: f"{_formats()}, ≤ {PhotoLimits().max_bytes // 1_000_000} MB",
    ),
    "wrong_type": _Words(
        group=FILE, title="Named like what it is",
        ask=lambda r: "The ending of the name agrees with the file: export it as JPEG instead of renaming it to .jpg.",
        why="A renamed file breaks in shops and programs that trust its name.",
        good="mug.jpg holds a JPEG", bad="mug.jpg holds a GIF",
        limit=lambda r: "name and content agree",
    ),
    "color_profile": _Words(
        group=FILE, title="In sRGB",
        ask=lambda r: "Export as sRGB with the profile embedded. Adobe RGB, Display P3 and CMYK are converted, and you hear of it.",
        why="Shops and phones show sRGB. Another color space turns dull or wrong on the way to the customer.",
        good="sRGB", bad="Adobe RGB, shown as if it were sRGB",
        limit=lambda r: "sRGB profile",
    ),
    "no_color_profile": _Words(
        group=FILE, title="With a color profile",
        ask=lambda r: "Embed the sRGB profile when you export.",
        why="Without it, everybody has to guess what the colors are.",
        good="sRGB, embedded", bad="No profile",
        limit=lambda r: "profile embedded",
    ),
    "blurred": _Words(
        group=SHARP, title="In focus, and not enlarged",
        ask=lambda r: "Focus on the product and stop down (f/8 to f/11). Never enlarge a small picture to reach the size.",
        why="Blur reads as a cheap product, and no program brings lost detail back.",
        good="Every edge is crisp", bad="Out of focus",
        limit=lambda r: f"fine detail ≥ {r.min_edge_fine_ratio:g}, finest ≥ {r.min_edge_finest_ratio:g}",
    ),
    "motion_blurred": _Words(
        group=SHARP, title="Held still",
        ask=lambda r: "Use a tripod and a remote release, or a faster shutter.",
        why="A camera that moves smears all edges that lie across its way.",
        good="Sharp in every direction", bad="Smeared in one direction",
        limit=lambda r: f"steepness of edges ≥ {_percent(r.min_step_ratio_worst)} in every direction",
    ),
    "no_product": _Words(
        group=FRAME, title="The product stands out",
        ask=lambda r: "Fill most of the frame with the product, on a background of another color or lightness. What differs from the "
        f"background must cover {_percent(r.min_product_share)} of the picture at the very least.",
        why="A product that nobody can find cannot be cut out either.",
        good="Easy to tell from the background", bad="Nothing to see",
        limit=lambda r: f"product ≥ {_percent(r.min_product_share)} of the picture",
    ),
    "cropped": _Words(
        group=FRAME, title="The whole product",
        ask=lambda r: "Leave air on all sides. Only a cord or a strap that is meant to leave the frame may touch it "
        f"(at most {_percent(r.max_frame_contact_share)} of a side).",
        why="What is cut off cannot be put on a new background.",
        good="Air on all sides", bad="Cut off by the frame",
        limit=lambda r: f"contact with the frame ≤ {_percent(r.max_frame_contact_share)} of a side",
    ),
    "several_subjects": _Words(
        group=FRAME, title="Only what is sold",
        ask=lambda r: f"Show {_count(r.max_subjects)} in the photo, unless the customer gets more than that: a pair, a set.",
        why="Customers expect to get everything that they see.",
        good="What the customer gets", bad="Which of them is it?",
        limit=lambda r: f"separate things ≤ {r.max_subjects}",
    ),
    "cluttered": _Words(
        group=LIGHT, title="A plain background",
        ask=lambda r: "Plain paper, a sweep or a plain wall. No table edge, no fabric pattern, no other things near the border.",
        why="The background is replaced later, and the product must be told from it without doubt.",
        good="Plain paper", bad="Other things around it",
        limit=lambda r: f"variation of the border ≤ {r.max_ring_median_delta_e:g} ΔE, edges in it ≤ {_percent(r.max_border_edge_share)}",
    ),
    "too_dark": _Words(
        group=LIGHT, title="Bright enough",
        ask=lambda r: "Add light or expose longer. Dark on purpose is fine: then ignore the remark.",
        why="Detail in the dark turns to noise as soon as somebody brightens it.",
        good="Well exposed", bad="Underexposed",
        limit=lambda r: f"mean lightness ≥ {r.min_lightness_mean:g} of 100",
    ),
    "overexposed": _Words(
        group=LIGHT, title="Nothing burnt out",
        ask=lambda r: "Expose so that the brightest part of the product still shows its surface. At most "
        f"{_percent(r.max_product_clipped_share)} of the product may be pure white.",
        why="Pure white holds no texture and no color, and never will.",
        good="Its surface can be seen", bad="Burnt to white",
        limit=lambda r: f"pure white ≤ {_percent(r.max_product_clipped_share)} of the product",
    ),
    "color_cast": _Words(
        group=LIGHT, title="Neutral color",
        ask=lambda r: "Set the white balance on a gray card, and use one kind of light. Colored paper is fine.",
        why="The color in the picture is the color the customer orders.",
        good="White balance set", bad="Light bulbs and daylight mixed",
        limit=lambda r: f"chroma of the grayest parts ≤ {r.max_neutral_floor_chroma:g}",
    ),
    "text_overlay": _Words(
        group=HONEST, title="Nothing written over it",
        ask=lambda r: "No watermark, logo, date stamp, price or frame. Print on the product itself is fine.",
        why="Marketplaces refuse pictures with text, and it cannot be removed without inventing what is below it.",
        good="The photo alone", bad="Watermark and date",
        limit=lambda r: "no text outside of the product",
    ),
    "same_photo": _Words(
        group=HONEST, title="A photo of its own",
        ask=lambda r: "Every product, and every color of it, has a photo of its own. Sizes of one product may share one.",
        why="A customer who orders blue and saw red sends it back.",
        good="Two colors, two photos", bad="Two products, one photo",
        limit=lambda r: "no file used twice",
    ),
    "near_duplicate": _Words(
        group=HONEST, title="No copies",
        ask=lambda r: "Do not upload a resized, trimmed or recompressed copy of another product's photo.",
        why="It is the same mistake as the same photo twice, only harder to see.",
        good="Two colors, two photos", bad="A copy under another number",
        limit=lambda r: "no copy of another product's photo",
    ),
    "ai_marked": _Words(
        group=HONEST, title="A photograph",
        ask=lambda r: "Taken with a camera. A file whose metadata says that it is generated, or partly generated, is told apart.",
        why="Customers must get what they see, and generated pictures must be declared to shops and by law.",
        good="Digital source: a camera", bad="Digital source: generative AI",
        limit=lambda r: "no mark of AI (IPTC, C2PA, generators' tags)",
    ),
}  # fmt: skip


def _count(subjects: int) -> str:
    return "one product" if subjects == 1 else f"at most {subjects} things"
