"""`vitrine models`: the registered base models and adapters, their licenses, and whether what lies on this machine is what was pinned."""

import json
import shutil
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from catalog.errors import ModelError, SettingsError
from generation.model_registry import ModelRegistry, RegisteredModel, look_at_registry, read_registry, registry_schema
from orchestration.cli_help import Sentences
from resources.settings import SETTINGS_FILE, hub_cache, project_from_environment

ModelId = Annotated[str, typer.Argument(metavar="ID", help="Id of a model, as `vitrine models list` names them.")]
Folder = Annotated[Path | None, typer.Option("--folder", help="The folder it is (or is to be) downloaded to; default: the hub's cache.")]


def register(app: typer.Typer) -> None:
    """Add the command group to the application."""
    models = typer.Typer(
        cls=Sentences, name="models", help="Base models and adapters: licenses, pins, files.", no_args_is_help=True, rich_markup_mode=None
    )
    models.command("list")(list_models)
    models.command("show")(show)
    models.command("pin")(pin)
    models.command("verify")(verify)
    models.command("fetch")(fetch)
    models.command("schema")(schema)
    app.add_typer(models)


def registry_here() -> ModelRegistry:
    """The models of the project here; outside of one, those that ship."""
    return read_registry(_project_here())


def _project_here() -> Path | None:
    folder = project_from_environment()
    return folder if (folder / SETTINGS_FILE).is_file() else None


def list_models(as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False) -> None:
    """Name every registered model: family, license, whether its pictures may be sold, where it lies, whether it is pinned, GPU memory.

    An entry that is wrong is told, exit code 1; all others are listed.
    """
    registry, wrong = look_at_registry(_project_here())
    rows = [_row(one) for one in registry.models.values()]
    typer.echo(json.dumps(rows, indent=2) if as_json else "\n".join(_table(rows)))
    if wrong:
        typer.echo("\n".join(wrong), err=True)
        raise typer.Exit(1)
    if not as_json and (words := _in_use()):
        typer.echo(words)


def _table(rows: list[dict[str, object]]) -> Iterator[str]:
    shown = [("id", "family", "license", "commercial", "pinned", "VRAM", "installed")]
    for row in rows:
        vram = f"{row['vram_gb']:g} GB" if row["vram_gb"] else ""
        words = ("id", "family", "license", "commercial")
        shown.append((*(str(row[name]) for name in words), "yes" if row["pinned"] else "no", vram, str(row["folder"] or "")))
    widths = [max(len(line[column]) for line in shown) for column in range(len(shown[0]))]
    for line in shown:
        yield "  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip()


def _in_use() -> str:
    """What the project here draws with, in words; '' outside of one."""
    from resources.settings import read_settings

    folder = project_from_environment()
    if not (folder / SETTINGS_FILE).is_file():
        return ""
    name = read_settings(folder).base_model
    one = registry_here().named(name)
    if one is not None:
        return f"\nThis project draws with {one.id}."
    return f"\nThis project draws with the folder {name}, which has the license of the registered model of the same bytes, if there is one."


def _row(one: RegisteredModel) -> dict[str, object]:
    from resources.installed_models import installed_folder

    folder, entry = installed_folder(one, hub_cache()), one.entry
    return {
        "id": one.id,
        "title": entry.title,
        "family": entry.family + (" adapter" if entry.role == "adapter" else ""),
        "license": entry.license.name,
        "commercial": {True: "yes", False: "no"}.get(entry.license.commercial_ok, "conditions"),
        "pinned": entry.is_pinned,
        "vram_gb": entry.vram.gb if entry.vram else None,
        "folder": str(folder) if folder else None,
        "own": one.is_own,
    }


def show(name: ModelId) -> None:
    """Print everything that is registered of a model, and how it is installed."""
    one = registry_here().needed(name)
    for line in _told(one):
        typer.echo(textwrap.fill(line, 140, subsequent_indent=" " * 14, break_long_words=False, break_on_hyphens=False))


def _told(one: RegisteredModel) -> Iterator[str]:
    from resources.installed_models import fetch_command, in_words, installed_folder

    entry, folder = one.entry, installed_folder(one, hub_cache())
    held = entry.license
    may = {True: "may be used commercially", False: "no commercial use", "conditions": "commercial use on conditions"}[held.commercial_ok]
    yield f"{'model':14}{one.id}: {entry.title}"
    yield f"{'family':14}{entry.family}, {entry.role}" + (f" of {', '.join(entry.adapter_of)}" if entry.adapter_of else "")
    yield f"{'license':14}{held.name}: {may}. {held.reason}".rstrip()
    if held.url:
        yield f"{'':14}{held.url}"
    yield f"{'from':14}{entry.repo or entry.folder}" + (f" at {entry.revision}" if entry.revision else "")
    yield f"{'pinned':14}{f'{len(entry.files)} files' if entry.is_pinned else 'no: nobody has said which bytes it is, so it is not used yet'}"
    yield f"{'installed':14}{folder or 'no'}"
    if entry.trains_on:
        yield f"{'trains on':14}{entry.trains_on}"
    drawn = [("px", entry.native_px), ("steps", entry.steps), ("guidance", entry.guidance)]
    if told := [f"{value:g} {unit}" if unit != "guidance" else f"guidance {value:g}" for unit, value in drawn if value is not None]:
        yield f"{'drawn with':14}{', '.join(told)}"
    if entry.role != "adapter" and entry.family != "unsupported" and not entry.trains_on:
        yield f"{'trained with':14}{preset_in_words(one)}"
    if entry.vram:
        yield f"{'GPU memory':14}{entry.vram.gb:g} GB with {entry.vram.dtype} weights"
    for note in entry.notes:
        yield f"{'note':14}{note.text} ({note.source}, read {note.read})"
    if folder is None and entry.repo and entry.family != "unsupported":
        yield f"{'fetch it':14}{in_words(fetch_command(one))}"


def preset_in_words(one: RegisteredModel) -> str:
    """What a LoRA on a model is trained with where `training:` in vitrine.yaml says nothing, and where that comes from."""
    from training.presets import preset_of

    preset = preset_of(one.entry.family, one.id, one.entry.training)
    chosen = preset.settings({})
    told = [
        f"{chosen.steps:,} steps of {chosen.batch_size}",
        f"rate {chosen.learning_rate:g}",
        f"rank {chosen.rank}",
        f"layers {_ends(chosen.target_modules)}",
    ]
    shown = {"steps", "batch_size", "learning_rate", "rank", "target_modules", "validate_every", "checkpoint_every"}
    told += [f"{name} {json.dumps(value)}" for name, value in chosen.model_dump(exclude_defaults=True, exclude=shown).items()]
    return f"{', '.join(told)} (from {preset.source}; `training:` goes before it)"


def _ends(targets: str | tuple[str, ...]) -> str:
    return targets if isinstance(targets, str) else " ".join(targets)


def pin(name: ModelId, folder: Folder = None) -> None:
    """Read commit and digests of a model from what was downloaded, and write them into the project's models.yaml. Reads every byte once."""
    from resources.model_pins import folder_to_pin, license_changes, read_pin
    from resources.pinned_file import write_pin

    project_dir = project_from_environment()
    if not (project_dir / SETTINGS_FILE).is_file():
        raise SettingsError(
            f"There is no {SETTINGS_FILE} in {project_dir}, so there is no project whose models.yaml could hold the pin. Go there."
        )
    one = registry_here().needed(name)
    _keep_digests(project_dir)
    found = read_pin(one, folder_to_pin(one, hub_cache(), folder), named=folder is not None)
    file = write_pin(one, found, project_dir)
    commit = f" at commit {found.revision[:12]}" if found.revision else ""
    typer.echo(f"Pinned {one.id}{commit}: {len(found.files)} files, {len(found.license_files)} license texts; written to {file}.")
    if changed := license_changes(one, found):
        typer.echo(changed)
    if one.entry.license.commercial_ok is not True:
        typer.echo(f"Its license, {one.entry.license.name}: {one.entry.license.reason}")


def verify(
    name: Annotated[str | None, typer.Argument(metavar="ID", help="Id of a model; default: every pinned one that is installed.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Read every byte again, whatever sizes and times say.")] = False,
) -> None:
    """Compare installed models with what was pinned. Exit code 2 when any file differs."""
    from resources.installed_models import installed_folder, problems

    registry = registry_here()
    chosen = [registry.needed(name)] if name else [one for one in registry.models.values() if one.entry.is_pinned]
    _keep_digests(project_from_environment())
    wrong, looked_at = 0, 0
    for one in chosen:
        folder = installed_folder(one, hub_cache())
        if folder is None or not one.entry.is_pinned:
            if name:
                raise ModelError(
                    f"Model {one.id!r} is {'not installed' if one.entry.is_pinned else 'not pinned'}. See `vitrine models show {one.id}`."
                )
            continue
        found, looked_at = problems(one, folder, full=full), looked_at + 1
        wrong += bool(found)
        typer.echo(f"{'differs' if found else 'as pinned':10} {one.id}  {folder}")
        for words in found:
            typer.echo(f"           {words}")
    if not looked_at:
        typer.echo("No registered model is both pinned and installed here.")
    if wrong:
        raise typer.Exit(2)


def fetch(
    name: ModelId,
    folder: Folder = None,
    run: Annotated[bool, typer.Option("--run", help="Run the command. Without it, it is only printed.")] = False,
) -> None:
    """Print the command that downloads a model: its parts as safetensors, without pickles, second copies and code."""
    from resources.installed_models import fetch_command, in_words

    one = registry_here().needed(name)
    command = fetch_command(one, folder)
    typer.echo(in_words(command))
    if one.entry.license.commercial_ok is not True:
        typer.echo(f"Its license, {one.entry.license.name}: {one.entry.license.reason}", err=True)
    if not run:
        return
    if shutil.which(command[0]) is None:
        raise ModelError(
            "There is no command 'hf' on this machine. It comes with huggingface_hub: `pip install huggingface_hub`. Nothing was fetched."
        )
    if code := subprocess.run(command, check=False).returncode:
        raise ModelError(f"The download of {one.id!r} ended with code {code}; what is complete is kept. Run it again to go on.")
    typer.echo(f"Fetched. Next: vitrine models pin {one.id}" + (f" --folder {folder}" if folder else ""))


def schema() -> None:
    """Print the JSON Schema of a project's models.yaml, for an editor that checks YAML."""
    typer.echo(json.dumps(registry_schema(), indent=2))


def _keep_digests(project_dir: Path) -> None:
    from generation.file_digests import keep_digests_in
    from resources.settings import read_settings

    if (project_dir / SETTINGS_FILE).is_file():
        keep_digests_in(read_settings(project_dir).state_dir / "model-digests.json")
