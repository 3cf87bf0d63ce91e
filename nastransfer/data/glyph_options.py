"""Options of the `glyphs` data set, apart from the code that draws: they are read where nothing is drawn."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from nastransfer.data.options import StandardOptions

# A class needs 2 test images, and 2 in each search half of half of its train part.
LEAST_FLOOR = 10
# Up to so many classes are single characters, further ones pairs of them.
SINGLES = 1_000


class GlyphOptions(StandardOptions):
    """What `open_dataset("glyphs", ...)` accepts; the defaults are the quickstart's target."""

    classes: int = Field(
        default=500,
        ge=2,
        le=20_000,
        description=f"number of classes: {SINGLES:,} characters of a face, then pairs of them",
    )
    shape: Literal["long_tailed", "flat"] = Field(
        default="long_tailed",
        description="class histogram: like ImageNet22K's, or the same number everywhere",
    )
    pixels: Literal[16, 32, 64] = Field(default=16, description="side of an image")
    largest: int = Field(
        default=80, ge=LEAST_FLOOR, description="images of the largest class; flat: of every class"
    )
    floor: int = Field(default=10, ge=LEAST_FLOOR, description="least images of a class")
    seed: int = Field(default=0, ge=0, description="seed of the choice of classes and of every image")

    @model_validator(mode="after")
    def _ordered(self) -> GlyphOptions:
        if self.floor > self.largest:
            raise ValueError(f"floor must be at most largest={self.largest}, got {self.floor}")
        return self
