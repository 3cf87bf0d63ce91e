"""Study files as text: YAML without surprises, and the line on which each of its values stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

Place = tuple[int | str, ...]
"""The way to a value: keys of mappings and positions in lists, from the top."""


class Lines:
    """Line numbers (from 1) of the keys and entries of a YAML text, by their place."""

    def __init__(self, top: yaml.Node | None) -> None:
        self._lines = dict(_lines(top, ())) if top is not None else {}

    def of(self, place: Place) -> int | None:
        """The line of the nearest thing that the text has on the way to `place`; None where it is missing on top."""
        for end in range(len(place), 0, -1):
            if place[:end] in self._lines:
                return self._lines[place[:end]]
        return None


def read_yaml(text: str, where: str) -> tuple[dict[str, Any], Lines]:
    """The mapping that a text holds, and where its values stand; `where` names the text in errors.

    `ValueError` for what is no YAML, for a key that appears twice, and for anything but a mapping.
    """
    loader = _UniqueKeys(text)
    try:
        node = loader.get_single_node()
        lines = Lines(node)
        values = loader.construct_document(node) if node is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = f", line {mark.line + 1}" if mark is not None else ""
        raise ValueError(f"{where}{line}: not valid YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise ValueError(f"{where}: not valid YAML: {error}") from None
    finally:
        loader.dispose()
    if not isinstance(values, dict):
        found = type(values).__name__
        raise ValueError(f"{where}: a study file is a mapping of keys to values, found {found}")
    return values, lines


class _UniqueKeys(yaml.SafeLoader):
    """Plain YAML keeps the last of two equal keys without a word; a study must not lose one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for position, key in enumerate(keys):
            if key in keys[:position]:
                mark = node.value[position][0].start_mark
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} appears twice", mark)
        return super().construct_mapping(node, deep)


def _lines(node: yaml.Node, place: Place, inside: tuple[int, ...] = ()) -> Iterator[tuple[Place, int]]:
    if id(node) in inside:
        raise yaml.constructor.ConstructorError(None, None, "this holds itself", node.start_mark)
    inside = (*inside, id(node))
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield (*place, key.value), key.start_mark.line + 1
                yield from _lines(value, (*place, key.value), inside)
    if isinstance(node, yaml.SequenceNode):
        for position, value in enumerate(node.value):
            yield (*place, position), value.start_mark.line + 1
            yield from _lines(value, (*place, position), inside)
