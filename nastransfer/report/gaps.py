"""How much of a study is missing, as far as its finished runs tell: an arm beside what others of its study have."""

from __future__ import annotations

from typing import Any

import polars as pl

from nastransfer.report.arms import EXTRAS, feeding_more_than, trainings
from nastransfer.report.names import RANDOM, method_name, set_name, source_name

_ARM = ("study", "method", "preset", "source", "selection")
# Arms that a paragraph names.
_MOST_NAMED = 8
_COLUMNS = {**dict.fromkeys((*_ARM, "target"), pl.String), "finished": pl.Int64, "expected": pl.Int64}


def gaps(frame: pl.DataFrame) -> pl.DataFrame:
    """A row for each arm that lacks trainings: study, method, preset, source, selection, target, finished, expected.

    Expected are all search seeds (or random draws) that any arm of the study has, with all augment seeds that any
    training of the study on this target has; what only feeds `EXTRAS` is expected of none. `target` and `expected` are
    null for searches of which nothing is trained yet. What no run hints at cannot be seen here: the study's status
    counts its tasks. `ValueError` as for `trainings`.
    """
    return gaps_of(trainings(frame), frame)


def gaps_of(trained: pl.DataFrame, frame: pl.DataFrame) -> pl.DataFrame:
    """The same for rows that `arms.trainings` or `arms.by_cells` gave; `frame` has the searches."""
    own = pl.col("origin").is_in(["own", "linked"])
    searches = frame.filter(own, pl.col("method").ne_missing(RANDOM), kind="search")
    rows: list[dict[str, Any]] = []
    for (study,), runs in feeding_more_than(trained, *EXTRAS).group_by("study", maintain_order=True):
        found = runs.filter(pl.col("method").ne_missing(RANDOM))
        seeds = set(found["search_seed"]) | set(searches.filter(study=study)["search_seed"])
        draws = runs.filter(method=RANDOM)["search_seed"].n_unique()
        augment_seeds = {
            target: part["augment_seed"].n_unique() for (target,), part in runs.group_by("target")
        }
        counted = pl.struct("search_seed", "augment_seed").n_unique().alias("finished")
        for about in runs.group_by(*_ARM, "target").agg(counted).iter_rows(named=True):
            expected = (draws if about["method"] == RANDOM else len(seeds)) * augment_seeds[about["target"]]
            if about["finished"] < expected:
                rows.append({**about, "expected": expected})
    idle = searches.join(trained, on=_ARM, how="anti", nulls_equal=True)
    rows += [{**about, "finished": 0} for about in idle.select(_ARM).unique(maintain_order=True).to_dicts()]
    return pl.DataFrame(rows, _COLUMNS).sort(*_ARM, "target", nulls_last=True)


def still_missing(frame: pl.DataFrame) -> str:
    """A sentence for below a figure's title: how many trainings are missing; empty where the runs hint at none."""
    missing = gaps(frame)
    trainings_missing = int((missing["expected"] - missing["finished"]).sum())
    searches = missing["target"].null_count()
    said = [f"trainings missing: {trainings_missing}"] if trainings_missing else []
    said += [f"pairs of method and source searched and not yet trained: {searches}"] if searches else []
    return f"By what else the study has, {'; '.join(said)}." if said else ""


def gaps_in_words(missing: pl.DataFrame) -> str:
    """One paragraph for below a table; empty where nothing is missing."""
    if missing.is_empty():
        return ""
    said = [_item(row) for row in missing.head(_MOST_NAMED).iter_rows(named=True)]
    if missing.height > _MOST_NAMED:
        said.append(f"and {missing.height - _MOST_NAMED} more arms")
    return f"Unfinished, by what else the study has: {'; '.join(said)}."


def _item(row: dict[str, Any]) -> str:
    name = method_name(row["method"])
    if row["method"] != RANDOM:
        name += f" from {source_name(row['source'], row['selection'])}"
    if row["target"] is None:
        return f"{name}, searched and not yet trained"
    return f"{name} on {set_name(row['target'])}, {row['finished']} of {row['expected']} trainings"
