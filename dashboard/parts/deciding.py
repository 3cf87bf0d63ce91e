"""What the overview shows first of a study: the decision for a target and the figures that it rests on."""

from __future__ import annotations

import polars as pl

from nastransfer.advice import planned_on
from nastransfer.report.every_table import Table, decision_table
from nastransfer.report.figures import FIGURES
from nastransfer.report.whole import targets_of
from nastransfer.study.pricing.comparison import predicted_against_actual
from nastransfer.study.records import CorruptRecord
from parts.picking import protocols, under_protocol
from parts.reading import Reading, kept, read
from parts.showing import drawn_of, made_of

FIGURES_SHOWN = ("accuracy-by-method", "transfer-versus-direct")


def decision_for(reading: Reading, target: str) -> Table:
    """What to use for a target; how many trainings the plan has on it is counted once."""
    return decision_table(target, kept(("planned", target, *reading.key), lambda: _planned(reading, target)))


def price_of(reading: Reading) -> pl.DataFrame:
    """What the study cost beside what was told before."""
    return kept(("compared", *reading.key), lambda: predicted_against_actual(reading.records))


def prepare(name: str) -> None:
    """Compute and keep what the overview shows of a study where nobody has chosen anything.

    `ValueError` or `OSError` where it cannot be read, or refuses.
    """
    reading = read(name)
    used = protocols(reading)
    if len(used) > 1:
        reading = under_protocol(reading, used[0])
    for target in targets_of(reading.own)[:1]:
        made_of(f"decision-{target}", decision_for(reading, target), reading)
        for slug in FIGURES_SHOWN:
            drawn_of(slug, FIGURES[slug].draw, reading.trained_on(target))
    price_of(reading)


def _planned(reading: Reading, target: str) -> int | None:
    """Trainings that the plan has on a target; None for a plan that cannot be read, which is listed as such."""
    try:
        return planned_on(reading.records, target)
    except CorruptRecord:
        return None
