"""All figures of a made-up study of 10,000 runs together and each, and the import of their room in a fresh process.

Each round computes everything anew: figures that show the same rank agreements compute them once a round. `points` and
`megabytes` say what a figure hands to the browser. The import checks that neither torch nor scipy came along.
"""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from typing import Any

import plotly.graph_objects as go
import polars as pl

from nastransfer.report import ranks
from nastransfer.report.figures import FIGURES
from nastransfer.study.published import published
from tests.benchmarks.measure import take_turns
from tests.report.made_study import made_study

ROUNDS = 5
RUNS = 10_000
IMPORT = "import sys, nastransfer.report.figures; assert not {'torch', 'scipy'} & set(sys.modules)"


def study() -> pl.DataFrame:
    """At least that many runs of four methods and random sampling, and what papers printed."""
    made = made_study(searches=38, genotypes=100, cells=(40,))
    assert made.height >= RUNS
    return pl.concat([made, published()])


def draw_all(frame: pl.DataFrame) -> list[go.Figure]:
    """Every figure that needs nothing but the frame."""
    ranks.forget()
    return [entry.draw(frame) for entry in FIGURES.values()]


def draw(name: str, frame: pl.DataFrame) -> go.Figure:
    """One figure by itself."""
    ranks.forget()
    return FIGURES[name].draw(frame)


def points(figure: go.Figure) -> int:
    """Marks and vertices of all traces."""
    return sum(len(trace.x) for trace in figure.data if trace.x is not None)


def run() -> dict[str, Any]:
    """Milliseconds; `runs` says how many the study has."""
    frame = study()
    python = partial(subprocess.run, check=True)
    things = {
        "all figures": partial(draw_all, frame),
        **{name: partial(draw, name, frame) for name in FIGURES},
        "import of the figures": partial(python, [sys.executable, "-c", IMPORT]),
    }
    rows = take_turns(things, ROUNDS)
    rows["all figures"]["runs"] = frame.height
    for name, figure in zip(FIGURES, draw_all(frame), strict=True):
        size = len(figure.to_json()) / 1e6
        rows[name] |= {"points": points(figure), "megabytes": round(size, 2)}
    return rows
