"""The dashboard: `make dashboard` (`serve.py`), or `streamlit run dashboard/app.py`. One file a page beside this one.

It reads the ledger under $NASTRANSFER_RUNS (default: ./runs), writes nothing and never imports torch.
"""

from __future__ import annotations

import streamlit as st

st.set_page_config(page_title="NASTransfer", layout="wide")
st.navigation(
    {
        "": [
            st.Page("overview.py", title="Overview", default=True),
        ],
        "Figures and tables": [
            st.Page("transfer.py", title="Transfer vs direct"),
            st.Page("direct.py", title="Direct search with proxies"),
            st.Page("random_sampling.py", title="Random sampling"),
            st.Page("improvement.py", title="RI"),
            st.Page("ablations.py", title="Ablations"),
            st.Page("claims.py", title="Claims"),
        ],
        "Look closer": [
            st.Page("architectures.py", title="Architectures"),
            st.Page("runs.py", title="Runs"),
            st.Page("data.py", title="Data"),
        ],
    }
).run()
