"""The page of architectures: the list, two side by side, a pasted one, and every wrong choice in the address."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from nastransfer.space.genotype import Genotype
from nastransfer.space.known import known_genotype
from tests.dashboard.opening import html, open_page
from tests.example_study import write_example


def opened(**asked: str) -> AppTest:
    return open_page("architectures.py", **asked)


def digests(app: AppTest) -> list[str]:
    return pl.from_pandas(app.dataframe[0].value)["digest"].to_list()


def test_the_most_accurate_is_shown_against_a_known_one(runs: Path) -> None:
    write_example(runs)
    app = opened()
    first, *others = digests(app)
    assert len(others) >= 7
    assert app.query_params["genotype"] == first
    assert app.query_params["against"] == "DARTS_V2"
    assert first in html(app) and known_genotype("DARTS_V2").digest in html(app)
    assert "How far apart" in html(app)
    assert "As trained in this study" in html(app)
    assert any("Map of the genotypes" in chart.proto.spec for chart in app.get("plotly_chart"))


def test_two_genotypes_are_chosen_by_the_address(runs: Path) -> None:
    write_example(runs)
    *_, one, other = digests(opened())
    app = opened(genotype=one, against=other)
    assert one in html(app) and other in html(app)
    same = opened(genotype=one, against=one)
    assert "the same genotype" in same.info[0].value
    app.selectbox(key="genotype").select("SNAS").run()
    assert app.query_params["genotype"] == "SNAS"
    assert known_genotype("SNAS").digest in html(app)


def test_a_pasted_genotype_is_drawn_at_once_and_stands_in_the_address(runs: Path) -> None:
    write_example(runs)
    text = str(known_genotype("GDAS_V1"))
    app = opened()
    app.text_area(key="pasted").input(text).run()
    assert app.query_params["genotype"] == "pasted"
    assert known_genotype("GDAS_V1").digest in html(app)
    again = opened(genotype="pasted", pasted=text)
    assert Genotype.parse(text).digest in html(again)


@pytest.mark.parametrize("text", ["__import__('os').system('x')", "Genotype(normal=<script>)", "[" * 3000])
def test_a_text_that_is_no_genotype_is_refused_in_words(runs: Path, text: str) -> None:
    write_example(runs)
    app = opened(genotype="pasted", pasted=text)
    assert app.error[0].value.startswith("genotype, line 1")
    assert "<script" not in app.error[0].value
    assert app.query_params["genotype"] == digests(app)[0]


def test_without_a_genotype_the_known_ones_are_there(runs: Path) -> None:
    write_example(runs, leave=14)
    app = opened()
    assert "No genotype yet" in app.info[0].value
    assert not app.dataframe
    assert known_genotype("DARTS_V1").digest in html(app)
    assert known_genotype("DARTS_V2").digest in html(app)
