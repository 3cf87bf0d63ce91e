"""The estimation plot (Gardner and Altman 1986): every run a dot, below them mean and interval on an axis in RI.

A panel for each target, in it a row for each method and source, random sampling last. The lower axis is top-1
accuracy; the upper one is the same axis in RI over random sampling's mean, so that effects stand where their runs are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import plotly.graph_objects as go
import polars as pl

from nastransfer.report.arms import Arm, arms, baselines, published_accuracies
from nastransfer.report.effect import improvement
from nastransfer.report.gaps import still_missing
from nastransfer.report.grid import Properties, Sheet, Words, axis_name
from nastransfer.report.headroom import Headroom, headroom
from nastransfer.report.marks import (
    axis_range,
    between,
    dots,
    ends_of,
    interval_bar,
    jitter,
    key,
    line_key,
    mean_mark,
    published_key,
    published_marks,
    summary_words,
    with_hover,
)
from nastransfer.report.names import RANDOM, method_name, set_name
from nastransfer.report.printed import by_arm
from nastransfer.report.style import Look, empty_figure, method_looks, wrapped
from nastransfer.stats.improvement import RelativeImprovement
from nastransfer.stats.sample import sample

TITLE = "Accuracy and relative improvement (RI)"
NOTE = "Each dot a run. Large: mean, and the 95% interval of its RI over random sampling (upper axis)."
NOTE_WITHOUT_RI = "Each dot a run. Large: mean with its 95% interval. RI needs a method and random sampling."
NOTHING_TRAINED = (
    "No finished training yet: the first dot appears when a network has been trained on a target."
)

_ROW_PIXELS, _LINE_PIXELS, _LABEL_LETTERS = 48, 17, 20
_RI_AXIS_PIXELS = 20
_BEST, _LUCKY = "dash", "dot"
_LEAST_FREEDOM = 8


@dataclass(frozen=True)
class Row:
    """One line of a panel: an arm of the study, numbers from print (`printed`), or both."""

    arm: Arm | None
    printed: pl.DataFrame
    label: str
    method: str

    @cached_property
    def improvement(self) -> RelativeImprovement | None:
        """RI over the arm's random runs, where there are any to compare with."""
        return None if self.arm is None else improvement(self.arm)


@dataclass(frozen=True)
class Panel:
    """One target of one study: its rows, random sampling's mean top-1 and headroom, where there are random runs."""

    target: str
    study: str | None
    rows: list[Row]
    random_mean: float | None
    room: Headroom | None

    @property
    def title(self) -> str:
        """Target, study where several are shown, and how much there is to gain."""
        said = f"on {set_name(self.target)}{f', {self.study}' if self.study else ''}"
        if self.room is None:
            return said
        best = f"best of {self.room.genotypes} random ones {self.room.best_percent:+.1f}%"
        noise, ends = self.room.noise_percent, self.room.noise_ends
        if noise is None or ends is None:
            return "\n".join([said, best])
        return "\n".join([said, best, f"by chance {noise:+.1f}% ({between(ends, 1)})"])

    @property
    def lucky_percent(self) -> float | None:
        """Where the noise ceiling is drawn; not where it is from so few trainings that it may lie anywhere."""
        if self.room is None or self.room.freedom < _LEAST_FREEDOM:
            return None
        return self.room.noise_percent

    @property
    def pixels(self) -> int:
        """Height that the rows and the longest of their labels need."""
        lines = max(row.label.count("<br>") + 1 for row in self.rows)
        return max(_ROW_PIXELS, _LINE_PIXELS * lines + 4) * len(self.rows) + 16


def accuracy_by_method(frame: pl.DataFrame) -> go.Figure:
    """Top-1 of every finished training and RI of each method and source, by target: an estimation plot.

    A dashed line is the best random genotype (headroom), a dotted one what the best of as many equal genotypes would
    be expected to have by the augment seed alone (noise ceiling), where enough are trained twice to tell. Where random
    sampling is missing there is no RI, and means have Student's interval. `ValueError` as `arms.trainings` says.
    """
    panels = accuracy_panels(frame)
    if not panels:
        return empty_figure(NOTHING_TRAINED, TITLE)
    looks = method_looks(row.method for panel in panels for row in panel.rows)
    raised = [0 if panel.random_mean is None else _RI_AXIS_PIXELS for panel in panels]
    heights = [panel.pixels for panel in panels]
    compared = any(row.improvement for panel in panels for row in panel.rows)
    note = NOTE if compared else NOTE_WITHOUT_RI
    words = Words(TITLE, note, _in_words(panels), still_missing(frame))
    sheet = Sheet(words, [panel.title for panel in panels], heights, _keys(panels, looks), raised=raised)
    for number, panel in enumerate(panels, 1):
        _draw(sheet, number, panel, looks, upper=len(panels) + number)
    return sheet.figure()


def accuracy_panels(frame: pl.DataFrame) -> list[Panel]:
    """A panel for each target and study, those with own runs first; published numbers stand in a target's first."""
    frame = with_hover(frame)
    own, printed = [*arms(frame), *baselines(frame)], published_accuracies(frame)
    places = list(dict.fromkeys((arm.target, arm.study) for arm in sorted(own, key=_place)))
    several = len({study for _, study in places}) > 1
    panels: list[Panel] = []
    for target, study in places:
        here = [arm for arm in own if (arm.target, arm.study) == (target, study)]
        first = target not in {panel.target for panel in panels}
        numbers = printed.filter(target=target) if first else printed.clear()
        panels.append(_panel(target, study if several else None, here, numbers))
    left = sorted(set(printed["target"]) - {target for target, _ in places})
    return [*panels, *(_panel(target, None, [], printed.filter(target=target)) for target in left)]


def _place(arm: Arm) -> tuple[str, str]:
    return arm.target, arm.study


def _panel(target: str, study: str | None, here: list[Arm], printed: pl.DataFrame) -> Panel:
    random = next((arm for arm in here if arm.method == RANDOM), None)
    mean = None if random is None else random.summary.mean or None
    room = None if random is None or mean is None else headroom(random.runs)
    return Panel(target, study, _rows(here, printed), mean, room)


def _rows(here: list[Arm], printed: pl.DataFrame) -> list[Row]:
    """Random sampling last; published numbers join the arm of the same method and source."""
    rows = []
    for arm, method, origin, numbers in by_arm(here, printed):
        said = "published" if arm is None else f"n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{len(arm.accuracies)}"
        preset = None if arm is None else arm.preset
        label = row_label(method_name(method), said, preset, origin and f"from {origin}")
        rows.append(Row(arm, numbers, label, method))
    return sorted(rows, key=lambda row: row.method == RANDOM)


def _keys(panels: list[Panel], looks: dict[str, Look]) -> list[Properties]:
    keys = [key(method_name(method), look) for method, look in looks.items()]
    if any(panel.room is not None for panel in panels):
        keys.append(line_key("best random genotype (headroom)", dash=_BEST))
    if any(panel.lucky_percent is not None for panel in panels):
        keys.append(line_key("best by chance of seeds alone (noise ceiling)", dash=_LUCKY))
    if any(not row.printed.is_empty() for panel in panels for row in panel.rows):
        keys.append(published_key())
    return keys


def _draw(sheet: Sheet, number: int, panel: Panel, looks: dict[str, Look], upper: int) -> None:
    """Draw into subplot `number` (from 1); `upper` is the number of its axis in RI."""
    values: list[float] = []
    ends: list[float] = []
    for at, row in enumerate(panel.rows):
        look = looks[row.method]
        if row.arm is not None:
            accuracies = row.arm.runs["top1_last"].to_list()
            values += accuracies
            places = [at - 0.1 + offset for offset in jitter(len(accuracies), 0.18)]
            sheet.add(number, dots(row.arm.runs, accuracies, places, look))
            mark, reach = _effect(row, row.arm, panel.random_mean, at + 0.27, look)
            ends += reach
            sheet.add(number, mark)
        numbers = row.printed["top1_last"].to_list()
        values += numbers
        if numbers:
            sheet.add(number, published_marks(row.printed, numbers, [at - 0.1] * len(numbers), look))
    if panel.random_mean is not None:
        _lines(sheet, number, panel)
        _ri_axis(sheet, number, upper, panel.random_mean, axis_range(values, ends))
    sheet.axis("x", number, range=axis_range(values, ends), title={"text": "top-1 accuracy, %"})
    sheet.rows(number, [row.label for row in panel.rows])


def _effect(
    row: Row, arm: Arm, random_mean: float | None, y: float, look: Look
) -> tuple[Properties, Sequence[float]]:
    """The mean's mark and the ends of its bar: the interval of RI, placed on the axis; else that of the mean."""
    summary, found = arm.summary, row.improvement
    said = [arm.label, *summary_words(summary), *arm.notes]
    x, ends = summary.mean, summary.mean_interval()
    if found is not None and random_mean is not None:
        ends = ends_of(found)
        said.insert(1, f"RI {found.estimate:+.2f}%, 95% interval {between(ends, sign='+')}")
        x = random_mean * (1 + found.estimate / 100)
        ends = (
            None if ends is None else (random_mean * (1 + ends[0] / 100), random_mean * (1 + ends[1] / 100))
        )
    return mean_mark(x, y, look, said, **interval_bar("x", x, ends, look)), ends or ()


def _lines(sheet: Sheet, number: int, panel: Panel) -> None:
    """Random sampling's mean, the headroom and the noise ceiling, as vertical lines."""
    assert panel.random_mean is not None
    rises = {"solid": 0.0}
    if panel.room is not None:
        rises[_BEST] = panel.room.best_percent
    if panel.lucky_percent is not None:
        rises[_LUCKY] = panel.lucky_percent
    for dash, percent in rises.items():
        x = panel.random_mean * (1 + percent / 100)
        sheet.line(number, (x, None), (x, None), dash=dash)


def _ri_axis(sheet: Sheet, number: int, upper: int, random_mean: float, reach: list[float]) -> None:
    """The axis above a panel: the same places, named by their RI over random sampling's mean."""
    ends = [100 * (end / random_mean - 1) for end in reach]
    steps = _round_steps(ends[0], ends[1])
    axis = {
        "overlaying": axis_name("x", number),
        "matches": axis_name("x", number),
        "anchor": axis_name("y", number),
        "side": "top",
        "tickvals": [random_mean * (1 + step / 100) for step in steps],
        "ticktext": ["RI 0%" if step == 0 else f"{step:+g}%" for step in steps],
        "showgrid": False,
        "ticks": "outside",
    }
    sheet.axis("x", upper, **axis)
    # Plotly draws an axis only where something lies on it.
    sheet.add(number, {"type": "scatter", "x": [None], "y": [None], "xaxis": axis_name("x", upper)})


def _round_steps(low: float, high: float) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten between two values: at most five."""
    size = next(
        base * 10.0**power
        for power in range(-2, 4)
        for base in (1, 2, 5)
        if (high - low) / (base * 10.0**power) <= 5
    )
    return [size * place for place in range(int(low // size) + 1, int(high // size) + 1)]


def row_label(first: str, note: str, *others: str | None) -> str:
    """A row's name in short lines, so that the dots keep their room on a narrow screen."""
    parts = [f"{first}, {note}", *filter(None, others)]
    return "<br>".join(wrapped(part, _LABEL_LETTERS) for part in parts)


def _in_words(panels: Iterable[Panel]) -> str:
    said = [sentence for panel in panels for sentence in _panel_in_words(panel)]
    return f"{TITLE} by method and source. {' '.join(said)}"


def _panel_in_words(panel: Panel) -> list[str]:
    parts = []
    for row in panel.rows:
        if row.arm is not None:
            parts.append(f"{row.arm.label}: {_row_in_words(row, row.arm)}")
    printed = sum(row.printed.height for row in panel.rows)
    parts += [f"{printed} published numbers"] if printed else []
    title = ": ".join(panel.title.splitlines())
    return [f"{title[0].upper()}{title[1:]}. {'; '.join(parts)}."]


def _row_in_words(row: Row, arm: Arm) -> str:
    found, summary = row.improvement, sample(arm.label, arm.accuracies)
    mean = f"mean {summary.mean:.1f}% of {summary.n}"
    if found is None:
        return f"{mean}, 95% interval {between(summary.mean_interval(), 1)}"
    return f"{mean}, RI {found.estimate:+.1f}%, 95% interval {between(ends_of(found), 1, '+')}"
