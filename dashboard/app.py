"""The dashboard: `make dashboard`, or `streamlit run dashboard/app.py`. One file a page beside this one.

It reads the ledger under $NASTRANSFER_RUNS (default: ./runs), writes nothing and never imports torch.
"""

from __future__ import annotations

import streamlit as st

st.set_page_config(page_title="NASTransfer", layout="wide")
st.navigation(
    {
        "": [
            st.Page("overview.py", title="Overview", icon=":material/home:", default=True),
        ],
        "Figures and tables": [
            st.Page("transfer.py", title="Transfer vs direct", icon=":material/swap_horiz:"),
            st.Page("direct.py", title="Direct search with proxies", icon=":material/filter_alt:"),
            st.Page("random_sampling.py", title="Random sampling", icon=":material/casino:"),
            st.Page("improvement.py", title="RI", icon=":material/trending_up:"),
            st.Page("ablations.py", title="Ablations", icon=":material/tune:"),
            st.Page("claims.py", title="Claims", icon=":material/fact_check:"),
        ],
        "Look closer": [
            st.Page("architectures.py", title="Architectures", icon=":material/account_tree:"),
            st.Page("runs.py", title="Runs", icon=":material/list:"),
            st.Page("data.py", title="Data", icon=":material/photo_library:"),
        ],
    }
).run()
