"""Transfer vs direct: Figures 1 and 3 of the paper, for the study's own runs."""

from __future__ import annotations

import streamlit as st

from nastransfer.report.figures import FIGURES
from parts.picking import of_one_training, pick
from parts.showing import figure

st.title("Transfer vs direct")
reading = of_one_training(pick())
for slug in ("transfer-versus-direct", "transfer-by-source"):
    figure(slug, FIGURES[slug].draw, reading)
