"""`vitrine lora`: which LoRAs a category has, which is in use and why, files in and out, and a person's word on what is drawn with."""

import getpass
import json
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from catalog.errors import LoraRefused, SettingsError
from catalog.sentences import clause
from orchestration.cli_help import Sentences
from resources.project import Project, open_project
from resources.settings import project_from_environment

if TYPE_CHECKING:
    from resources.ledger import Row

lora_app = typer.Typer(
    cls=Sentences, help="LoRAs: list, show, export, import, promote, roll back.", no_args_is_help=True, rich_markup_mode=None
)

Category = Annotated[str, typer.Argument(help="Category, as in the product table.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Because = Annotated[str, typer.Option("--because", help="Why; kept with the decision.")]
By = Annotated[str | None, typer.Option("--by", help="Who decides; left out: the user of this machine.")]
Which = Annotated[str | None, typer.Option("--lora", help="First characters of a LoRA's digest; left out: the one in use.")]


class KeyNames(StrEnum):
    """Whose names an exported file's tensors get."""

    DIFFUSERS = "diffusers"
    KOHYA = "kohya"
    COMFYUI = "comfyui"


def register(app: typer.Typer) -> None:
    """Add this file's commands to the application."""
    app.add_typer(lora_app, name="lora")


@lora_app.command("list")
def list_loras(category: Annotated[str | None, typer.Argument(help="Category; left out: all.")] = None, as_json: Json = False) -> None:
    """Every LoRA, newest first, and which is in use."""
    project = open_project(project_from_environment())
    if category is not None:
        _known_somewhere(project, category)
    names = [category] if category else _categories_with_loras(project)
    found = [(name, row) for name in names for row in _rows(project, name)]
    if as_json:
        typer.echo(json.dumps([{"category": name, **row} for name, row in found]))
        return
    if not found:
        typer.echo(f"There is no LoRA{f' of category {category}' if category else ''} yet. `vitrine run` trains where there are looks.")
    for name, row in found:
        mark, base = "*" if row["in_use"] else " ", "" if row["present_base_model"] else "  (another base model)"
        lost = "" if row["file_is_there"] else "  (file lost)"
        typer.echo(
            f"{mark} {name:<20} {row['lora_digest'][:12]}  {row['made_at'][:16]}  {row['came_from']:<9} {row['decision']}{base}{lost}"
        )


@lora_app.command()
def show(category: Category, as_json: Json = False) -> None:
    """One category: what is in use, how it came to that, and every contest with its scores."""
    from assets.lora_use import contests_of, uses_of

    project = open_project(project_from_environment())
    _known_somewhere(project, category)
    rows = _rows(project, category)
    digests = {row["key"]: row["lora_digest"] for row in rows}
    history = [{"at": use.at.isoformat(), "lora_digest": digests[use.key], "how": use.how, "by": use.by, "because": use.because} for use in uses_of(project, category)]  # fmt: skip
    contests = contests_of(project, category)
    if as_json:
        typer.echo(json.dumps({"category": category, "loras": rows, "history": history, "contests": [_plain(one) for one in contests]}))
        return
    typer.echo("\n".join(_shown(category, rows, history, contests)))


@lora_app.command()
def export(
    category: Category,
    out: Annotated[Path, typer.Option("-o", "--out", help="File to write, .safetensors.")],
    key_names: Annotated[
        KeyNames | None,
        typer.Option(
            "--format", help="kohya for sd-scripts and musubi-tuner; comfyui; diffusers. Left out: kohya for sd and sdxl, else comfyui."
        ),
    ] = None,
    lora: Which = None,
) -> None:
    """Write a LoRA as a file that other programs open."""
    from assets.lora_exchange import exported_file, usual_key_format
    from resources.written_files import file_to_write, write_whole

    if out.suffix != ".safetensors":
        raise SettingsError(
            f"{out} does not end in .safetensors, by which other programs know a LoRA. Name the file so. Nothing was written."
        )
    file_to_write(out)
    project = open_project(project_from_environment())
    _known_somewhere(project, category)
    row = _named_or_in_use(project, category, lora)
    names = key_names.value if key_names is not None else usual_key_format(project)
    data = exported_file(project, row, names)
    write_whole(out, data)
    typer.echo(f"Wrote LoRA {row['lora_digest'][:12]} of {category} to {out} in {names} keys, {len(data):,} bytes.")


@lora_app.command("import")
def import_file(
    category: Category,
    file: Annotated[Path, typer.Argument(help="A LoRA in kohya's, ComfyUI's or diffusers keys, .safetensors.")],
    license_name: Annotated[str, typer.Option("--license", help="License it may be used under; kept with it.")],
    commercial: Annotated[bool, typer.Option("--commercial/--no-commercial", help="Whether that license allows commercial use.")],
    by: By = None,
) -> None:
    """Take in a LoRA that was trained elsewhere: converted, checked against the base model, and held to the contest."""
    from assets.lora_exchange import import_lora

    project = open_project(project_from_environment())
    _known(project, category)
    done = import_lora(project, category, file, license_name=license_name, commercial_ok=commercial, by=by or getpass.getuser())
    typer.echo(f"Imported {file.name} for {category} as LoRA {done.row['lora_digest'][:12]}: {clause(done.told)}.")


@lora_app.command()
def promote(category: Category, digest: Annotated[str, typer.Argument(help="First characters of a LoRA's digest.")], because: Because, by: By = None) -> None:  # fmt: skip
    """Take a LoRA into use, whatever its contest said. It stands until the look, the training settings or the base model change."""
    from assets.lora_use import promote_lora

    project = open_project(project_from_environment())
    _known_somewhere(project, category)
    row = promote_lora(project, category, digest, by=by or getpass.getuser(), because=because)
    _tell_use(category, row)


@lora_app.command()
def rollback(category: Category, because: Because, by: By = None) -> None:
    """Take the LoRA into use again that was in use before the present one."""
    from assets.lora_use import rollback_lora

    project = open_project(project_from_environment())
    _known_somewhere(project, category)
    row = rollback_lora(project, category, by=by or getpass.getuser(), because=because)
    _tell_use(category, row)


def _tell_use(category: str, row: "Row") -> None:
    typer.echo(
        f"{category} is drawn with LoRA {row['lora_digest'][:12]} from now on. Its scenes that were drawn with another are to be made again: "
        "`vitrine plan` counts them, `vitrine run` makes them. No other category is touched."
    )


def _categories_with_loras(project: Project) -> list[str]:
    import sqlalchemy as sa

    from resources.ledger_tables import lora

    return [row["category"] for row in project.ledger.rows(sa.select(lora.c.category).distinct().order_by(lora.c.category))]


def _known(project: Project, category: str) -> None:
    if category not in project.brand_kit.categories:
        known = ", ".join(sorted(project.brand_kit.categories)) or "none"
        raise LoraRefused(f"The brand kit has no category {category!r}; it has: {known}. Nothing was changed.")


def _known_somewhere(project: Project, category: str) -> None:
    """As `_known`, but a category that left the brand kit is known as long as it has LoRAs."""
    if category not in _categories_with_loras(project):
        _known(project, category)


def _rows(project: Project, category: str) -> list[dict[str, Any]]:
    from assets.lora_use import contests_of, loras_of
    from assets.planning import promoted_lora

    in_use = promoted_lora(project, category)
    reasons = {contest["challenger_key"]: contest["reason"] for contest in reversed(contests_of(project, category))}
    return [
        {
            "key": row["key"],
            "lora_digest": row["lora_digest"],
            "made_at": row["made_at"].isoformat(),
            "came_from": "imported" if "origin" in row["facts"] else "trained",
            "origin": row["facts"].get("origin"),
            "held_out_loss": row["facts"].get("validation_loss"),
            "decision": reasons.get(row["key"]) or row["facts"].get("decision", ""),
            "in_use": in_use is not None and in_use["key"] == row["key"],
            "present_base_model": row["base_model_digest"] == project.training_model_digest,
            "file_is_there": project.store.has(row["lora_digest"]),
        }
        for row in loras_of(project, category)
    ]


def _named_or_in_use(project: Project, category: str, digest: str | None) -> "Row":
    from assets.lora_use import find_lora
    from assets.planning import promoted_lora

    row = promoted_lora(project, category) if digest is None else find_lora(project, category, digest)
    if row is None:
        raise LoraRefused(
            f"No LoRA of category {category} is in use. `vitrine lora list {category}` shows what there is. Nothing was written."
        )
    return row


def _shown(category: str, rows: list[dict[str, Any]], history: list[dict[str, Any]], contests: list["Row"]) -> Iterator[str]:
    from assets.lora_contests import SCORE_WORDS
    from assets.lora_use import IN_WORDS

    in_use = next((row for row in rows if row["in_use"]), None)
    yield f"{category}: {'no LoRA is in use' if in_use is None else 'in use is ' + in_use['lora_digest'][:12]}, {len(rows)} known."
    if history:
        yield "\nhistory, newest first"
    for use in reversed(history):
        told = f" ({use['by']}: {use['because']})" if use["by"] else ""
        yield f"  {use['at'][:16]}  {use['lora_digest'][:12]}  {IN_WORDS[use['how']]}{told}"
    for contest in contests:
        rival = (contest["incumbent_digest"] or "the base model")[:14]
        yield f"\ncontest {contest['at']:%Y-%m-%d %H:%M}: {contest['challenger_digest'][:12]} against {rival}: {contest['reason']}"
        for score in contest["scores"]["scores"]:
            sure = "" if score["sure"] is None else f"  {score['sure']:.0%} sure"
            words = SCORE_WORDS.get(score["name"], score["name"])
            new, old = ("no number" if value is None else f"{value:.4g}" for value in (score["challenger"], score["incumbent"]))
            yield f"  {words:<82}{new:>10} {old:>10}  {score['verdict']}{sure}"


def _plain(contest: "Row") -> dict[str, Any]:
    return {**contest, "at": contest["at"].isoformat()}
