"""One self-contained HTML page of tables and figures: it opens anywhere, without a network or an installation."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

_SVG = {"format": "svg", "filename": "nastransfer"}
_CONFIG = {"responsive": True, "displaylogo": False, "showSendToCloud": False, "toImageButtonOptions": _SVG}
_CSS = (
    ":root{color-scheme:light}"
    "body{margin:0;font-family:system-ui,'Segoe UI','Helvetica Neue',Arial,sans-serif;color:#222;background:#fff;"
    "line-height:1.45}main{max-width:1000px;margin:auto;padding:12px 16px 48px}"
    "h1{font-size:1.5rem;margin:.6rem 0}h2{font-size:1.15rem;margin:2rem 0 .5rem}p{margin:.4rem 0;max-width:46rem}"
    "nav{margin:.8rem 0}nav ul{padding-left:1.2rem;columns:2}details{font-size:.875rem}summary{cursor:pointer}"
    "@media (max-width:760px){nav ul{columns:1}}"
    "@media print{nav,.modebar-container{display:none}section{break-inside:avoid}}"
)


@dataclass(frozen=True)
class Section:
    """A part of the page: a heading (none where `title` is empty), plain text, and a table or a figure.

    `fragment` is HTML as this room's tables give it, escaped there; `prose` is plain text and escaped here.
    """

    title: str
    prose: tuple[str, ...] = ()
    fragment: str = ""
    figure: go.Figure | None = None


def page(
    title: str, sections: Sequence[Section], prose: Sequence[str] = (), *, plotly: str | None = None
) -> str:
    """The page as text. plotly.js (5 MB) is inside once if a section has a figure, or is read from a file beside it.

    `plotly`: the name of that file, for pages that lie together and share it.
    """
    script = "" if plotly is None else f'<script src="{html.escape(plotly)}"></script>'
    if plotly is None and any(one.figure for one in sections):
        script = f"<script>{get_plotlyjs()}</script>"
    links = "".join(
        f'<li><a href="#{anchor}">{html.escape(one.title)}</a></li>'
        for anchor, one in zip(_anchors(sections), sections, strict=True)
    )
    # Closed: the first section is what people come for, and a phone's first screen is full of links otherwise.
    listed = f"<details><summary>Contents</summary><ul>{links}</ul></details>"
    contents = f'<nav aria-label="Contents">{listed}</nav>' if len(sections) > 1 else ""
    body = "".join(map(_section, _anchors(sections), sections))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_CSS}</style>{script}</head>"
        f"<body><main><h1>{html.escape(title)}</h1>{_paragraphs(prose)}{contents}{body}</main></body></html>\n"
    )


def _section(anchor: str, section: Section) -> str:
    drawn = "" if section.figure is None else _figure(section.figure)
    title = html.escape(section.title)
    heading = f"<h2>{title}</h2>" if title else ""
    # A caption that says the heading again is left to those who hear the page.
    table = section.fragment.replace(f"<table><caption>{title}</caption>", f'<table aria-label="{title}">')
    return f'<section id="{anchor}">{heading}{_paragraphs(section.prose)}{table}{drawn}</section>'


def _figure(figure: go.Figure) -> str:
    words = html.escape((figure.layout.meta or {}).get("alt", ""))
    drawn = figure.to_html(full_html=False, include_plotlyjs=False, config=_CONFIG, default_width="100%")
    return (
        f'<div role="img" aria-label="{words}">{drawn}</div>'
        f"<details><summary>This figure in words</summary><p>{words}</p></details>"
    )


def _paragraphs(prose: Sequence[str]) -> str:
    return "".join(f"<p>{html.escape(text)}</p>" for text in prose)


def _anchors(sections: Sequence[Section]) -> list[str]:
    """Addresses within the page, no two alike."""
    return [
        f"{re.sub(r'[^a-z0-9]+', '-', one.title.lower()).strip('-')}-{place}"
        for place, one in enumerate(sections, 1)
    ]
