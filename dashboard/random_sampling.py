"""Placeholder."""

import streamlit as st

from parts.picking import pick

st.title("x")
pick()
st.write(dict(st.query_params))
