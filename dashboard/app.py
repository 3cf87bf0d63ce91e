"""The dashboard: `make dashboard`, or `streamlit run dashboard/app.py`. One file a page beside this one.

It reads the ledger under $NASTRANSFER_RUNS (default: ./runs), writes nothing and never imports torch.
"""

from __future__ import annotations

import streamlit as st

st.set_page_config(page_title="NASTransfer", layout="wide")
st.navigation([st.Page("overview.py", title="Overview", default=True)]).run()
