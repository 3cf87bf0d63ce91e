"""Options of data sets, as `open_dataset` and study files name them; all sets can be cut into other parts."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

OTHER_SPLIT = "40-40-20"
OTHER_SPLIT_SAYS = (
    "40-40-20: of every class 40% of the images are the train part, 40% the val part and 20% the test part, drawn "
    "with split_seed (the papers' other split); a search takes train and val as they are"
)


class Options(BaseModel):
    """Nothing unknown, nothing converted."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class SplitOptions(Options):
    """Of every set; each says in `split` which parts it has to offer."""

    split_seed: int = Field(
        default=2, ge=0, description=f"seed of the split {OTHER_SPLIT}; not used by others"
    )


class StandardOptions(SplitOptions):
    """Of sets that have one split of their own."""

    split: Literal["standard", "40-40-20"] = Field(
        default="standard", description=f"standard: the set's own parts; {OTHER_SPLIT_SAYS}"
    )
