"""For notebooks: figures that draw themselves in JupyterLab, and a curve that grows while work goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator
from typing import Any, TypeVar

import plotly.graph_objects as go
import plotly.io as pio
import polars as pl
from IPython.display import clear_output, display

Result = TypeVar("Result")
Draw = Callable[[pl.DataFrame], go.Figure]

SECONDS_BETWEEN_DRAWINGS = 1.0


def use_in_notebooks() -> None:
    """Draw figures by mimetype: in JupyterLab, in saved notebooks, and without fetching anything from the network."""
    pio.renderers.default = "plotly_mimetype"


def watch(steps: Generator[Any, None, Result], draw: Draw) -> Result:
    """Run `nt.search_steps(...)` or `nt.augment_steps(...)` to the end, drawing what happened so far once a second.

    `draw` takes the history (one row a step) and gives a figure, such as `curves.search_history`. The cell shows the
    figure and a line of progress, nothing else. Returns the result.
    """
    history: list[dict[str, Any]] = []
    started = drawn = time.monotonic()
    while True:
        try:
            history.append(next(steps).to_event())
        except StopIteration as stop:
            _show(draw, history, time.monotonic() - started)
            return stop.value
        if len(history) == 1 or time.monotonic() - drawn > SECONDS_BETWEEN_DRAWINGS:
            drawn = time.monotonic()
            _show(draw, history, drawn - started)


def _show(draw: Draw, history: list[dict[str, Any]], seconds: float) -> None:
    """Clear the cell and draw anew: JupyterLab's plotly renderer ignores updates of a figure it has drawn."""
    figure = draw(pl.DataFrame(history, infer_schema_length=None))
    clear_output(wait=True)
    display({"application/vnd.plotly.v1+json": json.loads(figure.to_json())}, raw=True)
    done, total = history[-1]["step"], history[-1]["steps"]
    left = f", about {seconds / done * (total - done):.0f} s left" if 0 < done < total else ""
    display({"text/plain": f"step {done} of {total}, {seconds:.0f} s{left}"}, raw=True)
