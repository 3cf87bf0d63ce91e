"""The whole report of a study: one page for people who have nothing installed, and its tables and figures as files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import polars as pl
from plotly.offline import get_plotlyjs

from nastransfer.report import learning_figure
from nastransfer.report.arms import trainings
from nastransfer.report.cells import draw_genotype
from nastransfer.report.claims.shown import claim_rules_html
from nastransfer.report.every_table import OWN, Table, first_tables, last_tables
from nastransfer.report.figures import FIGURES, Entry
from nastransfer.report.learning_figure import learning_curves
from nastransfer.report.markup import html_table
from nastransfer.report.names import method_name, set_name
from nastransfer.report.page import Section, page
from nastransfer.report.parity import cards_html
from nastransfer.report.price import COMPARED_CAPTION, compared_layout
from nastransfer.space.genotype import Genotype

_TRAINING = pl.col("kind") == "augment"
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
    `tasks`: the plan's tasks, and how many of them are finished. `compared`: predicted against actual hours.
    """

    histories: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    planned: Mapping[str, int | None] = field(default_factory=dict)
    tasks: tuple[int, int] = (0, 0)
    compared: pl.DataFrame = field(default_factory=pl.DataFrame)


def report_files(frame: pl.DataFrame, name: str, beside: Beside | None = None) -> dict[str, str]:
    """The report of the study `name` as texts by file name: `report.html`, `tables/*.csv|tex`, `figures/*.html`.

    The page holds all it needs; the figures share a file of plotly.js that lies beside them. `frame` holds the study's
    results and published rows; published trainings on other targets are left out. What cannot be said (of a target that
    was trained under several protocols, say) is explained in its place on the page, and is no file.
    """
    shown, beside = of_own_targets(frame), beside or Beside()
    drawn = {slug: _drawn(entry, shown) for slug, entry in FIGURES.items()}
    curves = partial(learning_curves, histories=beside.histories)
    drawn["learning-curves"] = _drawn(Entry(learning_figure.TITLE, curves), shown)
    first, written = _made(first_tables(targets_of(shown), beside.planned), shown)
    last, more = _made(last_tables(), shown)
    ordered = [*first, *drawn.values(), *last, *_appendix(shown, beside)]
    figures = {
        f"figures/{slug}.html": page(f"{name}: {section.title}", [replace(section, title="")], plotly=_PLOTLY)
        for slug, section in drawn.items()
    }
    return {
        "report.html": page(f"What the study {name} found", ordered, _about(shown, beside)),
        **written,
        **more,
        **figures,
        f"figures/{_PLOTLY}": get_plotlyjs(),
    }


def _made(tables: Mapping[str, Table], frame: pl.DataFrame) -> tuple[list[Section], dict[str, str]]:
    """The tables as sections, each with why there is none in its place, and the texts of their files."""
    sections: list[Section] = []
    files: dict[str, str] = {}
    for slug, table in tables.items():
        try:
            made = table.make(frame)
        except ValueError as error:
            sections.append(Section(table.title, (str(error),)))
        else:
            sections.append(Section(table.title, fragment=table.html(made)))
            files |= {f"tables/{slug}.{ending}": write(made) for ending, write in table.files.items()}
    return sections, files


def of_own_targets(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame less published trainings on targets that the study itself does not train on."""
    own = set(frame.filter(OWN & _TRAINING)["target"])
    return frame.filter(OWN | ~_TRAINING | pl.col("target").is_in(own))


def targets_of(frame: pl.DataFrame) -> list[str]:
    """Names of the targets on which the study has finished a training, trainings that rank genotypes on a source apart.

    A target whose trainings do not go together (several protocols) is among them.
    """
    named = frame.filter(OWN & _TRAINING)["target"].drop_nulls().unique().sort()
    return [target for target in named if _trained_on(frame.filter(target=target))]


def _trained_on(rows: pl.DataFrame) -> bool:
    try:
        return not trainings(rows).is_empty()
    except ValueError:
        return True


def _about(frame: pl.DataFrame, beside: Beside) -> tuple[str, ...]:
    own = frame.filter(OWN)
    searches, trained = own.filter(kind="search").height, own.filter(_TRAINING)["top1_last"].count()
    said = f"{searches} searches and {trained} trainings are finished and shown here."
    tasks, finished = beside.tasks
    if finished < tasks:
        said += f" The study is unfinished: {finished} of the {tasks} tasks of its plan are done."
    return (said, _PUBLISHED)


def _appendix(frame: pl.DataFrame, beside: Beside) -> list[Section]:
    made_on = frame.filter(OWN).select(_MADE_ON).unique().sort(_MADE_ON)
    lines = [
        ["not recorded" if value is None else str(value) for value in row] for row in made_on.iter_rows()
    ]
    return [
        *_best_genotype(frame.filter(OWN)),
        Section("The methods against their papers", fragment=cards_html(frame.filter(OWN))),
        Section("How each claim is tested", fragment=claim_rules_html()),
        *_compared(beside.compared),
        Section("On what machine", fragment=html_table("Machines and versions", _MADE_ON, lines)),
    ]


def _compared(compared: pl.DataFrame) -> list[Section]:
    """The price that was told before the study; nothing where none was."""
    if compared.is_empty():
        return []
    return [Section(COMPARED_CAPTION, fragment=compared_layout(compared).html())]


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
