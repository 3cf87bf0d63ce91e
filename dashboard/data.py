"""Data: the sets of the catalogue and their terms, one set or proxy with its classes, Table 1 of the paper."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import polars as pl
import streamlit as st

from nastransfer.data.dataset import Dataset
from nastransfer.data.datasets import datasets, open_dataset
from nastransfer.data.descriptors import describe
from nastransfer.data.manifest import PARTS, Manifest
from nastransfer.report.catalogue import catalogue_html
from nastransfer.report.curves import class_histogram
from nastransfer.report.descriptor_tables import descriptors_html, usable_in_words
from nastransfer.report.markup import markdown_text
from nastransfer.report.names import listed, set_name
from nastransfer.report.places import near_in
from nastransfer.report.proxy_figures import class_sizes, images_by_class, proxy_against_parent
from nastransfer.report.sheets import csv_text
from nastransfer.report.table1 import build_here, table_1, table_1_html, table_1_latex
from nastransfer.study.attempt import Attempt
from parts.one_run import attempt_of
from parts.picking import choice, pick
from parts.reading import Reading, kept
from parts.showing import RUNS_PAGE, downloads, heading, plot, refused_in_place

LEAD = (
    "The sets that this project knows, which of them are on this machine, and what the study's proxies hold."
)
SET_HELP = "Sets that are on this machine, and the proxies that the study has built."
PROXY = "proxy "
_FOR = "research, and are not to be passed on: see the terms above"


def main() -> None:
    """The catalogue, one set, Table 1."""
    heading("Data", LEAD, "source", "target", "proxy")
    reading = pick()
    # Counting the images of folders takes a while: it is done again when a set has come or gone.
    here = tuple(datasets(count=False).select("name", "form").iter_rows())
    catalogue = kept(("catalogue", here), _catalogue)
    st.markdown(_in_words(catalogue))
    with st.expander("All sets: images, terms, where they are looked for and how to get them"):
        st.html(catalogue_html(catalogue))
        downloads("data-sets", {"csv": partial(csv_text, catalogue)})
    st.header("One set or proxy")
    with refused_in_place():
        _one(reading, catalogue.filter(pl.col("present").fill_null(False)))
    st.header("Table 1 of the paper")
    _table_1(here)


def _catalogue() -> pl.DataFrame:
    return near_in(datasets(), Path.cwd(), Path.home())


def _in_words(catalogue: pl.DataFrame) -> str:
    """Which sets are here and which are not, in Markdown."""
    by_presence = catalogue.drop_nulls("present")
    said = []
    for present, words in ((True, "On this machine"), (False, "Not here")):
        names = by_presence.filter(present=present)["name"].to_list()
        said.append(f"**{words}**: {markdown_text(listed(list(map(set_name, names))) or 'none')}.")
    return "  \n".join(said)


def _one(reading: Reading, present: pl.DataFrame) -> None:
    """Classes, numbers and images of a set, or of a proxy as the study recorded it."""
    built = {_slug(run): run for run in reading.own.filter(kind="proxy")["run"]}
    used = {*reading.own["target"].drop_nulls(), *reading.own["source"].drop_nulls()}
    forms = dict(present.select("name", "form").iter_rows())
    ordered = sorted(forms, key=lambda name: name not in used)
    options = [*ordered, *(f"{PROXY}{slug}" for slug in built)]
    asked = choice("set", "Set or proxy", options, options[0], SET_HELP, said=_called)
    if asked.startswith(PROXY):
        _proxy(reading, built[asked.removeprefix(PROXY)])
    else:
        _set(asked, forms[asked])


def _slug(run: str) -> str:
    """`cifar100-c50-2` of `STUDY/proxy/cifar100-c50-2-ID/ATTEMPT`."""
    return run.split("/")[2].rpartition("-")[0]


def _called(option: str) -> str:
    return option if option.startswith(PROXY) else set_name(option)


def _set(name: str, form: str) -> None:
    opened = kept(("set", name, form), partial(open_dataset, name))
    manifest = opened.manifest
    counted = [f"{manifest.count(part):,} in {part}" for part in PARTS if manifest.count(part)]
    sizes = f"{len(opened.classes):,} classes; images: {', '.join(counted)}"
    st.markdown(
        f"**{markdown_text(set_name(name))}**: {markdown_text(opened.domain)}; {sizes}.  \n"
        f"Terms: {markdown_text(opened.terms)}"
    )
    if opened.notes:
        st.caption(markdown_text("; ".join(opened.notes)))
    _classes(manifest)
    st.html(descriptors_html({set_name(name): kept(("described", manifest.hash), partial(describe, opened))}))
    if st.toggle("Show images of some classes", key="images", bind="query-params"):
        _images(opened)


def _images(opened: Dataset) -> None:
    drawn = kept(("images", opened.manifest.hash), partial(images_by_class, opened))
    plot("images-by-class", drawn)
    if not opened.synthetic:
        st.caption(f"Photographs are shown for {_FOR}.")


def _classes(manifest: Manifest) -> None:
    drawn = kept(("class-sizes", manifest.hash), partial(class_sizes, manifest))
    plot("class-sizes", drawn, files={"csv": partial(csv_text, manifest.counts())})


def _proxy(reading: Reading, run: str) -> None:
    """A proxy's classes beside those of the set that it was drawn from, as far as they were recorded."""
    st.page_link(
        RUNS_PAGE,
        label="Its run",
        icon=":material/open_in_new:",
        query_params={"study": reading.name, "run": run},
    )
    attempt = attempt_of(reading.records, run)
    manifest = attempt.read_manifest() if attempt is not None else None
    if attempt is None or manifest is None:
        _without_manifest(attempt)
        return
    st.markdown(markdown_text(usable_in_words(manifest, attempt.read_frame("rejects"))))
    _classes(manifest)
    described = {"proxy": describe(manifest)}
    try:
        whole = open_dataset(manifest.dataset).manifest
    except ValueError:
        st.caption(
            f"{markdown_text(set_name(manifest.dataset))} itself is not on this machine to compare with."
        )
    else:
        compared = kept(
            ("against-parent", manifest.hash, whole.hash), partial(proxy_against_parent, manifest, whole)
        )
        plot("proxy-against-parent", compared)
        described = {"proxy": describe(manifest, whole), "whole set": describe(whole)}
    st.html(descriptors_html(described))


def _without_manifest(attempt: Attempt | None) -> None:
    classes = attempt.read_frame("classes") if attempt is not None else None
    if classes is None or classes.is_empty():
        st.info("Which images this proxy holds is not recorded here, or was not published with the study.")
        return
    plot("class-sizes", class_histogram(classes), files={"csv": partial(csv_text, classes)})


def _table_1(here: tuple[tuple[str, str], ...]) -> None:
    """Published sizes of sets and proxies beside those that can be built here: on demand, it takes some seconds."""
    st.markdown(
        "Every set and proxy of the paper: its published size, and what is built here by the same rule."
    )
    if not st.toggle("Build it (takes some seconds)", key="table1", bind="query-params"):
        return
    with refused_in_place():
        made = kept(("table-1", here), lambda: table_1(build_here()))
        st.html(table_1_html(made))
        downloads("table-1", {"csv": partial(csv_text, made), "tex": partial(table_1_latex, made)})


main()
