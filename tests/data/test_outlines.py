"""Outlines, filled characters, and distance maps that a process keeps."""

from __future__ import annotations

import numpy as np
import pytest

from nastransfer.data.outlines import BOX, FACES, GRID, DistanceMaps, codes, distance, mask, segments


def test_outline_of_a_known_character() -> None:
    # The letter I of DejaVu Sans is one rectangle from x 201 to 403, y 0 to 1493, in font units.
    assert np.unique(segments("DejaVuSans", ord("I"))[:, ::2]).tolist() == [201, 403]
    assert np.unique(segments("DejaVuSans", ord("I"))[:, 1::2]).tolist() == [0, 1493]
    letter = mask("DejaVuSans", ord("I"))
    width = round(BOX * (403 - 201) / 1493)
    columns, rows = letter.any(axis=0).sum(), letter.any(axis=1).sum()
    assert letter.sum() == columns * rows and rows == BOX and abs(columns - width) <= 1
    depth = distance("DejaVuSans", ord("I"))
    middle = GRID // 2
    assert depth[middle, middle] == pytest.approx(width / 2, abs=1)
    assert depth[middle, 0] == pytest.approx(-(GRID - width) / 2, abs=1)


def test_contours_are_closed() -> None:
    for character, contours in (("I", 1), ("i", 2), ("O", 2), ("8", 3)):
        pieces = segments("DejaVuSans", ord(character))
        starts, ends = pieces[:, :2], pieces[:, 2:]
        # Every piece starts where the one before it ended, but for the first one of each contour.
        assert (starts[1:] != ends[:-1]).any(axis=1).sum() == contours - 1
        assert sorted(map(tuple, starts)) == sorted(map(tuple, ends))


def test_curves_are_drawn_in_small_steps() -> None:
    # An O is nearly an ellipse: all points lie near it, with pieces much shorter than its height of 1,500.
    pieces = segments("DejaVuSans", ord("O"))
    outer = pieces[:, :2][np.argsort(np.abs(pieces[:, :2] - pieces[:, :2].mean(axis=0)).sum(axis=1))[-40:]]
    radius = np.hypot(*((outer - outer.mean(axis=0)) / np.ptp(outer, axis=0) * 2).T)
    assert radius.min() > 0.9 and radius.max() < 1.1
    assert 0 < np.hypot(*(pieces[:, 2:] - pieces[:, :2]).T).mean() < 80


def test_holes_stay_open() -> None:
    ring = mask("DejaVuSans", ord("O"))
    assert not ring[GRID // 2, GRID // 2] and ring[GRID // 2].sum() > 10
    assert not mask("DejaVuSans", 0x20).any()


def test_only_text_faces() -> None:
    assert not [face for face in FACES if "LastResort" in face or "Display" in face or "Siz" in face]
    assert all(set(range(0x30, 0x3A)) <= codes(face) for face in FACES)


def test_maps_are_made_once_and_stay_where_they_are() -> None:
    maps = DistanceMaps()
    letters = [("DejaVuSans", code) for code in range(0x41, 0x5B)]
    block, rows = maps.of(letters[:3])
    before = block[rows].copy()
    assert np.array_equal(block[rows[1]], distance(*letters[1]))
    again, same = maps.of([letters[2], letters[0], letters[2]])
    assert again is block and same.tolist() == [rows[2], rows[0], rows[2]]
    many = [(face, code) for face in FACES[:4] for _, code in letters]
    grown, places = maps.of(many)
    assert len(grown) == 128 and sorted(places) == list(range(104))
    assert np.array_equal(grown[maps.of(letters[:3])[1]], before) and np.array_equal(block[rows], before)
    empty, none = maps.of([])
    assert empty is grown and none.shape == (0,)
