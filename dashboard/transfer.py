"""Transfer vs direct: Figures 3 and 1 of the paper, for the study's own runs and for printed numbers."""

from __future__ import annotations

from functools import partial

import streamlit as st

from nastransfer.report.crosses_table import crossings, crossings_in_words
from nastransfer.report.every_table import laid_out, last_tables
from nastransfer.report.figures import FIGURES
from nastransfer.report.markup import markdown_text
from nastransfer.report.means_table import TRANSFER, means, means_layout
from parts.narrowing import narrowed_by_choice
from parts.picking import of_one_training, pick
from parts.reading import Reading, kept
from parts.showing import figure, heading, numbers_behind, refused_in_place

LEAD = (
    "Is it better to search on the **target** itself, or a proxy of it, than to **transfer** what was found on another "
    "set? Hollow marks and rows named *published* are numbers that papers print."
)


def main() -> None:
    """The page: what the comparisons show in words, then both figures with their numbers."""
    heading(
        "Transfer vs direct", LEAD, "transfer", "direct", "source", "target", "RI", "interval", "published"
    )
    reading = narrowed_by_choice(of_one_training(pick()))
    _in_words(reading)
    figure("transfer-versus-direct", FIGURES["transfer-versus-direct"].draw, reading)
    numbers_behind("transfer-against-direct", last_tables()["transfer-against-direct"], reading)
    figure("transfer-by-source", FIGURES["transfer-by-source"].draw, reading)
    only = partial(means, routes=(TRANSFER,))
    numbers_behind(
        "transfer-means", laid_out("transfer-means", "Transfer by source", only, means_layout), reading
    )


def _in_words(reading: Reading) -> None:
    with refused_in_place():
        said = kept(("crossings", *reading.key), lambda: crossings_in_words(crossings(reading.frame)))
        if said:
            st.info(markdown_text(said), icon=":material/summarize:")


main()
