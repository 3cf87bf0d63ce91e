"""The campaign: everything marked slow, and what it found, committed."""
