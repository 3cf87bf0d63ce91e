"""What a study refuses before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from nastransfer.study.spec import parse_spec
from nastransfer.study.study import Study
from tests.study.test_spec import GOOD


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{dataset: glyphs, proxy: {name: h, parts: halves}}", "test part of target 'glyphs'"),
        ("{dataset: glyphs, options: {largest: 60}}", "the same options"),
        ("{dataset: digits, proxy: {selection: random, classes: 11}}", "11"),
    ],
)
def test_a_leak_or_too_small_a_set_is_refused_before_anything_runs(
    source: str, said: str, tmp_path: Path
) -> None:
    text = GOOD.replace("{dataset: glyphs, proxy: {selection: random, classes: 40}}", source)
    with pytest.raises(ValueError, match=said):
        Study(parse_spec(text, "mine.yaml")).run(tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
