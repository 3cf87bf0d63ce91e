"""What tests see in a figure: dots of runs, marks of means, the legend, titles of panels."""

from __future__ import annotations

import plotly.graph_objects as go


def dots(figure: go.Figure) -> dict[str, tuple[float, float]]:
    """Where the dot of each run is."""
    return {
        about[0]: (x, y)
        for trace in figure.data
        if trace.customdata is not None
        for about, x, y in zip(trace.customdata, trace.x, trace.y, strict=True)
    }


def means(figure: go.Figure) -> list[go.Scatter]:
    """Marks of means, in the order they were drawn."""
    return [trace for trace in figure.data if trace.text is not None and trace.customdata is None]


def legend(figure: go.Figure) -> list[str]:
    return [trace.name for trace in figure.data if trace.showlegend is not False]


def titles(figure: go.Figure) -> list[str]:
    return [note.text for note in figure.layout.annotations]
