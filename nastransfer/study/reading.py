"""What a notebook that is read and played with may be given: one strict model a notebook, as task notebooks have.

papermill only warns of a parameter that a notebook does not know, and gives the wrong type without a word.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field

from nastransfer.study.parameters import parameters
from nastransfer.study.source import Seed
from nastransfer.train.settings import Strict, choose, validate

INJECTED = "# Parameters\n"
"""How papermill begins the cell that it puts below the one of parameters."""


class Quickstart(Strict):
    """Parameters of notebooks/quickstart.ipynb."""

    seed: Seed = Field(default=2, description="seed of every random choice")
    proxy_classes: int = Field(default=150, ge=2, le=500, description="classes of the proxy searched on")
    random_genotypes: int = Field(default=2, ge=1, description="genotypes of the random baseline")
    search_steps: int = Field(default=100, ge=1, description="steps of the search")
    epochs: int = Field(default=12, ge=1, description="epochs of each training")
    epoch_images: int = Field(default=4_000, ge=1, description="images of an epoch")


class Proxies(Strict):
    """Parameters of notebooks/proxies.ipynb."""

    dataset: str = Field(default="glyphs", description="set that proxies are cut from")
    classes: int = Field(default=100, ge=2, description="classes of the proxies shown")
    seed: Seed = Field(default=2, description="seed of every random choice")


class ReadStudy(Strict):
    """Parameters of notebooks/study.ipynb."""

    study: str = Field(default="quickstart", description="a shipped study, or the path of a study file")
    runs: str = Field(default="runs", description="folder of all studies; relative to the working folder")
    slots: int | None = Field(default=None, ge=1, description="tasks side by side; null: one a core")


class Report(Strict):
    """Parameters of notebooks/report.ipynb."""

    study: str = Field(default="runs/methods-cifar", description="folder of a study's records")
    target: str = Field(default="", description="target to decide for; empty: all that have trainings")


class OwnMethod(Strict):
    """Parameters of notebooks/own_method.ipynb."""

    source: str = Field(default="digits", description="data set to search on and to train on")
    models: int = Field(default=12, ge=1, description="architectures that a search trains")
    random_genotypes: int = Field(default=2, ge=1, description="genotypes of the random baseline")
    epochs: int = Field(default=4, ge=1, description="epochs of each final training")
    epoch_images: int = Field(default=2_000, ge=1, description="images of an epoch")
    seed: Seed = Field(default=2, description="seed of the search")
    runs: str = Field(default="runs", description="folder of all studies; relative to the working folder")


class Scale(Strict):
    """Parameters of notebooks/scale.ipynb."""

    study: str = Field(default="paper", description="a shipped study, or the path of a study file")
    results: str = Field(default="tests/benchmarks/results", description="folder of benchmarks' results")
    images_per_second: float | None = Field(
        default=None,
        gt=0,
        description="a device's rate as stated: DARTS_V2 in training, 48 channels, 14 cells, 224 px",
    )
    efficiency: float = Field(
        default=1.0, gt=0, le=1, description="of devices that train together; 1.0: perfect"
    )
    image_bytes: int = Field(default=115_000, ge=1, description="mean size of a compressed photograph")
    runs: str = Field(default="runs", description="folder of records, of all studies or of one")
    tasks: int = Field(default=100_000, ge=1, description="tasks of the study that is planned and resumed")
    done_share: float = Field(default=0.02, ge=0, le=1, description="share of them with made-up results")


READING: dict[str, type[Strict]] = {
    "quickstart": Quickstart,
    "proxies": Proxies,
    "study": ReadStudy,
    "report": Report,
    "own_method": OwnMethod,
    "scale": Scale,
}


def check_reading(notebook: str, namespace: Mapping[str, Any]) -> BaseModel:
    """The parameters of a reading notebook, taken from its `globals()`; one `ValueError` names all that is wrong.

    Names that papermill gave must be known. A name that somebody assigned in a cell of their own is theirs.
    """
    model = READING[choose("notebook", notebook, READING)]
    injected = [cell for cell in namespace.get("In", ()) if cell.startswith(INJECTED)]
    given = parameters({**namespace, "In": injected})
    own = {name: namespace[name] for name in model.model_fields if name in namespace}
    return validate(model, {**given, **own}, f"parameters of notebooks/{notebook}.ipynb")
