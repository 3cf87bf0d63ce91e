"""What a study asks for: tasks that compute alike in one row, set sizes as published, and as they are."""

from __future__ import annotations

import polars as pl
import pytest

from nastransfer.study.plan import plan_study
from nastransfer.study.scale import WORK_COLUMNS, asked_work
from nastransfer.study.set_sizes import set_size
from nastransfer.study.source import Source
from nastransfer.study.spec import load_spec, parse_spec


def work(text: str) -> pl.DataFrame:
    return asked_work(plan_study(parse_spec(text, "tiny.yaml")))


STUDY = """
name: tiny
methods: [darts1, enas]
preset: tiny
settings: {enas: {resolution: 12}}
sources: [digits, {dataset: imagenet1k, proxy: imagenet1k-p4}]
targets: [digits]
search_seeds: [2, 3]
random: {genotypes: 3}
known: [DARTS_V2]
protocol: tiny
protocol_settings: {epoch_images: 100, epochs: 4, resolution: 8}
"""


def test_tasks_that_compute_alike_are_one_row() -> None:
    found = work(STUDY)
    assert found.columns == list(WORK_COLUMNS)
    searches = found.filter(kind="search").select("method", "on", "tasks", "images", "side", "stem")
    proxy = "imagenet1k-p4"
    assert set(searches.iter_rows()) == {
        ("darts1", "digits", 2, 1433, 16, "cifar"),
        ("enas", "digits", 2, 1433, 12, "cifar"),
        ("darts1", proxy, 2, 128_000, 16, "cifar"),
        ("enas", proxy, 2, 128_000, 12, "cifar"),
    }
    trained = found.filter(kind="augment")
    assert dict(trained.group_by("method").agg(pl.col("tasks").sum()).iter_rows()) == {
        "random": 3,
        "darts1": 4,
        "enas": 4,
        "DARTS_V2": 1,
    }
    assert set(trained.select("images", "tested", "epochs", "side", "cells").iter_rows()) == {
        (100, 364, 4, 8, 5)
    }
    assert [len(texts) for texts in trained.filter(method="random")["genotypes"]] == [3]
    assert trained.filter(method="DARTS_V2")["known"].item() == "DARTS_V2"


def test_ranking_trains_on_one_half_of_a_proxy_and_tests_on_the_other() -> None:
    text = STUDY.replace("genotypes: 3", "genotypes: 3, rank_agreement: 2").replace(
        "{epoch_images: 100, epochs: 4, resolution: 8}", "{epoch_images: 100000}"
    )
    ranked = work(text).filter(kind="augment", on="imagenet1k-p4").row(0, named=True)
    assert (ranked["tasks"], ranked["images"], ranked["tested"]) == (2, 64_000, 64_000)


def test_the_paper_is_counted_without_any_of_its_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nastransfer.study.set_sizes.open_source", None)
    found = asked_work(plan_study(load_spec("paper")))
    assert found["note"].null_count() == found.height
    assert found.group_by("kind").agg(pl.col("tasks").sum()).sort("kind").rows() == [
        ("augment", 530),
        ("search", 200),
    ]
    sizes = dict(found.filter(kind="search").select("on", "images").unique().iter_rows())
    assert (sizes["imagenet1k-p3"], sizes["imagenet22k-p2"], sizes["cifar10"]) == (384_000, 70_000, 50_000)
    large = found.filter(kind="augment", on="imagenet22k").row(0, named=True)
    assert (large["images"], large["tested"], large["epochs"], large["classes"]) == (
        7_343_555,
        6_853_559,
        60,
        21_841,
    )


def test_a_set_that_is_neither_published_nor_here_has_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(source: Source) -> None:
        raise ValueError(f"{source.dataset} is not on this machine")

    monkeypatch.setattr("nastransfer.study.set_sizes.open_source", missing)
    row = work(STUDY).filter(kind="search", on="digits").row(0, named=True)
    assert row["images"] is None and row["note"] == "size of digits not known: digits is not on this machine"
    renamed = Source.model_validate({"dataset": "imagenet1k", "proxy": {"name": "mine", "fraction": 0.5}})
    with pytest.raises(ValueError, match="imagenet1k is not on this machine"):
        set_size(renamed)
