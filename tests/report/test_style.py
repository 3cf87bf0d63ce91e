"""What figures share: lines of text for plotly, and rules for pages whose figures must not be changed."""

from __future__ import annotations

from typing import Any

import plotly.io as pio
import pytest

from nastransfer.report import live
from nastransfer.report.style import TEMPLATE, dark_page_css, target_looks, wrapped


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("tiny_imagenet200", 12, ["tiny_", "imagenet200"]),
        ("imagenet22k-p2-cap", 12, ["imagenet22k-", "p2-cap"]),
        ("from cifar-100, p1", 11, ["from cifar-", "100, p1"]),
        ("imagenetwithoutend of 1", 12, ["imagenetwithoutend", "of 1"]),
        ("at -9.49, n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}3", 6, ["at", "-9.49,", "n\xa0=\xa03"]),
        ("1e-05", 3, ["1e-05"]),
        ("a_b", 3, ["a_b"]),
        ("<i>&amp", 3, ["&lt;i&gt;&amp;amp"]),
        ("", 5, []),
    ],
)
def test_lines_break_at_spaces_hyphens_and_underscores_alone(text: str, width: int, lines: list[str]) -> None:
    assert wrapped(text, width) == "<br>".join(lines)


def test_dark_pages_have_rules_for_text_background_and_marks_that_they_would_swallow() -> None:
    rules = dark_page_css(".dark").split("}")
    assert all(rule.startswith(".dark .js-plotly-plot ") for rule in rules[:-1]) and not rules[-1]
    assert pio.templates[TEMPLATE].layout.font.color == "#222222"
    assert [rule for rule in rules if "text" in rule and "rgb(34, 34, 34)" in rule and "fill:#E6E6E6" in rule]
    assert "#332288" in {look.colour for look in target_looks(["a"]).values()}
    assert [rule for rule in rules if "stroke: rgb(51, 34, 136)" in rule and "stroke:#9990C3" in rule]
    assert not [rule for rule in rules if "rgb(0, 158, 115)" in rule], "green is seen on both"


@pytest.mark.parametrize("by", ["a person", "papermill"])
def test_only_notebooks_that_a_person_opened_have_these_rules(
    monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(live, "display", shown.append)
    monkeypatch.setattr(pio.renderers, "default", pio.renderers.default)
    if by == "papermill":
        monkeypatch.delenv(live.OPENED_BY_A_PERSON, raising=False)
    else:
        monkeypatch.setenv(live.OPENED_BY_A_PERSON, "report.ipynb")
    live.use_in_notebooks()
    assert [one.data for one in shown] == (
        [] if by == "papermill" else [f"<style>{dark_page_css('[data-jp-theme-light=false]')}</style>"]
    )
