"""The pages of figures and tables, on a made-up study with everything in it and on studies that lack most of it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs

import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from nastransfer.data.manifest import Manifest
from nastransfer.study.frame import results_frame
from nastransfer.study.ledger import StudyRecords
from tests.dashboard.opening import html as tables
from tests.dashboard.opening import open_page
from tests.dashboard.test_app import charts
from tests.example_study import write_example
from tests.report.made_study import made_study
from tests.report.rows import study
from tests.report.test_baselines_table import seeds_apart

NAME = "quickstart"


@pytest.fixture
def made(runs: Path, monkeypatch: pytest.MonkeyPatch) -> pl.DataFrame:
    """A study on disk whose records give the made-up study of the paper's shape, with depths and a trick."""
    write_example(runs)
    frame = made_study(name=NAME, searches=2, genotypes=4, cells=(8,), methods=("darts2", "enas"))
    frame = pl.concat([frame, with_cutout(frame)])
    monkeypatch.setattr(StudyRecords, "results", lambda _: frame)
    return frame


def with_cutout(frame: pl.DataFrame) -> pl.DataFrame:
    """The trainings on cifar100 again, with cutout and half a percent better."""
    plain = frame.filter(kind="augment", target="cifar100", cells=20, protocol="paper")
    return plain.with_columns(
        run=pl.format("{}-cutout", "run"),
        protocol=pl.lit("paper+cutout16"),
        feeds=pl.lit("tricks"),
        top1_last=pl.col("top1_last") * 1.005,
    )


def opened(page: str, **asked: str | list[str]) -> AppTest:
    return open_page(page, **{"study": NAME, **asked})


def boxes(app: AppTest) -> list[str]:
    return [one.label for one in app.expander]


def alternatives(app: AppTest) -> list[str]:
    return [element.proto.alt for element in app.get("plotly_chart")]


@pytest.mark.usefixtures("made")
def test_transfer_says_in_words_what_its_figures_show() -> None:
    app = opened("transfer.py")
    assert app.info[0].value.startswith(
        "Of 14 pairs of a method and a source, transfer has the higher mean in "
    )
    assert "published numbers, which have no interval" in app.info[0].value
    assert len(charts(app)) == 2
    shown = tables(app)
    assert "Transfer against the best direct search, in numbers" in shown
    assert "published: NASTransfer (AAAI 2021), table 3, seed 2" in shown


@pytest.mark.usefixtures("made")
def test_targets_and_methods_are_chosen_in_the_address() -> None:
    app = opened("transfer.py", on="cifar100", by="DARTS")
    assert app.multiselect(key="on").value == ["cifar100"]
    assert app.info[0].value.startswith("Of 1 pair of a method and a source")
    assert "imagenet1k" not in tables(app)
    assert "ENAS" not in tables(app)
    app.multiselect(key="by").set_value([]).run()
    assert app.info[0].value.startswith("Of 2 pairs of a method and a source")
    assert not app.exception


def test_a_target_that_another_study_has_not_is_no_longer_chosen_there(
    runs: Path, made: pl.DataFrame
) -> None:
    assert not made.is_empty()
    write_example(runs, name="another")
    app = opened("transfer.py", on="cifar100")
    app.selectbox(key="study").select("another").run()
    assert not app.exception
    assert app.query_params["study"] == "another"


@pytest.mark.usefixtures("made")
def test_direct_search_shows_figures_ranks_and_descriptors() -> None:
    app = opened("direct.py")
    assert [text.partition(",")[0].partition(".")[0] for text in alternatives(app)] == [
        "Direct search against random sampling",
        "Rank agreement of source and target",
        "Descriptors against rank agreement",
    ]
    shown = tables(app)
    assert "Rank agreement of source and target, in numbers" in shown
    assert "Descriptors of the sources" in shown


def test_a_proxys_own_manifest_describes_it(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = write_example(runs)
    task = next(task for task in records.plan() if task.kind == "proxy")
    attempt = records.finished(task.id)
    assert attempt is not None
    assert "evenness" not in tables(opened("direct.py"))
    attempt.write_manifest(Manifest.from_counts({"a": 10, "b": 30}))
    # Another folder is another study to whatever is kept.
    moved = runs.rename(runs.with_name("moved"))
    monkeypatch.setenv("NASTRANSFER_RUNS", str(moved))
    assert "evenness" in tables(opened("direct.py"))


@pytest.mark.usefixtures("made")
def test_a_random_genotype_is_picked_by_its_place() -> None:
    app = opened("random_sampling.py", target="imagenet22k")
    picked = app.selectbox(key="draw")
    assert picked.options[0].startswith("1 of 4: draw ")
    assert "1 of 4" in tables(app)
    first = picked.value
    picked.select(picked.options[-1]).run()
    last = app.selectbox(key="draw").value
    assert last != first
    assert app.query_params["draw"] == last
    links = [parse_qs(one.proto.query_string) for one in app.get("page_link")]
    runs = [query["run"][0] for query in links if "run" in query]
    assert len(runs) == 6
    assert all(run.startswith(f"{NAME}/augment/random-") for run in runs)
    assert alternatives(app)[-1].startswith("normal cell: node 0 adds")


@pytest.mark.usefixtures("made")
def test_ri_switches_its_baseline_and_its_numbers_in_the_address() -> None:
    app = opened("improvement.py")
    assert "same augment seeds" in charts(app)[0]
    assert "RI by choice of the random runs" in boxes(app)
    app = opened("improvement.py", baseline="all random runs", numbers="own")
    assert "all random runs" in charts(app)[0]
    assert "publ." not in charts(app)[0]
    assert not any("Published" in name for name in boxes(app))
    app = opened("improvement.py", numbers="published")
    assert boxes(app) == ["Table 2 of the paper"]
    assert "mit67" in alternatives(app)[0]
    assert "n = " not in charts(app)[0]


def test_a_sign_that_hangs_on_the_baseline_is_warned_of(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_example(runs)
    frame = study(*seeds_apart())
    monkeypatch.setattr(StudyRecords, "results", lambda _: frame)
    (warning,) = opened("improvement.py").warning
    assert "the sign of RI depends on the random runs compared with" in warning.value


@pytest.mark.usefixtures("made")
def test_ablations_show_depth_tricks_and_seeds_of_one_study() -> None:
    app = opened("ablations.py")
    (depth,) = charts(app)
    assert "Accuracy by number of cells" in depth
    shown = tables(app)
    for caption in ("Top-1 by number of cells", "what they add to the plain one", "Top-1 by augment seed"):
        assert caption in shown
    assert "cutout 16" in shown
    assert "+0.50" in shown
    assert not app.warning


@pytest.mark.usefixtures("made")
def test_claims_come_with_verdicts_rules_and_what_is_lacking() -> None:
    app = opened("claims.py")
    assert app.info[0].value.startswith("Of 19 claims")
    shown = tables(app)
    for caption in (
        "What the paper concludes, tested in this study",
        "Claims that this study cannot test",
        "How each claim is tested",
        "held against its own tables",
    ):
        assert caption in shown
    assert "How each claim is tested" in boxes(app)


PAGES = ("transfer.py", "direct.py", "random_sampling.py", "improvement.py", "ablations.py", "claims.py")


@pytest.mark.parametrize("page", PAGES)
def test_a_study_that_has_nothing_for_a_page_says_so(
    runs: Path, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    write_example(runs)
    monkeypatch.setattr(StudyRecords, "results", lambda _: results_frame([]))
    app = opened(page)
    assert not app.warning
    said = tables(app) + "".join(alternatives(app)) + "".join(one.value for one in app.info)
    assert "yet" in said or "cannot test" in said
