"""Paths as they are written from the working folder."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from nastransfer.report.places import near, near_in

HERE, HOME = Path("/lab/project"), Path("/home/ann")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("/lab/project/data/a", "data/a"),
        ("/lab/shared/a, /lab/shared/b", "../shared/a, ../shared/b"),
        ("/home/ann/sets", "~/sets"),
        ("/mnt/sets", "/mnt/sets"),
        ("/lab/projects/a", "../projects/a"),
        ("no path", "no path"),
    ],
)
def test_paths_are_written_from_here(text: str, written: str) -> None:
    assert near(text, HERE, HOME) == written


def test_a_folder_at_the_root_shortens_no_path() -> None:
    assert near("/mnt/sets", Path("/srv"), Path("/")) == "/mnt/sets"


def test_every_text_of_a_table_is_written_so() -> None:
    table = pl.DataFrame(
        {"images": [3], "looked_in": ["/lab/a"], "note": [None]}, schema_overrides={"note": pl.String}
    )
    assert near_in(table, HERE, HOME).rows() == [(3, "../a", None)]
