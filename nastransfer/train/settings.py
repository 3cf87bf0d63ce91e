"""Strict settings: one base model, one way to pick a name, one way of telling a user what is wrong with a value."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError


class Strict(BaseModel):
    """Frozen settings that refuse unknown keys and silent conversions between types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Model = TypeVar("Model", bound=BaseModel)


def choose(kind: str, value: str, allowed: Iterable[str]) -> str:
    """`value`, or a `ValueError` that names it, the nearest allowed name and all allowed ones."""
    names = list(allowed)
    if value in names:
        return value
    nearest = difflib.get_close_matches(str(value), names, n=1)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else "."
    raise ValueError(f"unknown {kind} {value!r}{hint} Allowed: {', '.join(names)}")


def validate(model: type[Model], values: Mapping[str, Any], where: str) -> Model:
    """`values` as a `model`; otherwise one `ValueError` with a line a wrong key: where, value, rule."""
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        problems = error.errors()
        places = [problem["loc"] for problem in problems]
        # A wrong entry also makes its list too short: say only what is wrong with the entry.
        emptied = {place for place in places if any(_below(other, place) for other in places)}
        lines = [_line(p, model) for p in problems if p["type"] != "too_short" or p["loc"] not in emptied]
        raise ValueError(f"{where}: " + "\n  ".join(lines)) from None


def _below(place: tuple[int | str, ...], parent: tuple[int | str, ...]) -> bool:
    return len(place) > len(parent) and place[: len(parent)] == parent


def _line(problem: Any, model: type[BaseModel]) -> str:
    place = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        known = list(model.model_fields) if len(problem["loc"]) == 1 else []
        nearest = difflib.get_close_matches(place, known, n=1)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else "."
        allowed = f" Allowed: {', '.join(known)}" if known else ""
        return f"unknown setting {place!r} (found {problem['input']!r}){hint}{allowed}"
    if problem["type"] == "missing":
        return f"{place!r} is missing"
    message = str(problem["msg"]).removeprefix("Value error, ")
    return f"{place}: {message} (found {problem['input']!r})" if place else message
