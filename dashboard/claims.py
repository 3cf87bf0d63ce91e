"""Claims: what the paper concludes, tested in the study's own runs, and the paper's own numbers held against it."""

from __future__ import annotations

import streamlit as st

from nastransfer.report.claims.shown import claim_rules_html, claims_summary
from nastransfer.report.claims.table import claims
from nastransfer.report.every_table import last_tables
from nastransfer.report.markup import markdown_text
from parts.picking import pick
from parts.reading import kept
from parts.showing import heading, refused_in_place, table

LEAD = (
    "Each conclusion of the paper is put to a rule that was fixed before any result: **supported**, **contradicted**, "
    "**underpowered** (too few runs to tell; how many it takes), or **not testable** (and what the study lacks)."
)
AUDITS = (
    "These two need no run: they hold the paper's claims and numbers, *as published*, against its own tables. "
    "Published numbers come without runs, so they say nothing of how sure they are."
)


def main() -> None:
    """The page: verdicts and what is lacking, the rules, the audits of the paper."""
    heading("Claims", LEAD, "claim", "interval", "n", "published")
    reading, tables = pick(), last_tables()
    with refused_in_place():
        said = kept(("verdicts", *reading.key), lambda: claims_summary(claims(reading.own)))
        st.info(markdown_text(said), icon=":material/summarize:")
    table("claims", tables["claims"], reading)
    with st.expander("How each claim is tested", icon=":material/gavel:"):
        st.html(claim_rules_html())
    st.header("The paper against itself")
    st.markdown(AUDITS)
    for slug in ("claims-audit", "published-audit"):
        with st.expander(tables[slug].title, icon=":material/table_chart:"):
            table(slug, tables[slug], reading)


main()
