"""Choices of several targets and methods, which stand in the page's address and narrow what a page shows."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import streamlit as st

from nastransfer.report.names import RANDOM, method_name, set_name
from nastransfer.report.whole import targets_of
from parts.reading import Reading, kept

TARGETS_HELP = "The sets on which the networks found are trained from scratch and tested. None chosen: all."
METHODS_HELP = "Random sampling stays, since it is what the others are compared with. None chosen: all."


def narrowed_by_choice(reading: Reading) -> Reading:
    """The reading less targets and methods that were not chosen; all of it where none was or there is one only."""
    targets = kept(("targets", *reading.key), lambda: targets_of(reading.own))
    tried = reading.frame.filter(pl.col("target").is_in(targets))["method"].drop_nulls()
    methods = sorted(set(tried) - {RANDOM})
    with st.container(horizontal=True):
        on = _several("on", "Targets", targets, TARGETS_HELP)
        by = _several("by", "Methods", methods, METHODS_HELP)
    if on:
        # Searches say nothing of a target: one that was meant for another would be taken for one not yet trained.
        trained = (pl.col("kind") == "augment") & pl.col("target").is_in(on)
        reading = reading.narrowed(trained, f"on {on}")
    if by:
        reading = reading.narrowed(
            pl.col("method").is_null() | pl.col("method").is_in([RANDOM, *by]), f"by {by}"
        )
    return reading


def _several(key: str, label: str, options: Sequence[str], tooltip: str) -> list[str]:
    """Those of the options that are chosen, which the address says as `KEY=...` for each; nothing to choose of one."""
    if len(options) < 2:
        return []
    called = method_name if key == "by" else set_name
    chosen = st.multiselect(
        label, options, key=key, help=tooltip, placeholder="all", format_func=called, bind="query-params"
    )
    return sorted(chosen)
