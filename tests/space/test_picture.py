"""A genotype as HTML: what it draws, that it needs nothing else, and that every operation can be told apart."""

from __future__ import annotations

import base64
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from nastransfer.space.genotype import OPERATIONS, Genotype
from nastransfer.space.known import known_genotype
from nastransfer.space.picture import LOOKS, describe_genotype, genotype_html, summary
from tests.contrast import contrast

V2 = known_genotype("DARTS_V2")
SVG = "{http://www.w3.org/2000/svg}"


def images(text: str) -> list[ElementTree.Element]:
    return ElementTree.fromstring(text).findall(".//img")


def drawings(text: str) -> list[ElementTree.Element]:
    sources = [image.get("src", "").removeprefix("data:image/svg+xml;base64,") for image in images(text)]
    return [ElementTree.fromstring(base64.b64decode(source)) for source in sources]


@pytest.mark.parametrize("genotype", [V2, *(Genotype.random(np.random.default_rng(s)) for s in range(5))])
def test_both_cells_show_their_operations_and_nodes(genotype: Genotype) -> None:
    normal, reduce = drawings(genotype_html(genotype))
    for drawing, cell in ((normal, genotype.normal), (reduce, genotype.reduce)):
        texts = [text.text for text in drawing.iter(f"{SVG}text")]
        assert texts[:8] == [LOOKS[edge.op].label for pair in cell for edge in pair]
        assert texts[8:] == ["k-2", "k-1", "0", "1", "2", "3", "out"]
        lines = list(drawing.iter(f"{SVG}line"))
        joins, kept = lines[:4], lines[4:]
        assert [line.get("stroke") for line in kept] == [
            LOOKS[edge.op].colour for pair in cell for edge in pair
        ]
        heaviest_join = max(float(line.get("stroke-width", "")) for line in joins)
        assert min(float(line.get("stroke-width", "")) for line in kept) >= 2 * heaviest_join


def test_the_picture_stays_inside_its_frame() -> None:
    for drawing in drawings(genotype_html(V2)):
        _, top, width, height = map(float, drawing.get("viewBox", "").split())
        for circle in drawing.iter(f"{SVG}circle"):
            x, y, radius = (float(circle.get(name, "")) for name in ("cx", "cy", "r"))
            assert radius <= x <= width - radius
            assert top + radius <= y <= top + height - radius


def test_the_picture_in_words() -> None:
    words = "node 3 adds skip of k-2 and dil 3×3 of 0"
    normal, reduce = (image.get("alt", "") for image in images(genotype_html(V2)))
    assert normal.startswith("normal cell: node 0 adds sep 3×3 of k-2 and sep 3×3 of k-1; node 1")
    assert normal.endswith(words)
    assert reduce.startswith("reduction cell: node 0 adds max 3×3 of k-2 and max 3×3 of k-1")
    assert describe_genotype(V2) == f"{normal}. {reduce}."


def test_a_line_beneath_says_which_and_how_large() -> None:
    """The DARTS paper's second-order cell: 3.35 M parameters; 5 of its 16 operations are skips."""
    assert summary(V2) == (
        f"Genotype {V2.digest}: 3.35 M parameters, 528 M multiply-adds (standard network: C=36, 20 cells, 10 classes, "
        "32 px); 5 of 16 operations are skips (31%)."
    )
    assert summary(V2) in genotype_html(V2)


def test_a_genotype_shows_itself_and_needs_nothing_else() -> None:
    text = V2._repr_html_()
    assert text == genotype_html(V2)
    for part in (text, *(ElementTree.tostring(drawing, "unicode") for drawing in drawings(text))):
        assert set(re.findall(r"https?://[^\"]*", part)) <= {"http://www.w3.org/2000/svg"}
        assert not re.findall(r"<script|<style|<link|<svg|url\(|\bon\w+=|\bid=", part)
    assert len(text) < 16_000


def test_every_operation_can_be_told_apart_and_read() -> None:
    assert tuple(LOOKS) == OPERATIONS
    assert len({look.label for look in LOOKS.values()}) == len({look.colour for look in LOOKS.values()}) == 7
    kinds = [{LOOKS[op].dash for op in OPERATIONS if kind in op} for kind in ("pool", "skip", "sep", "dil")]
    assert [len(kind) for kind in kinds] == [1, 1, 1, 1]
    assert len(set.union(*kinds)) == 4
    for look in LOOKS.values():
        assert contrast(look.text, look.colour) >= 4.5
        # A line must hold on JupyterLab's white and on its dark page.
        assert min(contrast(look.colour, page) for page in ("#ffffff", "#111111")) >= 2
