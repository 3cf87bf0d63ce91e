"""The RI table: which method, searched on what, beats random sampling on which target, by how much, and how sure.

It holds a study's own rows; what papers print of the same targets is in `nastransfer.report.published_ri`.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from nastransfer.report.arms import Arm, arms, known_arms
from nastransfer.report.counterparts import trained_once
from nastransfer.report.gaps import gaps
from nastransfer.report.markup import markdown_text
from nastransfer.report.names import RANDOM, listed, method_with, set_name, source_name
from nastransfer.report.ri_statistics import Beside, beside
from nastransfer.report.text_table import NONE, TextTable, footnotes, p_text
from nastransfer.stats.improvement import WELCH, relative_improvement
from nastransfer.stats.sample import sample

# name -> (type, meaning)
RI_COLUMNS: dict[str, tuple[pl.DataType, str]] = {
    "study": (pl.String(), "study"),
    "target": (pl.String(), "data set trained and tested on"),
    "protocol": (pl.String(), "named settings of the final training"),
    "method": (pl.String(), "search method"),
    "preset": (pl.String(), "settings of the search, where a study has several of a method"),
    "source": (pl.String(), "data set searched on"),
    "selection": (pl.String(), "how it was cut down; all: not at all"),
    "n_method": (pl.Int64(), "searches whose genotype was trained"),
    "n_random": (pl.Int64(), "random genotypes compared with"),
    "top1_mean": (pl.Float64(), "mean top-1 of the method, percent"),
    "top1_std": (pl.Float64(), "its standard deviation over searches (ddof 1)"),
    "random_mean": (pl.Float64(), "mean top-1 of random sampling, percent"),
    "random_std": (pl.Float64(), "its standard deviation over genotypes (ddof 1)"),
    "ri_percent": (pl.Float64(), "relative improvement over random sampling"),
    "ri_low": (pl.Float64(), "lower end of its 95% interval"),
    "ri_high": (pl.Float64(), "upper end"),
    "nested_low": (pl.Float64(), "lower end of its 95% interval by resampling searches and augment seeds"),
    "nested_high": (pl.Float64(), "upper end"),
    "p_value": (pl.Float64(), "two-sided permutation test of Welch's t against random sampling"),
    "p_holm": (pl.Float64(), "the same, Holm-corrected over the study's arms on the target"),
    "p_better": (pl.Float64(), "probability that a search's network beats a random one"),
    "p_better_low": (pl.Float64(), "lower end of its 95% interval"),
    "p_better_high": (pl.Float64(), "upper end"),
    "sign_depends": (pl.Boolean(), "whether RI's sign depends on which random runs are taken"),
    "note": (pl.String(), "why something is missing, and what was averaged or left out"),
}

HEADERS = (
    "target",
    "method",
    "searched on",
    "n",
    "top-1, %",
    "random, %",
    "RI, %",
    "95% interval, %",
    "p",
    "P(better)",
)
KEY = ("study", "target", "method", "preset", "source", "selection")
Key = tuple[str | None, ...]
CONFIDENCE = 0.95
CAPTION = "Relative improvement (RI) over random sampling"
_KNOWN_NOTE = "known network, trained beside; n are its augment seeds"
EMPTY = "Nothing to compare yet: no network that a search found has been trained on a target."


def ri_table(frame: pl.DataFrame) -> pl.DataFrame:
    """RI over random sampling of each method and source on each target; columns `RI_COLUMNS`.

    Random sampling of the same study, target, protocol and augment seeds is the baseline. Known networks trained beside
    come last; published rows are left out. An unfinished study gives what is there, and notes say what the rows lack
    beside others. `ValueError` for NaN and impossible accuracies, and for several protocols on one target.
    """
    found, missing = arms(frame), _trainings_finished(frame)
    collapsed = frame.filter(pl.col("collapsed_at").is_not_null(), kind="search")
    rows = [_own(arm, extra, collapsed, missing) for arm, extra in zip(found, beside(found), strict=True)]
    known = known_arms(frame)
    for arm, extra in zip(known, beside(known), strict=True):
        row = _own(arm, extra, collapsed, {})
        rows.append({**row, "note": "; ".join(filter(None, [_KNOWN_NOTE, row["note"]]))})
    return pl.DataFrame(rows, {name: dtype for name, (dtype, _) in RI_COLUMNS.items()})


def _own(arm: Arm, extra: Beside, collapsed: pl.DataFrame, missing: dict[Key, str]) -> dict[str, Any]:
    own, random = arm.accuracies, arm.random_accuracies
    summary = arm.summary
    row = {
        name: getattr(arm, name) for name in ("study", "target", "method", "preset", "source", "selection")
    }
    row |= {"protocol": arm.runs["protocol"][0]}
    row |= {"n_method": len(own), "n_random": len(random), "top1_mean": summary.mean, "top1_std": summary.std}
    notes = [*arm.notes, *_what_was_averaged(arm), *_what_collapsed(arm, collapsed)]
    notes += [missing[key] for key in (_key(arm), (arm.study, arm.target)) if key in missing]
    if random:
        baseline = sample("random sampling", random)
        found = relative_improvement(own, random, CONFIDENCE)
        row |= {"random_mean": baseline.mean, "random_std": baseline.std}
        row |= {"ri_percent": found.estimate, "ri_low": found.low, "ri_high": found.high}
        row |= _figures(extra)
        notes = [*filter(None, [found.reason, extra.warning]), *notes]
    else:
        seeds = listed(sorted(set(arm.runs["augment_seed"]), key=str))
        notes = [f"no random run with augment seed {seeds} is finished, so there is no RI", *notes]
    return {**row, "note": "; ".join(notes) or None}


def _figures(extra: Beside) -> dict[str, Any]:
    figures = {"p_value": extra.p_value, "p_holm": extra.p_holm, "sign_depends": extra.warning is not None}
    if extra.nested is not None:
        figures |= {"nested_low": extra.nested.low, "nested_high": extra.nested.high}
    if extra.better is not None:
        better = extra.better
        figures |= {"p_better": better.estimate, "p_better_low": better.low, "p_better_high": better.high}
    return figures


def _trainings_finished(frame: pl.DataFrame) -> dict[Key, str]:
    """How many trainings of an arm, or of a target's random sampling, are finished, where others have more."""
    said: dict[Key, str] = {}
    for row in gaps(frame).drop_nulls("target").iter_rows(named=True):
        finished = f"{row['finished']} of {row['expected']} trainings are finished"
        if row["method"] == RANDOM:
            said[row["study"], row["target"]] = f"random sampling: {finished}"
        else:
            said[tuple(row[name] for name in KEY)] = finished
    return said


def _key(arm: Arm) -> Key:
    return tuple(arm.all_runs[name][0] for name in KEY)


def _what_was_averaged(arm: Arm) -> list[str]:
    if trained_once(arm.runs).height == len(arm.accuracies):
        return []
    seeds = listed(sorted(set(arm.runs["augment_seed"]), key=str))
    return [f"each search's mean over augment seeds {seeds}"]


def _what_collapsed(arm: Arm, collapsed: pl.DataFrame) -> list[str]:
    """Which of the arm's searches had a step whose normal cell was at least half skip connections."""
    if collapsed.is_empty():
        return []
    same = ("study", "method", "preset", "source", "selection", "search_seed")
    own = collapsed.join(arm.runs.select(same).unique(), on=same, how="semi", nulls_equal=True)
    found = own.unique("search_seed").sort("search_seed")
    if found.is_empty():
        return []
    steps = listed(
        [f"{row['collapsed_at']} (seed {row['search_seed']})" for row in found.iter_rows(named=True)]
    )
    said = f"{found.height} of {arm.runs['search_seed'].n_unique()} searches collapsed into skip connections"
    return [f"{said}, first at step {steps}"]


def ri_layout(table: pl.DataFrame) -> TextTable:
    """The RI table in words, as pages, papers and terminals show it."""
    if table.is_empty():
        return TextTable(CAPTION, (), (), (EMPTY,))
    return TextTable(CAPTION, HEADERS, *_cells(table))


def ri_text(table: pl.DataFrame) -> str:
    """The RI table for a terminal."""
    return ri_layout(table).terminal()


def ri_html(table: pl.DataFrame) -> str:
    """The RI table as an HTML fragment that takes on the page's colours; narrow screens get a card a row."""
    return ri_layout(table).html()


def ri_markdown(table: pl.DataFrame) -> str:
    """The RI table in Markdown; names cannot break out of their cells."""
    if table.is_empty():
        return EMPTY
    lines, prose = _cells(table)
    ruled = [HEADERS, ("---",) * len(HEADERS), *([markdown_text(cell) for cell in line] for line in lines)]
    rows = ["| " + " | ".join(line) + " |" for line in ruled]
    return "\n".join([*rows, "", *(f"{markdown_text(text)}  " for text in prose)])


def legend(table: pl.DataFrame) -> str:
    """What the columns mean, in one paragraph."""
    said = ["RI: relative improvement of the mean top-1 accuracy over random sampling."]
    said.append("n: searches against random genotypes. ±: standard deviation (ddof 1).")
    if table["ri_low"].null_count() < table.height:
        said.append(f"Interval: {WELCH}.")
    if table["p_value"].null_count() < table.height:
        said.append(
            "p: permutation test of Welch's t, two-sided, Holm-corrected over a target's rows (known networks apart)."
        )
    if table["p_better"].null_count() < table.height:
        said.append("P(better): probability that a search's network beats a random one.")
    protocols = table["protocol"].drop_nulls().unique().sort().to_list()
    if protocols:
        said.append(f"Final training: {listed(protocols)}.")
    return " ".join(said)


def _cells(table: pl.DataFrame) -> tuple[list[tuple[str, ...]], list[str]]:
    """The table's cells as text, and the prose below: its legend and the notes to which last cells refer by number."""
    marks, notes = footnotes(table["note"])
    several = table["study"].n_unique() > 1
    lines: list[tuple[str, ...]] = []
    for row in table.iter_rows(named=True):
        interval = NONE if row["ri_low"] is None else f"{row['ri_low']:+.2f} to {row['ri_high']:+.2f}"
        lines.append(
            (
                set_name(row["target"]),
                method_with(row["method"], row["preset"], row["study"] if several else None),
                source_name(row["source"], row["selection"]),
                f"{row['n_method']} against {row['n_random']}",
                _mean(row["top1_mean"], row["top1_std"]),
                _mean(row["random_mean"], row["random_std"]),
                NONE if row["ri_percent"] is None else f"{row['ri_percent']:+.2f}",
                f"{interval}{marks[row['note']]}",
                p_text(row["p_holm"]),
                NONE if row["p_better"] is None else f"{row['p_better']:.2f}",
            )
        )
    return lines, [legend(table), *notes]


def _mean(mean: float | None, std: float | None) -> str:
    if mean is None:
        return NONE
    return f"{mean:.2f}" if std is None else f"{mean:.2f} ± {std:.2f}"
