"""The single-picture commands: screen, cutout, render, judge. What people try first, without a project.

They call the same stage functions as the assets; nothing is stored.
"""

import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from catalog.errors import PhotoRefused, SettingsError
from catalog.recipe import parse_model
from catalog.verdict import Reason
from orchestration.concepts import check_concepts, files_of_concepts, write_concepts
from orchestration.given_values import values_of
from orchestration.picture_inputs import (
    FurtherPhotos,
    brand_kit_at,
    check_index,
    check_out,
    decoded,
    facts_told,
    file_bytes,
    further_photos,
    parameter_fields,
    plates_for,
    project_brand_kit,
    project_settings,
    read_alpha,
    read_photo,
    recipe_changed,
    recipe_named,
    upscaler_here,
    write_out,
)
from resources.settings import SETTINGS_FILE

if TYPE_CHECKING:
    from generation.kind import RenderSource
    from imaging.decode_sandbox import DecodeSandbox
    from imaging.encode import ImageFormat
    from quality.screening import ScreeningRules

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Brand = Annotated[Path | None, typer.Option("--brand", help="Brand kit; default: the one of the project in this folder, if any.")]

FORMATS: dict[str, "ImageFormat"] = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp", ".avif": "avif"}
"""Suffixes that `render --out` may have, and the format each one means."""


def register(app: typer.Typer) -> None:
    """Add this file's commands to the application."""
    app.command()(screen)
    app.command()(cutout)
    app.command()(render)
    app.command()(judge)


def screen(photos: Annotated[list[Path], typer.Argument(metavar="PHOTO...")], as_json: Json = False) -> None:
    """Say whether photos can become product pictures, and why not: by the screening rules of the project in this folder, if any.

    With --json one line per file: file, accepted, reasons, measurements. Exit code 1 when any photo was refused.
    """
    from imaging.decode_sandbox import DecodeSandbox

    rules, refused = _screening_rules(), False
    with DecodeSandbox() as sandbox:
        for path in photos:
            outcome = _screened(path, rules, sandbox)
            refused |= not outcome["accepted"]
            if as_json:
                typer.echo(json.dumps(outcome))
                continue
            typer.echo(f"{'accepted' if outcome['accepted'] else 'REFUSED '}  {path}")
            for reason in outcome["reasons"]:
                typer.echo(f"          {reason['code']}: {reason['message']}")
    raise typer.Exit(1 if refused else 0)


def _screening_rules() -> "ScreeningRules":
    """The shipped rules with the overrides of the project here, as a run screens by them."""
    from quality.screening import ScreeningRules

    settings = project_settings()
    return ScreeningRules() if settings is None else parse_model(ScreeningRules, settings.screening, f"{SETTINGS_FILE}: screening")


def _screened(path: Path, rules: "ScreeningRules", sandbox: "DecodeSandbox") -> dict[str, Any]:
    from quality.screening import screen_photo

    try:
        data = file_bytes(path)
    except PhotoRefused as refusal:
        reason = Reason(code=refusal.code, message=str(refusal))
        return {"file": str(path), "accepted": False, "reasons": [reason.as_dict()], "measurements": {}}
    screening = screen_photo(data, path.name, rules, decode=sandbox.decode)
    return {
        "file": str(path),
        "accepted": screening.accepted,
        "reasons": [reason.as_dict() for reason in (*screening.reasons, *screening.warnings)],
        "measurements": screening.measurements,
    }


def cutout(
    photo: Path,
    out: Annotated[Path, typer.Option(help="Where the alpha goes, an 8-bit PNG of the photo's size.")],
    model: Annotated[
        Path | None, typer.Option(help="Folder of Segment Anything's weights, asked where the classical cut-out is in doubt.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Tell a product from its background; writes the alpha also when doubtful (exit code 1)."""
    import cv2

    from imaging.cutout import cut_out

    check_out(out, photo, [".png"])
    pixels = decoded(photo, as_json).pixels_HW3
    cut = cut_out(pixels)
    if model is not None and not cut.accepted:
        from imaging.neural_cutout import cut_out_with, read_cutout_model

        cut = cut_out_with(read_cutout_model(model), pixels, cut)
    write_out(out, bytes(cv2.imencode(".png", cut.alpha_HW)[1]))
    if as_json:
        answer = {"accepted": cut.accepted, "confidence": cut.confidence, "reasons": list(cut.reasons), "measurements": cut.measurements}
        typer.echo(json.dumps({"file": str(photo), "out": str(out), **answer}))
    else:
        why = f" ({', '.join(cut.reasons)})" if cut.reasons else ""
        typer.echo(f"{'accepted' if cut.accepted else 'doubtful'}, confidence {cut.confidence:.2f}{why}: {out}")
    raise typer.Exit(0 if cut.accepted else 1)


def render(
    photo: Path,
    recipe: Annotated[str, typer.Option(help="Name of a recipe, for example packshot_white.")],
    out: Annotated[Path, typer.Option(help="Where the picture goes; the suffix chooses PNG, JPEG or WebP.")],
    category: Annotated[str | None, typer.Option(help="Category of the brand kit whose style to use; default: its first.")] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a recipe's parameter, or its width_px or height_px.")
    ] = None,
    index: Annotated[int, typer.Option(min=0, help="Which of the recipe's variants, from 0.")] = 0,
    told: Annotated[
        list[str] | None,
        typer.Option("--product", metavar="KEY=VALUE", help="What the catalog would say of it: title=..., height_cm=24, price=39.9."),
    ] = None,
    beside: Annotated[
        list[str] | None,
        typer.Option("--photo", metavar="ROLE=FILE", help="A photo beside the main one: inside=..., back=..., or a mask: mannequin=..."),
    ] = None,
    concepts: Annotated[
        int | None, typer.Option(min=2, help="Several ideas to choose from: NAME-1.png .. NAME-N.png, and all of them on NAME-sheet.png.")
    ] = None,
    brand: Brand = None,
    as_json: Json = False,
) -> None:
    """Make one picture of one photo with one recipe. A doubtful cut-out is refused (exit code 1), nothing is written then."""
    from catalog.product import Product
    from catalog.variant import Variant
    from generation.render import render_group
    from generation.resolve import resolve
    from imaging.encode import encode

    check_out(out, photo, list(FORMATS))
    (kit, brand_file), file_format = brand_kit_at(brand), FORMATS[out.suffix.lower()]
    asked = recipe_named(recipe)
    chosen = recipe_changed(asked, values_of(changes or [], parameter_fields(asked), "--set"))
    if concepts is not None:
        check_concepts(chosen, concepts, index)
        for file in files_of_concepts(out, concepts):
            check_out(file, photo, list(FORMATS))
    style = category or next(iter(kit.categories))
    if style not in kit.categories:
        raise SettingsError(f"The brand kit has no category {style!r}. It has: {', '.join(sorted(kit.categories))}.")
    known = {"sku": "photo", "title": photo.stem or "photo", "category": style, "photos": (photo.name,)}
    item = parse_model(Product, known | values_of(told or [], Product.model_fields, "--product"), "--product")
    others = further_photos(beside or [])
    resolved = resolve(chosen, item, kit, index, others.by_role, upscaler=upscaler_here)
    check_index(chosen, item, kit, index)
    source = _source_of(photo, brand_file, others, as_json)  # after all that may be refused without it: cutting out takes longest
    if concepts is not None:
        write_concepts(
            chosen, item, kit, source, seed_sku=photo.stem[:40], count=concepts, out=out, file_format=file_format, as_json=as_json
        )
        return
    rendered = render_group(
        [resolved],
        [Variant(sku=photo.stem[:40], recipe=chosen.name, index=index).seed],
        source,
        plates_for(style, chosen) if chosen.engine == "diffusion" else None,
    )[0]
    write_out(out, encode(rendered.pixels_HW3, file_format))
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "out": str(out),
                    "placement": rendered.placement.as_dict(),
                    "facts": rendered.facts,
                    "resolved": resolved,
                    "size_cm": item.size_cm,
                }
            )
        )
    else:
        typer.echo(f"{chosen.title}: {out}")


def _source_of(photo: Path, brand_file: Callable[[str], bytes], others: FurtherPhotos, as_json: bool) -> "RenderSource":
    """The product of a photo, cut out, with the photos beside it. Raises CutoutRefused if it cannot be told from its background."""
    from catalog.errors import CutoutRefused
    from generation.kind import RenderSource
    from imaging.cutout import cut_out

    pixels_HW3 = decoded(photo, as_json).pixels_HW3
    cut = cut_out(pixels_HW3)
    if not cut.accepted:
        raise CutoutRefused(f"{photo}: the product cannot be told from its background with confidence ({', '.join(cut.reasons)}).")
    return RenderSource(
        foreground_HW3=cut.foreground_HW3,
        alpha_HW=cut.alpha_HW,
        brand_file=brand_file,
        photo=lambda: pixels_HW3,
        further_photo=others.photos.__getitem__,
        further_cutout=others.cutouts.__getitem__,
        upscaler=upscaler_here,
    )


def judge(
    render: Annotated[Path, typer.Option(help="The picture to judge.")],
    recipe: Annotated[str | None, typer.Option(help="The recipe whose rules apply.")] = None,
    source: Annotated[Path | None, typer.Option(help="The product photo the render was made from; a recipe's rules need it.")] = None,
    pack: Annotated[str | None, typer.Option(help="The channel whose rules apply, in place of --recipe and --source.")] = None,
    on: Annotated[
        datetime.datetime | None,
        typer.Option("--on", formats=["%Y-%m-%d"], help="With --pack: the day the rules must hold; default: today."),
    ] = None,
    expected: Annotated[Path | None, typer.Option(help="What a perfect render would look like, if known.")] = None,
    alpha: Annotated[Path | None, typer.Option(help="Alpha of the product: of the photo, or in the frame of the render.")] = None,
    facts: Annotated[
        Path | None,
        typer.Option(help="What `vitrine render --json` printed of the picture: colors, words and lines are judged by what was asked for."),
    ] = None,
    brand: Brand = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Accepted for symmetry with the other commands: the answer is JSON anyway.")
    ] = False,
) -> None:
    """Judge one picture by a recipe's rules or a channel's pack; prints one JSON object: verdict, reasons, measurements.

    Recolors, materials, patterns, posters, cards and staged scenes are judged by what was asked for, too: give --facts.

    Exit code 1 unless approved; a pack's verdict "review" (a recommendation is not met) is taken by the channel and ends with 0. A file that
    cannot be read is a verdict too: rejected, with the reason.
    """
    from quality.judge_files import judge_picture

    if pack is not None:
        if recipe is not None or source is not None:
            raise SettingsError("--pack judges the file as the channel gets it: leave --recipe and --source out, or --pack.")
        if expected is not None or alpha is not None or brand is not None or facts is not None:
            raise SettingsError(
                "--expected, --alpha, --facts and --brand are for a recipe's rules; a channel knows nothing of them. Leave them out."
            )
        _judge_by_pack(pack, render, on)
    if on is not None:
        raise SettingsError("--on is the day of a channel's rules: give --pack with it, or leave it out.")
    if recipe is None or source is None:
        raise SettingsError("Give --recipe and --source, or --pack. Packs: see `vitrine rules list`.")

    kit = brand_kit_at(brand)[0] if brand or project_brand_kit() else None
    rules = recipe_named(recipe)
    try:
        photo, made = read_photo(source), read_photo(render)
        expected_HW3 = None if expected is None else read_photo(expected).pixels_HW3
        alpha_HW = None if alpha is None else read_alpha(alpha)
    except PhotoRefused as refusal:
        reason = Reason(code=refusal.code, message=str(refusal))
        typer.echo(json.dumps({"verdict": "rejected", "reasons": [reason.as_dict()], "measurements": {}}))
        raise typer.Exit(1) from refusal
    judgment = judge_picture(
        recipe=rules,
        brand_kit=kit,
        source_HW3=photo.pixels_HW3,
        render_HW3=made.pixels_HW3,
        expected_HW3=expected_HW3,
        alpha_HW=alpha_HW,
        facts=None if facts is None else facts_told(facts),
        file_bytes=render.stat().st_size,
        file_format=made.format,
    )
    answer = {"verdict": str(judgment.verdict), "reasons": [r.as_dict() for r in judgment.reasons], "measurements": judgment.measurements}
    typer.echo(json.dumps(answer))
    raise typer.Exit(0 if str(judgment.verdict) == "approved" else 1)


def _judge_by_pack(pack: str, render: Path, on: datetime.datetime | None) -> NoReturn:
    from catalog.errors import GateError
    from orchestration.cli_rules import day, packs_here
    from quality.judge_channel import judge_file

    rules = packs_here().rules(pack, day(on))
    try:
        answer = judge_file(file_bytes(render), rules).as_dict()
    except (PhotoRefused, GateError) as refusal:
        code = refusal.code if isinstance(refusal, PhotoRefused) else "not_an_image"
        answer = {"verdict": "rejected", "reasons": [Reason(code=code, message=str(refusal)).as_dict()], "measurements": {}}
    taken = answer["verdict"] != "rejected"
    recommended = [reason["message"] for reason in answer["reasons"] if reason["severity"] == "warning"]
    told = {"verdict": answer["verdict"], "taken": taken, "recommendations": recommended}
    typer.echo(json.dumps({**told, "reasons": answer["reasons"], "measurements": answer["measurements"]}))
    raise typer.Exit(0 if taken else 1)
