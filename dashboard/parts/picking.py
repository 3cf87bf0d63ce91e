"""The choices that hold on every page: which study, which final training. They stand in the page's address."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

import polars as pl
import streamlit as st

from nastransfer.report.arms import ABLATIONS, RANK_AGREEMENT, feeding_more_than
from nastransfer.report.markup import markdown_text
from nastransfer.study.ledger import Ledger
from parts.reading import Reading, ledger, read, status

REFRESH_SECONDS = 3.0
_ARM = ("method", "preset", "source", "selection", "target", "protocol")
STUDY_HELP = (
    "A study is one file that says which methods search on which sets, and where what they find is trained."
)
TRAINING_HELP = (
    "The settings of the final training (its protocol). Accuracies of different trainings are not comparable, so one "
    "is shown at a time."
)


def choice(
    key: str,
    label: str,
    options: Sequence[str],
    first: str,
    tooltip: str | None = None,
    said: Callable[[str], str] = str,
    *,
    quiet: bool = False,
) -> str:
    """What is chosen of `options`, which the address says as `KEY=...`; `first` where nobody has chosen.

    It holds on other pages that ask for the same key. A link wins over what was chosen before it was followed. `said`
    is how the page calls an option. `quiet`: the address does not say `first`, as for a filter that lets all through.
    """
    asked, written = st.query_params.get(key), st.session_state.get(f"{key}-in-address")
    before = st.session_state.get(key)
    if asked in options and (asked != written or before not in options):
        before = asked
    # Also what is there already: by a link to another page a box comes anew, and would begin with its first option.
    st.session_state[key] = before if before in options else first
    chosen = str(
        st.selectbox(label, options, key=key, help=tooltip, format_func=said, persist_state="session")
    )
    in_address = None if quiet and chosen == first else chosen
    st.session_state[f"{key}-in-address"] = in_address
    if in_address is not None:
        st.query_params[key] = in_address
    elif key in st.query_params:
        del st.query_params[key]
    return chosen


def pick(*, renews_itself: bool = False) -> Reading:
    """The study chosen in the sidebar, or in the page's address, read. Ends the page where there is nothing to show.

    While the study runs the page is drawn anew when there is another result, unless it `renews_itself`.
    """
    here = ledger()
    names = here.studies()
    if not names:
        st.fragment(_empty, run_every=REFRESH_SECONDS)(here)
        st.stop()
    asked, first = st.query_params.get("study"), first_of(names)
    if asked is not None and asked not in names:
        st.warning(f"There is no study {markdown_text(asked)} here. This is {markdown_text(first)}.")
    with st.sidebar:
        name = choice("study", "Study", names, first, STUDY_HELP)
    try:
        reading = read(name)
        finished = status(str(here.root), name).finished
    except (ValueError, OSError) as error:
        st.error(f"This study cannot be read: {markdown_text(str(error))}")
        st.stop()
    st.caption(f"Study: **{markdown_text(name)}**")  # a phone hides the sidebar
    if not finished and not renews_itself:
        st.fragment(_look_again, run_every=REFRESH_SECONDS)(reading)
    return reading


def _look_again(shown: Reading) -> None:
    """Draw the page anew if the study has other results than it shows; choices and open boxes stay as they are."""
    with suppress(ValueError, OSError):  # a folder that cannot be read now leaves what was read before
        if not read(shown.name).own.equals(shown.own):
            st.rerun()


def of_one_training(reading: Reading) -> Reading:
    """The reading less trainings under other protocols than the chosen one; where there are several, one is chosen.

    Searches and published rows stay, and so do trainings for an ablation or for rank agreement, which vary the settings
    or are made on a source: they meet no others.
    """
    used = protocols(reading)
    if len(used) < 2:
        return reading
    return under_protocol(reading, choice("training", "Final training", sorted(used), used[0], TRAINING_HELP))


def protocols(reading: Reading) -> list[str]:
    """Those of the trainings that are compared with each other, the most used first."""
    counted = _compared(reading).drop_nulls("protocol").group_by("protocol").len()
    return counted.sort("len", "protocol", descending=[True, False])["protocol"].to_list()


def under_protocol(reading: Reading, protocol: str) -> Reading:
    """The reading less what `of_one_training` leaves out where this one is chosen."""
    others = _compared(reading).filter(pl.col("protocol").ne_missing(protocol))["run"]
    return reading.narrowed(~pl.col("run").is_in(others.to_list()), protocol)


def _compared(reading: Reading) -> pl.DataFrame:
    trained = (pl.col("kind") == "augment") & (pl.col("origin") != "published")
    return feeding_more_than(reading.own.filter(trained), RANK_AGREEMENT, *ABLATIONS)


def first_of(names: list[str]) -> str:
    """The study that can decide most, which is what a visitor most likely came for.

    Intervals come from repeated searches: that with most searches trained a method, source and target, on average;
    where these are as many, that with most results.
    """
    return max(names, key=_results)


def _results(name: str) -> tuple[float, int]:
    """Searches trained an arm, and all results; none of what cannot be read: it says so later."""
    try:
        own = read(name).own
    except (ValueError, OSError):
        return 0.0, 0
    searched = own.filter(pl.col("source").is_not_null(), kind="augment")
    arms = searched.select(_ARM).n_unique()
    return searched.select(*_ARM, "search_seed").n_unique() / arms if arms else 0.0, own.height


def _empty(here: Ledger) -> None:
    if here.studies():
        st.rerun()
    st.info(
        f"No study has records in {markdown_text(str(here.root.resolve()))} yet. `make study` runs the first one; "
        "this page shows it as soon as it starts."
    )
