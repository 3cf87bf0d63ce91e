"""Rank agreement: the heat map's numbers are those of the statistics, descriptors come from the frame or a table."""

from __future__ import annotations

import polars as pl
import pytest

from nastransfer.report.descriptor_figure import descriptors_against_agreement
from nastransfer.report.rank_map_figure import rank_agreement_map
from nastransfer.report.ranks import agreements
from nastransfer.stats.agreement import rank_agreement
from tests.report.made_study import made_study
from tests.report.rows import study, training
from tests.report.seen import means


def scored(order: tuple[float, ...], selection: str = "glyphs-p1", **size: int) -> pl.DataFrame:
    """Random genotypes with top-1 60, 61, ... on glyphs, and `order` on a proxy of it."""
    trained = [training("random", draw, 60.0 + draw) for draw in range(len(order))]
    about = {
        "source": "glyphs",
        "selection": selection,
        "feeds": "rank_agreement",
        "protocol": "short",
        **size,
    }
    ranked = [training("random", draw, top1, **about, run=f"r{draw}") for draw, top1 in enumerate(order)]
    return study(*trained, *ranked)


def test_cells_hold_kendalls_tau() -> None:
    """Of 6 pairs of 4 genotypes one is in the other order: (5 - 1) / 6."""
    figure = rank_agreement_map(scored((40.0, 42.0, 41.0, 43.0)))
    heat, words = figure.data
    assert heat.z[0][0] == pytest.approx(4 / 6)
    assert list(words.text) == ["0.67"], "no interval with 4 genotypes"
    assert list(figure.layout.yaxis.ticktext) == ["glyphs (synthetic), p1"]
    assert list(figure.layout.xaxis.ticktext) == ["glyphs<br>(synthetic)<br>no ceiling"]
    assert "an interval needs 8 genotypes; there are 4" in figure.layout.meta["alt"]


def test_numbers_are_those_of_the_statistics_and_computed_once() -> None:
    frame = made_study(searches=1, genotypes=10)
    found = agreements(frame)
    one = found[3]
    assert one.found == rank_agreement(one.pair.proxy, one.pair.target_top1)
    assert agreements(frame)[3].found is one.found
    text = rank_agreement_map(frame).data[1].text
    assert (
        f"{one.found.kendall.estimate:.2f}<br>{one.found.kendall.low:.2f} to {one.found.kendall.high:.2f}"
        in text
    )


def test_sources_that_rank_best_are_at_the_top_and_missing_pairs_are_empty() -> None:
    figure = rank_agreement_map(made_study(searches=1, genotypes=10))
    table = [[value for value in row if value is not None] for row in figure.data[0].z]
    averages = [sum(row) / len(row) for row in table]
    assert averages == sorted(averages, reverse=True)
    assert any(None in row for row in figure.data[0].z), "a target's own random runs do not rank for it"


@pytest.mark.parametrize(("targets", "lines"), [(3, 2), (4, 3), (6, 1)])
def test_intervals_take_the_room_that_a_phone_has(targets: int, lines: int) -> None:
    names = [f"set-{place}" for place in range(targets)]
    made = made_study(
        searches=1, routes=dict.fromkeys(names, ("cifar10",)), random_means=dict.fromkeys(names, 70.0)
    )
    _, numbers = rank_agreement_map(made).data
    assert {text.count("<br>") + 1 for text in numbers.text} == {lines}


def test_equal_scores_give_no_agreement() -> None:
    flat = scored((40.0, 40.0, 40.0))
    assert "No rank agreement yet: all genotypes score alike" in rank_agreement_map(flat).layout.meta["alt"]
    other = scored((41.0, 42.0, 43.0), "glyphs-p2").filter(feeds="rank_agreement")
    figure = rank_agreement_map(pl.concat([flat, other]))
    assert [list(row) for row in figure.data[0].z] == [[1.0], [None]]
    assert "they have no order" in figure.layout.meta["alt"]


def test_sizes_come_from_the_frame() -> None:
    figure = descriptors_against_agreement(
        scored((40.0, 42.0, 41.0, 43.0), proxy_images=900, proxy_classes=30)
    )
    images, classes = means(figure)
    assert (images.x[0], classes.x[0]) == (900.0, 30.0)
    assert images.y[0] == classes.y[0] == pytest.approx(4 / 6)
    assert "images of the source 900, classes of the source 30" in figure.layout.meta["alt"]
    unknown = descriptors_against_agreement(scored((40.0, 42.0, 41.0, 43.0)))
    assert "No descriptor yet of a source whose rank agreement is known" in unknown.layout.meta["alt"]


def test_a_table_of_descriptions_takes_their_place() -> None:
    frame = scored((40.0, 42.0, 41.0, 43.0), proxy_images=900)
    row = {"dataset": "glyphs", "selection": "glyphs-p1", "evenness": 0.5, "images": 7}
    (images, evenness) = means(descriptors_against_agreement(frame, pl.DataFrame([row])))
    assert (images.x[0], evenness.x[0]) == (7.0, 0.5)
    (mark,) = means(descriptors_against_agreement(frame, pl.DataFrame([row]), shown=["evenness"]))
    assert mark.x[0] == 0.5
    with pytest.raises(ValueError, match=r"no column \['dataset'\]; its rows are those of nt.describe"):
        descriptors_against_agreement(frame, pl.DataFrame({"selection": ["all"]}))


def test_a_description_against_a_target_counts_for_that_target() -> None:
    frame = scored((40.0, 42.0, 41.0, 43.0))
    rows = [
        {"dataset": "glyphs", "selection": "glyphs-p1", "target": target, "kl_to_target": value}
        for target, value in (("digits", 9.0), ("glyphs", 0.25))
    ]
    (mark,) = means(descriptors_against_agreement(frame, pl.DataFrame(rows)))
    assert mark.x[0] == 0.25
