"""Characters of the fonts that matplotlib ships, as signed distance maps made from their outlines.

Outlines are read in font units, without hinting or rasterizing, and filled here: the maps do not depend on FreeType's
rasterizer. Only sums, products and square roots of IEEE doubles are used, so they are the same bits on every machine.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from pathlib import Path

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
_LINE, _CONIC, _CUBIC, _CLOSE = 2, 3, 4, 79


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
    points: list[np.ndarray] = []
    contours: list[np.ndarray] = []
    step = 0
    while step < len(kinds):
        kind = int(kinds[step])
        if kind == _LINE:
            points.append(vertices[step])
        elif kind in (_CONIC, _CUBIC):
            order = 2 if kind == _CONIC else 3
            points.extend(_curve(points[-1], *vertices[step : step + order]))
            step += order - 1
        else:
            if len(points) > 1:
                contours.append(np.stack(points))
            points = [] if kind == _CLOSE else [vertices[step]]
        step += 1
    if len(points) > 1:
        contours.append(np.stack(points))
    pieces = [np.hstack([contour, np.roll(contour, -1, axis=0)]) for contour in contours]
    # NO_SCALE gives font units over 64.
    return np.concatenate(pieces) * 64 if pieces else np.zeros((0, 4))


def _curve(start: np.ndarray, *rest: np.ndarray) -> np.ndarray:
    """Points of a Bezier curve at equal steps of its parameter, its start left out, float64 [steps, 2]."""
    step = (np.arange(1, _CURVE_STEPS + 1) / _CURVE_STEPS)[:, None]
    layer = [start, *rest]
    while len(layer) > 1:
        layer = [a + (b - a) * step for a, b in pairwise(layer)]
    return np.asarray(layer[0])


@cache
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


@cache
def distance(face: str, code: int) -> np.ndarray:
    """Distance to the character's edge in grid units, float32 [GRID, GRID], positive inside."""
    inside = mask(face, code)
    signed = distance_transform_edt(inside) - distance_transform_edt(~inside)
    # Distances run from pixel centre to pixel centre; the edge lies half a pixel before the first centre.
    return (signed - np.sign(signed) * 0.5).astype(np.float32)
