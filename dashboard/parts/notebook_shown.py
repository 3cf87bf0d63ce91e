"""An executed notebook on a page, drawn block by block (`parts.notebook`)."""

from __future__ import annotations

from pathlib import Path

import plotly.graph_objects as go
import streamlit as st

from nastransfer.report.markup import markdown_text
from parts.notebook import Block, Code, Figure, Left, Picture, Prose, Text, read_notebook
from parts.showing import plot, refused_in_place

NOT_PUBLISHED = "notebook not published"


def show_notebook(path: Path) -> None:
    """The notebook that a run was recorded with, when it is asked for; a sentence where there is none."""
    st.subheader("The executed notebook")
    # A link could lead to any file of the machine.
    if path.is_symlink() or not path.is_file():
        st.markdown(
            f"{NOT_PUBLISHED.capitalize()}: the run was recorded without it, or it was left out here."
        )
        return
    if not st.toggle("Show it", key="notebook", bind="query-params"):
        return
    try:
        blocks = read_notebook(path)
    except (ValueError, OSError) as error:
        st.warning(f"It cannot be shown: {markdown_text(str(error))}")
        return
    for place, block in enumerate(blocks):
        _draw(place, block)


def _draw(place: int, block: Block) -> None:
    match block:
        case Prose(markdown):
            st.markdown(markdown)
        case Code(number, source):
            with st.expander(f"Code of cell {number}"):
                st.code(source, language="python", wrap_lines=True)
        case Text(text):
            st.code(text, language=None)
        case Picture(png):
            st.image(png)
        case Figure(plotly):
            with refused_in_place():
                plot(f"notebook-{place}", _with_alt(go.Figure(dict(plotly), skip_invalid=True)))
        case Left(why):
            st.caption(f"Not shown: {markdown_text(why)}.")


def _with_alt(figure: go.Figure) -> go.Figure:
    """The figure with a text alternative: its own, or that there is none."""
    meta = figure.layout.meta
    alt = meta.get("alt") if isinstance(meta, dict) else None
    return figure.update_layout(
        meta={"alt": str(alt or "A figure of the executed notebook, without a description")}
    )
