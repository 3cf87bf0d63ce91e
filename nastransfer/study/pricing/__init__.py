"""The price of a study before it starts: probes, records of earlier runs, and what is told from them."""
