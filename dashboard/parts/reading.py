"""What the pages show of a study, read once for all who look, until something in the study's folder changes."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import TypeVar

import polars as pl
import streamlit as st

from nastransfer.report.whole import of_own_targets
from nastransfer.study.ledger import Ledger, StudyRecords, StudyStatus
from nastransfer.study.published import published

RUNS_VARIABLE = "NASTRANSFER_RUNS"
# Asking the disk whether something changed takes 0.1 s with 10,000 runs: not at every click.
CHECK_SECONDS = 2.0
MOST_KEPT = 300
Made = TypeVar("Made")


@dataclass(frozen=True)
class Reading:
    """A study's finished runs at one moment. `frame`: its own results and published rows of its targets.

    `stamp` changes when a result does: it stands for the frame wherever something is kept that was made of it.
    """

    records: StudyRecords
    stamp: str
    own: pl.DataFrame
    frame: pl.DataFrame

    @property
    def name(self) -> str:
        return self.records.name

    @property
    def key(self) -> tuple[str, str]:
        return (str(self.records.folder), self.stamp)

    def trained_on(self, target: str) -> Reading:
        """The trainings on one target, published ones included; no searches, which may be meant for other targets."""
        return self.narrowed((pl.col("kind") == "augment") & (pl.col("target") == target), f"on {target}")

    def narrowed(self, keep: pl.Expr, label: str) -> Reading:
        """The runs that `keep` says, which `label` names for what is kept of them."""
        return replace(
            self,
            stamp=f"{self.stamp} {label}",
            own=self.own.filter(keep),
            frame=self.frame.filter(keep),
        )


def ledger() -> Ledger:
    """Of the runs folder that the dashboard was started on."""
    return Ledger(os.environ.get(RUNS_VARIABLE) or "runs")


def read(name: str) -> Reading:
    """A study's results; `ValueError` or `OSError` where its folder cannot be read."""
    root = str(ledger().root)
    return _read(root, name, stamp(root, name))


@st.cache_data(ttl=CHECK_SECONDS, show_spinner=False, max_entries=MOST_KEPT)
def stamp(root: str, name: str) -> str:
    """The state of a study's folder, at most two seconds ago."""
    return Ledger(root).study(name).stamp()


def status(root: str, name: str) -> StudyStatus:
    """Where a study stands, at most two seconds ago; of a finished one as long as its results are the same."""
    settled = _settled(root, name, stamp(root, name))
    if not settled:
        now = _status(root, name)
        if not now.finished:
            return now
        settled.append(now)
    return settled[0]


@st.cache_resource(max_entries=MOST_KEPT, show_spinner=False)
def _settled(root: str, name: str, stamp: str) -> list[StudyStatus]:  # noqa: ARG001 (what is kept is found by them)
    return []


@st.cache_data(ttl=CHECK_SECONDS, show_spinner=False, max_entries=MOST_KEPT)
def _status(root: str, name: str) -> StudyStatus:
    return Ledger(root).study(name).status()


@st.cache_resource(max_entries=16, show_spinner="Reading the results")
def _read(root: str, name: str, stamp: str) -> Reading:
    records = Ledger(root).study(name)
    own = records.results()
    return Reading(records, stamp, own, of_own_targets(pl.concat([own, published()])))


@st.cache_resource(max_entries=MOST_KEPT, show_spinner="Computing")
def _kept(key: tuple[Hashable, ...], _make: Callable[[], Made]) -> Made:  # noqa: ARG001 (what is kept is found by it)
    return _make()


def kept(key: tuple[Hashable, ...], make: Callable[[], Made]) -> Made:
    """What `make` gives, made once for equal keys and shared: not to be changed by who gets it.

    A key names what is made and all that it is made of (`Reading.key` for a study's results).
    """
    made: Made = _kept(key, make)
    return made
