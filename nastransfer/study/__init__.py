"""What is run and what came out: study files, plans, records, results."""
