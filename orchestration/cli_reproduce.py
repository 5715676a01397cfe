"""`vitrine reproduce`: make a render again from the ledger, and say how equal it is to the stored one. Replaces nothing."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resources.project import open_project
from resources.settings import project_from_environment
from resources.written_files import file_to_write, write_whole

if TYPE_CHECKING:
    from assets.reproducing import Reproduction


def register(app: typer.Typer) -> None:
    """Add this file's command to the application."""
    app.command("reproduce")(reproduce)


def reproduce(
    render: Annotated[str, typer.Argument(metavar="RENDER", help="A render's key, or at least its first six characters.")],
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write the picture, as PNG.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Make a render again as it was made, its whole batch included, and compare. Exit code 1 when it is another picture."""
    from assets.reproducing import reproduce as make_again

    if out is not None:
        out = file_to_write(out)
    found = make_again(open_project(project_from_environment()), render)
    if out is not None:
        write_whole(out, found.png)
    typer.echo(json.dumps(_as_data(found)) if as_json else "\n".join(_lines(found, out)))
    if not found.is_same_picture:
        raise typer.Exit(1)


def _as_data(found: "Reproduction") -> dict[str, object]:
    named = {name: found.row[name] for name in ("render_key", "sku", "recipe", "idx", "render_digest")}
    return {
        **named,
        "bit_equal": found.bit_equal,
        "same_picture": found.is_same_picture,
        "max_levels": found.max_levels,
        "differing_share": found.differing_share,
        "tolerance_levels": found.tolerance_levels,
        "differs": list(found.differs),
    }


def _lines(found: "Reproduction", out: Path | None) -> Iterator[str]:
    row = found.row
    yield f"{row['sku']} {row['recipe']} {row['idx']}, made {row['made_at']:%Y-%m-%d %H:%M} UTC, key {row['render_key'][:12]}"
    if found.bit_equal:
        yield "Bit-equal: every pixel is that of the stored picture."
    elif found.max_levels is None or found.differing_share is None:
        yield "The stored picture is lost or has another size, and this one has other bytes. Run its cell to have it made again."
    else:
        kind = "The same picture" if found.is_same_picture else "ANOTHER PICTURE"
        yield (
            f"{kind}: values differ by up to {found.max_levels} of 255 (other machines' arithmetic: up to {found.tolerance_levels}), "
            f"in {found.differing_share:.3%} of the pixels."
        )
    yield from (f"  {sentence}" for sentence in found.differs)
    if not found.differs and not found.bit_equal:
        yield "  Nothing that is recorded differs: models, versions, device and settings are the same."
    if out is not None:
        yield f"Written to {out}."
