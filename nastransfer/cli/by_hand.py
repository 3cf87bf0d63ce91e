"""Commands that do one task by hand, as its notebook does, into the same records: proxy, search, augment."""

from __future__ import annotations

from typing import Annotated, Any

import typer
import yaml

from nastransfer.cli.shared import BY_HAND, DEFAULT_RUNS, Runs, app
from nastransfer.study.parameters import AugmentParameters, Place, ProxyParameters, SearchParameters
from nastransfer.study.task import begin


def _help(model: type[Place], name: str) -> str:
    """What the task's notebook says of a parameter."""
    return model.model_fields[name].description or ""


def _proxy(name: str, *words: str) -> Any:
    return typer.Option(*words, help=_help(ProxyParameters, name))


def _search(name: str, *words: str) -> Any:
    return typer.Option(*words, help=_help(SearchParameters, name))


def _augment(name: str, *words: str) -> Any:
    return typer.Option(*words, help=_help(AugmentParameters, name))


Set = Annotated[str, typer.Argument(help="A data set's name, or a mapping such as '{dataset: digits, ...}'.")]
Setting = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="One more setting of the preset or protocol, such as epochs=4; may be repeated.",
    ),
]
OfStudy = Annotated[str, typer.Option(help=_help(Place, "study"))]


@app.command(rich_help_panel=BY_HAND)
def proxy(
    dataset: Annotated[str, typer.Argument(help=_help(ProxyParameters, "dataset"))],
    selection: Annotated[str, _proxy("selection")] = "random",
    classes: Annotated[int | None, _proxy("classes")] = None,
    fraction: Annotated[float | None, _proxy("fraction")] = None,
    resolution: Annotated[int | None, _proxy("resolution")] = None,
    seed: Annotated[int, _proxy("seed")] = 2,
    study: OfStudy = "by-hand",
    runs: Runs = DEFAULT_RUNS,
) -> None:
    """Build a proxy set from a data set and record which images it holds."""
    rule = {"selection": selection, "classes": classes, "fraction": fraction, "resolution": resolution}
    _do("proxy", {"dataset": dataset, **rule, "seed": seed, "study": study, "runs": str(runs)})


@app.command(rich_help_panel=BY_HAND)
def search(
    method: Annotated[str, typer.Argument(help=_help(SearchParameters, "method"))],
    source: Set,
    seed: Annotated[int, _search("seed")] = 2,
    preset: Annotated[str, _search("preset")] = "tiny",
    settings: Setting = None,
    plugin: Annotated[str, _search("plugin")] = "",
    study: OfStudy = "by-hand",
    runs: Runs = DEFAULT_RUNS,
) -> None:
    """Search for an architecture and record what was found."""
    about = {"method": method, "source": _plain(source), "seed": seed, "preset": preset, "plugin": plugin}
    _do("search", {**about, "settings": _settings(settings), "study": study, "runs": str(runs)})


@app.command(rich_help_panel=BY_HAND)
def augment(
    target: Set,
    genotype: Annotated[str, _augment("genotype")] = "",
    searched: Annotated[str, _augment("search", "--search")] = "",
    known: Annotated[str, _augment("known")] = "",
    method: Annotated[str, _augment("method")] = "",
    draw: Annotated[int | None, _augment("draw")] = None,
    seed: Annotated[int, _augment("seed")] = 2,
    protocol: Annotated[str, _augment("protocol")] = "tiny",
    settings: Setting = None,
    devices: Annotated[int, _augment("devices")] = 1,
    keep_weights: Annotated[bool, _augment("keep_weights")] = False,
    study: OfStudy = "by-hand",
    runs: Runs = DEFAULT_RUNS,
) -> None:
    """Train a network from scratch on a target and record how well it does."""
    network = {"genotype": genotype, "search": searched, "known": known, "method": method, "draw": draw}
    training = {"seed": seed, "protocol": protocol, "devices": devices, "keep_weights": keep_weights}
    where = {"settings": _settings(settings), "study": study, "runs": str(runs)}
    _do("augment", {"target": _plain(target), **network, **training, **where})


def _do(kind: str, values: dict[str, Any]) -> None:
    task = begin(kind, values)
    for step in task:
        task.show(step)
    for name, value in task.finish().items():
        if value is not None:
            print(f"{name:20} {value}")


def _plain(text: str) -> Any:
    """A value in YAML's spelling."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"{text!r} is not plain data: {error}") from None


def _settings(given: list[str] | None) -> dict[str, Any]:
    settings = {}
    for one in given or []:
        name, equals, value = one.partition("=")
        if not equals:
            raise ValueError(f"--set takes NAME=VALUE, found {one!r}")
        settings[name] = _plain(value)
    return settings
