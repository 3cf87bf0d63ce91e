"""Tables 2, 3 and 4 of NASTransfer from any study's results: own number, published number, difference, cell by cell.

A frame has a row for each cell of a table; `nastransfer.report.paper_layout` draws it in the paper's shape. Published
numbers are those of the frame's published rows: one each, without runs or interval. Table 1 is in
`nastransfer.report.table1`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from nastransfer.report.arms import Arm, arms, by_cells, trainings
from nastransfer.report.audit.derived import NASTRANSFER
from nastransfer.report.counterparts import per_search
from nastransfer.report.gaps import gaps, gaps_in_words, gaps_of
from nastransfer.report.names import RANDOM, listed, set_name, source_name
from nastransfer.stats.improvement import WELCH, relative_improvement
from nastransfer.stats.sample import sample

# name -> (type, meaning)
CELL_COLUMNS: dict[str, tuple[pl.DataType, str]] = {
    "study": (pl.String(), "own study; null where no own run is in the cell"),
    "target": (pl.String(), "data set trained and tested on"),
    "method": (pl.String(), "search method; random for random sampling"),
    "preset": (pl.String(), "settings of the search, where a study has several of a method"),
    "source": (pl.String(), "data set searched on; null for random sampling"),
    "selection": (pl.String(), "how it was cut down; all: not at all"),
    "column": (pl.String(), "column of the table, in words"),
    "own": (pl.Float64(), "own value, percent: RI (Table 2) or mean top-1 (Tables 3 and 4)"),
    "own_std": (pl.Float64(), "its standard deviation over searches (ddof 1)"),
    "own_low": (pl.Float64(), "lower end of its 95% interval"),
    "own_high": (pl.Float64(), "upper end"),
    "n": (pl.Int64(), "searches (or random genotypes) that it is of"),
    "n_random": (pl.Int64(), "random genotypes compared with (Table 2)"),
    "published": (pl.Float64(), "the number in print"),
    "difference": (pl.Float64(), "own less published, points"),
    "note": (pl.String(), "why something of the own value is missing"),
}
SCHEMA = {name: dtype for name, (dtype, _) in CELL_COLUMNS.items()}
# As the papers print them; own methods follow, random sampling comes last.
METHOD_ORDER = ("nsganet", "enas", "darts2", "nao", "darts1")

_CELL = ("target", "method", "source", "selection", "column")
_ARM = ("study", "target", "method", "preset", "source", "selection")
_ROWS = ("target", "method", "source")
_T = "Student's t of the mean"
_SIDES = "Published: as printed, without n or interval. Diff.: own less published, in points."


@dataclass(frozen=True)
class PaperTable:
    """A table in the paper's shape. `cells` has the columns `CELL_COLUMNS`; `rows` names those that tell rows apart.

    `columns` are the values of `column` from left to right; `legend` says what a cell holds, `missing` which of the
    study's trainings are not finished (empty: none that its results hint at).
    """

    number: int
    caption: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: pl.DataFrame
    legend: str
    missing: str


def table_2(frame: pl.DataFrame) -> PaperTable:
    """RI over random sampling: methods down, source -> target across; direct searches of the study stand there too.

    The paper's columns come first, where the frame has published rows. `ValueError` as `arms.trainings` says.
    """
    own = [_ri_cell(arm) for arm in arms(frame)]
    own.sort(key=lambda cell: tuple(map(str, (cell["target"], cell["source"], cell["selection"]))))
    printed = [_printed_cell(row, _route(row), "ri_percent") for row in _in_print(frame, "table 2")]
    legend = (
        "RI: relative improvement of the mean top-1 over random sampling, percent. ±: standard deviation (ddof 1) of "
        f"the searches' RI against the mean of random sampling. Interval: 95%, {WELCH}. n: searches against random "
        f"genotypes. {_sides(trainings(frame))}"
    )
    columns = tuple(dict.fromkeys(cell["column"] for cell in [*printed, *own]))
    cells, missing = _joined(own, printed), gaps_in_words(gaps(frame))
    return PaperTable(2, "RI by method, source and target", ("method",), columns, cells, legend, missing)


def table_3(frame: pl.DataFrame) -> PaperTable:
    """Top-1 by augment seed: target, method and source down, seeds across. `ValueError` as `arms.trainings` says."""
    trained = trainings(frame)
    own = [
        _accuracy_cell(key, runs, f"seed {key[-1]}")
        for key, runs in _told_apart(trained).group_by(*_ARM, "augment_seed", maintain_order=True)
    ]
    printed = [
        _printed_cell(row, f"seed {row['augment_seed']}", "top1_last") for row in _in_print(frame, "table 3")
    ]
    legend = _accuracy_legend("searches or random genotypes trained with the seed", trained)
    cells, missing = _joined(own, printed), gaps_in_words(gaps(frame))
    return PaperTable(3, "Top-1 by augment seed", _ROWS, _by_number(cells), cells, legend, missing)


def table_4(frame: pl.DataFrame) -> PaperTable:
    """Top-1 by number of cells: target, method and source down, cells across.

    Trainings that feed an ablation count here. `ValueError` for accuracies that are none, and where the trainings on a
    target differ in more than their cells.
    """
    depths = by_cells(frame)
    trained = _told_apart(pl.concat([frame.clear(), *depths.values()]))
    own = [
        _accuracy_cell(key, runs, f"{key[-1]} cells")
        for key, runs in trained.group_by(*_ARM, "cells", maintain_order=True)
    ]
    printed = [
        _printed_cell(row, f"{row['cells']} cells", "top1_last") for row in _in_print(frame, "table 4")
    ]
    legend = _accuracy_legend("searches or random genotypes, each by its mean over augment seeds", trained)
    cells = _joined(own, printed)
    missing = [
        f"With {depth} cells: {said}"
        for depth, runs in depths.items()
        if (said := gaps_in_words(gaps_of(runs, frame.clear())))
    ]
    return PaperTable(
        4, "Top-1 by number of cells", _ROWS, _by_number(cells), cells, legend, " ".join(missing)
    )


TABLES: dict[int, Callable[[pl.DataFrame], PaperTable]] = {2: table_2, 3: table_3, 4: table_4}


def _joined(own: Sequence[dict[str, Any]], printed: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Own and printed cells side by side, rows in the papers' order of methods."""
    mine = pl.DataFrame(own, SCHEMA).drop("published", "difference")
    theirs = pl.DataFrame(printed, SCHEMA).select(*_CELL, "published")
    cells = mine.join(theirs, on=list(_CELL), how="full", nulls_equal=True, coalesce=True)
    cells = cells.with_columns(difference=pl.col("own") - pl.col("published")).select(*SCHEMA)
    ranks = {method: rank for rank, method in enumerate(METHOD_ORDER)}
    others = {method: len(ranks) + (method == RANDOM) for method in set(cells["method"]) - set(ranks)}
    rank = pl.col("method").replace_strict({**ranks, **others}, return_dtype=pl.Int64)
    return cells.sort("target", rank, "method", "source", "selection", "preset", "study", nulls_last=True)


def _by_number(cells: pl.DataFrame) -> tuple[str, ...]:
    """The columns by the number in their name: `8 cells` before `20 cells`."""
    return tuple(sorted(set(cells["column"]), key=lambda column: int(re.sub(r"\D", "", column) or -1)))


def _ri_cell(arm: Arm) -> dict[str, Any]:
    about = {name: getattr(arm, name) for name in _ARM}
    values, random = arm.accuracies, arm.random_accuracies
    cell = {**about, "column": _route(about), "n": len(values), "n_random": len(random)}
    if not random:
        seeds = listed(sorted(set(arm.runs["augment_seed"]), key=str))
        return {**cell, "note": f"no random run with augment seed {seeds} is finished, so there is no RI"}
    found = relative_improvement(values, random)
    std, mean = arm.summary.std, sample("random sampling", random).mean
    ends = {"own": found.estimate, "own_low": found.low, "own_high": found.high, "note": found.reason}
    return {**cell, **ends, "own_std": None if std is None else 100 * std / mean}


def _accuracy_cell(key: Sequence[Any], runs: pl.DataFrame, column: str) -> dict[str, Any]:
    about = dict(zip(_ARM, key, strict=False))
    found = sample(str(about["method"]), per_search(runs))
    low, high = found.mean_interval() or (None, None)
    note = (
        None
        if low is not None
        else "one run has no interval"
        if found.n == 1
        else "all runs are equal: no interval"
    )
    value = {"own": found.mean, "own_std": found.std, "own_low": low, "own_high": high, "n": found.n}
    return {**about, "column": column, **value, "note": note}


def _printed_cell(row: dict[str, Any], column: str, quantity: str) -> dict[str, Any]:
    return {
        **{name: row[name] for name in _CELL if name != "column"},
        "column": column,
        "published": row[quantity],
    }


def _in_print(frame: pl.DataFrame, table: str) -> list[dict[str, Any]]:
    """Published rows of one of NASTransfer's tables."""
    return frame.filter(origin="published", study=NASTRANSFER, feeds=table).to_dicts()


def _told_apart(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows whose preset is null unless the study has several of the method."""
    several = pl.col("preset").n_unique().over("study", "method") > 1
    return rows.with_columns(preset=pl.when(several).then("preset"))


def _route(row: dict[str, Any]) -> str:
    return f"{source_name(row['source'], row['selection'])} → {set_name(row['target'])}"


def _accuracy_legend(n: str, trained: pl.DataFrame) -> str:
    said = f"Mean top-1 after the last epoch, percent. ±: standard deviation (ddof 1). Interval: 95%, {_T}. n: {n}."
    return f"{said} {_sides(trained)}"


def _sides(trained: pl.DataFrame) -> str:
    """What the published number and the difference are, and under which protocols the own runs were trained."""
    protocols = trained["protocol"].drop_nulls().unique().sort().to_list()
    own = (
        f" Own final training: {listed(protocols)}, which is not the paper's unless it says so."
        if protocols
        else ""
    )
    return f"{_SIDES}{own}"
