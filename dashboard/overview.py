"""Overview: is the study done, which method beats random sampling on which target, transfer against direct search."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import polars as pl
import streamlit as st

from nastransfer.advice import planned_on
from nastransfer.report.decide import decision
from nastransfer.report.decide_text import decision_html
from nastransfer.report.figures import FIGURES
from nastransfer.report.markup import html_table, markdown_text
from nastransfer.report.published_ri import published_ri, published_ri_html
from nastransfer.report.style import on_dark
from nastransfer.report.tables import ri_html, ri_table
from nastransfer.report.whole import targets_of
from nastransfer.search.watched import in_words
from nastransfer.study.ledger import STATES, Ledger, StudyRecords, StudyStatus
from nastransfer.study.published import published

RUNS_VARIABLE = "NASTRANSFER_RUNS"
REFRESH_SECONDS = 3.0
FIGURES_SHOWN = ("accuracy-by-method", "transfer-versus-direct")


def main() -> None:
    """The page: a picker, and below it what renews itself while the study runs."""
    st.title("NASTransfer")
    ledger = Ledger(os.environ.get(RUNS_VARIABLE, "runs"))
    names = ledger.studies()
    if not names:
        st.fragment(_empty, run_every=REFRESH_SECONDS)(ledger)
        return
    name = _pick(ledger, names)
    try:
        finished = ledger.study(name).status().finished
    except (ValueError, OSError) as error:
        st.error(f"This study cannot be read: {markdown_text(str(error))}")
        return
    st.fragment(_study, run_every=None if finished else REFRESH_SECONDS)(ledger, name, names, finished)


def _pick(ledger: Ledger, names: list[str]) -> str:
    """The study chosen: in the picker, else in the page's address, else the one with most results.

    The address always names it.
    """
    asked = st.query_params.get("study")
    if st.session_state.get("study") not in names:
        most = max(names, key=lambda name: _finished(ledger, name))
        st.session_state["study"] = asked if asked in names else most
        if asked is not None and asked not in names:
            st.warning(f"There is no study {markdown_text(asked)} here. This is {markdown_text(most)}.")
    name = st.selectbox("Study", names, key="study")
    st.query_params["study"] = name
    return str(name)


def _finished(ledger: Ledger, name: str) -> int:
    """Tasks of a study that have a result; 0 for one that cannot be read, which says so when it is chosen."""
    try:
        return len(ledger.study(name).complete())
    except (ValueError, OSError):
        return 0


def _empty(ledger: Ledger) -> None:
    if ledger.studies():
        st.rerun()
    st.info(
        f"No study has records in {markdown_text(str(ledger.root.resolve()))} yet. `make study` runs the first one; "
        "this page shows it as soon as it starts."
    )


def _study(ledger: Ledger, name: str, names: list[str], finished: bool) -> None:
    records = ledger.study(name)
    try:
        status, frame = records.status(), records.results()
    except (ValueError, OSError) as error:
        st.error(f"This study cannot be read: {markdown_text(str(error))}")
        return
    if status.finished != finished or ledger.studies() != names:
        st.rerun()
    _progress(status)
    frame = _one_protocol(frame)
    for target in targets_of(frame):
        _shown(partial(_decision, records, frame, target))
    _shown(lambda: st.html(ri_html(ri_table(frame))))
    printed = published_ri(pl.concat([frame, published()]))
    if not printed.is_empty():
        st.html(published_ri_html(printed))
    for key in FIGURES_SHOWN:
        _shown(partial(_figure, key, frame))


def _progress(status: StudyStatus) -> None:
    done, tasks = status.total("done"), status.tasks
    text = "No plan is recorded: what is on disk is shown." if not tasks else f"{done} of {tasks} tasks done"
    others = [f"{status.total(state)} {state}" for state in STATES if state != "done" and status.total(state)]
    st.progress(done / tasks if tasks else 0.0, ", ".join([text, *others]))
    lines = [[kind, *(str(states[state]) for state in STATES)] for kind, states in status.counts.items()]
    with st.expander("Tasks by kind", expanded=not status.finished):
        st.html(html_table("Tasks by kind and state", ["kind", *STATES], lines))
    if status.running:
        columns = ["task", "step", "how it goes", "last sign"]
        st.html(html_table("Running now", columns, map(_running, status.running)))
    if status.failed:
        lines = [[task["slug"], str(task["error"]), task["run"]] for task in status.failed]
        st.html(
            html_table("Failed: run the study again to try these again", ["task", "why", "record"], lines)
        )
    if status.unreadable:
        st.html(
            html_table(
                "Could not be read: their tasks can be run again", ["record", "why"], status.unreadable
            )
        )


def _running(task: dict[str, Any]) -> list[str]:
    step = f"{task['step']} of {task['steps']}" if "step" in task else "starting"
    seen = f"{max(0.0, time.time() - task['at']):.0f} s ago" if "at" in task else "none yet"
    return [task["slug"], step, in_words(task) or "no numbers yet", seen]


def _one_protocol(frame: pl.DataFrame) -> pl.DataFrame:
    """Accuracies of several final trainings are not comparable: where a study has several, one is chosen."""
    trained = pl.col("kind") == "augment"
    labels = frame.filter(trained)["protocol"].drop_nulls().unique().sort().to_list()
    if len(labels) < 2:
        return frame
    label = st.selectbox(
        "Final training", labels, help="Accuracies of different trainings are not comparable."
    )
    return frame.filter(~trained | (pl.col("protocol") == label))


def _decision(records: StudyRecords, frame: pl.DataFrame, target: str) -> None:
    """What to use for a target: the question people come with."""
    st.html(decision_html(decision(frame, target, planned=planned_on(records, target))))


def _figure(key: str, frame: pl.DataFrame) -> None:
    figure = FIGURES[key].draw(frame)
    config = {"displaylogo": False, "toImageButtonOptions": {"format": "svg", "filename": key}}
    if st.context.theme.type == "dark":
        figure = on_dark(figure)
    # Streamlit's own theme would replace the colours and grids that all figures share.
    st.plotly_chart(figure, key=key, config=config, alt=figure.layout.meta["alt"], theme=None)


def _shown(draw: Callable[[], object]) -> None:
    """Draw one part of the page; what the library refuses (mixed protocols, a NaN accuracy) is said in its place."""
    try:
        draw()
    except ValueError as error:
        st.warning(markdown_text(str(error)))


main()
