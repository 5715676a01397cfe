"""What a photo file says about how its picture came to be: marks that AI made it or a part of it, and content credentials.

Reads claims only: a picture without marks may still be generated, and the pixels are not looked at. Nothing is parsed that could be
built to cost: texts are searched, not read as XML or CBOR, and at most MAX_TEXT_BYTES of each.
"""

import re
import struct
from dataclasses import dataclass, field

MAX_TEXT_BYTES = 2_000_000
"""A manifest with a thumbnail is about 140 KB; a ComfyUI workflow up to 1 MB."""

AI_SOURCE_TYPES = {
    "trainedalgorithmicmedia": "made by a generative model (IPTC digital source type trainedAlgorithmicMedia)",
    "compositewithtrainedalgorithmicmedia": "partly made by a generative model (IPTC digital source type compositeWithTrainedAlgorithmicMedia)",
    "compositesynthetic": "composed with synthetic parts (IPTC digital source type compositeSynthetic)",
    "algorithmicmedia": "made by an algorithm (IPTC digital source type algorithmicMedia)",
}
"""Terms of http://cv.iptc.org/newscodes/digitalsourcetype/ that say so; algorithmicallyEnhanced (denoised, enlarged) is a photograph still."""

GENERATORS = (
    "Midjourney", "DALL-E", "DALL\u00b7E", "Stable Diffusion", "Adobe Firefly", "Firefly", "NovelAI", "ComfyUI", "InvokeAI", "Fooocus", "AUTOMATIC1111",
    "Imagen", "Made with Google AI", "Ideogram", "Leonardo.Ai", "Bing Image Creator", "OpenAI", "Draw Things", "Flux.1", "Black Forest Labs",
)  # fmt: skip
"""Programs that sign their pictures in the software or credit field; matched as whole words there and nowhere else: a lamp may be called Firefly."""

_SOURCE_TYPE = re.compile(rb"digitalsourcetype\W{1,6}(" + "|".join(AI_SOURCE_TYPES).encode() + rb")", re.IGNORECASE)
"""The end is left open: in a C2PA manifest the next field may follow without a gap."""
_MADE_BY_IN_XMP = re.compile(rb"(?:CreatorTool|softwareAgent|photoshop:Credit)\s*(?:=\s*[\"']|>\s*)([^\"'<]{1,200})", re.IGNORECASE)
_GENERATOR = re.compile(r"(?<!\w)(?:" + "|".join(re.escape(name) for name in GENERATORS) + r")(?!\w)", re.IGNORECASE)
_SAMPLER_SETTINGS = re.compile(r"Steps:\s*\d+,.{0,200}?(?:Sampler|CFG scale|Seed):", re.DOTALL)
_MIDJOURNEY_JOB = re.compile(r"Job ID: [0-9a-f]{8}-[0-9a-f]{4}-")
_GENERATOR_KEYWORDS = {
    "invokeai_metadata": "InvokeAI", "sd-metadata": "InvokeAI", "dream": "InvokeAI", "workflow": "ComfyUI", "prompt": "ComfyUI",
    "fooocus_scheme": "Fooocus",
}  # fmt: skip
"""PNG text keywords that generators write; `workflow` and `prompt` count with JSON in them."""
_SOFTWARE, _DESCRIPTION, _EXIF_PART, _COMMENT = 0x0131, 0x010E, 0x8769, 0x9286
_MAX_ENTRIES = 200


@dataclass(frozen=True, kw_only=True)
class OriginClaims:
    """The parts of a file in which it may tell where it comes from; each is empty when the file has none."""

    xmp: bytes = field(default=b"", repr=False)
    texts: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Keyword and text of PNG text chunks."""
    credentials: bytes = field(default=b"", repr=False)
    """The JUMBF boxes of a C2PA manifest: APP11 of a JPEG, caBX of a PNG, C2PA of a WebP."""


def ai_marks(claims: OriginClaims, exif: bytes) -> tuple[str, ...]:
    """Say in words why a file counts as marked by AI; empty for a file that makes no such claim.

    exif: an EXIF block with or without its "Exif" prefix. A manifest of content credentials alone is no mark: cameras sign, too.
    """
    found = list(_source_types(claims.xmp[:MAX_TEXT_BYTES], "its XMP"))
    found += _source_types(claims.credentials[:MAX_TEXT_BYTES], "its content credentials (C2PA)")
    for text in (match.decode("utf-8", "replace") for match in _MADE_BY_IN_XMP.findall(claims.xmp[:MAX_TEXT_BYTES])):
        found += _generators(text, "its XMP")
    found += _generator_texts(claims.texts)
    tags = _exif_texts(exif)
    found += _generators(tags.get(_SOFTWARE, ""), "its EXIF software tag")
    for tag in (_COMMENT, _DESCRIPTION):
        found += _settings_of_a_generator(tags.get(tag, ""), "its EXIF")
    return tuple(dict.fromkeys(found))


def has_credentials(claims: OriginClaims) -> bool:
    """Whether the file carries a C2PA manifest, valid or not; whoever changes the file breaks its signature."""
    return b"jumb" in claims.credentials[:64] and b"c2pa" in claims.credentials[:MAX_TEXT_BYTES]


def _source_types(text: bytes, where: str) -> list[str]:
    names = dict.fromkeys(term.decode().lower() for term in _SOURCE_TYPE.findall(text))
    return [f"{where} says that it was {AI_SOURCE_TYPES[name]}" for name in names]


def _generators(text: str, where: str) -> list[str]:
    match = _GENERATOR.search(text)
    return [f"{where} names the generator {match.group(0)}"] if match else []


def _settings_of_a_generator(text: str, where: str) -> list[str]:
    if _SAMPLER_SETTINGS.search(text):
        return [f"{where} holds the settings of an image generator"]
    return [f"{where} names a Midjourney job"] if _MIDJOURNEY_JOB.search(text) else []


def _generator_texts(texts: tuple[tuple[str, str], ...]) -> list[str]:
    found = []
    for keyword, text in texts:
        name = keyword.lower()
        if name in _GENERATOR_KEYWORDS and (name not in ("workflow", "prompt") or text.lstrip().startswith("{")):
            found.append(f"its text `{keyword}` is written by the generator {_GENERATOR_KEYWORDS[name]}")
        elif name in ("software", "source"):
            found += _generators(text, f"its text `{keyword}`")
        else:
            found += _settings_of_a_generator(text, f"its text `{keyword}`")
    return found


def _exif_texts(exif: bytes) -> dict[int, str]:
    """The texts of an EXIF block that generators write to; a broken block gives what came before its fault."""
    body = exif.removeprefix(b"Exif\x00\x00")
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(body[:4])
    found: dict[int, str] = {}
    if order is not None:
        try:
            below = _directory(body, order, struct.unpack_from(order + "I", body, 4)[0], found)
            if below:
                _directory(body, order, below, found)
        except struct.error:
            pass  # the claims of a broken block are the ones read so far
    return found


def _directory(body: bytes, order: str, offset: int, found: dict[int, str]) -> int:
    """Read one directory into `found`; return where the EXIF directory below it starts, 0 if there is none."""
    below = 0
    (count,) = struct.unpack_from(order + "H", body, offset)
    for entry in range(min(count, _MAX_ENTRIES)):
        tag, kind, length, value = struct.unpack_from(order + "HHII", body, offset + 2 + 12 * entry)
        if tag == _EXIF_PART:
            below = int(value)
        elif tag in (_SOFTWARE, _DESCRIPTION, _COMMENT) and kind in (1, 2, 7) and length > 4:
            found[tag] = _text(body[value : value + min(length, MAX_TEXT_BYTES)])
    return below


def _text(raw: bytes) -> str:
    """The text of an EXIF value; comments start with eight bytes that name their encoding."""
    if raw.startswith(b"UNICODE\x00"):
        return raw[8:].decode("utf-16-be" if raw[8:9] == b"\x00" else "utf-16-le", "replace")
    return raw.removeprefix(b"ASCII\x00\x00\x00").decode("utf-8", "replace").rstrip("\x00")
