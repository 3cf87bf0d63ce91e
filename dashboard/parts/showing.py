"""Tables and figures on a page: kept, refused in their place, with their downloads; a click on a dot opens its run."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import plotly.graph_objects as go
import polars as pl
import streamlit as st

from nastransfer.report.every_table import Table
from nastransfer.report.figures import standalone_html
from nastransfer.report.markup import markdown_text
from nastransfer.report.style import on_dark
from parts.reading import Reading, kept
from parts.words import explained

RUNS_PAGE = "runs.py"
_MIME = {
    "csv": "text/csv",
    "tex": "text/x-tex",
    "html": "text/html",
    "json": "application/json",
    "txt": "text/plain",
}
_CALLED = {"csv": "CSV", "tex": "LaTeX", "html": "HTML", "json": "JSON", "txt": "Text"}


def heading(title: str, lead: str, *terms: str) -> None:
    """The page's title with what it answers; the terms are explained by the tooltip beside it."""
    st.title(title, help=explained(*terms) if terms else None)
    st.markdown(lead)


@contextmanager
def refused_in_place() -> Iterator[None]:
    """What the library refuses (mixed protocols, a NaN accuracy) is said where it would stand."""
    try:
        yield
    except ValueError as error:
        st.warning(markdown_text(str(error)))


def table(slug: str, one: Table, reading: Reading, *more: Hashable) -> None:
    """A table of the report, made of the study's results, with its files to download.

    `more` belongs to the key of what is kept, where the table depends on more than its slug and the results.
    """
    with refused_in_place():
        made = made_of(slug, one, reading, *more)
        st.html(one.html(made))
        downloads(slug, {ending: partial(write, made) for ending, write in one.files.items()})


def numbers_behind(slug: str, one: Table, reading: Reading) -> None:
    """A closed box with the table of a figure's numbers; nothing where there are none, as the figure says itself."""
    with suppress(ValueError):
        if not made_of(slug, one, reading).is_empty():
            with st.expander("The numbers behind this figure", icon=":material/table_chart:"):
                table(slug, one, reading)


def made_of(slug: str, one: Table, reading: Reading, *more: Hashable) -> Any:
    """What a table is made into of the study's results, kept."""
    return kept(("table", slug, *more, *reading.key), lambda: one.make(reading.frame))


def figure(
    slug: str,
    draw: Callable[[pl.DataFrame], go.Figure],
    reading: Reading,
    *more: Hashable,
    optional: bool = False,
) -> None:
    """A figure of the study's results; a click on a dot opens its run. `more` as in `table`.

    `optional`: nothing where there is nothing to draw, instead of saying so.
    """
    with refused_in_place():
        drawn = drawn_of(slug, draw, reading, *more)
        if drawn.data or not optional:
            plot(slug, drawn, study=reading.name)


def drawn_of(
    slug: str, draw: Callable[[pl.DataFrame], go.Figure], reading: Reading, *more: Hashable
) -> go.Figure:
    """What is drawn of the study's results, kept."""
    return kept(("figure", slug, *more, *reading.key), lambda: draw(reading.frame))


def plot(
    slug: str,
    drawn: go.Figure,
    *,
    study: str | None = None,
    files: Mapping[str, Callable[[], str]] | None = None,
) -> None:
    """A figure as it is, with its downloads: itself, and `files` by their ending; none where nothing is drawn.

    `study`: the one whose runs its dots are (`customdata[0]`).
    """
    config = {
        "displaylogo": False,
        "responsive": True,
        "toImageButtonOptions": {"format": "svg", "filename": slug},
    }
    shown = on_dark(go.Figure(drawn)) if st.context.theme.type == "dark" else drawn
    clicks: dict[str, Any] = {"on_select": "rerun", "selection_mode": "points"} if study is not None else {}
    # Streamlit's own theme would replace the colours and grids that all figures share.
    event = st.plotly_chart(
        shown, key=slug, config=config, alt=drawn.layout.meta["alt"], theme=None, **clicks
    )
    if drawn.data:
        downloads(slug, {**(files or {}), "html": partial(standalone_html, drawn)})
    if study is not None:
        _open_clicked(event, study)


def open_run(study: str, run: str) -> None:
    """Go to the page of a run."""
    st.switch_page(RUNS_PAGE, query_params={"study": study, "run": run})


def _open_clicked(event: Any, study: str) -> None:
    for point in event["selection"]["points"]:
        run = next(iter(point.get("customdata") or ()), None)
        if isinstance(run, str) and run.startswith(f"{study}/"):
            open_run(study, run)


def downloads(name: str, files: Mapping[str, Callable[[], str]]) -> None:
    """A button for each file `NAME.ENDING`, whose text is made when it is asked for."""
    with st.container(horizontal=True, horizontal_alignment="right"):
        for ending, text in files.items():
            st.download_button(
                _CALLED[ending],
                text,
                f"{name}.{ending}",
                _MIME[ending],
                key=f"download-{name}-{ending}",
                on_click="ignore",
                type="tertiary",
                icon=":material/download:",
                help=f"Download {name}.{ending}",
            )
