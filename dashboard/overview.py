"""Overview: what to use for each target first, then how far the study is, what runs, what failed, what it cost."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from nastransfer.report.figures import FIGURES
from nastransfer.report.markup import html_table, markdown_text
from nastransfer.report.price import compared_layout
from nastransfer.report.whole import targets_of
from nastransfer.search.watched import in_words
from nastransfer.study.ledger import STATES, StudyStatus
from parts import words
from parts.deciding import FIGURES_SHOWN, decision_for, price_of
from parts.picking import REFRESH_SECONDS, choice, of_one_training, pick
from parts.reading import Reading, ledger, read, status
from parts.showing import RUNS_PAGE, figure, refused_in_place, table

# Drawing figures holds the browser for a second or two: it gets so long to show what was said before.
PAINT_SECONDS = 0.25
MOST_FAILED, MOST_LETTERS = 12, 200
TERMS = ("RI", "random sampling", "source", "target", "arm", "n", "interval", "verdict")
TARGET_HELP = "The set on which the networks found are trained from scratch and tested."


def main() -> None:
    """The page; all below the picker renews itself while the study runs."""
    st.title("NASTransfer", help=f"{words.PROJECT}\n\n{words.explained(*TERMS)}")
    reading = pick(renews_itself=True)
    finished = _status(reading.name).finished
    st.fragment(_study, run_every=None if finished else REFRESH_SECONDS)(reading.name, finished)


def _study(name: str, finished: bool) -> None:
    now = _status(name)
    if now.finished != finished:
        st.rerun()
    reading = of_one_training(read(name))
    target = _decision(reading)
    _progress(now, name)
    time.sleep(PAINT_SECONDS)
    if target is not None:
        on_target = reading.trained_on(target)
        for slug in FIGURES_SHOWN:
            figure(slug, FIGURES[slug].draw, on_target, optional=slug != FIGURES_SHOWN[0])
    with refused_in_place():
        st.html(compared_layout(price_of(reading)).html())
    _every_study()


def _status(name: str) -> StudyStatus:
    return status(str(ledger().root), name)


def _decision(reading: Reading) -> str | None:
    """What to use for the target chosen: the question people come with. None before the first training on one."""
    targets = targets_of(reading.own)
    if not targets:
        st.info("No training on a target is finished yet: there is nothing to decide on.")
        return None
    target = targets[0] if len(targets) == 1 else choice("target", "Target", targets, targets[0], TARGET_HELP)
    table(f"decision-{target}", decision_for(reading, target), reading)
    return target


def _progress(now: StudyStatus, study: str) -> None:
    done, tasks = now.total("done"), now.tasks
    text = "No plan is recorded: what is on disk is shown." if not tasks else f"{done} of {tasks} tasks done"
    others = [f"{now.total(state)} {state}" for state in STATES if state != "done" and now.total(state)]
    st.progress(done / tasks if tasks else 0.0, ", ".join([text, *others]))
    lines = [[kind, *(str(states[state]) for state in STATES)] for kind, states in now.counts.items()]
    with st.expander("Tasks by kind", expanded=not now.finished):
        st.html(html_table("Tasks by kind and state", ["kind", *STATES], lines))
    if now.running:
        columns = ["task", "step", "how it goes", "last sign"]
        st.html(html_table("Running now", columns, map(_running, now.running)))
    if now.failed:
        _failed(now.failed, study)
    if now.unreadable:
        caption = "Could not be read: their tasks can be run again"
        st.html(html_table(caption, ["record", "why"], now.unreadable))


def _failed(tasks: Sequence[Mapping[str, Any]], study: str) -> None:
    """Each with why, as a link to what is known of it."""
    st.markdown(f"**{len(tasks)} failed**; run the study again to try these again.")
    for task in tasks[:MOST_FAILED]:
        query = {"study": study, "run": task["run"]}
        st.page_link(RUNS_PAGE, label=task["slug"], icon=":material/error:", query_params=query)
        st.caption(markdown_text(_shortened(str(task["error"]))))
    if len(tasks) > MOST_FAILED:
        label = f"{len(tasks) - MOST_FAILED} more, below the list of all runs"
        st.page_link(RUNS_PAGE, label=label, icon=":material/list:", query_params={"study": study})


def _shortened(text: str) -> str:
    return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]} ..."


def _running(task: dict[str, Any]) -> list[str]:
    step = f"{task['step']} of {task['steps']}" if "step" in task else "starting"
    seen = f"{max(0.0, time.time() - task['at']):.0f} s ago" if "at" in task else "none yet"
    return [task["slug"], step, in_words(task) or "no numbers yet", seen]


def _every_study() -> None:
    """All studies of the folder with how far they are; one that cannot be read says so."""
    lines = []
    for name in ledger().studies():
        try:
            now = _status(name)
        except (ValueError, OSError) as error:
            lines.append([name, "cannot be read", "", "", str(error)])
            continue
        counted = [str(now.total(state)) for state in ("running", "failed")]
        lines.append([name, f"{now.total('done')} of {now.tasks}", *counted, str(len(now.unreadable))])
    columns = ["study", "tasks done", "running", "failed", "could not be read"]
    st.html(html_table("Studies in this folder", columns, lines))


main()
