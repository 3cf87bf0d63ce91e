"""A study's size as tables: its work, the rates, hours on many devices, published times, what storage must give."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from nastransfer.report.names import method_name, set_name
from nastransfer.report.price import size
from nastransfer.report.scale import summed
from nastransfer.report.text_table import NONE, TextTable
from nastransfer.report.times import DAY, duration, search_times
from nastransfer.study import published

KINDS = {"search": "searches", "augment": "trainings", None: "all"}
NO_GPU = "No GPU has been measured."
_HOUR = 3600.0
_COUNTED = (
    "Counted, not measured: a training's image is three passes (forward and backward) and a test one, after every "
    "epoch; auxiliary heads do not count. What a search draws and finds counts as a uniform random genotype."
)


def work_layout(table: pl.DataFrame) -> TextTable:
    """Tasks, image presentations and multiply-adds by kind and set; `table`: from `scale.counted`."""
    lines = [
        _work_line(row, set_name(row["on"])) for row in summed(table, "kind", "on").iter_rows(named=True)
    ]
    lines += [_work_line(row, "all") for row in summed(table, "kind").iter_rows(named=True)]
    headers = ("kind", "on", "tasks", "images", "multiply-adds")
    return TextTable("What the study computes, by set", headers, lines, (_COUNTED, *_not_counted(table)))


def methods_layout(table: pl.DataFrame) -> TextTable:
    """The same by kind and method."""
    rows = summed(table, "kind", "method").iter_rows(named=True)
    lines = [_work_line(row, method_name(row["method"])) for row in rows]
    headers = ("kind", "method", "tasks", "images", "multiply-adds")
    return TextTable("What the study computes, by method", headers, lines)


def rates_layout(rates: pl.DataFrame) -> TextTable:
    """The rates, and which there are none of; `rates`: `nastransfer.study.rates`."""
    lines = [
        (
            row["rate"],
            f"{KINDS[row['kind']]} ({', '.join(map(_of, row['of']))})",
            f"{row['macs_per_second'] / 1e9:,.1f}",
            row["said"],
            NONE if row["n"] is None else str(row["n"]),
            NONE if row["commit"] is None else f"{row['commit']}, {row['date']}",
        )
        for row in rates.group_by(
            "rate", "kind", "macs_per_second", "said", "n", "commit", "date", maintain_order=True
        )
        .agg("of")
        .iter_rows(named=True)
    ]
    headers = ("rate", "of", "10⁹ multiply-adds a second", "from", "n", "commit, date")
    return TextTable("How fast one device is", headers if lines else (), lines, tuple(_missing_rates(rates)))


def hours_layouts(timed: pl.DataFrame, efficiency: float) -> list[TextTable]:
    """A table for each rate: hours and images a second from storage; `timed`: from `scale.hours`."""
    if timed.is_empty():
        return [TextTable("Hours", (), (), ("No rate is known: neither measured here nor stated.",))]
    return [
        _hours_layout(name, timed.filter(rate=name), efficiency)
        for name in timed["rate"].unique(maintain_order=True)
    ]


def published_layout(table: pl.DataFrame, rates: pl.DataFrame) -> TextTable:
    """Searches on whole sets of which a search time is published, beside what the rates say of one on one device."""
    times = search_times(published.published()).drop_nulls(["method", "published_seconds"])
    theirs = times.select("method", "published_seconds", "published_by", dataset="source")
    found = table.filter(pl.col("on") == pl.col("dataset"), kind="search").join(
        theirs, on=["method", "dataset"]
    )
    names = rates["rate"].unique(maintain_order=True).to_list()
    lines = []
    for row in found.sort("method", "dataset", "published_by").iter_rows(named=True):
        lines.append(
            (
                method_name(row["method"]),
                set_name(row["dataset"]),
                f"{row['published_seconds'] / DAY:.2f}",
                row["published_by"],
                *(_one_search(row, rates, name) for name in names),
                str(row["tasks"]),
                f"{row['tasks'] * row['published_seconds'] / DAY:.1f}",
            )
        )
    caption = "Searches: published GPU-days beside these rates"
    if not lines:
        return TextTable(caption, (), (), ("No search of this study has a published time.",))
    headers = (
        "method",
        "on",
        "published GPU-days of one",
        "published by",
        *names,
        "searches",
        "GPU-days of all",
    )
    return TextTable(caption, headers, lines, ("Columns of rates: time of one search on one device.",))


def reads_layout(reads: pl.DataFrame) -> TextTable:
    """Bytes that an epoch reads; `reads`: from `scale.epoch_reads`."""
    lines = [
        (
            KINDS[row["kind"]],
            set_name(row["on"]),
            f"{row['images']:,}",
            f"{row['image_bytes']:,}",
            size(row["bytes"]),
            "each epoch" if row["streamed"] else "once, then kept in memory",
        )
        for row in reads.iter_rows(named=True)
    ]
    headers = ("kind", "on", "images an epoch", "bytes an image", "bytes an epoch", "read")
    said = "Bytes of images of more than 64 pixels, which are compressed, are as stated; of smaller ones 3 a pixel."
    return TextTable("What an epoch reads, its test included", headers, lines, (said,))


def records_layout(sizes: pl.DataFrame, tasks: dict[str, int]) -> TextTable:
    """Bytes of a study's records: mean bytes of records on disk by kind, times its tasks.

    `sizes`: from `nastransfer.study.record_sizes`; `tasks`: kind -> number in the plan.
    """
    found = {row["kind"]: row for row in sizes.iter_rows(named=True)}
    lines = []
    for kind, count in tasks.items():
        row = found.get(kind)
        mean = None if row is None else row["mean_bytes"]
        said = "no record to measure" if row is None else _measured_records(row)
        lines.append(
            (kind, f"{count:,}", size(mean), size(None if mean is None else round(count * mean)), said)
        )
    headers = ("kind", "tasks", "bytes of one", "bytes of all", "measured on")
    total = sum(count * found[kind]["mean_bytes"] for kind, count in tasks.items() if kind in found)
    missing = [kind for kind in tasks if kind not in found]
    below = f"Together {size(round(total))}{' without ' + ', '.join(missing) if missing else ''}."
    return TextTable("Bytes of records", headers, lines, (below,) if found else ())


def rehearsal_layout(steps: pl.DataFrame, caption: str) -> TextTable:
    """What a plan's steps took; `steps`: columns step, seconds, found (a sentence)."""
    lines = [(row["step"], f"{row['seconds']:.2f} s", row["found"]) for row in steps.iter_rows(named=True)]
    return TextTable(caption, ("step", "took", "found"), lines)


def _work_line(row: dict[str, Any], about: str) -> tuple[str, ...]:
    tasks = f"{row['tasks']:,}" + (f" ({row['unknown']:,} not counted)" if row["unknown"] else "")
    return (KINDS[row["kind"]], about, tasks, _amount(row["images"]), _amount(row["macs"]))


def _not_counted(table: pl.DataFrame) -> Iterator[str]:
    for note, count in (
        table.drop_nulls("note").group_by("note", maintain_order=True).agg(pl.col("tasks").sum()).iter_rows()
    ):
        yield f"Not counted: {count:,} task{'' if count == 1 else 's'} ({note})."


def _amount(value: float | None) -> str:
    return NONE if value is None else f"{value:.3g}".replace("e+", "e")


def _of(name: str) -> str:
    return {"cifar": "small images", "imagenet": "large images"}.get(name, method_name(name))


def _missing_rates(rates: pl.DataFrame) -> Iterator[str]:
    if rates.filter(origin="measured").is_empty():
        yield "No machine has been measured: there are no results of benchmarks where they were looked for."
    if not rates["gpu"].any():
        yield NO_GPU
    if rates.filter(origin="stated").is_empty():
        yield "No rate is stated."
    else:
        yield "A stated rate is nobody's measurement here: all work is taken to run at as many multiply-adds a second."


def _hours_layout(name: str, timed: pl.DataFrame, efficiency: float) -> TextTable:
    devices = timed["devices"].unique().sort().to_list()
    lines = []
    for _, row in timed.group_by("kind", "on", maintain_order=True):
        by_devices = {one["devices"]: one for one in row.iter_rows(named=True)}
        first = by_devices[devices[0]]
        about = (
            KINDS[first["kind"]],
            "all" if first["on"] is None else set_name(first["on"]),
            f"{first['tasks']:,}",
        )
        spent = (hours_text(by_devices[count]["hours"]) for count in devices)
        reads = (_reading(by_devices[count]["images_per_second"]) for count in devices)
        lines.append((*about, *spent, *reads))
    headers = (
        "kind",
        "on",
        "tasks",
        *(f"hours on {count}" for count in devices),
        *(f"images/s on {count}" for count in devices),
    )
    return TextTable(f"Hours, {name}", headers, lines, tuple(_below_hours(timed, devices, efficiency)))


def _below_hours(timed: pl.DataFrame, devices: list[int], efficiency: float) -> Iterator[str]:
    scaling = "1.0, perfect" if efficiency == 1 else f"{efficiency:g}, as stated"
    yield (
        "A search holds one device, as many run side by side as there are devices; trainings spread over all of them "
        f"with an efficiency of {scaling}. All: searches, then trainings. Images a second: what storage must give at "
        "most, for sets of more than 64 pixels; smaller ones stay in memory."
    )
    whole = timed.filter(pl.col("on").is_null()).group_by("devices", maintain_order=True).last()
    said = [
        f"{duration(_HOUR * spent)} on {count}"
        for count, spent in whole.select("devices", "hours").iter_rows()
        if spent
    ]
    if said:
        yield f"In all {', '.join(said)}."
    unknown = timed.filter(pl.col("on").is_null(), devices=devices[0])["unknown"].to_list()[-1]
    if unknown:
        yield f"Not in these hours: {unknown:,} task{'' if unknown == 1 else 's'} of unknown work or rate."


def hours_text(value: float | None) -> str:
    """Hours in three digits, whole ones from a hundred on."""
    if value is None:
        return NONE
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _reading(value: float | None) -> str:
    return NONE if value is None else f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _one_search(row: dict[str, Any], rates: pl.DataFrame, name: str) -> str:
    """Time of one search on one device."""
    speeds = rates.filter(rate=name, kind="search", of=row["of"])["macs_per_second"].to_list()
    return NONE if not speeds or row["macs_of_one"] is None else duration(row["macs_of_one"] / speeds[0])


def _measured_records(row: dict[str, Any]) -> str:
    with_notebook = "none" if not row["notebooks"] else f"{row['notebooks']:,}"
    return f"{row['n']:,} of {row['studies']}; {with_notebook} with its notebook"
