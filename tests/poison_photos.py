"""Photo files that go wrong, made in code, each with the outcome that reading it must have.

`code` None means: an odd file that is still a photograph and must be read. All are small; most derive from one sample picture.
"""

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageCms


@dataclass(frozen=True)
class Poison:
    title: str
    name: str
    data: bytes
    code: str | None
    note: str = ""
    """A piece of a note that an accepted photo must carry."""


def sample_picture(width: int = 120, height: int = 96) -> Image.Image:
    """Four colored quarters on white: every rotation of it is different."""
    pixels = np.full((height, width, 3), 255, np.uint8)
    h, w = height // 2, width // 2
    pixels[4:h, 4:w], pixels[4:h, w:-4] = (200, 30, 30), (30, 160, 60)
    pixels[h:-4, 4:w], pixels[h:-4, w:-4] = (40, 60, 190), (230, 200, 40)
    return Image.fromarray(pixels)


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of(width: int, height: int, *, depth: int = 8, color: int = 2, idat: bytes = b"", extra: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + extra + png_chunk(b"IDAT", idat) + png_chunk(b"IEND", b"")


def with_png_chunk(png: bytes, kind: bytes, body: bytes) -> bytes:
    return png[:33] + png_chunk(kind, body) + png[33:]


def jpeg_segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def with_jpeg_segment(jpeg: bytes, marker: int, body: bytes) -> bytes:
    return jpeg[:2] + jpeg_segment(marker, body) + jpeg[2:]


def jpeg_markers(jpeg: bytes) -> list[tuple[int, int]]:
    """(marker, offset) of every segment up to the start of the picture data."""
    found, position = [], 2
    while jpeg[position + 1] != 0xDA:
        found.append((jpeg[position + 1], position))
        position += 2 + struct.unpack_from(">H", jpeg, position + 2)[0]
    return [*found, (0xDA, position)]


def with_jpeg_size(jpeg: bytes, width: int, height: int) -> bytes:
    at = next(offset for marker, offset in jpeg_markers(jpeg) if marker in (0xC0, 0xC1, 0xC2))
    return jpeg[: at + 5] + struct.pack(">HH", height, width) + jpeg[at + 9 :]


def patched(data: bytes, offset: int, value: bytes) -> bytes:
    return data[:offset] + value + data[offset + len(value) :]


def exif_block(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def swapped_profile() -> bytes:
    """An RGB profile whose red and green primaries changed places: a picture read through it looks different."""
    icc = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    tags = {bytes(icc[132 + 12 * i : 136 + 12 * i]): 136 + 12 * i for i in range(struct.unpack_from(">I", icc, 128)[0])}
    red, green = (bytes(icc[tags[kind] : tags[kind] + 8]) for kind in (b"rXYZ", b"gXYZ"))
    icc[tags[b"rXYZ"] : tags[b"rXYZ"] + 8], icc[tags[b"gXYZ"] : tags[b"gXYZ"] + 8] = green, red
    return bytes(icc)


def ycck_of(cmyk: Image.Image) -> bytes:
    """A JPEG as Photoshop writes CMYK: luma and chroma of CMY, and an Adobe segment that says so."""
    *inks, black = cmyk.split()
    luma = Image.merge("RGB", inks).convert("YCbCr")
    stored = Image.merge("CMYK", [*(channel.point(lambda v: 255 - v) for channel in luma.split()), black])
    jpeg = encode(stored, "JPEG", quality=95)
    return patched(jpeg, jpeg.index(b"Adobe") + 11, b"\x02")


def upright_from(stored_as: int) -> Image.Image:
    """The sample as a camera with EXIF orientation `stored_as` would store it."""
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    turns = {0: Image.Transpose.FLIP_LEFT_RIGHT, 1: Image.Transpose.FLIP_TOP_BOTTOM, 2: Image.Transpose.ROTATE_90,
             3: Image.Transpose.ROTATE_180, 4: Image.Transpose.ROTATE_270, 5: Image.Transpose.TRANSPOSE,
             6: Image.Transpose.TRANSVERSE}  # fmt: skip
    return sample_picture() if stored_as == 1 else sample_picture().transpose(turns[undo[stored_as]])


def all_poison() -> list[Poison]:
    families: tuple[Callable[[], Iterator[Poison]], ...] = (
        _no_pictures, _other_formats, _cut_off, _damaged, _bombs, _too_odd, _unusual_jpegs, _unusual_pngs, _turned
    )  # fmt: skip
    return [poison for family in families for poison in family()]


def _no_pictures() -> Iterator[Poison]:
    texts = {
        "plain text": b"This is not a photo, it is a shopping list.\n" * 5,
        "a web page": b"<!DOCTYPE html><html><body>404 Not Found</body></html>",
        "an SVG drawing": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><rect/></svg>',
        "a PDF": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n",
        "a PDF with a JPEG inside": b"%PDF-1.4\nstream\n" + encode(sample_picture(), "JPEG"),
        "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
        "a ZIP archive": b"PK\x03\x04" + bytes(60),
        "a gzip archive": zlib.compress(b"x" * 99, wbits=31),
        "a program": b"\x7fELF\x02\x01\x01" + bytes(64),
        "a video": b"\x00\x00\x00\x18ftypmp42" + bytes(64),
        "zeros": bytes(4096),
        "noise": np.random.default_rng(1).integers(128, 255, 4096, dtype=np.uint8).tobytes(),
        "a PNG signature with its first byte lost": encode(sample_picture(), "PNG")[1:],
    }
    for title, data in texts.items():
        yield Poison(f"{title} named .jpg", "photo.jpg", data, "not_an_image")
    yield Poison("an SVG drawing with its own name", "logo.svg", texts["an SVG drawing"], "not_an_image")
    yield Poison("no bytes", "photo.jpg", b"", "empty")
    yield Poison("one byte", "photo.jpg", b"\xff", "not_an_image")


def _other_formats() -> Iterator[Poison]:
    picture = sample_picture()
    own_name = {"GIF": "gif", "PNG": "png", "WEBP": "webp", "BMP": "bmp", "TIFF": "tif", "ICO": "ico", "JPEG2000": "jp2"}
    for kind, suffix in own_name.items():
        data = encode(picture, kind)
        yield Poison(f"{kind} named .jpg", "photo.jpg", data, "wrong_type")
        if kind not in ("PNG", "WEBP"):
            yield Poison(f"{kind} with its own name", f"photo.{suffix}", data, "unsupported_format")
    jpeg = encode(picture, "JPEG")
    yield Poison("JPEG named .png", "photo.png", jpeg, "wrong_type")
    yield Poison("GIF with a script behind it", "photo.jpg", encode(picture, "GIF") + b"*/alert(1)//", "wrong_type")
    yield Poison("Photoshop file", "photo.psd", b"8BPS\x00\x01" + bytes(40), "unsupported_format")
    yield Poison("HEIC named .jpg", "IMG_0001.JPG", b"\x00\x00\x00\x18ftypheic" + bytes(64), "wrong_type")
    yield Poison("HEIC with its own name", "IMG_0001.HEIC", b"\x00\x00\x00\x18ftypheic" + bytes(64), "unsupported_format")
    yield Poison("AVIF grid", "photo.avif", b"\x00\x00\x00\x20ftypavif" + bytes(64), "unsupported_format")
    twelve_bit = patched(jpeg, _sof(jpeg) + 4, b"\x0c")
    yield Poison("12-bit JPEG", "photo.jpg", twelve_bit, "unsupported_format")
    yield Poison("lossless JPEG", "photo.jpg", patched(jpeg, _sof(jpeg) + 1, b"\xc3"), "unsupported_format")
    yield Poison("two-channel JPEG", "photo.jpg", patched(jpeg, _sof(jpeg) + 9, b"\x02"), "unsupported_format")


def _sof(jpeg: bytes) -> int:
    return next(offset for marker, offset in jpeg_markers(jpeg) if marker in (0xC0, 0xC1, 0xC2))


def _cut_off() -> Iterator[Poison]:
    kinds = {"baseline": {}, "restarting": {"restart_marker_blocks": 4}, "progressive": {"progressive": True}}
    for kind, options in kinds.items():
        jpeg = encode(sample_picture(), "JPEG", quality=90, **options)
        for marker, offset in jpeg_markers(jpeg):
            yield Poison(f"{kind} JPEG cut inside segment {marker:02X}", "photo.jpg", jpeg[: offset + 5], "truncated")
            yield Poison(f"{kind} JPEG cut at segment {marker:02X}", "photo.jpg", jpeg[:offset] + b"\xff", "truncated")
        start = jpeg_markers(jpeg)[-1][1]
        for share in (0.1, 0.5, 0.9):
            cut = start + int((len(jpeg) - start) * share)
            yield Poison(f"{kind} JPEG with {share:.0%} of its data", "photo.jpg", jpeg[:cut], "truncated")
            zeros = jpeg[:cut] + bytes(len(jpeg) - cut)
            yield Poison(f"{kind} JPEG, zeros from {share:.0%} on", "photo.jpg", zeros, "truncated")
            if kind != "progressive" or share == 0.1:  # later scans of a progressive file only refine it
                yield Poison(f"{kind} JPEG with {share:.0%} of its data, closed again", "photo.jpg", jpeg[:cut] + b"\xff\xd9", "truncated")
        yield Poison(f"{kind} JPEG that states twice its height", "photo.jpg", with_jpeg_size(jpeg, 120, 192), "truncated")
        yield Poison(f"{kind} JPEG without its last two bytes", "photo.jpg", jpeg[:-2], "truncated")
    png = encode(sample_picture(), "PNG")
    for length in (8, 12, 20, 33, 60, len(png) // 2, len(png) - 12, len(png) - 1):
        yield Poison(f"PNG cut after {length} bytes", "photo.png", png[:length], "truncated")
    half = zlib.compress((b"\x00" + bytes(3 * 100)) * 50)
    yield Poison("PNG that states twice its height", "photo.png", png_of(100, 100, idat=half), "truncated")
    yield Poison("PNG without data", "photo.png", png[:33] + png_chunk(b"IEND", b""), "truncated")
    yield Poison("PNG with no data in its data part", "photo.png", png_of(100, 100), "truncated")
    for options in ({"quality": 80}, {"lossless": True}):
        webp = encode(sample_picture(), "WEBP", **options)
        for length in (13, 19, 25, len(webp) // 2, len(webp) - 3):
            yield Poison(f"WebP {options} cut after {length} bytes", "photo.webp", webp[:length], "truncated")


def _damaged() -> Iterator[Poison]:
    jpeg = encode(sample_picture(), "JPEG", quality=90)
    tables = dict(jpeg_markers(jpeg))
    yield Poison("JPEG with broken Huffman tables", "a.jpg", patched(jpeg, tables[0xC4] + 5, b"\xfe" * 16), "unreadable")
    yield Poison("JPEG of zero height", "a.jpg", with_jpeg_size(jpeg, 120, 0), "unreadable")
    sof = jpeg[_sof(jpeg) : tables[0xC4]]
    yield Poison("JPEG that states its size twice", "a.jpg", jpeg[: tables[0xC4]] + sof + jpeg[tables[0xC4] :], "unreadable")
    yield Poison("JPEG without picture data", "a.jpg", jpeg[: tables[0xDA]] + b"\xff\xd9", "unreadable")
    yield Poison("JPEG with garbage between segments", "a.jpg", jpeg[: tables[0xC4]] + b"xyz" + jpeg[tables[0xC4] :], "unreadable")
    png = encode(sample_picture(), "PNG")
    at = png.index(b"IDAT") + 20
    yield Poison("PNG with a wrong checksum", "a.png", patched(png, at, bytes([png[at] ^ 1])), "unreadable")
    yield Poison("PNG with broken compression", "a.png", png_of(100, 100, idat=b"\x78\x9c" + b"\xff" * 90), "unreadable")
    yield Poison("PNG of zero width", "a.png", png_of(0, 100, idat=b""), "unreadable")
    yield Poison("PNG with two headers", "a.png", with_png_chunk(png, b"IHDR", png[16:29]), "unreadable")
    yield Poison("PNG with an impossible color type", "a.png", png_of(100, 100, color=5, idat=b""), "unreadable")
    webp = encode(sample_picture(), "WEBP", lossless=True)
    yield Poison("WebP with broken data", "a.webp", webp[:25] + b"\xff" * (len(webp) - 25), "unreadable")
    canvas = b"VP8X" + struct.pack("<I", 10) + bytes(4) + (999).to_bytes(3, "little") + (999).to_bytes(3, "little")
    lying = b"RIFF" + struct.pack("<I", 4 + len(canvas) + len(webp) - 12) + b"WEBP" + canvas + webp[12:]
    yield Poison("WebP whose canvas is larger than its picture", "a.webp", lying, "unreadable")


def _bombs() -> Iterator[Poison]:
    jpeg = encode(sample_picture(), "JPEG")
    for width, height in ((60_000, 60_000), (65_500, 65_500), (7_107, 7_107), (12_001, 100)):
        yield Poison(f"JPEG header of {width} x {height}", "a.jpg", with_jpeg_size(jpeg, width, height), "too_many_pixels")
    for width, height in ((60_000, 60_000), (2**31 - 1, 2**31 - 1), (9_500, 9_500), (7_107, 7_107)):
        yield Poison(f"PNG header of {width} x {height}", "a.png", png_of(width, height), "too_many_pixels")
    huge = zlib.compress(bytes(1501) * 12_000, 9)
    yield Poison("1-bit PNG bomb, 144 megapixels in 20 KB", "a.png", png_of(12_000, 12_000, depth=1, color=0, idat=huge), "too_many_pixels")
    canvas = b"VP8X" + struct.pack("<I", 10) + bytes(4) + b"\xff\xff\xff" + b"\xff\xff\xff"
    yield Poison("WebP canvas of 16,777,216 a side", "a.webp", b"RIFF" + struct.pack("<I", 22) + b"WEBP" + canvas, "too_many_pixels")
    progressive = encode(sample_picture(), "JPEG", progressive=True)
    last = progressive.rindex(b"\xff\xda")
    yield Poison("progressive JPEG of 1,000 scans", "a.jpg", progressive[:-2] + progressive[last:-2] * 1000 + b"\xff\xd9", "too_complex")
    png = encode(sample_picture(), "PNG")
    yield Poison("PNG of 150,000 parts", "a.png", png[:33] + png_chunk(b"tEXt", b"") * 150_000 + png[33:], "too_complex")
    bomb = zlib.compress(bytes(100_000_000), 9)
    yield Poison("PNG with a 100 MB text", "a.png", with_png_chunk(png, b"zTXt", b"Comment\x00\x00" + bomb), None)
    yield Poison("PNG with a 100 MB profile", "a.png", with_png_chunk(png, b"iCCP", b"x\x00\x00" + bomb), None, "profile is far too large")


def _too_odd() -> Iterator[Poison]:
    yield Poison("1 x 1", "a.png", encode(Image.new("RGB", (1, 1)), "PNG"), "too_small")
    yield Poison("63 px high", "a.jpg", encode(sample_picture(200, 63), "JPEG"), "too_small")
    yield Poison("20,000 x 2", "a.png", encode(Image.new("L", (20_000, 2)), "PNG"), "too_many_pixels")
    yield Poison("1,000 x 70", "a.png", encode(Image.new("L", (1_000, 70)), "PNG"), "too_narrow")
    frames = [sample_picture(), sample_picture().rotate(90), sample_picture().rotate(180)]
    options = {"save_all": True, "append_images": frames[1:], "duration": 50}
    yield Poison("animated WebP", "a.webp", encode(frames[0], "WEBP", **options), "animated")
    yield Poison("animated PNG", "a.png", encode(frames[0], "PNG", **options), "animated")
    yield Poison("animated GIF", "a.gif", encode(frames[0], "GIF", **options), "unsupported_format")
    yield Poison("animated GIF named .jpg", "a.jpg", encode(frames[0], "GIF", **options), "wrong_type")


def _unusual_jpegs() -> Iterator[Poison]:
    picture = sample_picture()
    jpeg = encode(picture, "JPEG", quality=95)
    cmyk = encode(picture.convert("CMYK"), "JPEG", quality=95)
    yield Poison("CMYK", "a.jpg", cmyk, None, "CMYK")
    yield Poison("YCCK", "a.jpg", ycck_of(picture.convert("CMYK")), None, "CMYK")
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    yield Poison("CMYK with an RGB profile", "a.jpg", encode(picture.convert("CMYK"), "JPEG", icc_profile=srgb), None, "ignored")
    yield Poison("sRGB profile", "a.jpg", encode(picture, "JPEG", icc_profile=srgb), None)
    yield Poison("another RGB profile", "a.jpg", encode(picture, "JPEG", icc_profile=swapped_profile()), None, "Converted from")
    yield Poison("broken profile", "a.jpg", encode(picture, "JPEG", icc_profile=b"broken" * 50), None, "damaged")
    yield Poison("profile cut in half", "a.jpg", encode(picture, "JPEG", icc_profile=srgb[: len(srgb) // 2]), None, "damaged")
    yield Poison("gray", "a.jpg", encode(picture.convert("L"), "JPEG"), None)
    yield Poison("progressive", "a.jpeg", encode(picture, "JPEG", progressive=True), None)
    yield Poison("restart markers", "a.JPG", encode(picture, "JPEG", restart_marker_blocks=2), None)
    yield Poison("fill bytes before markers", "a.jpg", jpeg[:2] + b"\xff\xff\xff" + jpeg[2:], None)
    yield Poison("no file name", "", jpeg, None)
    yield Poison("upper-case name in a folder", "drop/IMG.1.JPG", jpeg, None)
    yield Poison("a ZIP archive behind it", "a.jpg", jpeg + b"PK\x03\x04" + bytes(500), None, "after the end")
    yield Poison("a second JPEG behind it", "a.jpg", jpeg + encode(picture.rotate(90), "JPEG"), None, "after the end")
    several = encode(picture, "MPO", save_all=True, append_images=[picture.rotate(90)])
    yield Poison("several pictures (MPO)", "a.jpg", several, None, "more than one picture")
    yield Poison("a script in a comment", "a.jpg", with_jpeg_segment(jpeg, 0xFE, b"<script>alert(1)</script>" * 100), None)
    yield Poison("broken EXIF", "a.jpg", with_jpeg_segment(jpeg, 0xE1, b"Exif\x00\x00II*\x00\xff\xff\xff\xff"), None)
    loop = b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x69\x87\x04\x00\x01\x00\x00\x00\x08\x00\x00\x00\x08\x00\x00\x00"
    yield Poison("EXIF that points at itself", "a.jpg", with_jpeg_segment(jpeg, 0xE1, loop), None)
    yield Poison("huge maker notes", "a.jpg", with_jpeg_segment(jpeg, 0xED, b"Photoshop 3.0\x00" + b"8BIM" * 16_000), None)


def _unusual_pngs() -> Iterator[Poison]:
    picture = sample_picture()
    ramp = np.linspace(0, 65535, 120 * 96).reshape(96, 120).astype(np.uint16)
    rows = b"".join(b"\x00" + np.repeat(row[:, None], 3, 1).astype(">u2").tobytes() for row in ramp)
    yield Poison("16-bit RGB", "a.png", png_of(120, 96, depth=16, idat=zlib.compress(rows)), None, "16 to 8")
    yield Poison("16-bit gray", "a.png", encode(Image.fromarray(ramp), "PNG"), None, "16 to 8")
    rows = b"".join(b"\x00" + np.stack([row, row // 2], 1).astype(">u2").tobytes() for row in ramp)
    yield Poison("16-bit gray with alpha", "a.png", png_of(120, 96, depth=16, color=4, idat=zlib.compress(rows)), None, "white")
    yield Poison("1-bit", "a.png", encode(picture.convert("1"), "PNG"), None)
    yield Poison("palette", "a.png", encode(picture.convert("P"), "PNG"), None)
    alpha = Image.linear_gradient("L").resize(picture.size)
    see_through = picture.copy()
    see_through.putalpha(alpha)
    yield Poison("RGBA", "a.png", encode(see_through, "PNG"), None, "white")
    yield Poison("palette with alpha", "a.png", encode(see_through.quantize(64), "PNG"), None, "white")
    yield Poison("gray with alpha (LA)", "a.png", encode(see_through.convert("LA"), "PNG"), None, "white")
    transparent = with_png_chunk(encode(picture, "PNG"), b"tRNS", struct.pack(">HHH", 200, 30, 30))
    yield Poison("one transparent color", "a.png", transparent, None, "white")
    yield Poison("broken profile", "a.png", with_png_chunk(encode(picture, "PNG"), b"iCCP", b"x\x00\x00broken"), None, "damaged")
    yield Poison("data behind the end", "a.png", encode(picture, "PNG") + b"PK\x03\x04" * 50, None, "after the end")
    yield Poison("lossy WebP with alpha", "a.webp", encode(see_through, "WEBP"), None, "white")
    yield Poison("WebP with a broken profile", "a.webp", encode(picture, "WEBP", icc_profile=b"broken" * 9), None, "damaged")


def _turned() -> Iterator[Poison]:
    for orientation in range(1, 9):
        note = "Turned" if orientation > 1 else ""
        stored, exif = upright_from(orientation), exif_block(orientation)
        yield Poison(f"orientation {orientation}", f"{orientation}.jpg", encode(stored, "JPEG", quality=95, exif=exif), None, note)
        yield Poison(f"orientation {orientation}", f"{orientation}.png", encode(stored, "PNG", exif=exif), None, note)
    yield Poison("orientation 9", "9.jpg", encode(sample_picture(), "JPEG", exif=exif_block(9)), None)
