"""Characters of the fonts that matplotlib ships, as signed distance maps made from their outlines.

Outlines are read in font units, without hinting or rasterizing, and filled here: the maps do not depend on FreeType's
rasterizer. Only sums, products and square roots of IEEE doubles are used, so they are the same bits on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from threading import Lock

import numpy as np
from matplotlib import get_data_path
from matplotlib.ft2font import FT2Font, LoadFlags
from scipy.ndimage import distance_transform_edt

# Text faces only. Left out: the last-resort face (placeholder boxes), the display faces (copies of others), the
# math-size faces (STIXSiz*, cmex10), the private-use STIXNonUni*, and Computer Modern, whose codes are not Unicode's.
FACES = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSans-Oblique",
    "DejaVuSans-BoldOblique",
    "DejaVuSansMono",
    "DejaVuSansMono-Bold",
    "DejaVuSansMono-Oblique",
    "DejaVuSansMono-BoldOblique",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "DejaVuSerif-Italic",
    "DejaVuSerif-BoldItalic",
    "STIXGeneral",
    "STIXGeneralBol",
    "STIXGeneralItalic",
    "STIXGeneralBolIta",
)
# Digits and letters (ASCII, Latin-1, Greek, Cyrillic, Armenian, Georgian), first and last code of each run.
CHARACTERS = (
    (0x30, 0x39),
    (0x41, 0x5A),
    (0x61, 0x7A),
    (0xC0, 0xD6),
    (0xD8, 0xF6),
    (0xF8, 0xFF),
    (0x391, 0x3A1),
    (0x3A3, 0x3A9),
    (0x3B1, 0x3C9),
    (0x402, 0x44F),
    (0x451, 0x45F),
    (0x531, 0x556),
    (0x561, 0x586),
    (0x10D0, 0x10F0),
)
GRID = 128
BOX = 96
_CURVE_STEPS = 8
_MOVE = 1
# Kinds of path steps that draw, and their degree, which is also the number of their vertices: lines, conics, cubics.
_ORDER = {2: 1, 3: 2, 4: 3}


@cache
def _font(face: str) -> FT2Font:
    return FT2Font(str(Path(get_data_path()) / "fonts" / "ttf" / f"{face}.ttf"))


@cache
def codes(face: str) -> frozenset[int]:
    """The character codes that a face can draw."""
    return frozenset(_font(face).get_charmap())


def segments(face: str, code: int) -> np.ndarray:
    """The outline of a character as straight pieces, float64 [n, 4] of x0, y0, x1, y1 in font units, y upwards.

    Empty for a character that draws nothing, such as a space.
    """
    font = _font(face)
    font.load_char(code, flags=LoadFlags.NO_SCALE)
    vertices, kinds = font.get_path()
    drawn: dict[int, list[int]] = {1: [], 2: [], 3: []}
    step = 0
    while step < len(kinds):
        order = _ORDER.get(int(kinds[step]), 0)
        if order:
            drawn[order].append(step)
        step += max(order, 1)
    moves = np.flatnonzero(kinds == _MOVE)
    if not len(moves):
        return np.zeros((0, 4))
    points, places = [vertices[moves]], [moves * _CURVE_STEPS]
    for order, firsts in drawn.items():
        if not firsts:
            continue
        steps = np.array(firsts, np.int64)[:, None]
        controls = [vertices[steps + ahead] for ahead in range(-1, order)]
        number = _CURVE_STEPS if order > 1 else 1
        points.append(_curves(controls, number).reshape(-1, 2))
        places.append((steps * _CURVE_STEPS + np.arange(number)).ravel())
    place = np.concatenate(places)
    along = np.argsort(place)
    starts = np.concatenate(points)[along]
    contour = np.searchsorted(moves * _CURVE_STEPS, place[along], side="right") - 1
    first = np.searchsorted(contour, np.arange(len(moves)))
    following = np.arange(1, len(starts) + 1)
    following[np.append(first[1:], len(starts)) - 1] = first
    # NO_SCALE gives font units over 64. A contour of one point draws nothing.
    pieces = np.hstack([starts, starts[following]]) * 64
    return np.asarray(pieces[np.bincount(contour)[contour] > 1])


def _curves(controls: list[np.ndarray], number: int) -> np.ndarray:
    """Points of Bezier curves at `number` equal steps of their parameter, starts left out, float64 [n, number, 2].

    `controls` are start, control points and end, each [n, 1, 2].
    """
    step = (np.arange(1, number + 1) / number)[:, None]
    layer = controls
    while len(layer) > 1:
        layer = [a + (b - a) * step for a, b in pairwise(layer)]
    return np.asarray(layer[0])


def mask(face: str, code: int) -> np.ndarray:
    """The filled character, bool [GRID, GRID], its bounding box centred with a longer side of BOX; empty: no ink."""
    lines = segments(face, code)
    if not len(lines):
        return np.zeros((GRID, GRID), bool)
    low = lines[:, :2].min(axis=0)
    high = lines[:, :2].max(axis=0)
    scale = BOX / max((high - low).max(), 1.0)
    centre = (low + high) / 2
    x0, x1 = (GRID / 2 + (lines[:, column] - centre[0]) * scale for column in (0, 2))
    y0, y1 = (GRID / 2 - (lines[:, column] - centre[1]) * scale for column in (1, 3))
    rows = np.arange(GRID) + 0.5
    # Nonzero winding rule: every piece adds its direction to all pixels right of where it crosses their row.
    piece, row = np.nonzero((np.minimum(y0, y1)[:, None] <= rows) & (rows < np.maximum(y0, y1)[:, None]))
    slope = (x1[piece] - x0[piece]) / (y1[piece] - y0[piece])
    column = np.ceil(x0[piece] + slope * (rows[row] - y0[piece]) - 0.5).astype(np.int64)
    turn = np.where(y1 > y0, 1, -1)[piece]
    winding = np.zeros((GRID, GRID + 1), np.int64)
    np.add.at(winding, (row, np.clip(column, 0, GRID)), turn)
    return np.cumsum(winding, axis=1)[:, :GRID] != 0


def distance(face: str, code: int) -> np.ndarray:
    """Distance to the character's edge in grid units, float32 [GRID, GRID], positive inside."""
    inside = mask(face, code)
    signed = distance_transform_edt(inside) - distance_transform_edt(~inside)
    # Distances run from pixel centre to pixel centre; the edge lies half a pixel before the first centre.
    return (signed - np.sign(signed) * 0.5).astype(np.float32)


class DistanceMaps:
    """The distance maps of the characters that were asked for so far, one block of memory, 64 KiB each."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, int], int] = {}
        self._block = np.empty((64, GRID, GRID), np.float32)
        self._lock = Lock()

    def of(self, characters: Sequence[tuple[str, int]]) -> tuple[np.ndarray, np.ndarray]:
        """The block, float32 [m, GRID, GRID], and which of its maps are these (face, code), int64 [n].

        Rows of a block that was handed out never change.
        """
        with self._lock:
            for character in characters:
                if character not in self._rows:
                    row = len(self._rows)
                    if row == len(self._block):
                        self._block = np.concatenate([self._block, np.empty_like(self._block)])
                    self._block[row] = distance(*character)
                    self._rows[character] = row
            return self._block, np.array([self._rows[character] for character in characters], np.int64)


@cache
def distance_maps() -> DistanceMaps:
    """The process's distance maps."""
    return DistanceMaps()
