"""Write a pin into a project's models.yaml: its lines are exchanged, everything else in the file stays as it stands, comments included."""

from pathlib import Path
from typing import Any

import yaml

from catalog.errors import SettingsError
from catalog.recipe import read_yaml
from catalog.sentences import clause
from generation.model_registry import OWN_FILE, RegisteredModel, read_registry
from publishing.atomic_file import write_atomically
from resources.model_pins import Pin

PINNED_KEYS = ("folder", "revision", "files", "license_files")
"""What pinning writes of an entry; everything else in it is left as it stands."""


def write_pin(model: RegisteredModel, pin: Pin, project_dir: Path) -> Path:
    """Write a pin into the project's models.yaml, made when missing, and return the file. Raises SettingsError when it cannot be edited safely."""
    file = project_dir / OWN_FILE
    before = file.read_text(encoding="utf-8") if file.is_file() else ""
    said = read_yaml(file).get("models") or {} if before.strip() else {}
    mine = {**_of_entry(said, model.id), **_as_data(model, pin, project_dir)}
    text = _edited(file, before, model.id, {name: mine[name] for name in PINNED_KEYS if name in mine})
    expected = {**said, model.id: mine}
    _check_edited(file, text, expected)
    write_atomically(file, text.encode())
    try:
        read_registry(project_dir)
    except SettingsError:
        write_atomically(file, before.encode()) if before else file.unlink()
        raise
    return file


def _check_edited(file: Path, text: str, expected: dict[str, Any]) -> None:
    """Raise SettingsError unless the edited text says what it should: it is the user's own file, and may be written as no line editor expects."""
    try:
        says = yaml.safe_load(text)["models"]
    except yaml.YAMLError as error:  # an alias, say, of something that pinning takes out
        raise SettingsError(
            f"{file} cannot be edited line by line: {clause(error)}. Write it without anchors and aliases around what is pinned. Nothing was changed."
        ) from error
    if says != yaml.safe_load(yaml.safe_dump(expected)):
        differing = sorted(str(name) for name in says.keys() | expected.keys() if says.get(name) != expected.get(name))
        raise SettingsError(
            f"{file} cannot be edited line by line: models.{', models.'.join(differing)} would say something else afterwards. Write one indented line "
            "per value, without anchors, aliases and merges around what is pinned. Nothing was changed."
        )


def _of_entry(said: dict[str, Any], name: str) -> dict[str, Any]:
    entry = said.get(name) or {}
    return {key: value for key, value in entry.items() if key not in PINNED_KEYS or key == "folder"}


def _as_data(model: RegisteredModel, pin: Pin, project_dir: Path) -> dict[str, Any]:
    data: dict[str, Any] = {}
    if pin.folder is not None and pin.folder != model.folder:
        inside = pin.folder.is_relative_to(project_dir.resolve())
        data["folder"] = pin.folder.relative_to(project_dir.resolve()).as_posix() if inside else str(pin.folder)
    if pin.revision is not None:
        data["revision"] = pin.revision
    return data | {"files": pin.files} | ({"license_files": pin.license_files} if pin.license_files else {})


def _edited(file: Path, before: str, name: str, pinned: dict[str, Any]) -> str:
    """The text of models.yaml with an entry's pinned values exchanged; all other lines stay as they are."""
    if not before.strip():
        return (
            "# This project's base models: what it adds to those that ship, and what it pinned of them. See docs/how-to/models.md.\nmodels:\n"
            + _block(name, pinned, 2)
        )
    lines = before.splitlines(keepends=True)
    if not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    root = yaml.compose(before)
    models = _value_of(root, "models")
    if not isinstance(models, yaml.MappingNode) or models.flow_style or not models.value:
        raise SettingsError(
            f"{file} has no list of models that lines can be added to. Write `models:` with one indented entry per model. Nothing was changed."
        )
    indent = models.value[0][0].start_mark.column
    entry = _value_of(models, name)
    if entry is None:
        end = _after(models)
        return "".join([*lines[:end], _block(name, pinned, indent), *lines[end:]])
    if not isinstance(entry, yaml.MappingNode) or entry.flow_style or not entry.value:
        raise SettingsError(
            f"{file} writes models.{name} in one line. Write one indented line per value, so that others can be added. Nothing was changed."
        )
    inner, drop = entry.value[0][0].start_mark.column, set[int]()
    for key, value in entry.value:
        if key.value in pinned or key.value in ("revision", "files", "license_files"):
            drop |= set(range(key.start_mark.line, _after(value)))
    end = _after(entry)
    kept = ["" if number in drop else line for number, line in enumerate(lines)]
    return "".join([*kept[:end], _values(pinned, inner), *kept[end:]])


def _value_of(node: yaml.Node | None, name: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for key, value in node.value if key.value == name), None)


def _after(node: yaml.Node) -> int:
    """The number of the line behind the last one that says anything of a node; a block's own end is that of the comments behind it."""
    if isinstance(node, yaml.MappingNode) and not node.flow_style and node.value:
        return _after(node.value[-1][1])
    if isinstance(node, yaml.SequenceNode) and not node.flow_style and node.value:
        return _after(node.value[-1])
    ends_before = isinstance(node, yaml.ScalarNode) and node.style in ("|", ">")
    return int(node.end_mark.line) + (0 if ends_before else 1)


def _block(name: str, pinned: dict[str, Any], indent: int) -> str:
    """An entry as indented lines; a name that YAML reads as a number (2.1) is quoted."""
    key = yaml.safe_dump({name: 0}).rpartition(":")[0]
    return f"{' ' * indent}{key}:\n{_values(pinned, indent + 2)}"


def _values(pinned: dict[str, Any], indent: int) -> str:
    text = yaml.safe_dump(pinned, sort_keys=False, width=1000)
    return "".join(f"{' ' * indent}{line}" for line in text.splitlines(keepends=True))
