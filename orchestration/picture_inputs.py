"""What the single-picture commands are given: photo and alpha files, recipe, parameters, brand kit, plates, and the file to write."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import typer
from pydantic.fields import FieldInfo

from catalog.brand_files import files_in, read_brand_file
from catalog.brand_kit import BrandKit, read_brand_kit
from catalog.errors import CutoutRefused, ModelError, PhotoRefused, SettingsError
from catalog.keys import digest_bytes
from catalog.photo_roles import MASKS, FurtherPhoto, PhotoRole
from catalog.product import Product
from catalog.recipe import MOST_VARIANTS, Recipe, parse_model
from resources.settings import SETTINGS_FILE, Settings, project_from_environment, read_settings

if TYPE_CHECKING:
    from imaging.photo import Photo


def decoded(path: Path, as_json: bool) -> Any:
    """A photo, or the end of the command: a refusal is told as JSON where that was asked for. Raises PhotoRefused otherwise."""
    try:
        return read_photo(path)
    except PhotoRefused as error:
        refusal = error
    if as_json:
        typer.echo(
            json.dumps({"file": str(path), "accepted": False, "confidence": 0.0, "reasons": [refusal.code], "message": str(refusal)})
        )
        raise typer.Exit(1)
    raise refusal


def read_photo(path: Path) -> "Photo":
    """A photo file as upright pixels. Raises PhotoRefused."""
    from imaging.photo import decode_photo

    return decode_photo(file_bytes(path), name=path.name)


def file_bytes(path: Path) -> bytes:
    """The bytes of a plain file. Raises PhotoRefused otherwise: reading a pipe would wait for ever, a device never ends."""
    try:
        if path.exists() and not path.is_file():
            raise PhotoRefused("unreadable", f"{path} is not a file. Give the path of a JPEG, PNG or WEBP file.")
        return path.read_bytes()
    except OSError as error:
        code = "missing" if isinstance(error, FileNotFoundError) else "unreadable"
        raise PhotoRefused(code, f"{path} cannot be read: {error.strerror}. Give the path of a JPEG, PNG or WEBP file.") from error


@dataclass(frozen=True, kw_only=True)
class FurtherPhotos:
    """Photos beside the main one: what is known of each by role, and by digest the pixels and the cut-outs (colors and alpha)."""

    by_role: dict[PhotoRole, FurtherPhoto]
    photos: dict[str, Any]
    cutouts: dict[str, Any]


def further_photos(told: list[str]) -> FurtherPhotos:
    """What `--photo ROLE=FILE` names, cut out where it is no mask. Raises SettingsError, PhotoRefused, or CutoutRefused for a doubtful cut-out."""
    from imaging.cutout import cut_out

    found = FurtherPhotos(by_role={}, photos={}, cutouts={})
    for one in told:
        name, equals, path = one.partition("=")
        role = next((role for role in get_args(PhotoRole) if role == name), None)
        if role is None or not equals or not path:
            raise SettingsError(f"--photo {one}: write ROLE=FILE, with one of {', '.join(get_args(PhotoRole))}. Nothing was made.")
        if role in found.by_role:
            raise SettingsError(f"--photo {one}: there is another {role} before it; a product has one. Nothing was made.")
        photo, digest = read_photo(Path(path)).pixels_HW3, digest_bytes(file_bytes(Path(path)))
        found.photos[digest] = photo
        if role in MASKS:
            found.by_role[role] = FurtherPhoto(photo_digest=digest)
            continue
        cut = cut_out(photo)
        if not cut.accepted:
            raise CutoutRefused(f"{path}: the product cannot be told from its background with confidence ({', '.join(cut.reasons)}).")
        found.cutouts[digest] = cut.foreground_HW3, cut.alpha_HW
        found.by_role[role] = FurtherPhoto(photo_digest=digest, cutout_digest=digest)
    return found


def read_alpha(path: Path) -> Any:
    """A cut-out's alpha from a gray or RGBA file, uint8 (H, W). Raises PhotoRefused."""
    import cv2
    import numpy as np

    data = file_bytes(path)
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    if image is None or image.dtype != np.uint8:
        raise PhotoRefused("not_an_image", f"{path} is not an 8-bit picture; an 8-bit gray or RGBA PNG with the alpha is needed.")
    if image.ndim == 3:
        image = image[..., 3] if image.shape[2] == 4 else image[..., 0]
    return image


def facts_told(path: Path) -> dict[str, Any]:
    """What `vitrine render --json` printed of a picture, as its gate takes it. Raises SettingsError."""
    try:
        told = json.loads(file_bytes(path))
        return {**told["facts"], "resolved": told["resolved"], "size_cm": told["size_cm"]}
    except (ValueError, KeyError, TypeError) as error:
        raise SettingsError(
            f"--facts {path} is not what `vitrine render --json` prints: an object with `facts` and `resolved` was expected. Nothing was judged."
        ) from error


def recipe_named(name: str) -> Recipe:
    """A shipped recipe or one of the project here. Raises SettingsError naming those there are."""
    from generation.recipe_book import read_recipe_book

    settings = project_settings()
    book = read_recipe_book(settings.path(settings.recipes) if settings and settings.recipes else None)
    if name not in book:
        raise SettingsError(f"There is no recipe {name!r}. Known: {', '.join(sorted(book))}.")
    return book[name]


def parameter_fields(recipe: Recipe) -> dict[str, FieldInfo]:
    """What `--set` may name of a recipe: its kind's parameters, and its own entries."""
    from generation.kinds import KINDS

    return Recipe.model_fields | KINDS[recipe.kind].params.model_fields


def recipe_changed(recipe: Recipe, changes: dict[str, Any]) -> Recipe:
    """The recipe with other parameters or another size, as `--set` asks for. Raises SettingsError for what its kind does not take."""
    from generation.kinds import as_drawn
    from generation.recipe_book import check_recipe

    size = {name: value for name, value in changes.items() if name in ("width_px", "height_px")}
    sized = parse_model(Recipe, recipe.model_dump() | size, "--set") if size else recipe
    changed = check_recipe(as_drawn(sized.with_params({name: value for name, value in changes.items() if name not in size})), "--set")
    if size and (formats := changed.params.get("formats")):
        raise SettingsError(
            f"--set {' and '.join(size)}: recipe '{recipe.name}' makes pictures in its formats ({', '.join(formats)}), so a size of its own does not count. "
            "Nothing was made. Add --set formats=[] for that size, or choose among the formats."
        )
    return changed


def project_settings() -> Settings | None:
    """The settings of the project here; None outside of one."""
    folder = project_from_environment()
    return read_settings(folder) if (folder / SETTINGS_FILE).is_file() else None


def project_brand_kit() -> Path | None:
    """The brand kit of the project here; None outside of one."""
    settings = project_settings()
    return settings.path(settings.brand_kit) if settings else None


def brand_kit_at(path: Path | None) -> tuple[BrandKit, Callable[[str], bytes]]:
    """The brand kit that was named, else the project's, else the shipped one; and what reads its files by their sha256."""
    from orchestration.shipped import shipped_brand_kit

    found = path or project_brand_kit() or shipped_brand_kit()
    kit = read_brand_kit(found)
    names = dict(files_in(kit))
    return kit, lambda sha256: read_brand_file(found.parent, names[sha256], sha256)


def check_index(recipe: Recipe, product: Product, kit: BrandKit, index: int) -> None:
    """Raises SettingsError for a variant that a recipe cannot make of a product: it would be the first one once more."""
    from generation.resolve import variant_count

    count = variant_count(recipe.model_copy(update={"variants": MOST_VARIANTS}), product, kit)
    if index >= count:
        many = f"{count} different ones, --index 0 to {count - 1}" if count > 1 else "one"
        raise SettingsError(f"--index {index}: of this product, recipe '{recipe.name}' makes {many}. Nothing was made.")


def upscaler_here(name: str) -> Any:
    """The upscaler model that the project here registers under a name. Raises RenderError where there is none."""
    from generation.kind import no_upscaler
    from resources.project import open_project

    settings = project_settings()
    return no_upscaler(name) if settings is None else open_project(settings.project_dir).upscaler(name)


def plates_for(category: str, recipe: Recipe) -> Any:
    """What draws a category's scenes: the project's model with the LoRA in use, outside of a project the shipped model."""
    from assets.planning import promoted_lora
    from assets.render_keys import sampling_of
    from generation.base_model import read_base_model
    from generation.kinds import wears_lora
    from generation.plates import DiffusionPlates
    from orchestration.shipped import shipped_base_model
    from resources.project import Project

    settings = project_settings()
    if settings is None and not wears_lora(recipe):
        raise ModelError(
            f"Recipe '{recipe.name}' is drawn by a model that edits pictures, and the shipped one draws from words alone. Make a project "
            "(`vitrine init DIR`), install a model that edits (see docs/how-to/models.md) and name it as `edit_model` in its vitrine.yaml. Nothing was drawn."
        )
    if settings is None:
        return DiffusionPlates(read_base_model(shipped_base_model()), lora_path=None, lora_digest=None)
    project, how = Project(settings), sampling_of(Project(settings), recipe)
    row = promoted_lora(project, category) if wears_lora(recipe) else None
    project = project.drawing(recipe.kind)
    return DiffusionPlates(
        read_base_model(project.base_model_dir),
        lora_path=project.store.local_file(row["lora_digest"]) if row else None,
        lora_digest=row["lora_digest"] if row else None,
        steps=how.steps,
        guidance=how.guidance,
        guided_share=how.guided_share,
        step_cache=how.step_cache,
        few_step=project.few_step.verified(),
        execution=replace(project.settings.generation.execution, memory=None),
    )


def check_out(out: Path, photo: Path, suffixes: list[str]) -> None:
    """Refuse an output that would lie about its format or replace the photo, before any work is done."""
    if out.suffix.lower() not in suffixes:
        raise SettingsError(f"--out {out}: the suffix must be {'one of ' * (len(suffixes) > 1)}{', '.join(suffixes)}. Nothing was written.")
    if out.exists() and photo.exists() and out.samefile(photo):
        raise SettingsError(f"--out {out} is the photo itself and would replace it. Name another file; nothing was written.")


def write_out(path: Path, data: bytes) -> None:
    """Write what was asked for, its folder included. Raises SettingsError when it cannot be written."""
    from resources.written_files import write_whole

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"The folder {path.parent} cannot be made: {error.strerror}. Nothing was written.") from error
    write_whole(path, data)
