"""RI: Table 2 of the paper as a heat map with intervals, every run behind it, and what hangs on the baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import polars as pl
import streamlit as st

from nastransfer.report.baselines_table import (
    CHOICES,
    MEANINGS,
    ri_by_baseline,
    what_depends,
)
from nastransfer.report.every_table import OWN, Table, first_tables, last_tables
from nastransfer.report.figures import FIGURES
from nastransfer.report.markup import markdown_text
from nastransfer.report.ri_map_figure import ri_map
from nastransfer.study.published import published
from parts.picking import of_one_training, pick
from parts.reading import Reading, kept
from parts.showing import figure, heading, refused_in_place, table

LEAD = (
    "Does a search find better networks than **drawing them at random** from the same space? RI says by how many "
    "percent; where its interval holds 0, the runs cannot tell."
)
BOTH, OWN_ONLY, PUBLISHED_ONLY = "both", "own", "published"
NUMBERS = {name: name for name in (BOTH, OWN_ONLY, PUBLISHED_ONLY)}
OF_OWN_RUNS = ("relative-improvement", "ri-by-baseline", "tests-against-random", "methods-alike")
NUMBERS_HELP = (
    "own: the study's runs. published: all that papers print, also of targets that the study has not."
)
BASELINE_HELP = "Which random runs an RI compares with. " + " ".join(
    f"**{CHOICES[choice]}**: {said}." for choice, said in MEANINGS.items()
)


def main() -> None:
    """The page: the map by the chosen baseline, a warning where that choice matters, then all the numbers."""
    terms = ("RI", "random sampling", "interval", "n", "published", "source", "target")
    heading("Relative improvement (RI)", LEAD, *terms)
    whole = of_one_training(pick())
    numbers = _switch("numbers", "Numbers", NUMBERS, NUMBERS_HELP)
    baseline = _switch("baseline", "Random runs compared with", CHOICES, BASELINE_HELP)
    reading = _of(whole, numbers)
    if numbers != PUBLISHED_ONLY:
        _warn(reading)
    figure("ri-map", partial(ri_map, baseline=baseline), reading, baseline)
    figure("accuracy-by-method", FIGURES["accuracy-by-method"].draw, reading)
    for slug, one in _tables(numbers).items():
        with st.expander(one.title, icon=":material/table_chart:"):
            table(slug, one, reading)


def _switch(key: str, label: str, options: Mapping[str, str], tooltip: str) -> str:
    """What is chosen of `options` (value to its name), the first where nobody has chosen; it stands in the address."""
    first = next(iter(options))
    called = options.__getitem__
    chosen = st.segmented_control(
        label,
        options,
        default=first,
        required=True,
        key=key,
        format_func=called,
        help=tooltip,
        bind="query-params",
    )
    return str(chosen)


def _tables(numbers: str) -> dict[str, Table]:
    """Slug to table: those of the numbers that are shown."""
    first, printed = first_tables([], {}), last_tables()["table-2"]
    found = {"table-2": printed}
    if numbers != PUBLISHED_ONLY:
        found = {slug: first[slug] for slug in OF_OWN_RUNS} | found
    if numbers == BOTH:
        found["published-relative-improvement"] = first["published-relative-improvement"]
    return found


def _of(reading: Reading, numbers: str) -> Reading:
    """The study's own numbers, all published ones, or both as far as they are of the study's targets."""
    if numbers == PUBLISHED_ONLY:
        nothing = reading.own.clear()
        return replace(
            reading, stamp=f"{reading.stamp} {numbers}", own=nothing, frame=pl.concat([nothing, published()])
        )
    return reading.narrowed(OWN, numbers) if numbers == OWN_ONLY else reading


def _warn(reading: Reading) -> None:
    """Where the sign of an RI, or an interval about 0, hangs on the random runs compared with."""
    with refused_in_place():
        said = kept(("depends", *reading.key), lambda: what_depends(ri_by_baseline(reading.frame)))
        if said:
            st.warning(markdown_text(" ".join(said)), icon=":material/warning:")


main()
