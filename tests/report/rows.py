"""Rows of the results frame for tests of tables and figures, written the way the ledger gives them."""

from __future__ import annotations

from typing import Any

import polars as pl

from nastransfer.study.frame import results_frame

CELL = "Genotype(normal=[draw {0}], reduce=[])"


def training(method: str, seed: int, top1: float | None, **changed: Any) -> dict[str, Any]:
    """One finished training on glyphs; random draws have no source, others were searched on digits."""
    source = {} if method == "random" else {"source": "digits", "selection": "all", "preset": "tiny"}
    row = {
        "run": f"demo/augment/{method}-{seed}/{changed.get('augment_seed', 2)}",
        "study": "demo",
        "kind": "augment",
        "origin": "own",
        "method": method,
        "target": "glyphs",
        "search_seed": seed,
        "augment_seed": 2,
        "genotype": CELL.format(f"{method}-{seed}"),
        "cells": 5,
        "channels": 8,
        "protocol": "tiny",
        "n_train": 4000,
        "n_test": 2000,
        "top1_last": top1,
        "precision": "fp32",
        "preset_version": 1,
    }
    return {**row, **source, **changed}


def study(*rows: dict[str, Any]) -> pl.DataFrame:
    return results_frame(rows)


def small_study() -> pl.DataFrame:
    """Random 69, 70, 71; darts1 from digits 71 and 73, from a proxy of the target 74 and 76."""
    proxy = {"source": "glyphs", "selection": "p1"}
    return study(
        *(training("random", draw, top1) for draw, top1 in enumerate((69.0, 70.0, 71.0))),
        *(training("darts1", seed, top1) for seed, top1 in ((2, 71.0), (3, 73.0))),
        *(
            training("darts1", seed, top1, **proxy, run=f"proxy-{seed}")
            for seed, top1 in ((2, 74.0), (3, 76.0))
        ),
    )
