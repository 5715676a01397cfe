"""The text of a YAML file as plain values, with libyaml where it is safe: a project is opened by every command, and reads ten such files.

PyYAML's own reader takes two thirds of the time of a plan; libyaml takes a tenth of that. What the values mean is not judged here.
"""

import re
from typing import Any

import yaml

MAX_NESTING = 1000
"""Levels up to which libyaml is asked: it composes by recursion in C, and 200,000 brackets end the process instead of raising an error."""

_INDENTATION = re.compile(r"^[ \-?:\t]*", re.MULTILINE)


def parsed(text: str) -> Any:
    """The one value in a YAML text. Raises yaml.YAMLError, ValueError or RecursionError; a name that stands twice in a mapping is an error."""
    if _FastUniqueNames is not None and _may_nest(text) <= MAX_NESTING:
        try:
            return yaml.load(text, Loader=_FastUniqueNames)
        except (yaml.YAMLError, ValueError, RecursionError):
            pass  # said below, in the words that go with the slower reader
    return yaml.load(text, Loader=_UniqueNames)


def _may_nest(text: str) -> int:
    """Levels that a text cannot nest deeper than: all its opening brackets, and the longest beginning of a line that can open blocks."""
    return text.count("[") + text.count("{") + max(len(begin) for begin in _INDENTATION.findall(text))


class _NamesOnce(yaml.constructor.SafeConstructor):
    """Refuses a key given twice, instead of keeping the last one silently, and the zero character, which no file name can have."""

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:
        value = super().construct_scalar(node)
        if isinstance(value, str) and "\0" in value:
            raise yaml.constructor.ConstructorError(
                None, None, "a text holds the zero character \\0, which is none of any text's", node.start_mark
            )
        return value

    def construct_true_or_false(self, node: yaml.ScalarNode) -> bool | str:
        """`true` and `false` alone, as YAML 1.2 has it: `off` is a value of some parameters, and `no` is a country."""
        text = str(self.construct_scalar(node))
        return text.lower() == "true" if text.lower() in ("true", "false") else text

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a name must be plain text, not a list or mapping", key_node.start_mark)
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"the name {key!r} stands twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


_NamesOnce.add_constructor("tag:yaml.org,2002:bool", _NamesOnce.construct_true_or_false)  # type: ignore[type-var]  # the stubs know whole loaders only; this base has the constructor


class _UniqueNames(_NamesOnce, yaml.SafeLoader):
    """PyYAML's own reader."""


_FastUniqueNames: Any = type("_FastUniqueNames", (_NamesOnce, yaml.CSafeLoader), {}) if yaml.__with_libyaml__ else None
"""The same constructor behind libyaml's parser; None where PyYAML was built without it."""
