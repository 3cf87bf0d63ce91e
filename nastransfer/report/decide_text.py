"""The decision in words: the answer, what would settle it, and the arms; for terminals and pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from nastransfer.report.decide import Decision
from nastransfer.report.names import RANDOM, set_name
from nastransfer.report.text_table import TextTable, footnotes, paragraph
from nastransfer.report.times import duration
from nastransfer.stats.decision import ALIKE, RANDOM_ENOUGH, RECOMMENDED, SURE, Choice

HEADERS = ("pair", "n", "RI, %", "95% interval, %", "expected RI, %", "P(best)", "one search", "verdict")
MANY_RUNS = 50  # for each arm; no published comparison of search methods has as many
LEGEND = (
    "Expected RI: the measured one pulled towards the other arms' by as much as the runs' noise explains, with its 95% "
    "interval; unlike the measured RI it is not too large for the arm that came out best. P(best): probability that "
    "the arm's true mean is the highest. One search: median wall time and multiply-adds, its proxy included."
)
_MOST_NAMED = 4


def decision_in_words(decision: Decision) -> list[str]:
    """The answer first, then what follows from it and what is missing; a paragraph each, in plain text."""
    choice = decision.choice
    said = {RECOMMENDED: _recommended, RANDOM_ENOUGH: _random_enough, ALIKE: _alike}
    answer, *more = said.get(choice.verdict, _undecided)(decision)
    return [
        f"{set_name(decision.target)}: {answer}",
        *more,
        *filter(None, [decision.missing, decision.partial]),
    ]


def decision_text(decision: Decision) -> str:
    """The decision for a terminal: a paragraph for the answer, then one for each arm that may be best."""
    said = [paragraph(text) for text in decision_in_words(decision)]
    rows = decision.rows
    shown = rows.filter(pl.col("pair").is_in(decision.choice.best_set) | (pl.col("method") == RANDOM))
    arms = [paragraph(_in_a_line(row), further="    ") for row in shown.iter_rows(named=True)]
    if shown.height < rows.height:
        arms.append(f"and {rows.height - shown.height} more, which are not the best")
    return "\n".join([*said, "", *arms, "", paragraph(LEGEND)])


def decision_layout(decision: Decision) -> TextTable:
    """The table of arms, with the answer as its caption and what follows from it below."""
    answer, *more = decision_in_words(decision)
    marks, notes = footnotes(decision.rows["note"])
    lines = [_cells(row, marks[row["note"]]) for row in decision.rows.iter_rows(named=True)]
    return TextTable(answer, HEADERS, lines, (*more, *notes, LEGEND))


def decision_html(decision: Decision) -> str:
    """The same as an HTML fragment."""
    return decision_layout(decision).html()


def _recommended(decision: Decision) -> list[str]:
    choice = decision.choice
    assert choice.taken is not None
    best = decision.row(choice.taken)
    answer = f"use {choice.taken}. It is the best of {decision.rows.height} arms {_sure(best['p_best'])}."
    return [answer, f"{_gain(best)} {_cost(best)}"]


def _random_enough(decision: Decision) -> list[str]:
    choice = decision.choice
    answer = "random sampling is not beaten: use random sampling."
    gains = f"No search gains more than {choice.tolerance_percent:g}% over it"
    said = [answer, f"{gains} {_sure(choice.enough or 0.0)}."]
    searched = [row for row in decision.rows.iter_rows(named=True) if row["method"] != RANDOM]
    return [*said, *(f"The likeliest to: {row['pair']}. {_gain(row)}" for row in searched[:1])]


def _alike(decision: Decision) -> list[str]:
    choice = decision.choice
    cheapest = ", the cheapest of them" if choice.taken == choice.cheapest else ""
    answer = (
        f"use {choice.taken}{cheapest}. The best arms differ by no more than {choice.tolerance_percent:g}%."
    )
    return [answer, f"They are {_named(choice.best_set)}.", *([] if cheapest else _not_compared(decision))]


def _undecided(decision: Decision) -> list[str]:
    choice = decision.choice
    if choice.reason is not None:
        return [f"undecided. {choice.reason[0].upper()}{choice.reason[1:]}.", *_tie_break(decision)]
    answer = f"undecided between {_named(choice.best_set)}: one of them is the best {_sure(SURE)}."
    return [answer, _random_among(decision), _runs(decision), *_tie_break(decision)]


def _random_among(decision: Decision) -> str:
    among = [name for name in decision.choice.best_set if decision.row(name)["method"] == RANDOM]
    if among:
        return "Random sampling is among them: no search is shown to be worth its cost."
    return "Random sampling is not among them."


def _runs(decision: Decision) -> str:
    """How many runs would decide, how many there are, and whether they are worth it."""
    choice = decision.choice
    if choice.runs_needed is None:
        return "No difference is expected between them, and without a tolerance no number of runs shows that."
    fewest, most = min(decision.rows["n"]), max(decision.rows["n"])
    there = f"now {fewest}" if fewest == most else f"now {fewest} to {most}"
    said = f"It would take about {' and about '.join(_settled(choice))} ({there})."
    return f"{said} That is more than it is worth." if choice.runs_needed > MANY_RUNS else said


def _settled(choice: Choice) -> list[str]:
    """How many runs an arm settle what."""
    needed: dict[bool, list[int]] = {True: [], False: []}
    for name, chance in choice.chances.items():
        if chance.runs_needed is not None:
            needed[name in choice.near].append(chance.runs_needed)
    margin = f"{choice.tolerance_percent:g}%"
    purposes = {
        False: f"tell {choice.leader} from those expected more than {margin} below it",
        True: f"show whether those expected closer to {choice.leader} are within {margin} of it",
    }
    return [
        f"{max(needed[near]):,} runs an arm to {purpose}"
        for near, purpose in purposes.items()
        if needed[near]
    ]


def _tie_break(decision: Decision) -> list[str]:
    """What to use until it is decided."""
    choice = decision.choice
    if not choice.near or len(choice.chances) < 2:
        return []
    if len(choice.near) == 1:
        return [f"As far as seen, {choice.leader} is ahead{_better(decision, choice.leader)}."]
    if choice.cheapest is None:
        return _not_compared(decision)
    tie = "the cheapest of those seen alike, as a tie-break by cost and not by accuracy"
    return [f"Until then, {tie}: {choice.cheapest}{_better(decision, choice.cheapest)}."]


def _not_compared(decision: Decision) -> list[str]:
    return [f"Which of the searches is cheaper is not known: {decision.incomparable}."]


def _better(decision: Decision, name: str | None) -> str:
    probability = decision.choice.chances[name].p_gain if name is not None else None
    return "" if probability is None else f" (better than random sampling {_sure(probability)})"


def _named(names: Sequence[str]) -> str:
    """`a; b and c`, whose names have commas of their own; the first few of many."""
    shown = list(names[:_MOST_NAMED])
    if len(names) > _MOST_NAMED:
        return f"{len(names)} arms, first of them {'; '.join(shown)}"
    return " and ".join(filter(None, ["; ".join(shown[:-1]), shown[-1]]))


def _sure(probability: float) -> str:
    """A probability never said to be certain: it comes from draws."""
    return f"with {min(100.0 * probability, 99.9):.3g}% probability"


def _chance(probability: float | None) -> str:
    if probability is None:
        return "unknown"
    return ">99%" if probability > 0.995 else "<1%" if probability < 0.005 else f"{probability:.0%}"


def _gain(row: dict[str, Any]) -> str:
    expected, low, high = row["expected_ri_percent"], row["expected_low"], row["expected_high"]
    measured = f"{row['ri_percent']:+.2f}% as measured" if row["ri_percent"] is not None else "not measured"
    return (
        f"Expected gain over random sampling {expected:+.2f}% (95%: {low:+.2f} to {high:+.2f}), {measured}."
    )


def _cost(row: dict[str, Any]) -> str:
    cost = _search_cost(row)
    return f"One search took {cost}." if cost != "not recorded" else "What a search cost was not recorded."


def _search_cost(row: dict[str, Any], unit: str = " multiply-adds") -> str:
    """Time and multiply-adds; the latter without `unit` where room is short and a legend says what they are."""
    if row["method"] == RANDOM:
        return "none"
    seconds, macs = row["search_seconds"], row["search_macs"]
    said = [
        duration(seconds) if seconds is not None else "",
        f"{macs:.1e}{unit}" if macs is not None else "",
    ]
    return ", ".join(filter(None, said)) or "not recorded"


def _cells(row: dict[str, Any], mark: str = "") -> tuple[str, ...]:
    """The row under `HEADERS`."""
    verdict = f"{row['verdict']}, cheapest" if row["tie_break"] else row["verdict"]
    expected = [_signed(row["expected_ri_percent"])]
    if row["expected_low"] is not None:
        expected.append(f"({_interval(row['expected_low'], row['expected_high'])})")
    return (
        row["pair"],
        str(row["n"]),
        _signed(row["ri_percent"]),
        _interval(row["ri_low"], row["ri_high"]),
        " ".join(expected),
        _chance(row["p_best"]),
        _search_cost(row, unit=""),
        f"{verdict}{mark}",
    )


def _in_a_line(row: dict[str, Any]) -> str:
    pair, n, ri, interval, expected, p_best, _, verdict = _cells(row)
    measured = f"RI {ri}% ({interval})" if interval != "none" else f"RI {ri}%"
    said = [
        f"n {n}",
        measured,
        f"expected {expected}",
        f"P(best) {p_best}",
        f"one search {_search_cost(row)}",
    ]
    told = "; ".join(part for part in said if "none" not in part)
    note = f" ({row['note']})" if row["note"] is not None else ""
    return f"{pair}: {verdict}; {told}{note}"


def _signed(percent: float | None) -> str:
    return "none" if percent is None else f"{percent:+.2f}"


def _interval(low: float | None, high: float | None) -> str:
    return "none" if low is None else f"{low:+.2f} to {high:+.2f}"
