"""The report's page: self-contained, escaped, plotly.js once."""

from __future__ import annotations

from html.parser import HTMLParser

import plotly.graph_objects as go

from nastransfer.report.markup import html_table
from nastransfer.report.page import Section, page

NAME = "<script>alert(1)</script>"


class Tags(HTMLParser):
    """Collects tags with their attributes, the words people read, and the text of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.scripts: list[str] = []
        self._silent = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        self._silent = tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002
        self._silent = False

    def handle_data(self, data: str) -> None:
        (self.scripts if self._silent else self.words).append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.seen if name == tag]


def figure(alt: str = "a dot at 2") -> go.Figure:
    return go.Figure(go.Scatter(x=[1], y=[2]), layout={"meta": {"alt": alt}})


def test_nothing_is_fetched_from_elsewhere() -> None:
    tags = Tags(page("study", [Section("one", figure=figure()), Section("two", figure=figure())]))
    assert not [attributes for attributes in tags.of("script") if "src" in attributes]
    assert not tags.of("link")
    assert not tags.of("img")
    # plotly itself once, then a script a figure.
    scripts = "".join(tags.scripts)
    assert scripts.count("plotly.js v") == 1
    assert scripts.count("Plotly.newPlot(") == 2


def test_contents_lead_to_every_section() -> None:
    tags = Tags(page("study", [Section("What is there"), Section("What is there")]))
    links = [attributes["href"] for attributes in tags.of("a")]
    assert links == [f"#{attributes['id']}" for attributes in tags.of("section")]
    assert len(set(links)) == 2


def test_names_and_words_are_escaped() -> None:
    shown = page(NAME, [Section(NAME, (NAME,), figure=figure(NAME))], (NAME,))
    assert NAME not in shown
    assert " ".join(Tags(shown).words).count(NAME) >= 4


def test_a_page_without_figures_is_small() -> None:
    shown = page("study", [Section("table", fragment="<table></table>")])
    assert len(shown) < 4000
    assert "<table></table>" in shown
    assert not Tags(shown).of("nav")


def test_a_figure_has_its_words_for_those_who_cannot_see_it() -> None:
    tags = Tags(page("study", [Section("one", figure=figure("mean 70.1%"))]))
    assert [attributes["aria-label"] for attributes in tags.of("div") if attributes.get("role") == "img"] == [
        "mean 70.1%"
    ]
    assert "mean 70.1%" in tags.words


def test_a_caption_that_repeats_the_heading_is_heard_and_not_seen() -> None:
    tables = [html_table(caption, ["a"], [["1"]]) for caption in ("A & B", "Another")]
    tags = Tags(page("page", [Section("A & B", fragment="".join(tables))]))
    assert tags.of("table") == [{"aria-label": "A & B"}, {}]
    assert len(tags.of("caption")) == 1
    assert tags.words.count("A & B") == 1
