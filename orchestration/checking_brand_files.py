"""Whether the files that a brand kit names can be used: pictures are opened as pictures, fonts as fonts. Finds out before a night's run does."""

from collections.abc import Iterator, Sequence

from catalog.brand_files import BrandFile, files_in
from catalog.brand_kit import Colorway, Swatch
from catalog.errors import RenderError
from resources.project import Project


def check_brand_files(project: Project) -> Iterator[str]:
    """A sentence for each file of the brand kit that is not what it is named as."""
    import cv2
    import numpy as np

    for where, file in _pictures(project):
        data = np.frombuffer(project.brand_file(file.sha256), np.uint8)
        if data.size == 0 or cv2.imdecode(data, cv2.IMREAD_REDUCED_GRAYSCALE_8) is None:
            yield f"{where}: {file.file} is no picture that can be read, so every picture that shows it would be refused. Save it as PNG or JPEG."
    yield from _fonts(project)


def _pictures(project: Project) -> Iterator[tuple[str, BrandFile]]:
    kit = project.brand_kit
    if kit.logo is not None:
        yield "logo", kit.logo
    colors: list[tuple[str, Sequence[Colorway | Swatch]]] = [("colorways", kit.colorways), ("swatches", kit.swatches)]
    colors += [(f"categories.{name}.colorways", style.colorways) for name, style in kit.categories.items()]
    for where, offered in colors:
        yield from ((f"{where}, '{one.name}'", one.photo) for one in offered if one.photo is not None)
    yield from ((f"part_masks, part '{one.part}' of {one.sku}", one.file) for one in kit.part_masks)
    yield from ((f"patterns, '{one.name}'", one.file) for one in kit.patterns)
    yield from ((f"materials, '{one.name}'", one.file) for one in kit.materials)


def _fonts(project: Project) -> Iterator[str]:
    from imaging.lettering import Typeface

    fonts = project.brand_kit.ads.fonts if project.brand_kit.ads is not None else None
    for sha256, name in files_in(fonts) if fonts is not None else ():
        try:
            Typeface(project.brand_file(sha256), name).at(40)
        except RenderError as error:
            yield f"ads.fonts: {error}"
