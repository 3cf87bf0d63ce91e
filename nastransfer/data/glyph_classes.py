"""The classes of `glyphs`: which characters and pairs of characters, chosen so that no two look alike."""

from __future__ import annotations

from functools import cache

import numpy as np

from nastransfer.data.glyph_options import SINGLES
from nastransfer.data.manifest import mix_keys, name_key
from nastransfer.data.outlines import CHARACTERS, FACES, GRID, codes, mask

_SHAPE_SIDE = 32


def class_name(face: str, *characters: int) -> str:
    """The name of a class, such as `U+0042 DejaVuSerif-Bold`, or `U+0042 U+0061 DejaVuSerif-Bold` for a pair."""
    return " ".join([*(f"U+{code:04X}" for code in characters), face])


def parse_class(name: str) -> tuple[str, tuple[int, ...]]:
    """Face and character codes (one, or two of a pair) of a class name; `ValueError` for other text."""
    *characters, face = name.split(" ")
    if (
        len(characters) not in (1, 2)
        or not all(code.startswith("U+") for code in characters)
        or face not in FACES
    ):
        raise ValueError(
            f"a class of glyphs is named like 'U+0042 DejaVuSans' or 'U+0042 U+0061 DejaVuSans', with a face of "
            f"{list(FACES)}; got {name!r}"
        )
    return face, tuple(int(code[2:], 16) for code in characters)


def choose_classes(number: int, seed: int, apart: float, faces_a_character: int) -> list[str]:
    """`number` classes in a seeded order: up to `SINGLES` single characters, then pairs of these.

    The classes of a smaller number are the first ones of a larger number. `ValueError` where there are too few.
    """
    singles = _choose_singles(min(number, SINGLES), seed, apart, faces_a_character)
    pairs = _choose_pairs(singles, seed, number - len(singles)) if number > SINGLES else []
    if len(singles) + len(pairs) < number:
        raise ValueError(f"{number} glyph classes wanted; there are only {len(singles) + len(pairs)}")
    return singles + pairs


def _choose_singles(number: int, seed: int, apart: float, faces_a_character: int) -> list[str]:
    """Single characters, no two of which look alike: each pair of shapes, brought to one size and place, differs by
    at least `apart` of their ink.

    Characters come one after another with a few faces each (`faces_a_character`), then as many again, and so on.
    """
    characters = [code for first, last in CHARACTERS for code in range(first, last + 1)]
    characters.sort(key=lambda code: name_key("glyphs character", seed, code))
    waiting = {
        code: sorted(FACES, key=lambda face: name_key("glyphs face", seed, code, face)) for code in characters
    }
    chosen: list[str] = []
    shapes = np.zeros((number, _SHAPE_SIDE**2), np.int8)
    outlines = np.zeros((number, _SHAPE_SIDE**2 // 16), np.int16)
    inks = np.zeros(number, np.int64)
    while any(waiting.values()):
        for code in characters:
            accepted = 0
            while waiting[code] and accepted < faces_a_character:
                face = waiting[code].pop(0)
                shape = _shape(face, code)
                rough = _rough(shape)
                ink = int(rough.sum(dtype=np.int64))
                known = inks[: len(chosen)]
                limit = apart * np.maximum(known, ink)
                # Sums over larger squares differ at most as much as those over smaller ones: few need the latter.
                near = np.flatnonzero(np.abs(known - ink) < limit)
                near = near[_unlike(outlines[near], rough) < limit[near]]
                if ink and (_unlike(shapes[near], shape) >= limit[near]).all():
                    place = len(chosen)
                    shapes[place], outlines[place], inks[place] = shape, rough, ink
                    chosen.append(class_name(face, code))
                    accepted += 1
                    if len(chosen) == number:
                        return chosen
    raise ValueError(f"{number} glyph classes wanted; only {len(chosen)} differ by {apart} of their ink")


@cache
def _shape(face: str, code: int) -> np.ndarray:
    """A character's coarse shape: ink (0..16) of each of 32 x 32 squares, int8 [1024]; 0: not in the face."""
    if code not in codes(face):
        return np.zeros(_SHAPE_SIDE**2, np.int8)
    step = GRID // _SHAPE_SIDE
    squares = mask(face, code).reshape(_SHAPE_SIDE, step, _SHAPE_SIDE, step)
    return squares.sum(axis=(1, 3), dtype=np.int8).ravel()


def _rough(shape: np.ndarray) -> np.ndarray:
    """The ink of 4 x 4 squares of a coarse shape, int16 [64]."""
    side = _SHAPE_SIDE // 4
    return shape.reshape(side, 4, side, 4).sum(axis=(1, 3), dtype=np.int16).ravel()


def _unlike(shapes: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """By how much ink each of some shapes, [n, squares], differs from one, int64 [n]."""
    return np.asarray(np.abs(shapes - shape).sum(axis=1, dtype=np.int64))


def _choose_pairs(singles: list[str], seed: int, number: int) -> list[str]:
    """Ordered pairs of two of these characters of the same face, `number` or all there are, in a seeded order.

    Two pairs are as unlike as the characters by which they differ, which `_choose_singles` keeps apart.
    """
    by_face: dict[str, list[int]] = {}
    for name in singles:
        face, (code,) = parse_class(name)
        by_face.setdefault(face, []).append(code)
    faces, firsts, seconds, order = [], [], [], []
    for face, members in by_face.items():
        first, second = (grid.ravel() for grid in np.meshgrid(members, members, indexing="ij"))
        first, second = first[first != second], second[first != second]
        faces.append(np.full(len(first), FACES.index(face)))
        firsts.append(first)
        seconds.append(second)
        # A code of Unicode has 21 bits.
        order.append(mix_keys(name_key("glyphs pair", seed, face), first * 2**21 + second))
    chosen = np.argsort(np.concatenate(order))[:number]
    columns = (np.concatenate(column)[chosen].tolist() for column in (faces, firsts, seconds))
    return [class_name(FACES[face], first, second) for face, first, second in zip(*columns, strict=True)]
