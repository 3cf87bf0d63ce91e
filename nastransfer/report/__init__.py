"""What it says: tables and figures from the results frame."""
