"""For notebooks: figures that draw themselves in JupyterLab, and a curve that grows while work goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator
from typing import Any, TypeVar

import plotly.graph_objects as go
import plotly.io as pio
import polars as pl
from IPython.display import display
from tqdm.auto import tqdm

from nastransfer.report.style import empty_figure

Result = TypeVar("Result")
Draw = Callable[[pl.DataFrame], go.Figure]

SECONDS_BETWEEN_DRAWINGS = 1.0


def use_in_notebooks() -> None:
    """Draw figures by mimetype: in JupyterLab, in saved notebooks, and without fetching anything from the network."""
    pio.renderers.default = "plotly_mimetype"


def _bundle(figure: go.Figure) -> dict[str, Any]:
    """A figure as plain data: plotly's own display ignores the id by which a notebook replaces an output."""
    return {"application/vnd.plotly.v1+json": json.loads(figure.to_json())}


def watch(steps: Generator[Any, None, Result], draw: Draw) -> Result:
    """Run `nt.search_steps(...)` or `nt.augment_steps(...)` to the end, drawing what happened so far once a second.

    `draw` takes the history (one row a step) and gives a figure, such as `curves.search_history`. Returns the result.
    """
    history: list[dict[str, Any]] = []
    shown = display(_bundle(empty_figure("waiting for the first step")), display_id=True, raw=True)
    drawn = 0.0
    bar: Any = None
    while True:
        try:
            event = next(steps).to_event()
        except StopIteration as stop:
            bar = bar and bar.close()
            shown.update(_bundle(draw(pl.DataFrame(history, infer_schema_length=None))), raw=True)
            return stop.value
        bar = bar if bar is not None else tqdm(total=event["steps"])
        bar.update(event["step"] - bar.n)
        history.append(event)
        if time.monotonic() - drawn > SECONDS_BETWEEN_DRAWINGS:
            shown.update(_bundle(draw(pl.DataFrame(history, infer_schema_length=None))), raw=True)
            drawn = time.monotonic()
