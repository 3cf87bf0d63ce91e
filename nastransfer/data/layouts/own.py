"""What folders and tables of own images have in common: options that say how they are fed to a network, and names."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import Field, field_validator

from nastransfer.data.options import StandardOptions

# Names of parts as they are found in folders and tables.
PART_CODES = {"train": 0, "val": 1, "valid": 1, "validation": 1, "test": 2}


class OwnOptions(StandardOptions):
    """Options of sets that are not in the catalogue."""

    name: str | None = Field(
        default=None, description="short name; null: made of the folder's or file's name"
    )
    pixels: int = Field(default=224, ge=8, le=1024, description="side that images are brought to")
    flip: bool = Field(default=True, description="whether a mirror image shows the same class")
    domain: str = Field(default="own images", description="what the images show, a few words")
    terms: str = Field(default="own images", description="terms of use, shown with the set")

    @field_validator("name")
    @classmethod
    def _short(cls, value: str | None) -> str | None:
        if value is not None and (not value or slug(value) != value):
            raise ValueError("a name has lower-case letters, digits, '.', '_' and '-' only")
        return value


def slug(text: str) -> str:
    """A text as a name for folders and tables: lower-case letters, digits, '.', '_', '-'."""
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-.")


def place_of(path: str, folders: list[Path]) -> Path:
    """An existing path as it is given, or else below one of the folders of data sets.

    Absolute and without links, so that one folder has one path. `ValueError` with the places looked at where it is not.
    """
    given = Path(path).expanduser()
    places = [given, *(folder / given for folder in folders if not given.is_absolute())]
    found = next((place for place in places if place.exists()), None)
    if found is None:
        raise ValueError(f"{path!r} is not here: no {' or '.join(str(place.absolute()) for place in places)}")
    return found.resolve()
