"""Change bounds in the text of a brand kit and leave every other character as it is: comments, order, quotes, spacing.

Which bounds, and why, is `calibration.py`'s; applying them is the command's.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from catalog.errors import SettingsError

MARK = "# calibration: "
"""Begins the lines of evidence above a bound; a later calibration replaces them."""

STEP = 2
"""Spaces by which what is added is set in, where the file does not show another step."""

NO_LAST_END = r"\ No newline at end of file"
"""Follows a line of a diff that its file ends with and no line feed ends; GNU diff's words."""

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_COMMENT = re.compile(r"(?:^|\s)#.*$")


@dataclass(frozen=True, kw_only=True)
class BoundEdit:
    """New bounds of one column of one recipe, and the evidence for them, one line each."""

    recipe: str
    column: str
    bounds: Mapping[str, float | str]
    """The whole entry as it shall stand."""
    evidence: Sequence[str]

    def lines(self, indent: int) -> list[str]:
        """The entry with its evidence above it, set in by so many spaces."""
        inside = ", ".join(f"{name}: {_plain(value)}" for name, value in self.bounds.items())
        return [" " * indent + line for line in (*(MARK + line for line in self.evidence), f"{self.column}: {{{inside}}}")]


def edited(text: str, edits: Sequence[BoundEdit]) -> str:
    """The brand kit's text with new bounds. Raises SettingsError when it is written in a way that cannot be edited without harm.

    The result is read again and compared value by value with what was meant, so that nothing else can have changed.
    """
    meant = _meant(yaml.safe_load(text), edits)
    line_end = "\r\n" if "\r\n" in text else "\n"
    text = text.replace("\r\n", "\n")
    for edit in edits:
        text = _with_edit(text, edit)
    text = text.replace("\n", line_end)
    try:
        came_out = yaml.safe_load(text)
    except yaml.YAMLError:
        came_out = None
    if came_out != meant:
        names = ", ".join(f"{edit.recipe}: {edit.column}" for edit in edits)
        raise SettingsError(
            f"The brand kit's `rules:` are written in a way that cannot be edited safely ({names}). Write them as a block, one column per line, "
            "and run this again. Nothing was changed."
        )
    return text


def unified_diff(before: str, after: str, path: str) -> str:
    """Both texts as a unified diff that `git apply` and `patch -p1` take; '' when they are the same. Line ends stay as they are."""
    lines = difflib.unified_diff(_lines(before), _lines(after), f"a/{path}", f"b/{path}")
    return "".join(line if line.endswith("\n") else f"{line}\n{NO_LAST_END}\n" for line in lines)


def _lines(text: str) -> list[str]:
    """Lines with their ends, as `patch` counts them: only a line feed ends one."""
    return _LINE.findall(text)


def _meant(data: dict[str, Any], edits: Sequence[BoundEdit]) -> dict[str, Any]:
    rules = {recipe: dict(columns or {}) for recipe, columns in (data.get("rules") or {}).items()}
    for edit in edits:
        rules.setdefault(edit.recipe, {})[edit.column] = dict(edit.bounds)
    return {**data, "rules": rules}


def _with_edit(text: str, edit: BoundEdit) -> str:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode), "it was read as a brand kit"
    rules = _entry(root, "rules")
    if rules is None:
        body = [f"rules:\n{' ' * STEP}{edit.recipe}:", *edit.lines(2 * STEP)]
        return text.rstrip("\n") + "\n" + "\n".join(body) + "\n"
    if not _is_block(rules[1]):
        return _rewritten(text, rules, edit, inside=(edit.recipe,))
    recipe = _entry(rules[1], edit.recipe)
    step = rules[1].value[0][0].start_mark.column
    if recipe is None:
        return _appended(text, rules[1], [" " * step + f"{edit.recipe}:", *edit.lines(2 * step)])
    if not _is_block(recipe[1]):
        return _rewritten(text, recipe, edit, inside=())
    column = _entry(recipe[1], edit.column)
    indent = recipe[1].value[0][0].start_mark.column
    if column is None:
        return _appended(text, recipe[1], edit.lines(indent))
    first = _above_without_evidence(text, column[0].start_mark.line)
    return _replaced(text, first, column, edit.lines(indent), indent)


def _entry(node: yaml.Node, name: str) -> tuple[yaml.Node, yaml.Node] | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next(((key, value) for key, value in node.value if key.value == name), None)


def _is_block(node: yaml.Node) -> bool:
    return isinstance(node, yaml.MappingNode) and not node.flow_style and bool(node.value)


def _last_line(node: yaml.Node) -> int:
    """The line on which a node's last value ends; a block's own end mark lies beyond the comments after it."""
    if _is_block(node):
        return _last_line(node.value[-1][1])
    return int(node.end_mark.line)


def _appended(text: str, block: yaml.Node, new: list[str]) -> str:
    lines, after = text.split("\n"), _last_line(block) + 1
    return "\n".join([*lines[:after], *new, *([] if after < len(lines) else [""]), *lines[after:]])


def _rewritten(text: str, entry: tuple[yaml.Node, yaml.Node], edit: BoundEdit, *, inside: tuple[str, ...]) -> str:
    """A value in flow style, or none at all, written as a block with the edit in it."""
    key, value = entry
    present = yaml.safe_load(text[value.start_mark.index : value.end_mark.index]) if isinstance(value, yaml.MappingNode) else {}
    step = key.start_mark.column or STEP
    recipes: dict[str, Any] = {name: columns or {} for name, columns in present.items()} if inside else {edit.recipe: present}
    recipes.setdefault(edit.recipe, {})
    body: list[str] = []
    for name, columns in recipes.items():
        base = key.start_mark.column + step if inside else key.start_mark.column
        others = {column: bounds for column, bounds in columns.items() if name != edit.recipe or column != edit.column}
        body += [f"{' ' * base}{name}:" + ("" if others or name == edit.recipe else " {}")] if inside else []
        body += [f"{' ' * (base + step)}{column}: {_flow(bounds)}" for column, bounds in others.items()]
        body += edit.lines(base + step) if name == edit.recipe else []
    return _replaced(text, key.start_mark.line, entry, [f"{' ' * key.start_mark.column}{key.value}:", *body], key.start_mark.column)


def _replaced(text: str, first: int, entry: tuple[yaml.Node, yaml.Node], new: list[str], indent: int) -> str:
    """The lines of an entry put anew. Comments that stood among them are kept above; old evidence is not."""
    lines, last = text.split("\n"), _last_line(entry[1])
    spoken = [found[0].strip() for line in lines[first : last + 1] if (found := _COMMENT.search(line))]
    kept = [" " * indent + words for words in spoken if not words.startswith(MARK)]
    return "\n".join([*lines[:first], *kept, *new, *lines[last + 1 :]])


def _above_without_evidence(text: str, line: int) -> int:
    lines = text.split("\n")
    while line and lines[line - 1].strip().startswith(MARK):
        line -= 1
    return line


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_flow(inner)}" for name, inner in value.items()) + "}"
    return _plain(value)


def _plain(value: Any) -> str:
    """A value as YAML 1.1 reads it again: a float needs a dot there, so 6e-05 is written 6.0e-05, and as many digits as make it the same."""
    if value is None:
        return "null"
    if not isinstance(value, float):
        return str(value)
    digits, exponent, power = repr(float(value)).partition("e")
    return digits + (".0" if exponent and "." not in digits else "") + exponent + power
