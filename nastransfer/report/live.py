"""For notebooks: figures and tables that draw themselves in JupyterLab, and a curve that grows while work goes on."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any, Protocol, TypeVar

import plotly.graph_objects as go
import plotly.io as pio
import polars as pl
from IPython.core.getipython import get_ipython
from IPython.display import HTML, clear_output, display
from plotly.io.base_renderers import PlotlyRenderer

from nastransfer.imports import skip_address_grammar
from nastransfer.report.plain_table import frame_table, record_table
from nastransfer.report.style import dark_page_css
from nastransfer.report.text_table import TextTable
from nastransfer.search.watched import COLLAPSE_WARNING, clock, in_words

Result = TypeVar("Result")
Draw = Callable[[pl.DataFrame], go.Figure]

SECONDS_BETWEEN_DRAWINGS = 1.0
OPENED_BY_A_PERSON = "JPY_SESSION_NAME"
"""Set by Jupyter's server for the kernel of a notebook that is open, not by papermill."""
_DARK_LAB = "[data-jp-theme-light=false]"
_CONFIG = {"displaylogo": False, "toImageButtonOptions": {"format": "svg", "filename": "nastransfer"}}


class _WithWords(PlotlyRenderer):
    """A figure by mimetype, and its text alternative for readers of a saved notebook that cannot draw it."""

    def to_mimebundle(self, fig_dict: dict[str, Any]) -> dict[str, Any]:
        words = (fig_dict["layout"].get("meta") or {}).get("alt", "a figure")
        return {**super().to_mimebundle(fig_dict), "text/plain": words}


def use_in_notebooks() -> None:
    """Draw figures by mimetype: in JupyterLab, in saved notebooks, and without fetching anything from the network.

    Frames that a cell ends with are tables for people: rounded, without the types of columns, whole words. In
    JupyterLab's dark theme figures are dark: by rules for that page, which are this call's output where a person has
    opened the notebook, so that the figures themselves are saved and exported as they are everywhere.
    """
    skip_address_grammar()  # setting a renderer imports nbformat
    pio.renderers["with_words"] = _WithWords(_CONFIG)
    pio.renderers.default = "with_words"
    shell = get_ipython()
    if shell is not None and shell.display_formatter is not None:
        shell.display_formatter.formatters["text/html"].for_type(pl.DataFrame, _frame_html)
    if OPENED_BY_A_PERSON in os.environ:
        display(HTML(f"<style>{dark_page_css(_DARK_LAB)}</style>"))


class _Table(HTML):
    """A table for a cell's end, and its text for readers of a saved notebook who show no HTML."""

    def __init__(self, table: TextTable) -> None:
        super().__init__(table.html())
        self._text = table.terminal()

    def __repr__(self) -> str:
        return self._text


def record(values: Mapping[str, Any]) -> HTML:
    """What `task.finish()` gave, as a table with the meaning of each value; for the end of a cell."""
    return _Table(record_table(values))


def _frame_html(frame: pl.DataFrame) -> str:
    return frame_table(frame).html()


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


class Followed(Protocol):
    """A task in progress (`nt.begin`): what `follow` needs of it."""

    @property
    def by_hand(self) -> bool: ...
    def __iter__(self) -> Iterator[Any]: ...
    def show(self, step: Any, *, bar: bool = True) -> None: ...
    def finish(self) -> dict[str, Any]: ...


def follow(task: Followed, draw: Draw) -> dict[str, Any]:
    """Run a task that `nt.begin` gave to its end; by hand what happened so far is drawn once a second.

    A study's runner shows progress itself: nothing is drawn there. The last line is left in the cell, the figure for
    the cell that draws it from the record. Returns what `task.finish()` does.
    """
    history: list[dict[str, Any]] = []
    started = drawn = time.monotonic()
    for step in task:
        task.show(step, bar=False)
        history.append(step.to_event())
        if task.by_hand and (len(history) == 1 or time.monotonic() - drawn > SECONDS_BETWEEN_DRAWINGS):
            drawn = time.monotonic()
            _show(draw, history, drawn - started)
    if task.by_hand and history:
        clear_output(wait=True)
        display({"text/plain": progress(history, time.monotonic() - started)}, raw=True)
    return task.finish()


def _show(draw: Draw, history: list[dict[str, Any]], seconds: float) -> None:
    """Clear the cell and draw anew: JupyterLab's plotly renderer ignores updates of a figure it has drawn."""
    figure = draw(pl.DataFrame(history, infer_schema_length=None))
    clear_output(wait=True)
    display({"application/vnd.plotly.v1+json": json.loads(figure.to_json())}, raw=True)
    display({"text/plain": progress(history, seconds)}, raw=True)


def progress(history: list[dict[str, Any]], seconds: float) -> str:
    """The line under the figure: how far, how long, what the last step says; a collapse in a line of its own."""
    last = history[-1]
    done, total = last["step"], last["steps"]
    if "seconds_left" not in last and 0 < done < total:
        last = {**last, "seconds_left": seconds / done * (total - done)}
    line = ", ".join(filter(None, [f"step {done} of {total}, {clock(seconds)}", in_words(last)]))
    first = next((event["step"] for event in history if event.get("collapsed")), None)
    return line if first is None else f"{line}\nwarning: step {first}: {COLLAPSE_WARNING}"
