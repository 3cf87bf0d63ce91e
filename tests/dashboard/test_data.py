"""The page of data: the catalogue without this machine's tree, sets and proxies with their classes, Table 1."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from streamlit.testing.v1 import AppTest

from nastransfer.data.datasets import open_dataset
from nastransfer.data.proxies import ProxySpec, build_proxy
from nastransfer.study.attempt import Attempt
from nastransfer.study.ledger import StudyRecords
from tests.dashboard.opening import html, open_page
from tests.example_study import write_example


def opened(**asked: str) -> AppTest:
    return open_page("data.py", **asked)


def charts(app: AppTest) -> list[str]:
    return [element.proto.alt for element in app.get("plotly_chart")]


def proxy_of(records: StudyRecords) -> tuple[str, Attempt]:
    """The name of the study's proxy, and its attempt."""
    task = next(task for task in records.plan() if task.kind == "proxy")
    attempt = records.finished(task.id)
    assert attempt is not None
    return f"proxy {task.slug}", attempt


def republish(attempt: Attempt) -> None:
    result = attempt.result()
    assert result is not None
    attempt.publish(result)


def test_the_catalogue_says_what_is_here_and_where_the_rest_was_looked_for(runs: Path) -> None:
    write_example(runs)
    app = opened()
    assert "non-commercial research" in html(app)
    assert "and there for imagenet22k" in html(app)
    said = "\n".join(one.value for one in app.markdown)
    assert "**On this machine**: digits and glyphs (synthetic)." in said
    assert "**Not here**: cifar10, " in said


def test_a_set_is_shown_with_terms_classes_and_descriptors(runs: Path) -> None:
    write_example(runs)
    app = opened(set="digits")
    said = "\n".join(one.value for one in app.markdown)
    assert "**digits**" in said and "10 classes" in said and "Terms: " in said
    assert "What it is, in numbers" in html(app)
    assert [alt.split(":")[0] for alt in charts(app)] == ["digits, all classes"]
    app.toggle(key="images").set_value(True).run()
    assert len(charts(app)) == 2
    assert not app.exception


def test_sets_of_the_study_come_first(runs: Path) -> None:
    write_example(runs)
    app = opened()
    assert app.selectbox(key="set").value == app.query_params["set"]
    assert app.selectbox(key="set").options[-1].startswith("proxy ")
    assert app.selectbox(key="set").options[:2] == ["digits", "glyphs (synthetic)"]


def test_a_proxy_is_shown_against_its_parent(runs: Path) -> None:
    records = write_example(runs)
    name, attempt = proxy_of(records)
    whole = open_dataset("glyphs").manifest
    attempt.write_manifest(build_proxy(whole, ProxySpec(selection="random", classes=5), 2))
    republish(attempt)
    app = opened(set=name)
    assert len(charts(app)) == 2
    assert "all of them can be used" in "\n".join(one.value for one in app.markdown)
    assert "whole set" in html(app)


def test_a_proxy_without_its_manifest_shows_the_classes_that_were_recorded(runs: Path) -> None:
    records = write_example(runs)
    name, attempt = proxy_of(records)
    assert "not recorded here" in opened(set=name).info[0].value
    attempt.write_frame("classes", pl.DataFrame({"class": ["a", "b"], "train": [3, 1]}))
    republish(attempt)
    assert len(charts(opened(set=name))) == 1
    (attempt.folder / "classes.parquet").write_bytes(b"torn")
    assert "its digest is not the one in the result" in opened(set=name).warning[0].value


def test_table_1_is_built_when_asked_for(runs: Path) -> None:
    write_example(runs)
    app = opened()
    assert "Table 1 of NASTransfer" not in html(app)
    app.toggle(key="table1").set_value(True).run()
    assert "Table 1 of NASTransfer" in html(app)
    assert "built here" in html(opened(table1="true"))


def test_without_any_result_the_sets_are_there(runs: Path) -> None:
    write_example(runs, leave=14)
    assert "digits" in html(opened())
