"""Marks of AI in a file are found wherever tools write them, and honest files are left alone."""

import io
import json
import struct
import zlib

import pytest
from PIL import Image, PngImagePlugin

from imaging.photo import Photo, decode_photo
from imaging.photo_origin import OriginClaims, ai_marks
from tests.poison_photos import sample_picture, with_jpeg_segment

SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
A1111 = "a mug on a table\nNegative prompt: text\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512"


def xmp(inside: str) -> bytes:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {inside}</rdf:RDF></x:xmpmeta>'
    ).encode()


def source_type(term: str) -> bytes:
    return xmp(f'Iptc4xmpExt:DigitalSourceType="{SOURCE_TYPES}{term}"/>')


def saved(kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    sample_picture().save(out, kind, **options)
    return out.getvalue()


def with_text(keyword: str, text: str, *, zipped: bool = False) -> bytes:
    texts = PngImagePlugin.PngInfo()
    texts.add_text(keyword, text, zip=zipped)
    return saved("PNG", pnginfo=texts)


def with_xmp(kind: str, packet: bytes) -> bytes:
    if kind != "PNG":
        return saved(kind, xmp=packet)
    texts = PngImagePlugin.PngInfo()
    texts.add_itxt("XML:com.adobe.xmp", packet.decode())
    return saved("PNG", pnginfo=texts)


def manifest(claim: bytes) -> bytes:
    """A JUMBF superbox as C2PA writes it, with a claim inside; its signature is nobody's."""
    described = b"jumd" + b"c2pa\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71\x03c2pa\x00"
    inside = struct.pack(">I", len(described) + 4) + described + struct.pack(">I", len(claim) + 8) + b"cbor" + claim
    return struct.pack(">I", len(inside) + 8) + b"jumb" + inside


def with_manifest(kind: str, boxes: bytes) -> bytes:
    plain = saved(kind)
    if kind == "JPEG":
        return with_jpeg_segment(plain, 0xEB, b"JP\x00\x01\x00\x00\x00\x01" + boxes)
    if kind == "PNG":
        chunk = struct.pack(">I", len(boxes)) + b"caBX" + boxes + struct.pack(">I", zlib.crc32(b"caBX" + boxes))
        return plain[:33] + chunk + plain[33:]
    padded = boxes + b"\x00" * (len(boxes) % 2)
    grown = plain[12:] + b"C2PA" + struct.pack("<I", len(boxes)) + padded
    return b"RIFF" + struct.pack("<I", len(grown) + 4) + b"WEBP" + grown


GENERATED = b"\x71digitalSourceType\x78\x46" + SOURCE_TYPES.encode() + b"trainedAlgorithmicMediafaction"


def read(data: bytes, kind: str = "PNG") -> Photo:
    return decode_photo(data, name=f"mug.{kind.lower()}")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    "term", ["trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "algorithmicMedia", "compositeSynthetic"]
)
def test_a_source_type_that_says_ai_is_found_in_the_xmp_of_every_format(kind: str, term: str):
    (mark,) = read(with_xmp(kind, source_type(term)), kind).ai_marks
    assert term in mark
    assert "XMP" in mark


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_manifest_that_says_ai_is_a_mark_and_one_that_does_not_is_only_noted(kind: str):
    generated, signed = (read(with_manifest(kind, manifest(claim)), kind) for claim in (GENERATED, b"\x66action\x6cc2pa.created"))
    assert generated.has_credentials
    assert "content credentials" in generated.ai_marks[0]
    assert signed.has_credentials
    assert signed.ai_marks == ()


MARKED = {
    "settings of a generator": with_text("parameters", A1111),
    "packed settings": with_text("parameters", A1111, zipped=True),
    "a workflow": with_text("workflow", json.dumps({"nodes": []})),
    "InvokeAI": with_text("invokeai_metadata", "{}"),
    "NovelAI": with_text("Software", "NovelAI"),
    "a Midjourney job": with_text("Description", "a mug --v 6 Job ID: 0f0e0d0c-1111-2222-3333-444455556666"),
    "a creator tool": with_xmp("PNG", xmp('xmp:CreatorTool="Adobe Firefly 2.5"/>')),
    "a credit line": with_xmp("PNG", xmp("><photoshop:Credit>Made with Google AI</photoshop:Credit></rdf:Description>")),
}
HONEST = {
    "nothing": saved("PNG"),
    "a camera": with_xmp("PNG", source_type("digitalCapture")),
    "an enlarger": with_xmp("PNG", source_type("algorithmicallyEnhanced")),
    "an editor": with_xmp("PNG", xmp('xmp:CreatorTool="Adobe Photoshop 27.0 (Windows)"/>')),
    "a title that names a lamp": with_xmp("PNG", xmp("><dc:title>Lamp Firefly, Stable Diffusion white</dc:title></rdf:Description>")),
    "a prompt that is a sentence": with_text("prompt", "Please look at the handle."),
    "a description": with_text("Description", "Mug, 9 cm. Job 1234."),
}


@pytest.mark.parametrize("case", MARKED)
def test_what_generators_write_is_found(case: str):
    assert read(MARKED[case]).ai_marks


@pytest.mark.parametrize("case", HONEST)
def test_honest_files_have_no_marks(case: str):
    assert read(HONEST[case]).ai_marks == ()


@pytest.mark.parametrize("encoding", ["ASCII", "UNICODE"])
def test_settings_in_an_exif_comment_are_found(encoding: str):
    exif = Image.Exif()
    text = b"ASCII\x00\x00\x00" + A1111.encode() if encoding == "ASCII" else b"UNICODE\x00" + A1111.encode("utf-16-be")
    exif.get_ifd(0x8769)[0x9286] = text
    assert "generator" in read(saved("JPEG", exif=exif), "JPEG").ai_marks[0]


def test_the_software_tag_counts_for_generators_and_not_for_editors():
    for software, marked in (("Midjourney v7", True), ("Adobe Photoshop Lightroom Classic 14.0", False), ("HP Firefly_Scan", False)):
        exif = Image.Exif()
        exif[0x0131] = software
        assert bool(read(saved("JPEG", exif=exif), "JPEG").ai_marks) is marked, software


def test_broken_claims_are_no_marks_and_no_error():
    loop = b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x69\x87\x04\x00\x01\x00\x00\x00\x08\x00\x00\x00\x08\x00\x00\x00"
    for exif in (b"", b"Exif\x00\x00II*\x00\xff\xff\xff\xff", loop, b"Exif\x00\x00MM\x00*" + b"\xff" * 40):
        assert ai_marks(OriginClaims(xmp=b"\xff" * 100, texts=(("parameters", ""),), credentials=b"jumb"), exif) == ()
