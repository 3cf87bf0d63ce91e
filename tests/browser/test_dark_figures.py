"""Figures below the rules that JupyterLab's dark theme gets: all that is written can be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser

from nastransfer.report.cells import draw_genotype
from nastransfer.report.figures import standalone_html
from nastransfer.report.style import dark_page_css
from nastransfer.space.genotype import Genotype
from tests.contrast import contrast

pytestmark = pytest.mark.browser

PAGE = "rgb(17, 17, 17)"
# What is written, each with the colour behind it: operations on their labels, titles on the page, nodes on their marks.
WRITTEN = """page => {
    const fill = one => getComputedStyle(one).fill, all = name => [...document.querySelectorAll(name)];
    const behind = label => getComputedStyle(label).fillOpacity === '0' ? page : fill(label);
    const marks = all('.scatterlayer .points path').map(fill);
    return {
        labels: all('.annotation-text-g').map(one => one.querySelectorAll('text, rect.bg'))
            .map(([label, text]) => [fill(text), behind(label)]),
        nodes: all('.scatterlayer .textpoint text').map((text, number) => [fill(text), marks[number]]),
    };
}"""


def test_cells_can_be_read_on_a_dark_page(browser: Browser, tmp_path: Path) -> None:
    figure = draw_genotype(Genotype.random(np.random.default_rng(2)), "drawn")
    rules = f"<style>html{{background:{PAGE}}}{dark_page_css('html')}</style></head>"
    saved = tmp_path / "cells.html"
    saved.write_text(standalone_html(figure).replace("</head>", rules), encoding="utf-8")
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(saved.as_uri())
        page.locator(".js-plotly-plot .gtitle").wait_for()
        written = page.evaluate(WRITTEN, PAGE)
    labels, nodes = written["labels"], written["nodes"]
    assert len(nodes) == 14 and [behind for _, behind in labels].count(PAGE) == 2 and len(labels) == 2 + 16
    for text, behind in [*labels, *nodes]:
        assert contrast(text, behind) > 4.5, (text, behind)
