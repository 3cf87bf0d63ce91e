"""Random sampling: Figure 4 of the paper, headroom, variance components, and the random genotypes one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
import streamlit as st

from nastransfer.report.cells import draw_genotype
from nastransfer.report.every_table import last_tables
from nastransfer.report.figures import FIGURES
from nastransfer.report.markup import html_table, markdown_text
from nastransfer.report.names import set_name
from nastransfer.report.random_table import random_genotypes, spreads_in_words
from nastransfer.space.genotype import Genotype
from parts.picking import choice, of_one_training, pick
from parts.reading import Reading, kept
from parts.showing import RUNS_PAGE, figure, heading, plot, refused_in_place, table

LEAD = (
    "How much do networks drawn **at random** from the search space differ? Where they lie close together a search "
    "has little to choose from. The best one drawn, less what luck gave it, shows what there is to gain."
)
TARGET_HELP = "The set by whose accuracies the genotypes are sorted."
GENOTYPE_HELP = "Random genotypes of the study, the most accurate on that target first."
CAUTION = (
    "The most accurate of many noisy runs owes its place to luck in part; see *by chance* in the table above."
)
HEADERS = ("target", "top-1, %", "trainings", "place", "parameters", "multiply-adds")


def main() -> None:
    """The page: the spread on each target, what it is made of, then one genotype at a time."""
    terms = ("random sampling", "genotype", "target", "headroom", "interval", "multiply-adds", "published")
    heading("Random sampling", LEAD, *terms)
    reading = of_one_training(pick())
    with refused_in_place():
        said = kept(("spreads", *reading.key), lambda: spreads_in_words(reading.own))
        if said:
            st.info(markdown_text(said), icon=":material/summarize:")
    figure("spread-of-random", FIGURES["spread-of-random"].draw, reading)
    table("random-by-target", last_tables()["random-by-target"], reading)
    figure("variance-components", FIGURES["variance-components"].draw, reading)
    st.header("One genotype at a time")
    with refused_in_place():
        _explore(reading, kept(("genotypes", *reading.key), lambda: random_genotypes(reading.own)))


def _explore(reading: Reading, drawn: pl.DataFrame) -> None:
    """Pick a genotype by its place on a target; its cells, its numbers on every target, its runs."""
    if drawn.is_empty():
        st.info("No random genotype has been trained on a target yet: the first one shows here.")
        return
    targets = drawn["target"].unique().sort().to_list()
    first, second = st.columns(2)
    with first:
        target = choice("target", "Sorted by accuracy on", targets, targets[0], TARGET_HELP, set_name)
    by_draw = {str(row["draw"]): row for row in drawn.filter(target=target).iter_rows(named=True)}

    def called(draw: str) -> str:
        row = by_draw[draw]
        return f"{row['rank']} of {row['genotypes']}: draw {draw}, {row['top1']:.2f}%"

    with second:
        draws = list(by_draw)
        picked = by_draw[choice("draw", "Genotype", draws, draws[0], GENOTYPE_HELP, called)]
    st.caption(CAUTION)
    same = drawn.filter(genotype=picked["genotype"]).sort("target")
    st.html(html_table("On each target", HEADERS, map(_line, same.iter_rows(named=True))))
    _cells(picked)
    with st.container(horizontal=True):
        for row in same.iter_rows(named=True):
            for place, run in enumerate(row["runs"], 1):
                label = markdown_text(f"Run {place} on {set_name(row['target'])}")
                address = {"study": reading.name, "run": run}
                st.page_link(RUNS_PAGE, label=label, icon=":material/open_in_new:", query_params=address)


def _cells(picked: Mapping[str, Any]) -> None:
    try:
        genotype = Genotype.parse(picked["genotype"])
    except ValueError as error:
        st.warning(markdown_text(f"The cells cannot be drawn: {error}"))
        return
    plot("random-genotype", draw_genotype(genotype, f"Random genotype, draw {picked['draw']}"))
    st.code(picked["genotype"], language=None, wrap_lines=True)


def _line(row: Mapping[str, Any]) -> list[str]:
    return [
        set_name(row["target"]),
        f"{row['top1']:.2f}",
        str(row["trainings"]),
        f"{row['rank']} of {row['genotypes']}",
        "not recorded" if row["params"] is None else f"{row['params']:,}",
        "not recorded" if row["macs"] is None else f"{row['macs']:,}",
    ]


main()
