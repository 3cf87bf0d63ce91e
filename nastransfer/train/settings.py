"""Strict settings: one base model, one way to pick a name, one way of telling a user what is wrong with a value."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError


class Strict(BaseModel):
    """Frozen settings that refuse unknown keys and silent conversions between types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Model = TypeVar("Model", bound=BaseModel)

# How an override is written into a label: `small+px32`, `small+C16`. Other fields go by their name.
_MARKS = {"resolution": "px", "channels": "C", "cells": "L", "batch": "b", "epochs": "e", "epoch_images": "i"}


def override_label(name: str, named: BaseModel, chosen: BaseModel) -> str:
    """The name of some settings and every one that differs from those of that name: `tiny+px32+drop_path0.2`."""
    changed = {field: value for field, value in chosen if value != getattr(named, field)}
    return "+".join([name, *(f"{_MARKS.get(field, field)}{value}" for field, value in changed.items())])


def choose(kind: str, value: str, allowed: Iterable[str]) -> str:
    """`value`, or a `ValueError` that names it, the nearest allowed name and all allowed ones."""
    names = list(allowed)
    if value in names:
        return value
    nearest = difflib.get_close_matches(str(value), names, n=1)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else "."
    raise ValueError(f"unknown {kind} {value!r}{hint} Allowed: {', '.join(names)}")


Place = tuple[int | str, ...]
"""The way to a value inside of settings: names of settings and positions in lists."""


class Misplaced(ValueError):
    """What a validator of a whole has to say of a value inside of it: `place` is the way there."""

    def __init__(self, message: str, *place: int | str) -> None:
        super().__init__(message)
        self.place: Place = place


def validate(model: type[Model], values: Mapping[str, Any], where: str, **context: Any) -> Model:
    """`values` as a `model`; otherwise one `ValueError` with a line a wrong key: where, value, rule.

    `context` is what the model's validators need besides.
    """
    try:
        return model.model_validate(dict(values), context=context)
    except ValidationError as error:
        raise ValueError(f"{where}: " + "\n  ".join(text for _, text in explained(error, model))) from None


def explained(error: ValidationError, model: type[BaseModel]) -> list[tuple[Place, str]]:
    """What is wrong with values of a `model`, problem by problem: the place, and a line that names it, rule and value.

    A wrong entry also makes its list too short: only what is wrong with the entry is said.
    """
    problems = error.errors()
    places = [problem["loc"] for problem in problems]
    emptied = {place for place in places if any(_below(other, place) for other in places)}
    kept = [p for p in problems if p["type"] != "too_short" or p["loc"] not in emptied]
    return [(_place(problem), _line(problem, model)) for problem in kept]


def _place(problem: Any) -> Place:
    cause = problem.get("ctx", {}).get("error")
    inside = cause.place if isinstance(cause, Misplaced) else ()
    return (*problem["loc"], *inside)


def _below(place: Place, parent: Place) -> bool:
    return len(place) > len(parent) and place[: len(parent)] == parent


def _line(problem: Any, model: type[BaseModel]) -> str:
    whole = _place(problem)
    place = ".".join(str(part) for part in whole)
    if problem["type"] == "extra_forbidden":
        known = _fields(model, problem["loc"][:-1])
        nearest = difflib.get_close_matches(str(problem["loc"][-1]), known, n=1)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else "."
        return f"unknown setting {place!r} (found {problem['input']!r}){hint} Allowed: {', '.join(known)}"
    if problem["type"] == "missing":
        return f"{place!r} is missing"
    message = str(problem["msg"]).removeprefix("Value error, ")
    if whole != problem["loc"]:  # the input is all of what holds the value
        return f"{place}: {message}"
    return f"{place}: {message} (found {problem['input']!r})" if place else message


def _fields(model: type[BaseModel], place: Place) -> list[str]:
    """Names of the settings at a place within nested models."""
    for part in place:
        if isinstance(part, str):
            inside = [
                kind for kind in _kinds(model.model_fields[part].annotation) if issubclass(kind, BaseModel)
            ]
            model = inside[0]
    return list(model.model_fields)


def _kinds(annotation: Any) -> list[type]:
    """The classes inside an annotation such as `tuple[Source, ...]` or `ProxySpec | None`."""
    inside = get_args(annotation)
    return (
        [kind for part in inside for kind in _kinds(part)]
        if inside
        else [annotation] * isinstance(annotation, type)
    )
