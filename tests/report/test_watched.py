"""What people read while a search runs, and the figure of its history."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest

from nastransfer.report import live
from nastransfer.report.curves import search_history
from nastransfer.report.live import progress
from nastransfer.search.searcher import SearchStep
from nastransfer.search.watched import clock, in_words


def events(**changed: Any) -> list[dict[str, Any]]:
    """Six steps whose normal cell fills with skip connections."""
    rows = []
    for step in range(6):
        share = step / 8
        scores = {
            "val_top1": None if step == 0 else 40.0 + step,
            "best_val_top1": None if step == 0 else 45.0,
        }
        watched = {"entropy": 2.0 - step / 10, "skip_share": share, "collapsed": share >= 0.5}
        rows.append({"step": step, "steps": 5, **scores, **watched, **changed})
    return rows


def frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, infer_schema_length=None)


def test_an_event_in_words() -> None:
    event = {
        "val_top1": 61.24,
        "entropy": 1.951,
        "skip_share": 0.25,
        "images_per_second": 349.6,
        "seconds_left": 12.4,
    }
    assert in_words(event) == "val 61.2%, entropy 1.95, skips 25%, 350 images/s, 0:12 left"
    assert in_words({"top1": 70.0, "collapsed": True, "seconds_left": None}) == "test 70.0%, COLLAPSED"
    assert in_words(SearchStep(0, 4, None).to_event()) == ""
    assert [clock(seconds) for seconds in (0, 59.6, 725, 10800)] == ["0:00", "1:00", "12:05", "3:00:00"]


def test_the_line_below_the_figure_says_where_it_stands_and_warns_once() -> None:
    assert progress(events()[:3], 10.0) == "step 2 of 5, 0:10, val 42.0%, entropy 1.80, skips 25%, 0:15 left"
    line, warning = progress(events(), 10.0).splitlines()
    assert line.endswith("skips 62%, COLLAPSED")
    assert warning.startswith("warning: step 4: at least half of the normal cell are skip connections")


def test_the_figure_has_a_panel_for_what_there_is() -> None:
    figure = search_history(frame(events()))
    drawn = {trace.name: list(trace.y) for trace in figure.data}
    assert drawn["validation half"] == [41.0, 42.0, 43.0, 44.0, 45.0]
    assert drawn["best so far"] == [45.0] * 5
    assert drawn["entropy, mean over decisions"] == pytest.approx([2.0, 1.9, 1.8, 1.7, 1.6, 1.5])
    assert drawn["skip connections of the normal cell"] == [0, 12.5, 25, 37.5, 50, 62.5]
    assert drawn["collapsed"] == [50, 62.5]
    assert "first at step 4" in figure.layout.title.text
    assert "first at step 4" in figure.layout.meta["alt"]
    assert figure.layout.yaxis3.title.text == "skips, %"


def test_what_a_method_does_not_have_is_left_out() -> None:
    calm = search_history(frame(events(entropy=None, collapsed=False, skip_share=0.125)))
    assert "collapsed" not in calm.layout.title.text
    assert [axis.title.text for axis in (calm.layout.yaxis, calm.layout.yaxis2)] == [
        "top-1 accuracy, %",
        "skips, %",
    ]
    for empty in (pl.DataFrame(), frame([{"step": 1, "steps": 1, "skip_share": None}])):
        assert "Search" in search_history(empty).layout.annotations[0].text


class Steps:
    """A task of six steps, as notebooks have them."""

    def __init__(self, by_hand: bool) -> None:
        self.by_hand = by_hand
        self.shown: list[tuple[int, bool]] = []

    def __iter__(self) -> Iterator[SearchStep]:
        return iter([SearchStep(step, 5, None, {"val_top1": 40.0 + step}) for step in range(6)])

    def show(self, step: SearchStep, *, bar: bool = True) -> None:
        self.shown.append((step.step, bar))

    def finish(self) -> dict[str, Any]:
        return {"steps": len(self.shown)}


@pytest.mark.parametrize("by_hand", [True, False])
def test_a_task_is_drawn_as_it_goes_on_but_not_under_a_runner(
    by_hand: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(live, "display", lambda data, **_: shown.append(data))
    monkeypatch.setattr(live, "clear_output", lambda **_: shown.clear())
    monkeypatch.setattr(live, "SECONDS_BETWEEN_DRAWINGS", 0.0)
    task = Steps(by_hand)
    drawn: list[int] = []
    found = live.follow(task, lambda history: (drawn.append(history.height), search_history(history))[1])
    assert found == {"steps": 6}
    assert task.shown == [(step, False) for step in range(6)]
    assert drawn == ([1, 2, 3, 4, 5, 6] if by_hand else [])
    assert [list(data) for data in shown] == ([["text/plain"]] if by_hand else [])
