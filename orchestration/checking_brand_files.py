"""Whether the files that a brand kit names can be used: each is opened by what opens it for a picture. Finds out before a night's run does.

Whether a mask fits its product's photo is told when a picture is made: it takes the photo.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from catalog.brand_files import files_in
from catalog.brand_kit import Colorway, Pattern, Swatch
from catalog.errors import RenderError
from resources.project import Project

Opened = tuple[str, str, str, Callable[[bytes], object]]
"""Where a file is named, its name and sha256, and what raises RenderError for bytes that no picture can be made with."""


def check_brand_files(project: Project) -> Iterator[str]:
    """A sentence for each file of the brand kit that is not what it is named as."""
    for where, name, sha256, open_it in (*_colors(project), *_shapes(project), *_tiles(project), *_fonts(project)):
        try:
            open_it(project.brand_file(sha256))
        except RenderError as error:
            yield f"{where}: {name}: {error}"


def _colors(project: Project) -> Iterator[Opened]:
    from generation.swatch import color_of_photo

    kit = project.brand_kit
    colors: list[tuple[str, Sequence[Colorway | Swatch]]] = [("colorways", kit.colorways), ("swatches", kit.swatches)]
    colors += [(f"categories.{name}.colorways", style.colorways) for name, style in kit.categories.items()]
    for where, offered in colors:
        for one in offered:
            if one.photo is not None:
                yield f"{where}, '{one.name}'", one.photo.file, one.photo.sha256, lambda data: color_of_photo(data, "the photo")


def _shapes(project: Project) -> Iterator[Opened]:
    from generation.part import read_mask
    from generation.poster_type import read_logo

    kit = project.brand_kit
    if kit.logo is not None:
        yield "logo", kit.logo.file, kit.logo.sha256, read_logo
    yield from (
        (f"part_masks, part '{one.part}' of {one.sku}", one.file.file, one.file.sha256, lambda data: read_mask(data, "the mask"))
        for one in kit.part_masks
    )


def _tiles(project: Project) -> Iterator[Opened]:
    kit = project.brand_kit
    mirrors = [recipe.params.get("seam") == "mirror" for recipe in project.recipes if recipe.kind == "pattern"]
    may_have_seam = bool(mirrors) and all(mirrors)
    named: tuple[tuple[str, Sequence[Pattern], bool], ...] = (
        ("patterns", kit.patterns, may_have_seam),
        ("materials", kit.materials, False),
    )
    for where, offered, may in named:
        open_it = partial(_as_tile, may_have_seam=may)
        yield from ((f"{where}, '{one.name}'", one.file.file, one.file.sha256, open_it) for one in offered)


def _as_tile(data: bytes, *, may_have_seam: bool) -> None:
    from generation.covering import tile_picture
    from imaging.tiles import seam_of

    seam = seam_of(tile_picture(data, "the picture"))
    if seam > 1 and not may_have_seam:
        raise RenderError(
            f"its edges do not meet: the step across them is {seam:.1f} times what would go unseen, so that every picture that shows it would be refused. "
            "Give one whole repeat, cut to the pixel."
        )


def _fonts(project: Project) -> Iterator[Opened]:
    from imaging.lettering import Typeface

    fonts = project.brand_kit.ads.fonts if project.brand_kit.ads is not None else None
    for sha256, name in files_in(fonts) if fonts is not None else ():
        yield "ads.fonts", name, sha256, lambda data, name=name: Typeface(data, name).at(40)
