"""How methods, data sets and selections are called where people read them. Plain text: escape it for HTML."""

from __future__ import annotations

import re
from collections.abc import Sequence

RANDOM = "random"

# "DARTS" alone is the second-order method, as in the papers.
METHODS = {
    "darts1": "DARTS (1st order)",
    "darts2": "DARTS",
    "enas": "ENAS",
    "nao": "NAO",
    "nsganet": "NSGANet",
    "pdarts": "PDARTS",
    "manas": "MANAS",
    "stacnas": "StacNAS",
    "cnas": "CNAS",
    RANDOM: "random sampling",
    "given": "given genotype",
}

# Data sets without any real image; a test holds it against the catalogue, which this room must not open.
SYNTHETIC = frozenset({"glyphs"})
_SPLIT = re.compile(r"-split(?=\d+-\d+-\d+|nas_benchmark)")


def method_name(method: str | None) -> str:
    """The method as papers call it; an own method by the name it was registered with."""
    return METHODS.get(method, method) if method is not None else "unknown method"


def method_with(method: str | None, *marks: str | None) -> str:
    """The method with its preset, or the study it is of, where these are to be told apart: `DARTS, tiny`."""
    return ", ".join([method_name(method), *filter(None, marks)])


def set_name(dataset: str | None) -> str:
    """The data set with the options it was opened with (`scene15, split 40-40-20`), marked where it is synthetic."""
    if dataset is None:
        return "unknown data set"
    name, called = dataset.split("-")[0], _SPLIT.sub(", split ", dataset)
    if name not in SYNTHETIC:
        return called
    options = called.removeprefix(name).lstrip("-, ")
    return ", ".join(filter(None, [f"{name} (synthetic)", options]))


def source_name(source: str | None, selection: str | None) -> str:
    """What was searched on: the data set and, where it was cut down, how (`glyphs (synthetic), p1`)."""
    if source is None:
        return "no search"
    if selection in (None, "all"):
        return set_name(source)
    short = selection.removeprefix(f"{source}-") if selection is not None else ""
    return f"{set_name(source)}, {short}"


def listed(values: Sequence[object]) -> str:
    """`2`, `2 and 3`, `2, 3 and 5`."""
    words = [str(value) for value in values]
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
