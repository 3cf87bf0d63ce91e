"""How an architecture is chosen: the search methods and the baseline."""
