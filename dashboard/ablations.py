"""Ablations: Tables 3 and 4 of the paper and the tricks of the final training, for the study's own runs."""

from __future__ import annotations

import streamlit as st

from nastransfer.report.every_table import last_tables
from nastransfer.report.figures import FIGURES
from parts.picking import of_one_training, pick
from parts.showing import figure, heading, table

LEAD = (
    "What the final training changes: the **number of cells**, **tricks** (drop path, an auxiliary head, cutout) and "
    "its **seed**, one at a time. Cells that say *published* hold numbers that the paper prints."
)

PAPERS = {
    "table-4": "Top-1 by number of cells: Table 4 of the paper",
    "table-3": "Top-1 by seed: Table 3 of the paper",
}


def main() -> None:
    """The page: depth, tricks, seeds."""
    heading("Ablations", LEAD, "cell", "tricks", "protocol", "augmentation", "interval", "published")
    reading = of_one_training(pick())
    tables = last_tables()
    figure("accuracy-by-cells", FIGURES["accuracy-by-cells"].draw, reading)
    table("tricks", tables["tricks"], reading)
    for slug, name in PAPERS.items():
        with st.expander(name, icon=":material/table_chart:"):
            table(slug, tables[slug], reading)


main()
