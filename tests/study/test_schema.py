"""The schema for editors takes what the study file's reader takes."""

from __future__ import annotations

from importlib import resources
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from nastransfer.study.schema import study_schema
from nastransfer.study.spec import shipped
from tests.study.test_spec import GOOD

SCHEMA = study_schema()
CHECK = Draft202012Validator(SCHEMA)


def said(text: str) -> list[str]:
    return [error.json_path for error in CHECK.iter_errors(yaml.safe_load(text))]


def test_it_is_a_schema_that_explains_every_key() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    for grid in (SCHEMA, SCHEMA["$defs"]["Grid"]):
        assert [name for name, value in grid["properties"].items() if "description" not in value] == []


@pytest.mark.parametrize("name", shipped())
def test_shipped_studies_fit(name: str) -> None:
    folder = resources.files("nastransfer") / "studies"
    assert said((folder / f"{name}.yaml").read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "more",
    [
        "plugins: [mine.py]\npreset: own",
        "protocol: [tiny, small]",
        "also: [{sources: [digits], random: null}]",
        "sources: [{dataset: imagenet1k, proxy: imagenet1k-p1}]",
    ],
)
def test_what_the_reader_takes_fits(more: str) -> None:
    changed: dict[str, Any] = {**yaml.safe_load(GOOD), **yaml.safe_load(more)}
    assert list(CHECK.iter_errors(changed)) == []


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("preset: tiny", "preset: tiny\nepoch: 3", "$"),
        ("protocol: tiny", "protocol: tinny", "$.protocol"),
        ("protocol: tiny", "protocol: tiny\nknown: [resnet8]", "$.known[0]"),
        ("targets: [glyphs]", "targets: [glyfs]", "$.targets[0]"),
        ("classes: 40", "clases: 40", "$.sources[1]"),
        ("genotypes: 5", "genotypes: 0", "$.random.genotypes"),
        ("[2, 3]", "[2, two]", "$.search_seeds[1]"),
        ("protocol: tiny", "protocol: tiny\nalso: [{name: x}]", "$.also[0]"),
        ("random: {genotypes: 5}", "", "$"),
    ],
)
def test_what_the_reader_refuses_does_not_fit(old: str, new: str, place: str) -> None:
    assert said(GOOD.replace(old, new, 1)) == [place]
