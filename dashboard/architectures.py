"""Architectures: the genotypes of the study by accuracy and size, two of them side by side, a map of all."""

from __future__ import annotations

from functools import partial

import polars as pl
import streamlit as st

from nastransfer.report.cells import draw_genotype
from nastransfer.report.figures import FIGURES, standalone_html
from nastransfer.report.genotypes_table import (
    EDGES_CAPTION,
    GENOTYPE_COLUMNS,
    SAME,
    TOP1,
    StudyGenotype,
    accuracy_table,
    distance_table,
    edges_table,
    genotype_table,
    study_genotypes,
)
from nastransfer.report.markup import markdown_text
from nastransfer.report.names import set_name
from nastransfer.report.sheets import csv_text
from nastransfer.space.genotype import Genotype
from nastransfer.space.known import KnownGenotype, known_genotypes
from nastransfer.space.picture import genotype_html
from parts.picking import choice, of_one_training, pick
from parts.reading import Reading, kept
from parts.showing import RUNS_PAGE, downloads, figure, heading, refused_in_place

LEAD = (
    "Which networks the study found or drew, how accurate and how large they are. Choose one or two rows to see them "
    "below, side by side."
)
FIRST, SECOND, PASTED = "genotype", "against", "pasted"
PASTE_HELP = "The text of the DARTS papers, flat or nested, or its JSON. It is parsed, not run."
CALLED = {"found": "found by", "params": "parameters", "macs": "multiply-adds"}
MOST_LETTERS = 4_000
MOST_RUNS = 4
Shown = StudyGenotype | KnownGenotype


def main() -> None:
    """The list, two genotypes, the map."""
    heading("Architectures", LEAD, "genotype", "cell", "multiply-adds", "random sampling", "top-1")
    reading = of_one_training(pick())
    with refused_in_place():
        found = kept(("study-genotypes", *reading.key), partial(study_genotypes, reading.own))
        table = kept(("genotype-table", *reading.key), partial(genotype_table, found))
        if found:
            _list(table)
        else:
            st.info("No genotype yet: the first one is listed when a search or a training has finished.")
        ordered = {digest: found[digest] for digest in table["digest"]}
        _compare(reading, {**ordered, **known_genotypes(), **_pasted()})
    st.header("Map")
    figure("genotype-map", FIGURES["genotype-map"].draw, reading)


def _list(table: pl.DataFrame) -> None:
    """All genotypes; the first two rows that are chosen become those below."""
    targets = {name: set_name(name.removeprefix(TOP1)) for name in table.columns if name.startswith(TOP1)}
    accuracies = {
        name: st.column_config.NumberColumn(f"top-1 on {called}, %", format="%.2f")
        for name, called in targets.items()
    }
    meanings = {
        name: st.column_config.NumberColumn(CALLED.get(name, name), help=meaning, format="localized")
        if dtype == pl.Int64()
        else st.column_config.Column(CALLED.get(name, name), help=meaning)
        for name, (dtype, meaning) in GENOTYPE_COLUMNS.items()
    }
    st.dataframe(
        table,
        key="genotypes",
        hide_index=True,
        on_select=partial(_chosen, table["digest"].to_list()),
        selection_mode="multi-row",
        column_config=meanings | accuracies,
        placeholder="",
        alt="The genotypes of the study, a row each, with accuracy on each target and size",
    )
    downloads("genotypes", {"csv": partial(csv_text, table)})


def _chosen(digests: list[str]) -> None:
    rows = st.session_state["genotypes"]["selection"]["rows"]
    for key, row in zip((FIRST, SECOND), rows, strict=False):
        st.session_state[key] = digests[row]


def _pasted() -> dict[str, Shown]:
    """A genotype that the visitor gives as text."""
    with st.expander("Draw a genotype of your own", expanded=PASTED in st.query_params):
        text = st.text_area(
            "Genotype(...) text",
            key=PASTED,
            max_chars=MOST_LETTERS,
            help=PASTE_HELP,
            bind="query-params",
            on_change=partial(st.session_state.__setitem__, FIRST, PASTED),
            placeholder="Genotype(normal=[[('sep_conv_3x3', 0), ('sep_conv_3x3', 1)], ...], ...)",
        )
        if not text:
            return {}
        try:
            return {PASTED: KnownGenotype("pasted", Genotype.parse(text), "pasted above", "")}
        except ValueError as error:
            st.error(markdown_text(str(error)))
            return {}


def _compare(reading: Reading, options: dict[str, Shown]) -> None:
    """Two genotypes side by side, and how they differ."""
    st.header("Two side by side")
    keys = list(options)
    sides = zip(st.columns(2), (FIRST, SECOND), ("Genotype", "Against"), (keys[0], _other(keys)), strict=True)
    shown = []
    for column, key, label, first in sides:
        with column:
            one = options[choice(key, label, keys, first, said=lambda option: options[option].name)]
            _draw(reading, one, key)
            shown.append(one)
    one, other = shown
    if one.genotype == other.genotype:
        st.info("These are the same genotype.")
        return
    st.html(distance_table(one.genotype, other.genotype).html())
    edges = edges_table(one.genotype, other.genotype, (one.name, other.name))
    same = sum(line[-1] == SAME for line in edges.lines)
    with st.expander(f"{EDGES_CAPTION}: {same} of 16 have the same operation in both"):
        st.html(edges.html())
        columns = ["cell", "edge", "first", "second", "in_common"]
        frame = pl.DataFrame(list(edges.lines), schema=columns, orient="row")
        downloads("edges", {"csv": partial(csv_text, frame)})


def _other(keys: list[str]) -> str:
    """The best known cell to compare with."""
    return "DARTS_V2" if keys[0] != "DARTS_V2" else keys[1]


def _draw(reading: Reading, one: Shown, key: str) -> None:
    """Cells, sizes, where it comes from, accuracies and runs."""
    st.html(genotype_html(one.genotype))
    page = partial(_page, one.genotype, one.name)
    downloads(f"{key}-{one.genotype.digest}", {"txt": partial(str, one.genotype), "html": page})
    if isinstance(one, KnownGenotype):
        st.caption(markdown_text(" · ".join(filter(None, [one.paper, one.source]))))
        return
    accuracies = accuracy_table(one)
    if accuracies.lines:
        st.html(accuracies.html())
    with st.container(horizontal=True):
        for row in one.trainings.head(MOST_RUNS).iter_rows(named=True):
            query = {"study": reading.name, "run": row["run"]}
            label = markdown_text(f"On {set_name(row['target'])}, augment seed {row['augment_seed']}")
            st.page_link(RUNS_PAGE, label=label, icon=":material/open_in_new:", query_params=query)


def _page(genotype: Genotype, name: str) -> str:
    return standalone_html(draw_genotype(genotype, name))


main()
