"""Genotype text with random damage is a genotype or a ValueError, never anything else."""

from __future__ import annotations

import numpy as np
import pytest

from nastransfer.space.export import export
from nastransfer.space.genotype import Genotype
from nastransfer.space.known import known_genotype

V2 = known_genotype("DARTS_V2")
SOURCES = (str(V2), export(V2, "darts").replace("[2, 3, 4, 5]", "range(2, 6)"), V2.to_json())
PIECES = (
    *"()[]{},:='\"\\\n\t\0-+*._ 0123456789é",
    "sep_conv_3x3",
    "none",
    "range(",
    "Genotype(",
    "lambda:",
    "__",
    "1e9",
)


def damaged(text: str, rng: np.random.Generator) -> str:
    """One to three changes: a piece put in, a stretch taken out, doubled or moved."""
    for _ in range(rng.integers(1, 4)):
        start, stop = np.sort(rng.integers(len(text) + 1, size=2)).tolist()
        stop = min(stop, start + int(rng.integers(1, 12)))
        kind = rng.integers(4)
        if kind == 0:
            text = text[:start] + PIECES[rng.integers(len(PIECES))] + text[start:]
        elif kind == 1:
            text = text[:start] + text[stop:]
        elif kind == 2:
            text = text[:stop] + text[start:]
        else:
            text = text[:start] + PIECES[rng.integers(len(PIECES))] + text[stop:]
    return text


def check_damage(count: int, seed: int) -> tuple[int, int]:
    """How many damaged texts were refused and read; any other error fails."""
    rng = np.random.default_rng(seed)
    refused = read = 0
    for number in range(count):
        text = damaged(SOURCES[number % len(SOURCES)], rng)
        try:
            genotype = Genotype.parse(text)
        except ValueError as error:
            refused += str(error).startswith("genotype")
        else:
            assert Genotype.parse(str(genotype)) == genotype
            read += 1
    return refused, read


def test_damaged_text_is_refused_or_read() -> None:
    refused, read = check_damage(6_000, seed=1)
    assert refused + read == 6_000
    assert read > 10, "spaces and the like do no damage"


@pytest.mark.slow
def test_a_million_damaged_texts() -> None:
    refused, read = check_damage(1_000_000, seed=2)
    assert refused + read == 1_000_000
