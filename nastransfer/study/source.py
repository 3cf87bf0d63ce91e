"""A data set as study files and task notebooks name it: whole, or cut down to a proxy (no torch)."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Annotated, Any

from pydantic import Field, GetJsonSchemaHandler, field_validator, model_validator
from pydantic.json_schema import JsonSchemaValue

from nastransfer.data.datasets import label_of, names, options_of
from nastransfer.data.proxies import ProxySpec, proxies
from nastransfer.train.settings import Strict, choose, validate

canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
"""Plain data as JSON in the one form that ids are digests of."""

Seed = Annotated[int, Field(ge=0, lt=2**31)]


class Source(Strict):
    """A data set, whole or cut down to a proxy: what a search sees, or (whole) what a network is trained on."""

    dataset: str = Field(description="name in the catalogue: see nt.datasets()")
    options: dict[str, Any] = Field(
        default={}, description="options of the data set, as open_dataset takes them"
    )
    proxy: ProxySpec | None = Field(default=None, description="how it is cut down; null: the whole set")
    seed: Seed = Field(default=2, description="seed of the proxy's random choices")

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, value: Any) -> Any:
        """`cifar10` stands for {dataset: cifar10}, and `proxy: imagenet1k-p1` for that registered proxy."""
        if isinstance(value, str):
            return {"dataset": value}
        if isinstance(value, dict) and isinstance(value.get("proxy"), str):
            return value | {"proxy": proxies()[choose("proxy", value["proxy"], proxies())]}
        return value

    @field_validator("dataset")
    @classmethod
    def _known(cls, value: str) -> str:
        return choose("data set", value, names())

    @model_validator(mode="after")
    def _known_options(self) -> Source:
        validate(options_of(self.dataset), self.options, f"options of {self.dataset}")
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The short forms, which the validators turn into whole ones, are allowed too."""
        whole = handler.resolve_ref_schema(handler(core_schema))
        name = {"type": "string", "enum": list(names())}
        properties = dict(whole["properties"])
        properties["dataset"] = {**properties["dataset"], **name}
        proxy = properties["proxy"]
        properties["proxy"] = {**proxy, "anyOf": [*proxy["anyOf"], {"type": "string", "enum": [*proxies()]}]}
        return {"anyOf": [name, {**whole, "properties": properties}]}

    @cached_property
    def asked(self) -> dict[str, Any]:
        """All its settings as plain data, as tasks have them; not to be changed."""
        return self.model_dump(mode="json")

    @cached_property
    def text(self) -> str:
        """`asked` as canonical JSON, which tasks hash."""
        return canonical(self.asked)

    @cached_property
    def label(self) -> str:
        """Short name of what is seen, for folders, tables and legends: `cifar10`, `glyphs-p1`, `imagenet1k-p1`."""
        if self.proxy is None:
            return self.base
        proxy = self.proxy.label
        return proxy if proxy.startswith(f"{self.base}-") else f"{self.base}-{proxy}"

    @cached_property
    def base(self) -> str:
        """Name of the whole data set, its options included: `glyphs`, `glyphs-classes300`, `folder-my-photos`."""
        return label_of(self.dataset, self.options)
