"""Glyphs without variation: what two images of different classes differ by is the shape."""

from __future__ import annotations

from dataclasses import replace

from nastransfer.data.glyph_classes import choose_classes
from nastransfer.data.glyphs import STYLE

# No variation but for the class: what is left is the shape.
PLAIN = replace(
    STYLE,
    size=(0.8, 0.8),
    shift=0.0,
    slant=(0.0, 0.0),
    stroke=(0.0, 0.0),
    contrast=(1.0, 1.0),
    background=(0.0, 0.0),
    gradient=0.0,
    tint=0.0,
    noise=0.0,
)
PLAIN_PAIRS = replace(PLAIN, size=(0.48, 0.48))


def choose(number: int, seed: int = 0) -> list[str]:
    """The classes that a set of so many has."""
    return choose_classes(number, seed, STYLE.apart, STYLE.faces_a_character)
