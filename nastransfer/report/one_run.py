"""One run for people: what it is in a sentence, and its numbers with their meaning. Opens no file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from nastransfer.report.marks import Interval
from nastransfer.report.names import RANDOM, method_name, set_name, source_name
from nastransfer.report.text_table import TextTable
from nastransfer.report.times import duration
from nastransfer.space.genotype import Genotype
from nastransfer.study.frame import COLUMNS

CAPTION = "What came out"
DETAILS = "How it was computed"
HEADERS = ("what", "value", "meaning")
OF_ONE_NETWORK = (
    "The interval of top-1 (Wilson, 95%) says how far other test images would have moved the accuracy of this one "
    "network. Other seeds move it further: the intervals of tables and figures are about them."
)

_ORIGINS = {
    "linked": "Its numbers are those of another run of the study that depends on the very same things.",
    "repeat": "It is a further run of a task that was finished before; tables count the first one.",
}
_LABELS = {
    "top1_last": "top-1",
    "top1_best": "top-1, best epoch",
    "top5_last": "top-5",
    "n_train": "training images",
    "n_test": "test images",
    "macs": "multiply-adds",
    "params": "parameters",
    "seconds": "time",
    "seconds_weights": "- weights",
    "seconds_architecture": "- architecture",
    "seconds_scoring": "- scoring",
    "images_seen": "images seen, tests included",
    "search_macs": "multiply-adds in all",
    "peak_bytes": "peak memory",
    "collapsed_at": "collapsed at step",
    "arch_lr_factor": "learning rate factor",
    "entropy_start": "entropy before",
    "entropy_end": "entropy after",
    "bn_group": "batch-norm group",
    "preset_version": "version of settings",
}
_MEANINGS = {
    "digest": "identity of the architecture",
    "n_train": "that the network learnt from",
    "n_test": "that it was tested on",
}
# Asked for seldom: how it was computed, not what came out.
_APART = frozenset(
    {
        "seconds_weights",
        "seconds_architecture",
        "seconds_scoring",
        "arch_lr_factor",
        "bn_group",
        "precision",
        "preset_version",
        "device",
        "threads",
        "versions",
        "feeds",
    }
)


def run_title(row: Mapping[str, Any]) -> str:
    """`DARTS from cifar10, seed 4, on cifar10`: a run's name for a heading or link. `row`: of the results frame."""
    kind, seed = row.get("kind"), row.get("search_seed")
    source = source_name(row.get("source"), row.get("selection"))
    if kind == "proxy":
        return f"proxy {source}"
    numbered = "" if seed is None else f", seed {seed}" if row.get("source") else f" {seed}"
    found = f"{method_name(row.get('method'))}{f' from {source}' if row.get('source') else ''}{numbered}"
    return found if kind == "search" else f"{found}, on {set_name(row.get('target'))}"


def run_label(row: Mapping[str, Any]) -> str:
    """The same with what tells trainings of one genotype apart: `..., on cifar10, augment seed 2`."""
    seed = row.get("augment_seed")
    return run_title(row) if seed is None else f"{run_title(row)}, augment seed {seed}"


def run_in_words(row: Mapping[str, Any]) -> str:
    """What a run is, in sentences of plain text. `row`: columns of the results frame; what is missing is left out."""
    said = {"proxy": _proxy, "search": _search, "augment": _training}[row["kind"]](row)
    return " ".join(filter(None, [f"{said}.", _ORIGINS.get(row.get("origin") or "")]))


def run_table(row: Mapping[str, Any], finished_at: float | None = None) -> TextTable:
    """What came out, a line a number, with what it means. `finished_at`: seconds since 1970."""
    lines = _lines(row, [name for name in _SHOWN if name not in _APART])
    if finished_at is not None:
        at = datetime.fromtimestamp(finished_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
        lines.append(("finished", at, "when the result was written, by the clock of its machine"))
    interval = accuracy_interval(row.get("top1_last"), row.get("n_test"))
    return TextTable(CAPTION, HEADERS, lines, (OF_ONE_NETWORK,) if interval else ())


def details_table(row: Mapping[str, Any]) -> TextTable:
    """How it was computed: parts of the time, number format, machine and versions."""
    return TextTable(DETAILS, HEADERS, _lines(row, [name for name in _SHOWN if name in _APART]))


def _lines(row: Mapping[str, Any], names: Iterable[str]) -> list[tuple[str, str, str]]:
    shown = ((name, _SHOWN[name](row)) for name in names)
    return [
        (_LABELS.get(name, name), value, _MEANINGS.get(name) or COLUMNS[name][1])
        for name, value in shown
        if value is not None
    ]


def accuracy_interval(top1_percent: float | None, n_test: int | None) -> Interval | None:
    """Wilson's (1927) 95% interval of an accuracy measured on `n_test` images, in percent; None without either."""
    if top1_percent is None or not n_test:
        return None
    from scipy.stats import binomtest  # a second that the dashboard's start is spared

    right = min(max(round(top1_percent / 100 * n_test), 0), n_test)
    ends = binomtest(right, n_test).proportion_ci(method="wilson")
    return 100 * float(ends.low), 100 * float(ends.high)


def _proxy(row: Mapping[str, Any]) -> str:
    return f"Proxy of {source_name(row.get('source'), row.get('selection'))}{_size(row)}"


def _search(row: Mapping[str, Any]) -> str:
    seen = source_name(row.get("source"), row.get("selection"))
    preset = f" with preset {row['preset']}" if row.get("preset") else ""
    return f"Search by {method_name(row.get('method'))}{preset}{_seed(row, 'search')} on {seen}{_size(row)}"


def _training(row: Mapping[str, Any]) -> str:
    protocol = f" with protocol {row['protocol']}" if row.get("protocol") else ""
    where = f"on {set_name(row.get('target'))}{protocol}{_seed(row, 'augment')}"
    return f"Final training {_network(row)} {where}"


def _network(row: Mapping[str, Any]) -> str:
    method = row.get("method")
    if row.get("source"):
        preset = f" with preset {row['preset']}" if row.get("preset") else ""
        seen = source_name(row["source"], row.get("selection"))
        return f"of what {method_name(method)}{preset} found on {seen}{_seed(row, 'search')},"
    if method == RANDOM:
        return (
            "of a random genotype"
            if row.get("search_seed") is None
            else f"of random genotype {row['search_seed']}"
        )
    return f"of {method_name(method)}" if method else "of a network"


def _seed(row: Mapping[str, Any], what: str) -> str:
    seed = row.get(f"{what}_seed")
    return "" if seed is None else f" ({what} seed {seed})"


def _size(row: Mapping[str, Any]) -> str:
    images, classes = row.get("proxy_images"), row.get("proxy_classes")
    return "" if images is None or classes is None else f" ({images:,} images of {classes:,} classes)"


def _plain(name: str) -> Callable[[Mapping[str, Any]], str | None]:
    def show(row: Mapping[str, Any]) -> str | None:
        value = row.get(name)
        return None if value is None else str(value)

    return show


def _formed(name: str, form: str, scale: float = 1.0) -> Callable[[Mapping[str, Any]], str | None]:
    def show(row: Mapping[str, Any]) -> str | None:
        value = row.get(name)
        return None if value is None else form.format(value / scale if scale != 1.0 else value)

    return show


def _time(name: str) -> Callable[[Mapping[str, Any]], str | None]:
    def show(row: Mapping[str, Any]) -> str | None:
        value = row.get(name)
        return None if value is None else duration(value)

    return show


def _top1(row: Mapping[str, Any]) -> str | None:
    top1 = row.get("top1_last")
    if top1 is None:
        return None
    ends = accuracy_interval(top1, row.get("n_test"))
    return f"{top1:.2f}%" + (f" (95% interval {ends[0]:.2f} to {ends[1]:.2f})" if ends else "")


def _digest(row: Mapping[str, Any]) -> str | None:
    try:
        return Genotype.parse(row["genotype"]).digest
    except (KeyError, TypeError, ValueError):
        return None


def _listed(name: str) -> Callable[[Mapping[str, Any]], str | None]:
    def show(row: Mapping[str, Any]) -> str | None:
        value = row.get(name)
        return None if value is None else str(value).replace(",", ", ")

    return show


_SHOWN: dict[str, Callable[[Mapping[str, Any]], str | None]] = {
    "top1_last": _top1,
    "top1_best": _formed("top1_best", "{:.2f}%"),
    "top5_last": _formed("top5_last", "{:.2f}%"),
    "n_train": _formed("n_train", "{:,}"),
    "n_test": _formed("n_test", "{:,}"),
    "digest": _digest,
    "params": _formed("params", "{:,}"),
    "macs": _formed("macs", "{:,}"),
    "cells": _plain("cells"),
    "channels": _plain("channels"),
    "seconds": _time("seconds"),
    "seconds_weights": _time("seconds_weights"),
    "seconds_architecture": _time("seconds_architecture"),
    "seconds_scoring": _time("seconds_scoring"),
    "images_seen": _formed("images_seen", "{:,}"),
    "search_macs": _formed("search_macs", "{:.3g}"),
    "peak_bytes": _formed("peak_bytes", "{:,.0f} MB", 1e6),
    "entropy_start": _formed("entropy_start", "{:.3f}"),
    "entropy_end": _formed("entropy_end", "{:.3f}"),
    "collapsed_at": _plain("collapsed_at"),
    "arch_lr_factor": _formed("arch_lr_factor", "{:g}"),
    "bn_group": _plain("bn_group"),
    "precision": _plain("precision"),
    "preset_version": _plain("preset_version"),
    "device": _plain("device"),
    "threads": _plain("threads"),
    "versions": _listed("versions"),
    "commit": _plain("commit"),
    "feeds": _listed("feeds"),
}
