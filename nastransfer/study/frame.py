"""The results frame: one typed, documented list of columns that tables, figures, notebooks and dashboard share.

A row is one run: a search, an augmentation (training a found network from scratch on a target), or a number that
a paper printed (`origin="published"`). Missing is null. Accuracies and RI are in percent, times in seconds, memory
in bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

ORIGINS = ("own", "published", "linked", "repeat")

# name -> (type, meaning)
COLUMNS: dict[str, tuple[pl.DataType, str]] = {
    "run": (pl.String(), "path of the attempt below runs/, or a citation key for published rows"),
    "study": (pl.String(), "name of the study, or of the paper"),
    "kind": (pl.String(), "proxy, search or augment"),
    "origin": (pl.String(), "own; linked: same result key as another run of the study; repeat; published"),
    "method": (
        pl.String(),
        "search method that found the genotype; random for the baseline; a known network's name",
    ),
    "preset": (pl.String(), "named settings of the search"),
    "source": (
        pl.String(),
        "data set searched on (the parent set, where a proxy of it was used); null for random",
    ),
    "target": (pl.String(), "data set the network was trained and tested on; null for searches"),
    "selection": (pl.String(), "how the source was cut down: the proxy's label, or all; null for random"),
    "proxy_images": (pl.Int64(), "images of the source that a search could see"),
    "proxy_classes": (pl.Int64(), "classes of the source that a search could see"),
    "search_seed": (pl.Int64(), "seed of the search, or of the draw of a random genotype"),
    "augment_seed": (pl.Int64(), "seed of the final training"),
    "genotype": (pl.String(), "the architecture as Genotype(...) text, canonical form"),
    "cells": (pl.Int64(), "cells of the trained network"),
    "channels": (pl.Int64(), "channels of the trained network's first cell"),
    "protocol": (pl.String(), "named settings of the final training, overrides included"),
    "bn_group": (pl.Int64(), "images that share batch-norm statistics; null: the whole batch"),
    "n_train": (pl.Int64(), "training images"),
    "n_test": (pl.Int64(), "test images"),
    "top1_last": (pl.Float64(), "top-1 accuracy on the test part after the last epoch (headline)"),
    "top1_best": (pl.Float64(), "top-1 accuracy of the best epoch (chosen on the test part: optimistic)"),
    "top5_last": (pl.Float64(), "top-5 accuracy after the last epoch; null below 6 classes"),
    "ri_percent": (pl.Float64(), "relative improvement as printed by a paper; own RI is always computed"),
    "params": (pl.Int64(), "parameters of the trained network"),
    "macs": (pl.Int64(), "multiply-adds of its convolutions and linear layers for one image"),
    "peak_bytes": (pl.Int64(), "peak memory of the process (CPU: resident set) or device"),
    "seconds": (pl.Float64(), "wall time of the run, start-up of the notebook apart"),
    "seconds_weights": (pl.Float64(), "of it: training shared or children's weights"),
    "seconds_architecture": (pl.Float64(), "of it: updating the architecture distribution"),
    "seconds_scoring": (pl.Float64(), "of it: scoring candidates or evaluating"),
    "images_seen": (pl.Int64(), "image presentations, forward passes for scoring included"),
    "search_macs": (
        pl.Int64(),
        "multiply-adds of all passes of a search; a pass with gradients counts two or three times",
    ),
    "collapsed_at": (
        pl.Int64(),
        "first reported step whose normal cell was at least half skip connections; null: none was",
    ),
    "preset_version": (pl.Int64(), "version of the preset's or protocol's settings"),
    "arch_lr_factor": (pl.Float64(), "architecture learning rate over the paper's"),
    "entropy_start": (
        pl.Float64(),
        "mean entropy (nats) of the architecture distribution before the first step",
    ),
    "entropy_end": (pl.Float64(), "mean entropy (nats) of the architecture distribution after the last step"),
    "precision": (pl.String(), "number format of the training: fp32, bf16"),
    "device": (pl.String(), "hardware the run used"),
    "threads": (pl.Int64(), "CPU threads the run used"),
    "versions": (pl.String(), "library versions as name=version, comma separated"),
    "commit": (pl.String(), "commit of the source tree; ends in + where files were changed"),
    "feeds": (
        pl.String(),
        "what the run is for: search, transfer, direct, random, rank_agreement, known, a table or figure",
    ),
}

SCHEMA: dict[str, pl.DataType] = {name: dtype for name, (dtype, _) in COLUMNS.items()}


def results_frame(rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows (any subset of the columns) as a results frame; unknown columns raise `ValueError` naming them."""
    rows = list(rows)
    unknown = sorted({name for row in rows for name in row} - set(SCHEMA))
    if unknown:
        raise ValueError(f"not columns of the results frame: {unknown}; known are {list(SCHEMA)}")
    return pl.DataFrame([{name: row.get(name) for name in SCHEMA} for row in rows], schema=SCHEMA)
