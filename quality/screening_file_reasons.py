"""Say in words what a photo file claims that a photographer should know about: its color profile, and marks of AI.

What the picture shows is screening_reasons.py. Nothing here is measured, so reasons name what was found instead of a number.
"""

from catalog.verdict import Reason
from imaging.photo import Photo

_EXPORT = "Export it as sRGB with the profile embedded"


def file_reasons(photo: Photo) -> list[Reason]:
    """A reason for every claim worth hearing about; which of them count is in the rules' actions."""
    return [*_color(photo), *_origin(photo)]


def _color(photo: Photo) -> list[Reason]:
    if photo.color == "srgb":
        return []
    profile = f"the profile {photo.icc_name!r}" if photo.icc_name else "no readable profile"
    sentences = {
        "none": f"The photo carries no color profile, so its colors are read as sRGB. {_EXPORT}, so that nobody has to guess.",
        "converted": f"The photo is in the color space {photo.icc_name!r} and was converted to sRGB. {_EXPORT} to decide yourself how "
        "colors outside of sRGB look.",
        "cmyk": f"The photo is in CMYK, for print, with {profile}; on screens its colors are approximate. {_EXPORT}.",
        "unusable": f"The photo's color profile cannot be used ({photo.icc_name or 'damaged'}), so its colors are read as sRGB and may be "
        f"wrong. {_EXPORT}.",
    }
    code = "no_color_profile" if photo.color == "none" else "color_profile"
    return [Reason(code=code, message=sentences[photo.color], measured=photo.icc_name or photo.color, required="sRGB")]


def _origin(photo: Photo) -> list[Reason]:
    if not photo.ai_marks:
        return []
    return [
        Reason(
            code="ai_marked",
            message=f"The file is marked as made with AI: {'; '.join(photo.ai_marks)}. Customers must get what they see: upload a "
            "photograph of the product. If a camera took it, export it anew from the camera's original.",
            measured=photo.ai_marks[0],
            required="a photograph without marks of AI",
        )
    ]
