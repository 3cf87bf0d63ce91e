"""Genotype text with random damage is a genotype or a ValueError, never anything else.

What is still read is read a second time with Python's own grammar (`ast`, nothing is evaluated), which must agree.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nastransfer.space.export import export
from nastransfer.space.genotype import FIELDS, OPERATIONS, Genotype
from nastransfer.space.known import known_genotype

V2 = known_genotype("DARTS_V2")
SOURCES = (str(V2), export(V2, "darts").replace("[2, 3, 4, 5]", "range(2, 6)"), V2.to_json())
PIECES = (
    *"()[]{},:='\"\\\n\t\0-+*._ 0123456789é٣\u2028\ud800\U0001f600",
    *(
        "sep_conv_3x3",
        "none",
        "range(",
        "Genotype(",
        "lambda:",
        "__",
        "1e9",
        "-0",
        "None",
        "True",
        "0x1",
        "#",
        "\\u0041",
    ),
    *(
        "[" * 2_000,
        "(" * 60,
        "9" * 5_000,
        "-" + "9" * 40,
        "range(0, 99)",
        "range(0, 999999999)",
        "[[[[[[[[1]]]]]]]]",
    ),
    "x" * 20_000,
)
TOKEN = re.compile(r"\w+|\S")
Damage = Callable[[str, np.random.Generator], str]


def stretch(text: str, rng: np.random.Generator) -> tuple[int, int]:
    """Where up to 11 letters of the text begin and end."""
    start = int(rng.integers(len(text) + 1))
    return start, min(len(text), start + int(rng.integers(1, 12)))


def pick(choices: Any, rng: np.random.Generator) -> Any:
    return choices[rng.integers(len(choices))]


def put_in(text: str, rng: np.random.Generator) -> str:
    start, _ = stretch(text, rng)
    return text[:start] + pick(PIECES, rng) + text[start:]


def cut(text: str, rng: np.random.Generator) -> str:
    start, stop = stretch(text, rng)
    return text[:start] + text[stop:]


def double(text: str, rng: np.random.Generator) -> str:
    start, stop = stretch(text, rng)
    return text[:stop] + text[start:]


def replace(text: str, rng: np.random.Generator) -> str:
    start, stop = stretch(text, rng)
    return text[:start] + pick(PIECES, rng) + text[stop:]


def move(text: str, rng: np.random.Generator) -> str:
    start, stop = stretch(text, rng)
    rest = text[:start] + text[stop:]
    place = int(rng.integers(len(rest) + 1))
    return rest[:place] + text[start:stop] + rest[place:]


def cut_off(text: str, rng: np.random.Generator) -> str:
    return text[: rng.integers(len(text) + 1)]


def repeat(text: str, rng: np.random.Generator) -> str:
    """Some words or all of the text many times over."""
    start = int(rng.integers(len(text) + 1))
    stop = int(rng.integers(start, len(text) + 1))
    return text[:stop] + text[start:stop] * int(rng.integers(1, 30)) + text[stop:]


def swap_tokens(text: str, rng: np.random.Generator) -> str:
    found = list(TOKEN.finditer(text))
    if len(found) < 2:
        return text
    first, second = (found[i] for i in sorted(rng.choice(len(found), size=2, replace=False)))
    between = text[first.end() : second.start()]
    return text[: first.start()] + second[0] + between + first[0] + text[second.end() :]


def change_value(text: str, rng: np.random.Generator) -> str:
    """Another operation or another number in its place: what is left is grammatical, and often legal."""
    found = [match for match in TOKEN.finditer(text) if match[0] in OPERATIONS or match[0].isdecimal()]
    if not found:
        return text
    match = pick(found, rng)
    value = pick(OPERATIONS, rng) if match[0] in OPERATIONS else str(rng.integers(7))
    return text[: match.start()] + value + text[match.end() :]


DAMAGES: tuple[Damage, ...] = (
    *(put_in, cut, double, replace, move, cut_off, repeat, swap_tokens, change_value),
)


def python_reads(text: str) -> Genotype | None:
    """The genotype that Python's grammar finds in a text; None where it is no Python."""
    try:
        tree = ast.parse(text).body[-1]
    except (SyntaxError, ValueError):
        return None
    assert isinstance(tree, (ast.Expr, ast.Assign))
    value = tree.value
    if isinstance(value, ast.Dict):
        pairs = [(ast.literal_eval(k), v) for k, v in zip(value.keys, value.values, strict=True) if k]
    else:
        assert (
            isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "Genotype"
        )
        pairs = list(zip(FIELDS, value.args, strict=False)) + [(k.arg, k.value) for k in value.keywords]
    return Genotype.parse({name: plain(node) for name, node in pairs})


def plain(node: ast.expr) -> Any:
    """Lists, tuples, ranges and constants as Python means them."""
    if isinstance(node, (ast.List, ast.Tuple)):
        return [plain(part) for part in node.elts]
    if isinstance(node, ast.Call):
        return list(range(*(plain(part) for part in node.args)))
    return ast.literal_eval(node)


def parsed(text: str) -> tuple[Genotype | None, str]:
    """The genotype, or None and why not; any error but ValueError comes through."""
    try:
        return Genotype.parse(text), ""
    except ValueError as error:
        return None, f"{error}"


def check_damage(count: int, seed: int) -> dict[str, dict[str, int]]:
    """How many texts of each kind of last damage were refused and read."""
    rng = np.random.default_rng(seed)
    found = {damage.__name__: Counter(refused=0, read=0, read_by_python=0) for damage in DAMAGES}
    for number in range(count):
        text = SOURCES[number % len(SOURCES)]
        for _ in range(min(rng.integers(1, 4, size=2))):
            damage = pick(DAMAGES, rng)
            text = damage(text, rng)
        genotype, refusal = parsed(text)
        if genotype is None:
            assert refusal.startswith("genotype") and len(refusal) < 400, text
            found[damage.__name__]["refused"] += 1
            continue
        found[damage.__name__]["read"] += 1
        assert Genotype.parse(str(genotype)) == genotype
        by_python = python_reads(text)
        assert by_python in (None, genotype), text
        found[damage.__name__]["read_by_python"] += by_python is not None
    return {name: dict(counts) for name, counts in found.items()}


def test_damaged_text_is_refused_or_read() -> None:
    found = check_damage(6_000, seed=1)
    total = sum((Counter(counts) for counts in found.values()), Counter())
    assert total["refused"] + total["read"] == 6_000
    assert all(counts["refused"] > 100 for counts in found.values())
    assert total["read"] > 200, "legal changes and spaces do no damage"
    assert total["read_by_python"] > 0.9 * total["read"]


@pytest.mark.slow
def test_a_million_damaged_texts(record_property: Callable[[str, object], None]) -> None:
    found = check_damage(1_000_000, seed=2)
    total = sum((Counter(counts) for counts in found.values()), Counter())
    record_property("texts", dict(total))
    record_property("texts by their last damage", found)
    assert total["refused"] + total["read"] == 1_000_000
