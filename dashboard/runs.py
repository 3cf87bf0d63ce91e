"""Runs: all of a study to filter and choose from, and each one whole: `?study=STUDY&run=STUDY/KIND/NAME-ID/ATTEMPT`."""

from __future__ import annotations

from functools import partial
from typing import Any

import polars as pl
import streamlit as st

from nastransfer.report.run_list import FILTERS, filtered, option_name, options, run_list
from nastransfer.report.sheets import csv_text
from parts.one_run import show_run
from parts.picking import REFRESH_SECONDS, choice, pick
from parts.reading import Reading, ledger, status
from parts.showing import downloads, heading, open_run

LEAD = "Every run of the study with its numbers. Choose a row to see the run whole: cells, curves, record, notebook."
MOST_ROWS = 500
ALL = "all"
LABELS = {"kind": "Kind", "method": "Method", "source": "Searched on", "target": "Trained on"}
TEXT_HELP = "Words that all have to occur in a run's names, genotype, device or commit."
COLUMNS = {
    "kind": st.column_config.TextColumn("kind", help="proxy, search, or augment: a final training"),
    "search_seed": st.column_config.NumberColumn("search seed", help="of a random genotype: its number"),
    "augment_seed": st.column_config.NumberColumn("augment seed"),
    "top1_last": st.column_config.NumberColumn(
        "top-1, %", format="%.2f", help="on the test part, last epoch"
    ),
    "params": st.column_config.NumberColumn("parameters", format="localized"),
    "seconds": st.column_config.NumberColumn("seconds", format="%.0f"),
    "origin": st.column_config.TextColumn("origin", help="own, linked to another run, or a repeat"),
}


def main() -> None:
    """One run where the address names one, else all of them."""
    run = st.query_params.get("run")
    if run:
        show_run(pick(), run)
        return
    heading("Runs", LEAD, "search", "augmentation", "proxy", "origin", "top-1")
    reading = pick()
    if reading.own.is_empty():
        st.info("No run of this study has finished yet. This page lists each as soon as it has.")
    else:
        st.fragment(_list)(reading)
    finished = status(str(ledger().root), reading.name).finished
    # A failure is no result: the page is not drawn anew for it.
    st.fragment(_without_result, run_every=None if finished else REFRESH_SECONDS)(reading)


def _list(reading: Reading) -> None:
    """The filters and the list: alone anew when a filter changes."""
    chosen: dict[str, str | None] = {}
    for column, place in zip(FILTERS, st.columns(len(FILTERS)), strict=True):
        with place:
            asked = choice(
                f"only_{column}",
                LABELS[column],
                [ALL, *options(reading.own, column)],
                ALL,
                said=partial(option_name, column),
                quiet=True,
            )
        chosen[column] = None if asked == ALL else asked
    text = st.text_input(
        "Words", key="words", bind="query-params", help=TEXT_HELP, placeholder="darts2 glyphs"
    )
    found = filtered(reading.own, chosen, text or "")
    rows = run_list(found)
    shown = rows.head(MOST_ROWS)
    some = f", the newest {MOST_ROWS} of them shown" if rows.height > MOST_ROWS else ""
    st.markdown(f"**{rows.height:,} of {reading.own.height:,} runs**{some}")
    if rows.is_empty():
        st.info("No run fits all of these: take a filter or a word away.")
        return
    _choose(reading.name, shown, "runs")
    downloads(f"{reading.name}-runs", {"csv": partial(csv_text, found)})


def _choose(study: str, rows: pl.DataFrame, key: str, **shown: Any) -> None:
    """A list with a column `run`; the chosen one is opened."""
    event = st.dataframe(
        rows,
        key=key,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        column_config=COLUMNS,
        placeholder="",
        **shown,
    )
    for place in event["selection"]["rows"]:
        if place < rows.height:
            open_run(study, rows["run"][place])


def _without_result(reading: Reading) -> None:
    """Runs that failed, run now or cannot be read, with the reason."""
    now = status(str(ledger().root), reading.name)
    failed = [(task["run"], "failed", str(task["error"])) for task in now.failed]
    broken = [(path, "cannot be read", why) for path, why in now.unreadable]
    if not failed and not broken:
        return
    st.subheader("Without a result")
    st.markdown(
        f"{len(failed)} failed, {len(broken)} could not be read. Choose a row to see what is known of it."
    )
    rows = pl.DataFrame([*failed, *broken], schema=["run", "state", "why"], orient="row")
    _choose(reading.name, rows, "without-result")


main()
