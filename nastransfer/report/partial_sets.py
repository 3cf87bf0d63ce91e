"""Whether a public set was here in part only, so that its accuracies are not those that papers print."""

from __future__ import annotations

import polars as pl

from nastransfer.data.catalogue import PUBLIC
from nastransfer.report.names import set_name


def partial_set(runs: pl.DataFrame, target: str) -> str | None:
    """A sentence where trainings on `target` (rows of the results frame) had fewer images than were published.

    Training and test images together, so that another split of all of them is no part of the set.
    """
    public = PUBLIC.get(target.split("-")[0])  # what follows are the options it was opened with
    counted = runs.select(pl.col("n_train") + pl.col("n_test")).to_series().max()
    if public is None or not isinstance(counted, int):
        return None
    published = sum(public.published.values())
    if counted >= published:
        return None
    said = f"Here {set_name(target)} has {counted:,} of its {published:,} images"
    return f"{said}: accuracies are not those of the whole set."
