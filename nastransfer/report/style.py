"""The one plotly template of all figures: colour-blind safe (Okabe and Ito 2008), readable on a phone and in print."""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
import plotly.io as pio

TEMPLATE = "nastransfer"

# Okabe and Ito's palette less yellow and black, which a white or a dark page would swallow.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
NEUTRAL = "#7F7F7F"
_TEXT, _LIGHT_TEXT = "#222222", "#E6E6E6"
# In a drawn figure: paper, plots and the legend's box; not the labels that have a colour of their own.
_BEHIND = ".main-svg,.bglayer rect.bg,.legend rect.bg"

DASHES = ("solid", "dash", "dot", "dashdot", "12px,3px", "12px,3px,3px,3px")
"""Lines differ in these too, for print in grey."""

# Dragging and double clicks make most buttons needless; nothing is sent away. One above the other in the corner, the
# rest leave a phone's title free.
_NO_BUTTONS = ("zoom", "pan", "select", "lasso", "zoomIn", "zoomOut", "autoScale", "sendChartToCloud")


@dataclass(frozen=True)
class Look:
    """How a method is drawn: a colour and, for print in grey, a symbol of its own. Hollow: a number from print."""

    colour: str
    symbol: str

    @property
    def hollow(self) -> str:
        """The symbol as an outline."""
        return f"{self.symbol}-open"


_METHOD_LOOKS = {
    "darts1": Look("#56B4E9", "pentagon"),
    "darts2": Look("#0072B2", "circle"),
    "enas": Look("#D55E00", "square"),
    "nao": Look("#009E73", "triangle-up"),
    "nsganet": Look("#CC79A7", "diamond"),
}
_RANDOM = {"random": Look(NEUTRAL, "x")}
_OTHER_SYMBOLS = (
    "star",
    "hexagon",
    "triangle-down",
    "cross",
    "hourglass",
    "bowtie",
    "triangle-left",
    "hexagram",
)

# Targets: Tol's muted palette and symbols that no method of the papers has, so that neither is taken for a method's.
_TARGET_COLOURS = ("#332288", "#882255", "#999933", "#44AA99", "#CC6677", "#DDCC77")
_TARGET_SYMBOLS = ("hexagon", "star", "triangle-down", "cross", "bowtie", "hourglass")

_TITLE_LETTERS, _TITLE_LINE, _ABOVE = 40, 20, 56
_SWALLOWED = 75  # brightness out of 255

_LINES = {"gridcolor": "rgba(127,127,127,0.25)", "linecolor": NEUTRAL, "zeroline": False, "automargin": True}

pio.templates[TEMPLATE] = go.layout.Template(
    layout={
        "font": {
            "family": "system-ui, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif",
            "size": 13,
            "color": _TEXT,
        },
        "title": {"font": {"size": 16}, "x": 0, "xref": "container", "xanchor": "left", "pad": {"l": 12}},
        "colorway": list(COLOURS),
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "xaxis": {
            **_LINES,
            "ticks": "outside",
            "tickfont": {"size": 12},
            "title": {"standoff": 8, "font": {"size": 13}},
        },
        "yaxis": {**_LINES, "tickfont": {"size": 12}, "title": {"standoff": 8, "font": {"size": 13}}},
        "margin": {"l": 12, "r": 16, "t": _ABOVE, "b": 12},
        "legend": {
            "orientation": "h",
            "xref": "container",
            "x": 0.02,
            "xanchor": "left",
            "yref": "container",
            "y": 0,
            "yanchor": "bottom",
            "font": {"size": 12},
            "itemclick": False,
            "itemdoubleclick": False,
        },
        "hoverlabel": {
            "align": "left",
            "bgcolor": "white",
            "bordercolor": NEUTRAL,
            "font": {"color": _TEXT},
        },
        "colorscale": {"sequential": "Viridis"},
        "modebar": {"remove": _NO_BUTTONS, "orientation": "v"},
    }
)


def method_looks(methods: Iterable[str]) -> dict[str, Look]:
    """A look for each method: the papers' methods have their own, others take what is left, over and over.

    In the order of rows and legends: by name, the papers' first, random sampling last.
    """
    names = set(methods)
    used = {_METHOD_LOOKS[name].colour for name in names & set(_METHOD_LOOKS)}
    free = [colour for colour in reversed(COLOURS) if colour not in used] or list(COLOURS)
    others = sorted(names - set(_METHOD_LOOKS) - set(_RANDOM))
    given = {
        name: Look(free[place % len(free)], _OTHER_SYMBOLS[place % len(_OTHER_SYMBOLS)])
        for place, name in enumerate(others)
    }
    return {name: look for name, look in {**_METHOD_LOOKS, **given, **_RANDOM}.items() if name in names}


def target_looks(targets: Iterable[str]) -> dict[str, Look]:
    """A look for each target, in the order given."""
    return {
        target: Look(
            _TARGET_COLOURS[place % len(_TARGET_COLOURS)], _TARGET_SYMBOLS[place % len(_TARGET_SYMBOLS)]
        )
        for place, target in enumerate(targets)
    }


def darker(colour: str) -> str:
    """`#rrggbb` at 80%: outlines and bars that hold on white paper where the colour itself is pale."""
    return "#" + "".join(f"{int(0.8 * part):02X}" for part in _parts(colour))


def translucent(colour: str, opacity: float) -> str:
    """`#rrggbb` as an rgba() colour."""
    red, green, blue = _parts(colour)
    return f"rgba({red},{green},{blue},{opacity})"


def _seen_on_dark(colour: str) -> str:
    """`#rrggbb`, half way to white where a dark page would swallow it."""
    red, green, blue = _parts(colour)
    if 0.2126 * red + 0.7152 * green + 0.0722 * blue > _SWALLOWED:
        return colour
    return "#" + "".join(f"{(part + 255) // 2:02X}" for part in (red, green, blue))


def _parts(colour: str) -> list[int]:
    return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]


def on_dark(figure: go.Figure) -> go.Figure:
    """The figure for a dark page: light text, the page's own background, no dark marks, and bars as light as these."""
    for trace in figure.select_traces({"type": "scatter"}):
        if isinstance(trace.marker.color, str) and trace.marker.color.startswith("#"):
            trace.marker.color = _seen_on_dark(trace.marker.color)
        for bar in (trace.error_x, trace.error_y):
            if bar.color is not None:
                bar.color = trace.marker.color
    clear = "rgba(0,0,0,0)"
    return figure.update_layout(paper_bgcolor=clear, plot_bgcolor=clear, font_color=_LIGHT_TEXT)


def dark_page_css(page: str) -> str:
    """CSS that does for figures below the selector `page` what `on_dark` does, without a change to the figures.

    What is saved, exported or shown on a light page stays as it was drawn.
    """
    figure = f"{page} .js-plotly-plot"
    known = [*COLOURS, *_TARGET_COLOURS, *(look.colour for look in _METHOD_LOOKS.values())]
    swaps = {colour: _seen_on_dark(colour) for colour in [*known, *map(darker, known)]}
    rules = [
        f"{figure} :is({_BEHIND}){{background:transparent!important;fill:transparent!important}}",
        f"{figure} text[style*='fill: {_as_written(_TEXT)}']:not(.hoverlayer *){{fill:{_LIGHT_TEXT}!important}}",
    ]
    for colour, light in swaps.items():
        if light != colour:
            rules += [
                f"{figure} [style*='{part}: {_as_written(colour)}']{{{part}:{light}!important}}"
                for part in ("fill", "stroke")
            ]
    return "".join(rules)


def _as_written(colour: str) -> str:
    """`#rrggbb` as browsers write it in the style of an element."""
    return f"rgb({', '.join(map(str, _parts(colour)))})"


def blank_figure(title: str, height: int, **layout: Any) -> go.Figure:
    """A figure without marks below its title: plain text, in lines that fit a phone. `height` is for one line of it."""
    text = wrapped(title, _TITLE_LETTERS)
    more = _TITLE_LINE * text.count("<br>")
    sizes = {"height": height + more, "margin": {"t": _ABOVE + more}}
    return go.Figure(layout={"template": TEMPLATE, "title": text, **sizes, **layout})


def empty_figure(message: str, title: str | None = None) -> go.Figure:
    """No axes, and a sentence that says what is missing."""
    about = {"template": TEMPLATE, "height": 200, "meta": {"alt": message}}
    figure = go.Figure(layout=about if title is None else {**about, "title": {"text": title}})
    figure.update_xaxes(visible=False).update_yaxes(visible=False)
    # Plotly does not wrap text; 46 letters fit a screen of 400 pixels.
    figure.add_annotation(
        text=wrapped(message, 46), showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper"
    )
    return figure


def wrapped(text: str, width: int) -> str:
    """Text for plotly, which breaks no lines itself and takes some tags for markup: escaped, in lines of `width`.

    Broken at spaces, hyphens and underscores; a longer word has a line of its own.
    """
    return "<br>".join(map(html.escape, _Lines(width, break_long_words=False).wrap(text)))


class _Lines(textwrap.TextWrapper):
    """Breaks names of data sets too: also after an underscore, and before a number after a hyphen, but for `1e-05`."""

    wordsep_re = re.compile(r"( +)|(?<=\w[-_])(?<!\de-)(?=\w)")
