"""Tell what a file really is from its first bytes, and whether that is an accepted picture format and what its name says."""

from pathlib import PurePath

from catalog.errors import PhotoRefused

SUFFIX_FORMATS = {
    ".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".jfif": "JPEG", ".png": "PNG", ".webp": "WEBP", ".tif": "TIFF",
    ".tiff": "TIFF", ".gif": "GIF", ".bmp": "BMP", ".heic": "HEIC", ".heif": "HEIC", ".avif": "AVIF", ".psd": "PSD",
}  # fmt: skip
"""File name endings that promise a picture format; any other ending promises nothing."""

_IMAGE_MAGIC = (
    (b"\xff\xd8\xff", "JPEG"), (b"\x89PNG\r\n\x1a\n", "PNG"), (b"GIF87a", "GIF"), (b"GIF89a", "GIF"), (b"BM", "BMP"),
    (b"II*\x00", "TIFF"), (b"MM\x00*", "TIFF"), (b"II+\x00", "TIFF"), (b"MM\x00+", "TIFF"), (b"8BPS", "PSD"),
    (b"\xff\x0a", "JPEG XL"), (b"\x00\x00\x00\x0cJXL ", "JPEG XL"), (b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"), (b"\x00\x00\x01\x00", "ICO"), (b"qoif", "QOI"), (b"SIMPLE  =", "FITS"),
    (b"v/1\x01", "OpenEXR"), (b"FUJIFILMCCD-RAW", "camera raw"),
)  # fmt: skip
_FTYP_BRANDS = {
    b"avif": "AVIF", b"avis": "AVIF", b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIC", b"msf1": "HEIC",
    b"crx ": "camera raw",
}  # fmt: skip
_OTHER_MAGIC = (
    (b"%PDF", "a PDF document"), (b"%!PS", "a PostScript document"), (b"\xc5\xd0\xd3\xc6", "a PostScript document"),
    (b"PK\x03\x04", "a ZIP archive"), (b"PK\x05\x06", "a ZIP archive"), (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7z archive"), (b"Rar!", "a RAR archive"), (b"\x7fELF", "a program"), (b"MZ", "a program"),
    (b"ID3", "a sound file"), (b"OggS", "a sound or video file"), (b"\x1aE\xdf\xa3", "a video"),
)  # fmt: skip
_TEXT_LOOK_BYTES = 4096


def require_format(data: bytes, *, name: str, formats: tuple[str, ...]) -> str:
    """Return the format of a file, if it is one of `formats` and its name promises no other.

    name: file name or path, "" if unknown. Raises PhotoRefused: `empty`, `not_an_image`, `wrong_type` or `unsupported_format`.
    """
    shown, wanted = PurePath(name).name or "The file", listed(formats)
    if not data:
        raise PhotoRefused("empty", f"{shown} is empty (0 bytes). Upload it again.")
    kind, is_image = sniff(data)
    if not is_image:
        raise PhotoRefused("not_an_image", f"{shown} is not a picture: it holds {kind}. Upload a {wanted} file.")
    promised = SUFFIX_FORMATS.get(PurePath(name).suffix.lower(), kind)
    if promised != kind:
        raise PhotoRefused(
            "wrong_type",
            f"{shown} is named like a {promised} file but holds {kind} data. Export it as a real {wanted} file.",
        )
    if kind not in formats:
        raise PhotoRefused("unsupported_format", f"{shown} is a {kind} file; accepted are {wanted}. Export it again.")
    return kind


def sniff(data: bytes) -> tuple[str, bool]:
    """Name what the bytes are: (format name or description, is it a picture format).

    Only the first bytes decide, never a file name. Unknown bytes give ("unknown data", False).
    """
    for magic, name in _IMAGE_MAGIC:
        if data.startswith(magic):
            return name, True
    if data[:4] == b"RIFF":
        return ("WEBP", True) if data[8:12] == b"WEBP" else ("a sound or video file", False)
    if data[4:8] == b"ftyp":
        brand = _FTYP_BRANDS.get(data[8:12])
        return (brand, True) if brand else ("a video", False)
    for magic, name in _OTHER_MAGIC:
        if data.startswith(magic):
            return name, False
    return _sniff_text(data), False


def listed(formats: tuple[str, ...]) -> str:
    """ "JPEG, PNG or WEBP"."""
    return formats[0] if len(formats) == 1 else f"{', '.join(formats[:-1])} or {formats[-1]}"


def _sniff_text(data: bytes) -> str:
    head = data[:_TEXT_LOOK_BYTES]
    lowered = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in lowered:
        return "an SVG drawing"
    if lowered.startswith((b"<!doctype html", b"<html")) or b"<body" in lowered:
        return "a web page"
    if not data.strip(b"\x00"):
        return "nothing but zeros"
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # a letter cut in two at the end of the look is still text
            return "unknown data"
    return "unknown data" if b"\x00" in head else "plain text"
