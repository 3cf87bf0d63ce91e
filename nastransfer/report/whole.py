"""The whole report of a study: one page for people who have nothing installed, and its tables and figures as files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import polars as pl
from plotly.offline import get_plotlyjs

from nastransfer.report import learning_figure
from nastransfer.report.against_random import against_random, against_random_layout
from nastransfer.report.arms import trainings
from nastransfer.report.audit.checks import audit, audit_html
from nastransfer.report.cells import draw_genotype
from nastransfer.report.claims.audit import claims_audit, claims_audit_html
from nastransfer.report.claims.shown import claim_rules_html, claims_html
from nastransfer.report.claims.table import claims
from nastransfer.report.decide import Decision, decision
from nastransfer.report.decide_text import decision_html
from nastransfer.report.figures import FIGURES, Entry
from nastransfer.report.learning_figure import learning_curves
from nastransfer.report.markup import html_table
from nastransfer.report.methods_alike import methods_alike, methods_alike_layout
from nastransfer.report.names import method_name, set_name
from nastransfer.report.page import Section, page
from nastransfer.report.paper_layout import paper_csv, paper_html, paper_latex
from nastransfer.report.paper_tables import TABLES
from nastransfer.report.parity import cards_html
from nastransfer.report.published_ri import published_ri, published_ri_layout
from nastransfer.report.sheets import csv_text
from nastransfer.report.tables import ri_layout, ri_table
from nastransfer.report.text_table import TextTable, tables_html, tables_latex
from nastransfer.report.times import search_times, times_html
from nastransfer.space.genotype import Genotype

_OWN = pl.col("origin") != "published"
_TRAINING = pl.col("kind") == "augment"
_RI, _PUBLISHED_RI = "relative-improvement", "published-relative-improvement"
_TESTED, _ALIKE = "tests-against-random", "methods-alike"
_PLOTLY = "plotly.min.js"
_MADE_ON = ("device", "threads", "precision", "commit", "versions")
_PUBLISHED = (
    "Numbers that papers print stand beside the study's own where they are of the same target, hollow in figures and "
    "named as published: they come without runs and without intervals."
)

_OVERSTATED = (
    "It is shown to be looked at: the highest of many noisy runs overstates its genotype, and picking one by its test "
    "accuracy is no result."
)


@dataclass(frozen=True)
class Beside:
    """What a study's folder knows besides the frame; empty where there is nothing but the frame.

    `histories`: run -> its history, for learning curves. `planned`: target -> trainings that the plan has on it.
    `tasks`: the plan's tasks, and how many of them are finished.
    """

    histories: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    planned: Mapping[str, int | None] = field(default_factory=dict)
    tasks: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class _Table:
    """A table of the report: made from the frame once, then shown on the page and written to files by their ending."""

    title: str
    make: Callable[[pl.DataFrame], Any]
    html: Callable[[Any], str]
    files: Mapping[str, Callable[[Any], str]]


def report_files(frame: pl.DataFrame, name: str, beside: Beside | None = None) -> dict[str, str]:
    """The report of the study `name` as texts by file name: `report.html`, `tables/*.csv|tex`, `figures/*.html`.

    The page holds all it needs; the figures share a file of plotly.js that lies beside them. `frame` holds the study's
    results and published rows; published trainings on other targets are left out. What cannot be said (of a target that
    was trained under several protocols, say) is explained in its place on the page, and is no file.
    """
    shown, beside = of_own_targets(frame), beside or Beside()
    sections: list[Section] = []
    files: dict[str, str] = {}
    drawn = {slug: _drawn(entry, shown) for slug, entry in FIGURES.items()}
    curves = partial(learning_curves, histories=beside.histories)
    drawn["learning-curves"] = _drawn(Entry(learning_figure.TITLE, curves), shown)
    tables = _tables(shown, beside.planned)
    for slug, table in tables.items():
        try:
            made = table.make(shown)
        except ValueError as error:
            sections.append(Section(table.title, (str(error),)))
        else:
            sections.append(Section(table.title, fragment=table.html(made)))
            files |= {f"tables/{slug}.{ending}": write(made) for ending, write in table.files.items()}
    first = 1 + list(tables).index(_ALIKE)
    ordered = [*sections[:first], *drawn.values(), *sections[first:], *_appendix(shown)]
    figures = {
        f"figures/{slug}.html": page(f"{name}: {section.title}", [replace(section, title="")], plotly=_PLOTLY)
        for slug, section in drawn.items()
    }
    return {
        "report.html": page(f"What the study {name} found", ordered, _about(shown, beside)),
        **files,
        **figures,
        f"figures/{_PLOTLY}": get_plotlyjs(),
    }


def of_own_targets(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame less published trainings on targets that the study itself does not train on."""
    own = set(frame.filter(_OWN & _TRAINING)["target"])
    return frame.filter(_OWN | ~_TRAINING | pl.col("target").is_in(own))


def targets_of(frame: pl.DataFrame) -> list[str]:
    """Names of the targets on which the study has finished a training, trainings that rank genotypes on a source apart.

    A target whose trainings do not go together (several protocols) is among them.
    """
    named = frame.filter(_OWN & _TRAINING)["target"].drop_nulls().unique().sort()
    return [target for target in named if _trained_on(frame.filter(target=target))]


def _trained_on(rows: pl.DataFrame) -> bool:
    try:
        return not trainings(rows).is_empty()
    except ValueError:
        return True


def _about(frame: pl.DataFrame, beside: Beside) -> tuple[str, ...]:
    own = frame.filter(_OWN)
    searches, trained = own.filter(kind="search").height, own.filter(_TRAINING)["top1_last"].count()
    said = f"{searches} searches and {trained} trainings are finished and shown here."
    tasks, finished = beside.tasks
    if finished < tasks:
        said += f" The study is unfinished: {finished} of the {tasks} tasks of its plan are done."
    return (said, _PUBLISHED)


def _appendix(frame: pl.DataFrame) -> list[Section]:
    made_on = frame.filter(_OWN).select(_MADE_ON).unique().sort(_MADE_ON)
    lines = [
        ["not recorded" if value is None else str(value) for value in row] for row in made_on.iter_rows()
    ]
    return [
        *_best_genotype(frame.filter(_OWN)),
        Section("The methods against their papers", fragment=cards_html(frame.filter(_OWN))),
        Section("How each claim is tested", fragment=claim_rules_html()),
        Section("The paper's claims against its own tables", fragment=claims_audit_html(claims_audit())),
        Section("The published numbers against each other", fragment=audit_html(audit())),
        Section("On what machine", fragment=html_table("Machines and versions", _MADE_ON, lines)),
    ]


def _best_genotype(own: pl.DataFrame) -> list[Section]:
    """The cells of the training that came out highest, for a look; nothing where no genotype can be read."""
    trained = own.filter(_TRAINING, pl.col("top1_last").is_not_nan(), pl.col("genotype").is_not_null())
    if trained.is_empty():
        return []
    best = trained.sort("top1_last", "run").row(-1, named=True)
    try:
        drawn = draw_genotype(Genotype.parse(best["genotype"]))
    except ValueError:
        return []
    said = f"{method_name(best['method'])}, {best['top1_last']:.2f}% on {set_name(best['target'])}: run {best['run']}."
    return [Section("The most accurate genotype", (said, _OVERSTATED), figure=drawn)]


def _tables(frame: pl.DataFrame, planned: Mapping[str, int | None]) -> dict[str, _Table]:
    """File name of each table to how it is made, in the order of the page; the decision comes first."""
    ri = _laid_out("Relative improvement over random sampling", _RI, ri_table, ri_layout)
    printed = _laid_out("Published RI on the same targets", _PUBLISHED_RI, published_ri, published_ri_layout)
    times = _Table("Search times", search_times, times_html, {"csv": csv_text})
    tested = _laid_out(
        "Methods against random, tested together", _TESTED, against_random, against_random_layout
    )
    alike = _laid_out("Do methods rank alike over proxies?", _ALIKE, methods_alike, methods_alike_layout)
    judged = _Table("The paper's claims", _own_claims, claims_html, {"csv": _claims_csv})
    decisions = {f"decision-{target}": _decision(target, planned.get(target)) for target in targets_of(frame)}
    papers = {f"table-{number}": _paper_table(number) for number in TABLES}
    first = {**decisions, _RI: ri, _PUBLISHED_RI: printed, _TESTED: tested, _ALIKE: alike}
    return {**first, **papers, "claims": judged, "search-times": times}


def _laid_out(
    title: str,
    slug: str,
    make: Callable[[pl.DataFrame], pl.DataFrame],
    layout: Callable[[pl.DataFrame], TextTable],
) -> _Table:
    """A frame with its words: the page and the LaTeX file have these, the CSV file has the frame."""

    def html(made: pl.DataFrame) -> str:
        return tables_html([layout(made)])

    def latex(made: pl.DataFrame) -> str:
        return tables_latex([layout(made)], slug)

    return _Table(title, make, html, {"csv": csv_text, "tex": latex})


def _own_claims(frame: pl.DataFrame) -> pl.DataFrame:
    return claims(frame.filter(_OWN))


def _claims_csv(table: pl.DataFrame) -> str:
    return csv_text(table.with_columns(pl.col("runs").list.join("; ")))


def _decision(target: str, planned: int | None) -> _Table:
    def make(frame: pl.DataFrame) -> Decision:
        return decision(frame.filter(_OWN), target, planned=planned)

    def write(made: Decision) -> str:
        return csv_text(made.rows)

    return _Table(f"What to use for {set_name(target)}", make, decision_html, {"csv": write})


def _paper_table(number: int) -> _Table:
    written = {"csv": paper_csv, "tex": paper_latex}
    return _Table(f"Table {number} of the paper", TABLES[number], paper_html, written)


def _drawn(entry: Entry, frame: pl.DataFrame) -> Section:
    """The figure below its title, or in its place why there is none."""
    try:
        figure = entry.draw(frame)
    except ValueError as error:
        return Section(entry.title, (str(error),))
    if not figure.data:
        return Section(entry.title, (figure.layout.meta["alt"],))
    # The section has the title; what follows in the figure's own says how to read it.
    below = (figure.layout.title.text or "").partition("<br>")[2]
    return Section(entry.title, figure=figure.update_layout(title_text=below))
