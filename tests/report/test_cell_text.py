"""Numbers in cells of tables, missing ones too."""

from __future__ import annotations

from nastransfer.report.cell_text import interval_text, mean_text, number_text


def test_numbers_have_two_places_and_missing_ones_say_none() -> None:
    assert number_text(1.234) == "1.23"
    assert number_text(1.234, "+") == "+1.23"
    assert number_text(None) == "none"
    assert interval_text(-1.0, 2.5, "+") == "-1.00 to +2.50"
    assert interval_text(1.0, None) == "none"
    assert mean_text(70.0, 1.0) == "70.00 ± 1.00"
    assert mean_text(70.0, None) == "70.00"
    assert mean_text(None, None) == "none"
