"""The JSON schema of study files, for editors that complete and check them as they are written (no torch)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nastransfer.search.searcher import PRESETS, searchers
from nastransfer.study.spec import StudySpec
from nastransfer.train.architecture import known_names
from nastransfer.train.protocol import protocols


def study_schema() -> dict[str, Any]:
    """The schema as plain data (draft 2020-12): what a study file may say, with the names that are known here.

    Names of methods and presets are offered, not demanded: a plug-in may bring others. What a schema cannot say (a
    proxy as a target, an exclusion that matches nothing) is found when the study is loaded.
    """
    schema = StudySpec.model_json_schema(mode="validation")
    offered = {
        "methods": _offered(name for name in searchers() if name != "random"),
        "preset": _offered(PRESETS),
        "protocol": {"enum": list(protocols())},
        "known": {"enum": known_names()},
    }
    for grid in (schema, schema["$defs"]["Grid"]):
        for name, names in offered.items():
            _name(grid["properties"][name], names)
    schema["properties"]["plugins"] = {
        "type": "array",
        "items": {"type": "string"},
        "description": schema["properties"]["plugins"]["description"],
    }
    schema["$defs"].pop("Plugin", None)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "A study of NASTransfer",
    }


def _offered(names: Iterable[str]) -> dict[str, Any]:
    """Any text, and these first."""
    return {"anyOf": [{"enum": list(names)}, {"type": "string"}]}


def _name(schema: dict[str, Any], names: dict[str, Any]) -> None:
    """Put names where a schema has text: itself, the entries of its list, or either."""
    for place in (schema, *schema.get("anyOf", [])):
        for text in (place, place.get("items", {})):
            if text.get("type") == "string":
                del text["type"]
                text.update(names)
