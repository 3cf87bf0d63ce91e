"""What the pages share: reading the ledger, the choices in the sidebar, tables and figures with their downloads."""
