"""Tables of a study's size: what is summed, said and left out, on numbers made by hand."""

from __future__ import annotations

import polars as pl

from nastransfer.report.scale import epoch_reads, hours
from nastransfer.report.scale_table import (
    NO_GPU,
    hours_layouts,
    methods_layout,
    published_layout,
    rates_layout,
    reads_layout,
    records_layout,
    rehearsal_layout,
    work_layout,
)
from nastransfer.study.rates import SCHEMA as RATE_SCHEMA
from nastransfer.study.record_sizes import SCHEMA as SIZE_SCHEMA
from tests.report.test_scale import BY_HAND, counted_by_hand, rate, trained, work

TABLE = counted_by_hand(
    {"kind": "augment", "method": "random", "on": "a", "tasks": 3, "images": 1_500.0, "macs": 3e12},
    {"kind": "augment", "method": "resnet18", "on": "a", "tasks": 1, "note": "its size is not known"},
    {"kind": "search", "method": "enas", "on": "a", "tasks": 2, "images": 10.0, "macs": 4e12},
)


def test_work_by_set_and_by_method_with_what_is_not_counted() -> None:
    by_set = work_layout(TABLE)
    assert list(by_set.lines) == [
        ("searches", "a", "2", "10", "4e12"),
        ("trainings", "a", "4 (1 not counted)", "1.5e03", "3e12"),
        ("searches", "all", "2", "10", "4e12"),
        ("trainings", "all", "4 (1 not counted)", "1.5e03", "3e12"),
    ]
    assert by_set.below[1:] == ("Not counted: 1 task (its size is not known).",)
    assert [line[1:3] for line in methods_layout(TABLE).lines] == [
        ("ENAS", "2"),
        ("random sampling", "3"),
        ("resnet18", "1 (1 not counted)"),
    ]


def rates(**changed: object) -> pl.DataFrame:
    about = {"origin": "measured", "gpu": False, "said": "a step", "n": 3, "commit": "abc", "date": "today"}
    return rate("mine", enas=1e9, nao=1e9, cifar=2e9).with_columns(
        pl.lit(value).cast(RATE_SCHEMA[name]).alias(name) for name, value in {**about, **changed}.items()
    )


def test_rates_say_machine_n_commit_and_which_are_missing() -> None:
    measured = rates_layout(rates())
    assert list(measured.lines) == [
        ("mine", "searches (ENAS, NAO)", "1.0", "a step", "3", "abc, today"),
        ("mine", "trainings (small images)", "2.0", "a step", "3", "abc, today"),
    ]
    assert measured.below == (NO_GPU, "No rate is stated.")
    on_gpu = rates_layout(rates(gpu=True))
    assert NO_GPU not in on_gpu.below
    stated = rates_layout(rates(origin="stated", gpu=None, n=None, commit=None, date=None))
    assert stated.lines[0][4:] == ("none", "none") and "No machine has been measured" in stated.below[0]
    assert "nobody's measurement" in stated.below[-1] and NO_GPU in stated.below
    nothing = rates_layout(pl.DataFrame(schema=RATE_SCHEMA))
    assert not nothing.headers and len(nothing.below) == 3


def test_hours_have_a_table_a_rate_and_say_scaling_and_totals() -> None:
    timed = hours(BY_HAND, rate(darts1=1.0, cifar=1.0), (1, 2), efficiency=0.5)
    (table,) = hours_layouts(timed, 0.5)
    assert table.headers[3:] == ("hours on 1", "hours on 2", "images/s on 1", "images/s on 2")
    assert table.lines[0] == ("searches", "a", "3", "3", "2", "2", "4")
    assert table.lines[-1] == ("all", "all", "14", "15", "13", "10", "10")
    assert "efficiency of 0.5, as stated" in table.below[0]
    assert table.below[1] == "In all 15.0 h on 1, 13.0 h on 2."
    (perfect,) = hours_layouts(hours(BY_HAND, rate(cifar=1.0), (1,)), 1.0)
    assert "1.0, perfect" in perfect.below[0]
    assert perfect.lines[0] == ("searches", "a", "0", "none", "none")
    assert perfect.below[-1] == "Not in these hours: 4 tasks of unknown work or rate."
    (nothing,) = hours_layouts(hours(BY_HAND, rate(), (1,)), 1.0)
    assert nothing.below == ("No rate is known: neither measured here nor stated.",)


def test_published_gpu_days_stand_beside() -> None:
    about = {"kind": "search", "method": "enas", "of": "enas", "on": "cifar10", "macs_of_one": 7.2e12}
    table = counted_by_hand({**about, "tasks": 2}, {**about, "on": "cifar10-p", "tasks": 9})
    found = published_layout(table, rates())
    assert {line[3] for line in found.lines} >= {"NASTransfer (AAAI 2021), 0.375 days"}
    (line,) = [line for line in found.lines if "0.375" in line[3]]
    assert line == (
        "ENAS",
        "cifar10",
        "0.38",
        "NASTransfer (AAAI 2021), 0.375 days",
        "2.0 h",
        "2",
        "0.8",
    )
    assert published_layout(TABLE, rates()).below == ("No search of this study has a published time.",)


def test_reads_and_records_and_steps() -> None:
    reads = reads_layout(epoch_reads(work(trained(), trained(on="b", stem="imagenet")), 1_000))
    assert [line[2:] for line in reads.lines] == [
        ("140", "768", "107.5 kB", "once, then kept in memory"),
        ("140", "1,000", "140.0 kB", "each epoch"),
    ]
    sizes = pl.DataFrame(
        [{"kind": "augment", "n": 4, "notebooks": 0, "mean_bytes": 2_500.0, "studies": "mine"}], SIZE_SCHEMA
    )
    records = records_layout(sizes, {"search": 2, "augment": 1_000})
    assert list(records.lines) == [
        ("search", "2", "none", "none", "no record to measure"),
        ("augment", "1,000", "2.5 kB", "2.5 MB", "4 of mine; none with its notebook"),
    ]
    assert records.below == ("Together 2.5 MB without search.",)
    assert not records_layout(sizes.clear(), {"search": 2}).below
    steps = pl.DataFrame({"step": ["planned"], "seconds": [1.234], "found": ["10 tasks"]})
    assert list(rehearsal_layout(steps, "A plan").lines) == [("planned", "1.23 s", "10 tasks")]
