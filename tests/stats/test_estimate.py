"""Numbers are checked once, by name and value."""

from __future__ import annotations

import math

import pytest

from nastransfer.stats.estimate import accuracies, groups, is_flat, numbers


def test_missing_runs_are_left_out() -> None:
    assert numbers("loss", [1, None, -2.5]) == [1.0, -2.5]
    assert accuracies("top-1", [None, 71, 0.0]) == [71.0, 0.0]
    assert groups("a test", {"darts": [70, None], "nao": []}) == {"darts": [70.0], "nao": []}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused_with_name_and_value(value: float) -> None:
    with pytest.raises(ValueError, match=f"loss has a value of {value}; a missing value is None"):
        numbers("loss", [1.0, value])
    with pytest.raises(ValueError, match=f"darts has an accuracy of {value}; .* 0 to 100"):
        groups("a test", {"darts": [1.0, value]})


def test_no_arm_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="dunnett got no arm"):
        groups("dunnett", {})


def test_flat_is_all_equal() -> None:
    assert is_flat([70.1] * 3) and is_flat([]) and not is_flat([70.1, 70.2])
