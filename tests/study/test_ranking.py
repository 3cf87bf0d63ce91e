"""Random genotypes trained on a source, to compare their ranks there with those on a target."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import nastransfer as nt
from nastransfer.report.arms import rank_pairs
from nastransfer.space.genotype import Genotype
from nastransfer.study.ledger import Ledger
from nastransfer.study.sources import open_source, ranking
from nastransfer.study.spec import Source
from nastransfer.study.tasks import augment_task, proxy_task

PROXY = Source.model_validate(
    {"dataset": "digits", "proxy": {"name": "p1", "selection": "random", "classes": 4}}
)
FAST = {"epochs": 1, "epoch_images": 128, "cells": 3, "channels": 2, "resolution": 8}


def test_a_proxy_ranks_by_images_that_a_search_may_see_and_by_none_of_the_test_part() -> None:
    proxy = open_source(PROXY)
    ranks = ranking(proxy, 2).manifest
    train, test = (set(ranks.part(part).rows["key"]) for part in ("train", "test"))
    seen = set(proxy.manifest.part("train").rows["key"])
    assert train and test
    assert not train & test
    assert train | test == seen
    assert abs(len(train) - len(test)) <= len(ranks.classes)
    assert ranks.classes == proxy.manifest.classes
    assert (ranks.rows["parent_part"] == "train").all()
    assert ranking(proxy, 3).manifest.hash != ranks.hash == ranking(proxy, 2).manifest.hash


def test_a_proxy_ranks_given_genotypes_only() -> None:
    with pytest.raises(
        ValueError, match="'digits-p1' is a proxy, which ranks genotypes that are given as text"
    ):
        augment_task(PROXY, 2, "tiny", FAST, search_id="0" * 12)
    with pytest.raises(ValueError, match="trained on whole sets"):
        augment_task(PROXY, 2, "tiny", FAST, known="resnet18")


def test_trainings_on_a_source_meet_those_on_the_target(tmp_path: Path) -> None:
    records = Ledger(tmp_path).study("mine")
    genotypes = [str(Genotype.random(np.random.default_rng(seed))) for seed in (1, 2)]
    whole = Source.model_validate("digits")
    built = proxy_task(PROXY)
    trained = [
        augment_task(target, 2, "tiny", FAST, genotype=text, method="random", draw=draw, feeds=(use,))
        for target, use in ((whole, "random"), (PROXY, "rank_agreement"))
        for draw, text in enumerate(genotypes)
    ]
    assert [task.parents for task in trained] == [(), (), (built.id,), (built.id,)]
    records.write_plan([built, *trained])
    for task in (built, *trained):
        running = nt.begin(task.kind, {**task.parameters, "study": "mine", "runs": str(tmp_path)})
        for step in running:
            running.show(step, bar=False)
        running.finish()
    frame = records.results()
    ranked = frame.filter(pl.col("feeds") == "rank_agreement")
    assert ranked.select("source", "selection", "target").unique().rows() == [("digits", "p1", "digits-p1")]
    assert ranked["search_seed"].to_list() == [0, 1]
    assert set(ranked["n_train"] + ranked["n_test"]) == {open_source(PROXY).manifest.count("train")}
    (pair,) = rank_pairs(frame)
    assert (pair.source, pair.selection, pair.target) == ("digits", "p1", "digits")
    assert set(pair.genotypes) == set(genotypes)
    assert pair.unpaired == 0
