"""What a published file says about itself: an XMP packet with its digital source type, its words and the tool that made it.

Signing (C2PA) comes after this and is not here. The packet is plain XMP that any reader understands; no sidecar files.
"""

import re
from dataclasses import asdict, dataclass
from typing import Final, get_args
from xml.sax.saxutils import escape, quoteattr

import defusedxml.ElementTree as SafeElementTree  # type: ignore[import-untyped]  # ships no types

from catalog.errors import PublishRefused
from catalog.keys import digest
from catalog.recipe import SourceType
from imaging.encode import read_xmp

SOURCE_TYPE_URI: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"
"""Where the terms of IPTC's Digital Source Type vocabulary live; the full address is the value that shops look for."""

MAX_TEXT_CHARS: Final = 2_000
"""Longest text put into one property; a JPEG has room for 65,000 bytes in all, and four bytes are the most a character takes."""

_NAMESPACES: Final = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
}
_SIMPLE: Final = {
    "digital_source_type": "Iptc4xmpExt:DigitalSourceType",
    "ai_system": "Iptc4xmpExt:AISystemUsed",
    "ai_system_version": "Iptc4xmpExt:AISystemVersionUsed",
    "ai_prompt": "Iptc4xmpExt:AIPromptInformation",
    "creator_tool": "xmp:CreatorTool",
    "identifier": "dc:identifier",
}
_TRANSLATABLE: Final = {"title": "dc:title", "description": "dc:description", "alt_text": "Iptc4xmpCore:AltTextAccessibility"}
_NOT_IN_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, kw_only=True)
class PictureMetadata:
    """Everything one file says about itself.

    `digital_source_type` is IPTC's term (the recipe's); `identifier` names variant and render, so that a file found anywhere leads back to its
    render, and no two products ever share a file; `creator_tool` is the program and its version, such as "Vitrine 0.1.0". `ai_system` and `ai_system_version` (IPTC 2025.1) name
    the model, where one drew pixels. `ai_prompt` stays None unless the brand asks for it: a prompt can give a brand's plans away.
    """

    title: str
    description: str
    alt_text: str
    digital_source_type: SourceType
    identifier: str
    creator_tool: str
    ai_system: str | None = None
    ai_system_version: str | None = None
    ai_prompt: str | None = None


def xmp_packet(metadata: PictureMetadata) -> bytes:
    """The metadata as an XMP packet: UTF-8, the same bytes for the same values.

    Product text is data: markup in it is escaped, characters that XML cannot hold are dropped, and texts over 2,000 characters end
    in an ellipsis.
    """
    values = {name: _clean(value) for name, value in asdict(metadata).items() if value}
    values["digital_source_type"] = SOURCE_TYPE_URI + metadata.digital_source_type
    lines = [f"   <{tag}>{escape(values[name])}</{tag}>" for name, tag in _SIMPLE.items() if name in values]
    for name, tag in _TRANSLATABLE.items():
        if name in values:
            lines.append(f'   <{tag}><rdf:Alt><rdf:li xml:lang="x-default">{escape(values[name])}</rdf:li></rdf:Alt></{tag}>')
    declarations = " ".join(f"xmlns:{prefix}={quoteattr(uri)}" for prefix, uri in _NAMESPACES.items() if prefix != "rdf")
    return "\n".join(
        [
            '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>',
            '<x:xmpmeta xmlns:x="adobe:ns:meta/">',
            f' <rdf:RDF xmlns:rdf="{_NAMESPACES["rdf"]}">',
            f'  <rdf:Description rdf:about="" {declarations}>',
            *lines,
            "  </rdf:Description>",
            " </rdf:RDF>",
            "</x:xmpmeta>",
            '<?xpacket end="r"?>',
        ]
    ).encode()


def read_metadata(data: bytes) -> PictureMetadata:
    """What a published JPEG, WebP, PNG or AVIF file says about itself.

    Raises PublishRefused when the file carries no XMP, or XMP without a digital source type of the vocabulary: somebody stripped or
    rewrote it on the way.
    """
    packet = read_xmp(data)
    if packet is None:
        raise PublishRefused("The file carries no XMP metadata, so it does not declare its origin. Publish it again and keep its bytes.")
    root = SafeElementTree.fromstring(packet)
    values: dict[str, str] = {}
    for name, tag in _SIMPLE.items():
        element = root.find(f".//{tag}", _NAMESPACES)
        if element is not None and element.text:
            values[name] = element.text
    for name, tag in _TRANSLATABLE.items():
        element = root.find(f".//{tag}/rdf:Alt/rdf:li", _NAMESPACES)
        values[name] = (element.text or "") if element is not None else ""
    term = values.pop("digital_source_type", "").removeprefix(SOURCE_TYPE_URI)
    if term not in get_args(SourceType):
        raise PublishRefused(f"The file declares the digital source type {term!r}; expected one of {', '.join(get_args(SourceType))}.")
    required = {name: values.pop(name, "") for name in ("title", "description", "alt_text", "identifier", "creator_tool")}
    return PictureMetadata(**required, **values, digital_source_type=term)  # type: ignore[arg-type]  # checked one line above


def metadata_digest(metadata: PictureMetadata) -> str:
    """Sha256 of what the file says, for the publish key.

    Leaves `creator_tool` out: a new release of the program is no reason to write every file of a shop again.
    """
    return digest({name: value for name, value in asdict(metadata).items() if name != "creator_tool"})


def _clean(text: str) -> str:
    """Text as XML can hold it, at most 2,000 characters."""
    text = _NOT_IN_XML.sub("", text)
    return text if len(text) <= MAX_TEXT_CHARS else text[: MAX_TEXT_CHARS - 1].rstrip() + "…"
