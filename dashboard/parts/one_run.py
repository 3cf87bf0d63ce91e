"""One run on a page: what it is, its numbers, cells, curves and classes, its record, notebook and command."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import plotly.graph_objects as go
import polars as pl
import streamlit as st

from nastransfer.report.cells import draw_genotype
from nastransfer.report.confusion_figure import confusion
from nastransfer.report.curves import class_accuracy, class_histogram, learning_curve, search_history
from nastransfer.report.figures import standalone_html
from nastransfer.report.markup import markdown_text
from nastransfer.report.mixture import final_mixture
from nastransfer.report.one_run import details_table, run_in_words, run_label, run_table, run_title
from nastransfer.report.sheets import csv_text
from nastransfer.space.genotype import Genotype
from nastransfer.space.picture import genotype_html
from nastransfer.study.attempt import Attempt
from nastransfer.study.batch import again_line, retry_line
from nastransfer.study.ledger import StudyRecords
from nastransfer.study.plan import Task
from parts.notebook_shown import show_notebook
from parts.reading import Reading
from parts.showing import RUNS_PAGE, downloads, plot, refused_in_place

MOST_LINKS = 12
LOG_LETTERS = 6_000


def attempt_of(records: StudyRecords, run: str) -> Attempt | None:
    """The attempt `STUDY/KIND/SLUG-ID/ATTEMPT`; None where the study's folder does not list it.

    Nothing is opened by the text itself, so that no address leads out of the study.
    """
    parts = run.split("/")
    if len(parts) != 4:
        return None
    home = records.folder.resolve()
    for attempt in records.attempts(parts[2].rpartition("-")[2]):
        if records.run_name(attempt) == run and attempt.folder.resolve().is_relative_to(home):
            return attempt
    return None


def show_run(reading: Reading, run: str) -> None:
    """The page of one run; a sentence where there is no such run, or its record cannot be read."""
    st.page_link(
        RUNS_PAGE, label="All runs", icon=":material/arrow_back:", query_params={"study": reading.name}
    )
    attempt = attempt_of(reading.records, run)
    if attempt is None:
        st.title("No such run")
        st.error(
            f"{markdown_text(run)} is no run of {markdown_text(reading.name)}. A run is named "
            "STUDY/KIND/NAME-ID/ATTEMPT, as in the list of all runs."
        )
        return
    asked = _asked(attempt)
    try:
        result = attempt.result()
    except (ValueError, OSError) as error:
        st.title("A run that cannot be read")
        st.error(f"{markdown_text(run)}: {markdown_text(str(error))}")
        _command(reading.records, asked, {}, done=False)
        return
    if result is None:
        _unfinished(reading, attempt, asked, run)
    else:
        _finished(reading, attempt, asked, run, result)


@dataclass(frozen=True)
class _Asked:
    """What a run was asked to do: the record, and the task in it; None where they cannot be read, and why."""

    record: dict[str, Any] | None = None
    task: Task | None = None
    problem: str | None = None


def _asked(attempt: Attempt) -> _Asked:
    try:
        record = attempt.asked()
        return _Asked(record, Task.from_json(record["task"]) if record is not None else None)
    except (ValueError, KeyError, TypeError, OSError) as error:
        return _Asked(problem=str(error))


def _finished(reading: Reading, attempt: Attempt, asked: _Asked, run: str, result: dict[str, Any]) -> None:
    counted = reading.own.filter(pl.col("run") == run)
    row = {**result["labels"], **result["numbers"], "run": run}
    st.title(markdown_text(run_title(row)))
    if counted.is_empty():
        st.info(
            "An earlier version of the study file asked for this run: tables and figures do not count it."
        )
    else:
        row |= {"origin": counted["origin"].item()}
    st.markdown(markdown_text(run_in_words(row)))
    st.caption(markdown_text(run))
    genotype = _parsed(row.get("genotype"))
    if genotype is not None:
        st.html(genotype_html(genotype))
        downloads("genotype", {"txt": partial(str, genotype), "html": partial(_cells_page, genotype)})
    _links(reading, asked.task, row)
    st.html(run_table(row, result.get("finished_at")).html())
    with st.expander("How it was computed"):
        st.html(details_table(row).html())
    _tables(attempt, str(row["kind"]))
    _command(reading.records, asked, row, done=True)
    _record(asked, result)
    show_notebook(attempt.notebook)


def _unfinished(reading: Reading, attempt: Attempt, asked: _Asked, run: str) -> None:
    """A run without a result: in what state, why, and what it printed."""
    with refused_in_place():
        state, failure, event = attempt.state(), attempt.failure(), attempt.last_event()
        st.title(markdown_text(f"{asked.task.slug if asked.task else 'A run'}: {state}"))
        st.caption(markdown_text(run))
        if failure is not None:
            st.error(f"It ended without a result: {markdown_text(str(failure.get('error')))}")
            with st.expander("Where it happened"):
                st.code(str(failure.get("trace", "")), language=None, wrap_lines=True)
        elif event is not None:
            st.info("It has no result yet. Its last sign is below; the overview says how it goes on.")
            st.json(event, expanded=True)
        else:
            st.info("It has no result yet, and has given no sign so far.")
        _log(reading.records, attempt, asked.task)
        _command(reading.records, asked, {}, done=False)
        _record(asked, None)
        show_notebook(attempt.notebook)


def _links(reading: Reading, task: Task | None, row: dict[str, Any]) -> None:
    """To the search that found the genotype, and to other runs of the same one."""
    parent = task.parameters.get("search") if task is not None else None
    search = reading.records.finished(str(parent)) if parent else None
    found_by = None if search is None else reading.records.run_name(search)
    same = reading.own.filter(
        pl.col("genotype") == row.get("genotype"), ~pl.col("run").is_in([row["run"], found_by or ""])
    )
    if found_by is None and same.is_empty():
        return
    st.subheader("Where it comes from and goes to")
    if found_by is not None:
        _link(reading.name, found_by, "The search that found it", ":material/search:")
    if not same.is_empty():
        st.caption(
            "Other runs of the same genotype"
        )  # in each link it would leave a phone no room for their names
    for other in same.head(MOST_LINKS).iter_rows(named=True):
        _link(reading.name, other["run"], run_label(other), ":material/link:")
    if same.height > MOST_LINKS:
        st.caption(f"and {same.height - MOST_LINKS} more runs of the same genotype")


def _link(study: str, run: str, label: str, icon: str) -> None:
    query = {"study": study, "run": run}
    st.page_link(RUNS_PAGE, label=markdown_text(label), icon=icon, query_params=query)


def _tables(attempt: Attempt, kind: str) -> None:
    """What the run recorded beside its numbers, drawn where it is there; a sentence where nothing is."""
    drawn = [_table(attempt, *one) for one in _DRAWN[kind]]
    if not any(drawn):
        st.info("It has no curves or tables of classes here: they were not recorded, or not published.")


def _table(attempt: Attempt, slug: str, name: str, draw: Callable[[pl.DataFrame], go.Figure]) -> bool:
    """Draw one of them; whether there is one."""
    try:
        frame = attempt.read_frame(name)
        if frame is None or frame.is_empty() or (draw is final_mixture and not _mixes(frame)):
            return False
        plain = frame.select(~pl.selectors.nested())
        plot(slug, draw(frame), files={"csv": partial(csv_text, plain)} if draw is not final_mixture else {})
    except (ValueError, OSError, pl.exceptions.PolarsError) as error:
        st.warning(f"{name}: {markdown_text(str(error))}")
    return True


def _mixes(history: pl.DataFrame) -> bool:
    """Whether a search recorded what its edges mixed, as DARTS does."""
    return "mixture" in history.columns and history["mixture"][-1] is not None


_DRAWN: dict[str, list[tuple[str, str, Callable[[pl.DataFrame], go.Figure]]]] = {
    "proxy": [("class-sizes", "classes", class_histogram)],
    "search": [("search-history", "history", search_history), ("mixture", "history", final_mixture)],
    "augment": [
        ("learning-curve", "history", learning_curve),
        ("class-accuracy", "classes", class_accuracy),
        ("confusion", "confusion", confusion),
    ],
}


def _command(records: StudyRecords, asked: _Asked, row: dict[str, Any], *, done: bool) -> None:
    st.subheader("Run it again")
    task = asked.task
    if task is None:
        why = (
            "is not recorded here"
            if asked.problem is None
            else f"cannot be read ({markdown_text(asked.problem)})"
        )
        st.info(f"What was asked {why}, so there is no command.")
        return
    with refused_in_place():
        if done:
            st.markdown(
                "In a shell, with this project's environment: computes it anew into the folder `again`. The record "
                "here stays as it is."
            )
            st.code(again_line(records, task, row.get("genotype")), language="bash", wrap_lines=True)
        else:
            st.markdown("In a shell, with this project's environment: tries this task again, in this study.")
            st.code(retry_line(records, task), language="bash", wrap_lines=True)


def _record(asked: _Asked, result: dict[str, Any] | None) -> None:
    with st.expander("The record"):
        whole = {"asked": asked.record, "result": result}
        st.json(whole, expanded=2)
        downloads("record", {"json": partial(json.dumps, whole, indent=1)})


def _log(records: StudyRecords, attempt: Attempt, task: Task | None) -> None:
    """The end of what the task's processes printed last."""
    logs = [attempt.log, *(records.logs(task) if task is not None else [])]
    # A link could lead to any file of the machine.
    plain = [path for path in logs if path.is_file() and not path.is_symlink()]
    if not plain:
        return
    with st.expander("What it printed last"):
        text = plain[-1].read_bytes()[-LOG_LETTERS:].decode("utf-8", "replace")
        st.code(text, language=None, wrap_lines=True)


def _parsed(genotype: str | None) -> Genotype | None:
    try:
        return None if genotype is None else Genotype.parse(genotype)
    except ValueError:
        return None


def _cells_page(genotype: Genotype) -> str:
    return standalone_html(draw_genotype(genotype, genotype.digest))
